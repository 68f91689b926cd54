"""Mini-batches of a data set that lies on the device: row numbers, a gather and a mask, all inside the compiled step.

An epoch's order depends on (key, epoch) alone and a batch on (order, i) alone, so a run can go on from any step.
N examples, B batch, S steps per epoch.
"""

import jax
import jax.numpy as jnp

from jaxdl.types import Array, Batch, Key


def batch_rows(n_examples: int, batch_size: int | None) -> int:
    """B: `batch_size`, or all N examples for None (batch gradient descent).

    Raises: ValueError for no examples, a batch size below 1 or above N.

    >>> batch_rows(10, None), batch_rows(10, 4)
    (10, 4)
    """
    if n_examples < 1:
        raise ValueError(f"batches need at least one example, got n_examples={n_examples}")
    if batch_size is None:
        return n_examples
    if not 1 <= batch_size <= n_examples:
        raise ValueError(
            f"batch_size must be between 1 and the number of examples {n_examples}, got {batch_size}; "
            f"None makes one batch of all"
        )
    return batch_size


def n_steps(n_examples: int, batch_size: int | None) -> int:
    """S = ceil(N / B): the steps of one epoch; the incomplete last batch counts.

    Args:
        n_examples: N.
        batch_size: B; 1 is stochastic, None is batch gradient descent: one step on all examples.
    Raises: ValueError as `batch_rows`.

    >>> n_steps(10, 4), n_steps(10, 1), n_steps(10, None)
    (3, 10, 1)
    """
    return -(-n_examples // batch_rows(n_examples, batch_size))


def _steps_of(rows: Array, batch_size: int | None) -> Array:
    """[N] row numbers -> [S, B]; the last batch is filled up from the front.

    The filling is in range (the gather needs no bounds check) and holds real examples, so that a batch norm that does
    not look at the mask still sees data, not zeros.
    """
    n = rows.shape[0]
    steps, b = n_steps(n, batch_size), batch_rows(n, batch_size)
    return jnp.concatenate([rows, rows[: steps * b - n]]).reshape(steps, b)


def epoch_order(
    key: Key, epoch: int | Array, n_examples: int, batch_size: int | None, groups: Array | None = None
) -> Array:
    """The rows of every batch of one epoch: a permutation of the examples, cut into batches.

        order = permutation of 0..N-1 drawn from fold_in(key, epoch)

    With groups the permutation is sorted by them, stably, and the batches are shuffled: examples of one group (of like
    length, say) share a batch, but for the batches at the borders. An incomplete batch stays last.

    Args:
        key: the run's key for the order of examples; the same for every epoch.
        epoch: from 0; may be traced.
        n_examples: N, static.
        batch_size: B, static; None for one batch of all.
        groups: [N] integers, or None.
    Returns: [S, B] int32. The first N entries in reading order are the permutation; what fills up the last batch
        repeats its first entries, and `take_batch` masks it.
    Raises: ValueError as `batch_rows`.

    >>> epoch_order(jax.random.key(0), 0, 5, 2).shape
    (3, 2)
    >>> sorted(epoch_order(jax.random.key(0), 0, 5, 2).reshape(-1)[:5].tolist())
    [0, 1, 2, 3, 4]
    >>> sorted(sorted(rows) for rows in epoch_order(jax.random.key(0), 0, 4, 2, jnp.array([7, 3, 3, 7])).tolist())
    [[0, 3], [1, 2]]
    """
    b = batch_rows(n_examples, batch_size)
    key = jax.random.fold_in(key, epoch)
    rows = jax.random.permutation(key, jnp.arange(n_examples, dtype=jnp.int32))
    if groups is None:
        return _steps_of(rows, batch_size)
    order = _steps_of(rows[jnp.argsort(groups[rows], stable=True)], batch_size)
    full = n_examples // b
    return jnp.concatenate([jax.random.permutation(jax.random.fold_in(key, 1), order[:full]), order[full:]])


def in_order(n_examples: int, batch_size: int | None) -> Array:
    """The rows of every batch in the order of the data, without a shuffle: for evaluation. [S, B] int32.

    >>> in_order(5, 2).tolist()
    [[0, 1], [2, 3], [4, 0]]
    """
    batch_rows(n_examples, batch_size)
    return _steps_of(jnp.arange(n_examples, dtype=jnp.int32), batch_size)


def padded(batch: Batch, parts: int) -> Batch:
    """A batch that can be cut into so many equal parts: filled up from its front, with rows that its mask leaves out.

    Raises: ValueError for a batch without a mask that would need such rows.

    >>> batch = padded({"x": jnp.arange(5.0), "mask": jnp.ones(5, bool)}, 3)
    >>> batch["x"].tolist(), batch["mask"].tolist()
    ([0.0, 1.0, 2.0, 3.0, 4.0, 0.0], [True, True, True, True, True, False])
    """
    b = len(batch["mask"]) if "mask" in batch else next(len(values) for values in batch.values() if values.ndim)
    rows = jnp.arange(-(-b // parts) * parts, dtype=jnp.int32)
    if len(rows) == b:
        return batch
    if "mask" not in batch:
        raise ValueError(f'a batch of {b} rows without a "mask" cannot be cut into {parts} equal parts')
    long = {name: values[rows % b] if rows_of(values, b) else values for name, values in batch.items()}
    return long | {"mask": long["mask"] & (rows < b)}


def rows_of(values: Array, b: int) -> bool:
    """Whether an array of a batch has a row for each of its b examples; a number for the whole batch has none."""
    return values.ndim > 0 and values.shape[0] == b


def take_batch(data: Batch, order: Array, i: int | Array, n_examples: int) -> Batch:
    """Gather batch i from the resident data, and mark the rows that only fill it up.

        batch[name] = data[name][order[i]],    mask[j] = (i B + j < N)

    Args:
        data: arrays with leading axis N, on the device: {"x": [N, ...], "y": [N, ...]}.
        order: [S, B] from `epoch_order` or `in_order`.
        i: the step within the epoch, 0 <= i < S; may be traced.
        n_examples: N.
    Returns: the same names with leading axis B, and "mask": [B] bool, false for the filling of the last batch.
    Raises: ValueError if an array has another number of rows, or is called "mask".

    >>> batch = take_batch({"x": jnp.arange(5.0) * 10}, in_order(5, 2), 2, 5)
    >>> batch["x"].tolist(), batch["mask"].tolist()
    ([40.0, 0.0], [True, False])
    """
    wrong = {name: values.shape for name, values in data.items() if values.shape[0] != n_examples}
    if wrong or "mask" in data:
        raise ValueError(
            f"take_batch: every array needs n_examples={n_examples} rows and none may be called 'mask', "
            f"got { ({name: values.shape for name, values in data.items()}) }"
        )
    b = order.shape[1]
    rows = order[i]  # [B]
    # The rows come from a permutation, so the gather may skip its bounds check.
    batch = {name: jnp.asarray(values).at[rows].get(mode="promise_in_bounds") for name, values in data.items()}
    batch["mask"] = i * b + jnp.arange(b, dtype=jnp.int32) < n_examples
    return batch
