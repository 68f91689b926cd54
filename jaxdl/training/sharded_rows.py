"""A data set that is cut over the devices of a mesh, not copied to each, and batches that are cut in the same way.

    data[name]  [N, ...]   rows d N/D .. (d + 1) N/D - 1 lie on device d of D
    batch[name] [B, ...]   rows d B/D .. (d + 1) B/D - 1 come to device d, from wherever they lie

An epoch's order mixes all rows, as on one device, so that a batch crosses the devices: each gives those of its rows
that are in the batch, zeros for the others, and a sum over all devices that leaves each one its slice (a
reduce-scatter) brings them home. That moves (D - 1)/D of one batch a device, and is exact: floats are summed as the
integers of their bits. Several processes put only the rows of their own devices on them, so a memory-mapped file is
read in part.
"""

from collections.abc import Callable, Mapping
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.sharding import Mesh, NamedSharding, PartitionSpec

from jaxdl.data.batches import take_batch
from jaxdl.training.sharding import row_axes
from jaxdl.types import Array, Batch


def cut_rows(data: Mapping[str, Any], mesh: Mesh | None) -> Batch:
    """The data on the default device, or cut along the mesh, filled up from the front where D does not divide N."""
    if mesh is None:
        return jax.device_put(dict(data))
    axes, parts = row_axes(mesh)
    where = NamedSharding(mesh, PartitionSpec(axes or None))
    return {name: _cut(values, parts, where) for name, values in data.items()}


def _cut(values: Any, parts: int, where: NamedSharding) -> Array:
    values = values if isinstance(values, np.ndarray) else np.asarray(values)
    n = len(values)
    shape = (-(-n // parts) * parts, *values.shape[1:])

    def part(index: Any) -> np.ndarray:
        start, stop, _ = index[0].indices(shape[0])
        return values[start:stop] if stop <= n else values[np.arange(start, stop) % n]

    return jax.make_array_from_callback(shape, where, part)


def batch_taker(mesh: Mesh | None) -> Callable[[Batch, Array, Any, int], Batch]:
    """`take_batch` for data from `cut_rows`: a batch whose rows are cut along the mesh, with rows to divide it.

    The rows that only make it divide are masked out, as those are that fill up an epoch's last batch.
    """
    if mesh is None:
        return take_batch
    axes, parts = row_axes(mesh)
    rows_cut, everywhere = PartitionSpec(axes or None), PartitionSpec()

    def exchange(data: Batch, rows: Array) -> Batch:
        return {name: _exchange(values, rows, axes) for name, values in data.items()}

    exchanged = jax.shard_map(exchange, mesh=mesh, in_specs=(rows_cut, everywhere), out_specs=rows_cut, check_vma=False)

    def take(data: Batch, order: Array, i: Any, n_examples: int) -> Batch:
        if "mask" in data:
            raise ValueError("no array of the data may be called 'mask'")
        b = order.shape[1]
        position = jnp.arange(-(-b // parts) * parts, dtype=jnp.int32)
        batch = exchanged(data, order[i][position % b])
        mask = (i * b + position < n_examples) & (position < b)
        return batch | {"mask": jax.lax.with_sharding_constraint(mask, NamedSharding(mesh, rows_cut))}

    return take


def _exchange(values: Array, rows: Array, axes: tuple[str, ...]) -> Array:
    """On one device: its part of the data and the rows of the whole batch -> its slice of the batch."""
    if not axes:
        return values.at[rows].get(mode="promise_in_bounds")
    n = values.shape[0]
    own = rows - jax.lax.axis_index(axes).astype(rows.dtype) * n
    is_here = (own >= 0) & (own < n)
    found = _bits(values).at[jnp.clip(own, 0, n - 1)].get(mode="promise_in_bounds")
    found = jnp.where(is_here.reshape(-1, *[1] * (found.ndim - 1)), found, jnp.zeros((), found.dtype))
    mine = jax.lax.psum_scatter(found, axes, scatter_dimension=0, tiled=True)
    if values.dtype == bool:
        return mine.astype(bool)
    return mine if mine.dtype == values.dtype else jax.lax.bitcast_convert_type(mine, values.dtype)


def _bits(values: Array) -> Array:
    """Numbers that can be summed with zeros without a change: of a float its bits, so that -0 and NaN stay."""
    if values.dtype == bool:
        return values.astype(jnp.uint8)
    if not jnp.issubdtype(values.dtype, jnp.floating):
        return values
    return jax.lax.bitcast_convert_type(values, jnp.dtype(f"uint{8 * values.dtype.itemsize}"))
