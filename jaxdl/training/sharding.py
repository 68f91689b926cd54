"""Many devices: which part of the batch, the parameters and the optimizer's state lies on which. No model knows of it.

    data     a slice of every batch on each device, all of the parameters on every one      (data parallel)
    shard    as data, and a slice of each parameter and of its moments                      (fully sharded)
    model    a slice of each matrix, so that a product is computed by all of them together  (tensor parallel)

A mesh may have all three. The compiler inserts the sums and the exchanges: a mean over the batch is a mean over all of
its slices, so a step on many devices computes what a step on one does. `mesh=None` is one device.

Reference: Xu et al., "GSPMD: general and scalable parallelization for ML computation graphs", 2021.
"""

import contextlib
import math
import re
from collections.abc import Callable
from typing import Any

import jax
import numpy as np
from jax.sharding import AxisType, Mesh, NamedSharding, PartitionSpec

from jaxdl.data.batches import padded
from jaxdl.nn.depth import before_layers
from jaxdl.tree import is_stacked, named_leaves
from jaxdl.types import Batch

AXES = ("data", "shard", "model")

# By the end of a leaf's path, the axis that "model" cuts: the first that fits decides. A product's outputs are cut, and
# the inputs of the product that follows (attention's and the block's "out"), so that nothing is exchanged in between.
_TENSOR: tuple[tuple[str, int | None], ...] = (
    (r"\bout/w$", -2),
    (r"\bout/b$", None),
    (r"\btable$", -2),
    (r"\bw$", -1),
    (r"\bb$", -1),
)


def data_mesh(n_devices: int | None = None) -> Mesh:
    """A mesh of all (or the first n) devices with the one axis "data".

    >>> data_mesh(1).axis_names
    ('data',)
    """
    return make_mesh(f"data={len(jax.devices()[:n_devices])}")


def make_mesh(text: str) -> Mesh:
    """The mesh of a line such as "data=4,model=2", on the first devices.

    Raises: ValueError for what is no such line, an unknown axis, and more devices than there are.

    >>> dict(make_mesh("data=1,model=1").shape)
    {'data': 1, 'model': 1}
    >>> make_mesh("rows=8")
    Traceback (most recent call last):
        ...
    ValueError: mesh rows=8: an axis is one of data, shard, model, each once, and its size a whole number, at least 1
    """
    pairs = re.findall(r"(\w+)=(\d+)", text)
    names, sizes = [name for name, _ in pairs], [int(size) for _, size in pairs]
    written = ",".join(f"{name}={size}" for name, size in pairs)
    if text != written or not pairs or set(names) - set(AXES) or len(set(names)) < len(names) or 0 in sizes:
        raise ValueError(
            f"mesh {text}: an axis is one of {', '.join(AXES)}, each once, and its size a whole number, at least 1"
        )
    needed, devices = math.prod(sizes), jax.devices()
    if needed > len(devices):
        kind = devices[0].platform
        hint = f" (XLA_FLAGS=--xla_force_host_platform_device_count={needed} makes them)" if kind == "cpu" else ""
        raise ValueError(f"mesh {text} needs {needed} devices, but here are {len(devices)} of kind {kind}{hint}")
    return jax.make_mesh(sizes, names, axis_types=(AxisType.Auto,) * len(names), devices=devices[:needed])


def device_mesh(mesh: Mesh | str | None) -> Mesh | None:
    """What `fit` is given, as a mesh: a line's, or of all devices of several processes where nothing is said.

    Raises: ValueError for an impossible line, and for a mesh that leaves one of several processes without a device.
    """
    if jax.process_count() == 1:
        return make_mesh(mesh) if isinstance(mesh, str) else mesh
    made = data_mesh() if mesh is None else make_mesh(mesh) if isinstance(mesh, str) else mesh
    used = {device.process_index for device in made.devices.flat}
    if idle := sorted(set(range(jax.process_count())) - used):
        shown = ",".join(f"{name}={size}" for name, size in made.shape.items())
        raise ValueError(
            f"mesh {shown} has no device of process {idle[0]}: {jax.process_count()} processes have "
            f"{len(jax.devices())} devices, and each of them needs one in the mesh"
        )
    return made


def check_mesh(mesh: Mesh | None, state: Any) -> None:
    """Raise ValueError for an axis of a mesh that would cut no parameter; `state` may be shapes alone."""
    used = {axis for path, leaf in named_leaves(state.params).items() for axis in _spec(path, leaf.shape, mesh)}
    for axis in ("shard", "model"):
        if mesh is not None and mesh.shape.get(axis, 1) > 1 and axis not in used:
            raise ValueError(f"mesh axis {axis}={mesh.shape[axis]} cuts nothing: it divides no parameter's axis")


def replicate(tree: Any, mesh: Mesh | None) -> Any:
    """The tree on the default device, or a copy of it on every device of the mesh."""
    if mesh is None:
        return jax.device_put(tree)
    return jax.tree.map(lambda leaf: put(leaf, NamedSharding(mesh, PartitionSpec())), tree)


