"""Metrics of a whole part of a data set, in batches, each row counted once."""

import contextlib
import functools
from collections.abc import Callable
from typing import Any

import jax
import numpy as np
from jax.sharding import Mesh, NamedSharding, PartitionSpec

from jaxdl.data.arrays import count
from jaxdl.data.batches import in_order, n_steps
from jaxdl.data.mapped import any_mapped
from jaxdl.data.streams import as_stream
from jaxdl.metrics import merge_all, scalars
from jaxdl.training.contract import checked_metrics
from jaxdl.training.sharded_rows import batch_taker
from jaxdl.training.streaming.in_order import batches_of
from jaxdl.types import Batch, Metrics

_ROWS = 512  # per call at most: enough to keep a device busy, few enough to keep the activations small


def evaluate(
    evaluate_batch: Callable[[Any, Batch], Metrics],
    state: Any,
    data: Any,
    *,
    mesh: Mesh | None = None,
    n: int | None = None,
) -> Metrics:
    """Sum the metrics of `evaluate_batch` over all rows of `data`; padding rows are masked.

    Args:
        evaluate_batch: (state, batch) -> metrics that respect batch["mask"].
        state: what it needs; the train state in a `Task`.
        data: arrays with a common leading axis, on the host or the device, on a mesh from `cut_rows`; those mapped
            from files, `Records` and batches are read some rows at a time.
        mesh: of devices, on which the state lies too, as `fit` has it.
        n: rows that count, of data that are longer to be cut evenly.
    Raises: ValueError for data without rows.

    >>> from jaxdl import metrics
    >>> import jax.numpy as jnp
    >>> total = evaluate(lambda _, b: {"x": metrics.mean(b["x"], where=b["mask"])}, None, {"x": jnp.arange(1000.0)})
    >>> metrics.scalars(total)
    {'x': 499.5}
    """
    program = _program(evaluate_batch, mesh)
    if (part := _streamed(data)) is not None:
        totals = []
        for batch in batches_of(part, _ROWS):
            totals = [merge_all([*totals, program(state, batch)])]
            jax.block_until_ready(totals)  # no more than one batch on the device
        return totals[0]
    n = count(data) if n is None else n
    rows = _rows(n)
    data = jax.device_put(data) if mesh is None else data  # to the device once, not per batch
    return merge_all([program(state, _batch(data, i, n, rows, mesh)) for i in range(n_steps(n, min(n, rows)))])


def score_names(
    evaluate_batch: Callable[[Any, Batch], Metrics],
    state: Any,
    data: Any,
    *,
    mesh: Mesh | None = None,
    n: int | None = None,
) -> list[str]:
    """The names of the scores that `evaluate` will give; nothing is computed, and the trace is kept for it."""
    if (part := _streamed(data)) is not None:
        with contextlib.closing(batches_of(part, _ROWS)) as batches:
            return names(jax.eval_shape(_program(evaluate_batch, mesh), state, next(batches)))
    n = count(data) if n is None else n
    batch = jax.eval_shape(lambda data: _batch(data, 0, n, _rows(n), mesh), data)
    shapes = jax.eval_shape(_program(evaluate_batch, mesh), state, batch)
    return names(shapes)


def _rows(n: int) -> int:
    """Of a batch; a power of two: parts of like sizes share a compiled program."""
    return min(_ROWS, 1 << (n - 1).bit_length())


def names(metrics: Metrics) -> list[str]:
    """The names of the scores in metrics of which only the shapes are known."""
    with np.errstate(all="ignore"):
        return list(scalars(jax.tree.map(lambda leaf: np.ones(leaf.shape, leaf.dtype), metrics)))


def has_rows(data: Any) -> bool:
    """Whether a part of a split holds any examples; a part that was not asked for is empty."""
    return as_stream(data) is not None or any(len(values) for values in data.values())


def on_the_device(data: Any) -> bool:
    """Whether `evaluate` wants a part there as a whole; others it reads some rows at a time."""
    return _streamed(data) is None


def _streamed(data: Any) -> Any:
    """The part, where it is read some rows at a time; None where it goes to the device."""
    stream = as_stream(data)
    return data if stream is None and any_mapped(data) else stream


@functools.lru_cache(maxsize=64)
def _program(evaluate_batch: Callable[[Any, Batch], Metrics], mesh: Mesh | None) -> Callable[..., Metrics]:
    """One compiled call a batch: a loop inside would rob XLA's CPU backend of its fast convolutions."""
    everywhere = None if mesh is None else NamedSharding(mesh, PartitionSpec())
    return jax.jit(checked_metrics(evaluate_batch), out_shardings=everywhere)


@functools.partial(jax.jit, static_argnums=(2, 3, 4))
def _batch(data: Batch, i: int, n: int, rows: int, mesh: Mesh | None) -> Batch:
    """Rows i * rows and on, in a program of its own: it knows the size of the part, which the costly one need not."""
    order = in_order(max(n, rows), rows) % n  # past the end from the front again, masked
    return batch_taker(mesh)(data, order, i, n)
