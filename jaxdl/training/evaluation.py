"""Metrics of a whole part of a data set, in batches, each row counted once."""

import functools
from collections.abc import Callable
from typing import Any

import jax
import numpy as np

from jaxdl.data.arrays import count
from jaxdl.data.batches import in_order, n_steps, take_batch
from jaxdl.metrics import merge_all, scalars
from jaxdl.training.contract import checked_metrics
from jaxdl.types import Batch, Metrics

_ROWS = 512  # per call at most: enough to keep a device busy, few enough to keep the activations small


def evaluate(evaluate_batch: Callable[[Any, Batch], Metrics], state: Any, data: dict[str, Any]) -> Metrics:
    """Sum the metrics of `evaluate_batch` over all rows of `data`; padding rows are masked.

    Args:
        evaluate_batch: (state, batch) -> metrics that respect batch["mask"].
        state: what it needs; the train state in a `Task`.
        data: arrays with a common leading axis, on the host or the device.
    Raises: ValueError for data without rows.

    >>> from jaxdl import metrics
    >>> import jax.numpy as jnp
    >>> total = evaluate(lambda _, b: {"x": metrics.mean(b["x"], where=b["mask"])}, None, {"x": jnp.arange(1000.0)})
    >>> metrics.scalars(total)
    {'x': 499.5}
    """
    n = count(data)
    rows = min(_ROWS, 1 << (n - 1).bit_length())  # a power of two: parts of like sizes share a compiled program
    program, data = _program(evaluate_batch), jax.device_put(data)  # to the device once, not per batch
    return merge_all([program(state, _batch(data, i, n, rows)) for i in range(n_steps(n, min(n, rows)))])


def score_names(evaluate_batch: Callable[[Any, Batch], Metrics], state: Any, data: dict[str, Any]) -> list[str]:
    """The names of the scores that `evaluate` will give; nothing is computed, and the trace is kept for it."""
    n = count(data)
    rows = min(_ROWS, 1 << (n - 1).bit_length())
    batch = jax.eval_shape(lambda data: _batch(data, 0, n, rows), data)
    shapes = jax.eval_shape(_program(evaluate_batch), state, batch)
    return names(shapes)


def names(metrics: Metrics) -> list[str]:
    """The names of the scores in metrics of which only the shapes are known."""
    with np.errstate(all="ignore"):
        return list(scalars(jax.tree.map(lambda leaf: np.ones(leaf.shape, leaf.dtype), metrics)))


def has_rows(data: dict[str, Any]) -> bool:
    """Whether a part of a split holds any examples; a part that was not asked for is empty."""
    return any(len(values) for values in data.values())


@functools.lru_cache(maxsize=64)
def _program(evaluate_batch: Callable[[Any, Batch], Metrics]) -> Callable[..., Metrics]:
    """One compiled call a batch: a loop inside would rob XLA's CPU backend of its fast convolutions."""
    return jax.jit(checked_metrics(evaluate_batch))


@functools.partial(jax.jit, static_argnums=(2, 3))
def _batch(data: Batch, i: int, n: int, rows: int) -> Batch:
    """Rows i * rows and on, in a program of its own: it knows the size of the part, which the costly one need not."""
    order = in_order(max(n, rows), rows) % n  # past the end from the front again, masked
    return take_batch(data, order, i, n)
