"""Metrics of a whole part of a data set, in batches, each row counted once."""

import functools
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp

from jaxdl.data.arrays import count
from jaxdl.data.batches import in_order, n_steps, take_batch
from jaxdl.metrics import merge_all
from jaxdl.types import Batch, Metrics

_ROWS = 512  # per call: enough to keep a device busy, few enough to keep the activations small


def evaluate(evaluate_batch: Callable[[Any, Batch], Metrics], state: Any, data: dict[str, Any]) -> Metrics:
    """Sum the metrics of `evaluate_batch` over all rows of `data`; padding rows are masked.

    Args:
        evaluate_batch: (state, batch) -> metrics that respect batch["mask"].
        state: what it needs; the train state in a `Task`.
        data: arrays with a common leading axis, on the host or the device.

    >>> from jaxdl import metrics
    >>> import jax.numpy as jnp
    >>> total = evaluate(lambda _, b: {"x": metrics.mean(b["x"], where=b["mask"])}, None, {"x": jnp.arange(1000.0)})
    >>> metrics.scalars(total)
    {'x': 499.5}
    """
    n = count(data)
    batch = min(n, _ROWS)
    one, data = _batch_program(evaluate_batch), jax.tree.map(jnp.asarray, data)  # to the device once, not per batch
    return merge_all([one(state, data, i, n, batch) for i in range(n_steps(n, batch))])


def has_rows(data: dict[str, Any]) -> bool:
    """Whether a part of a split holds any examples; a part that was not asked for is empty."""
    return any(len(values) for values in data.values())


@functools.lru_cache(maxsize=64)
def _batch_program(evaluate_batch: Callable[[Any, Batch], Metrics]) -> Callable[..., Metrics]:
    """One compiled call a batch: a loop inside would rob XLA's CPU backend of its fast convolutions."""

    @functools.partial(jax.jit, static_argnums=(3, 4))
    def one(state: Any, data: Batch, i: jax.Array, n: int, batch: int) -> Metrics:
        return evaluate_batch(state, take_batch(data, in_order(n, batch), i, n))

    return one