def place(state: Any, mesh: Mesh | None) -> Any:
    """A train state where the rules want it."""
    return replicate(state, mesh) if mesh is None else jax.tree.map(put, state, shardings(state, mesh))


def put(leaf: Any, where: NamedSharding) -> Any:
    """An array on the devices of a mesh. Of several processes, which all have it, each gives what its devices hold."""
    if where.is_fully_addressable or not getattr(leaf, "is_fully_addressable", True):
        return jax.device_put(leaf, where)
    if jax.dtypes.issubdtype(leaf.dtype, jax.dtypes.prng_key):
        return jax.random.wrap_key_data(put(jax.random.key_data(leaf), where), impl=jax.random.key_impl(leaf))
    values = leaf if isinstance(leaf, np.ndarray) else np.asarray(leaf)
    return jax.make_array_from_callback(values.shape, where, lambda index: values[index])


def row_axes(mesh: Mesh) -> tuple[tuple[str, ...], int]:
    """The axes of a mesh along which rows are cut, and into how many parts.

    >>> row_axes(make_mesh("data=1,model=1"))
    (('data',), 1)
    """
    axes = tuple(name for name in mesh.axis_names if name in ("data", "shard"))
    if not set(mesh.axis_names) & set(AXES):  # a script's own mesh: along its first axis
        axes = mesh.axis_names[:1]
    return axes, math.prod(mesh.shape[name] for name in axes)


def shardings(state: Any, mesh: Mesh) -> Any:
    """The `NamedSharding` of every leaf of a train state: parameters and moments by the rules, the rest everywhere."""
    specs = [
        _spec(path, leaf.shape, mesh) if path.startswith(("params", "opt_state")) else PartitionSpec()
        for path, leaf in named_leaves(state).items()
    ]
    return jax.tree.unflatten(jax.tree.structure(state), [NamedSharding(mesh, spec) for spec in specs])


def shard_batches(step: Callable[..., Any], mesh: Mesh | None) -> Callable[..., Any]:
    """`step` with its batch cut along the mesh, and the state that it gives back where it was.

    A batch that does not divide is padded with its own first rows, which the mask leaves out. (A batch norm that does
    not look at the mask sees them, as it does in an epoch's last batch.)
    """
    if mesh is None:
        return step
    axes, n = row_axes(mesh)

    def whole(path: str, leaf: Any) -> Any:
        """Gathered along "shard" before it is used, so that the compiler does not choose to cut the batch otherwise.

        (jaxlib 0.10 computes wrong gradients where it does, on a mesh of three axes.)
        """
        spec = PartitionSpec(*(None if axis == "shard" else axis for axis in _spec(path, leaf.shape, mesh)))
        return jax.lax.with_sharding_constraint(leaf, NamedSharding(mesh, spec))

    def whole_layer(params: Any) -> Any:
        leaves = [whole(path, leaf) for path, leaf in named_leaves(params).items()]
        return jax.tree.unflatten(jax.tree.structure(params), leaves)

    def whole_but_layers(params: Any) -> Any:
        leaves = [leaf if is_stacked(path) else whole(path, leaf) for path, leaf in named_leaves(params).items()]
        return jax.tree.unflatten(jax.tree.structure(params), leaves)

    rows, everywhere = NamedSharding(mesh, PartitionSpec(axes or None)), NamedSharding(mesh, PartitionSpec())

    def sharded(state: Any, batch: Batch) -> Any:
        with before_layers(whole_layer) if mesh.shape.get("shard", 1) > 1 else contextlib.nullcontext():
            state = state._replace(params=whole_but_layers(state.params))
            new, metrics = step(state, jax.lax.with_sharding_constraint(padded(batch, n), rows))
        new = jax.tree.map(jax.lax.with_sharding_constraint, new, shardings(new, mesh))
        return new, jax.lax.with_sharding_constraint(metrics, everywhere)

    return sharded


def _spec(path: str, shape: tuple[int, ...], mesh: Mesh | None) -> PartitionSpec:
    """Which axis of the mesh cuts which axis of a leaf; none that does not divide it."""
    cut: list[str | None] = [None] * len(shape)
    sizes = {} if mesh is None else mesh.shape
    if n := sizes.get("model"):
        axis = next((axis for pattern, axis in _TENSOR if re.search(pattern, path)), None)
        if axis is not None and -axis <= len(shape) and shape[axis] % n == 0:
            cut[axis] = "model"
    if n := sizes.get("shard"):
        first = int(is_stacked(path) and len(shape) > 1)  # a layer is gathered alone: it is not cut from the others
        free = [i for i, size in enumerate(shape) if cut[i] is None and size % n == 0 and i >= first]
        if free:
            cut[max(free, key=lambda i: shape[i])] = "shard"
    while cut and cut[-1] is None:
        cut.pop()
    return PartitionSpec(*cut)
