"""Data parallelism: every device holds all parameters and computes a slice of each batch. `mesh=None` is one device.

The compiler inserts the sums over devices: a mean over the batch is a mean over all of its slices, so a step on many
devices computes what a step on one does.
"""

from collections.abc import Callable
from typing import Any

import jax
from jax.sharding import AxisType, Mesh, NamedSharding, PartitionSpec

from jaxdl.types import Batch


def data_mesh(n_devices: int | None = None) -> Mesh:
    """A mesh of all (or the first n) devices with the one axis "data".

    >>> data_mesh(1).axis_names
    ('data',)
    """
    devices = jax.devices()[:n_devices]
    return jax.make_mesh((len(devices),), ("data",), axis_types=(AxisType.Auto,), devices=devices)


def check_mesh(mesh: Mesh | None, batch_size: int) -> None:
    """Raise ValueError if the batch cannot be cut into equal slices along the mesh's first axis."""
    if mesh is not None and batch_size % (n := mesh.shape[mesh.axis_names[0]]):
        raise ValueError(
            f"batch_size {batch_size} must be a multiple of the {n} devices on mesh axis {mesh.axis_names[0]!r}"
        )


def replicate(tree: Any, mesh: Mesh | None) -> Any:
    """The tree on the default device, or a copy of it on every device of the mesh."""
    return jax.device_put(tree, None if mesh is None else NamedSharding(mesh, PartitionSpec()))


def shard_batches(step: Callable[..., Any], mesh: Mesh | None) -> Callable[..., Any]:
    """`step` with its batch cut along the mesh's first axis."""
    if mesh is None:
        return step
    rows = NamedSharding(mesh, PartitionSpec(mesh.axis_names[0]))

    def sharded(state: Any, batch: Batch) -> Any:
        return step(state, jax.lax.with_sharding_constraint(batch, rows))

    return sharded
