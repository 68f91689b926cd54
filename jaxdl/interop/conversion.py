"""Parameters to another library and back, layer by layer of `networks.layers`, with every name and shape checked.

A library is a table: for each kind of layer two functions, of jaxdl's arrays to its arrays and back.
"""

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple, TypeAlias

import jax.numpy as jnp
import numpy as np

from jaxdl.interop import networks
from jaxdl.interop.networks import Layer
from jaxdl.tree import from_named_leaves, named_leaves
from jaxdl.types import Params, State

Arrays: TypeAlias = dict[str, np.ndarray]


class Kind(NamedTuple):
    """A kind of layer in another library; both functions take the layer's `sizes` after the arrays.

    Attributes:
        to: jaxdl's arrays by path ("w", "qkv/w") -> the library's by name.
        back: the other way.
    """

    to: Callable[[Arrays, tuple[int, ...]], Arrays]
    back: Callable[[Arrays, tuple[int, ...]], Arrays]


class Library(NamedTuple):
    """Another library.

    Attributes:
        name: "torch" or "flax", the field of `Layer` with its names.
        kinds: its layers.
    """

    name: str
    kinds: Mapping[str, Kind]


def renamed(names: Mapping[str, str], axes: tuple[int, ...] = ()) -> Kind:
    """Arrays that are the same under other names; `axes` is the order of the axes of the weight "w" there.

    >>> renamed({"w": "weight"}, (1, 0)).to({"w": np.zeros((2, 3))}, ())["weight"].shape
    (3, 2)
    """
    theirs = {name: ours for ours, name in names.items()}

    def turned(name: str, array: np.ndarray, order: Any) -> np.ndarray:
        return np.ascontiguousarray(array.transpose(order)) if name == "w" and axes else array

    def to(part: Arrays, sizes: tuple[int, ...]) -> Arrays:
        return {names[name]: turned(name, array, axes) for name, array in part.items()}

    def back(part: Arrays, sizes: tuple[int, ...]) -> Arrays:
        return {theirs[name]: turned(theirs[name], array, np.argsort(axes)) for name, array in part.items()}

    return Kind(to, back)


def convert(library: Library, config: Any, params: Params, state: State) -> Arrays:
    """The library's arrays by their whole names. Raises ValueError for a network without a form there."""
    return _joined(library, _by_layer(library, config, params, state))


def _by_layer(library: Library, config: Any, params: Params, state: State) -> list[tuple[Layer, Arrays]]:
    """The library's arrays of every layer, by their names there."""
    parts = [(layer, _part(layer, params) | _part(layer, state)) for layer in networks.layers(config)]
    return [(layer, library.kinds[layer.kind].to(part, layer.sizes)) for layer, part in parts]


def _joined(library: Library, layers: list[tuple[Layer, Arrays]]) -> Arrays:
    return {_named(library, layer, leaf): array for layer, part in layers for leaf, array in part.items()}


def convert_back(
    library: Library, config: Any, arrays: Mapping[str, Any], names: Mapping[str, str] | None = None
) -> tuple[Params, State]:
    """(params, state) of jaxdl from a library's arrays by their whole names.

    Args:
        names: our name of a layer (or of several, its beginning) -> the name in `arrays`.
    Raises: ValueError, in one line, for a name that is missing, one that has no place, and another shape.
    """
    params, state = networks.empty(config)
    layers = _by_layer(library, config, params, state)
    given = _checked(f"from_{library.name}", _joined(library, layers), arrays, names or {})
    found: dict[str, Any] = {}
    for layer, part in layers:
        theirs = {leaf: given[_named(library, layer, leaf)] for leaf in part}
        for path, array in library.kinds[layer.kind].back(theirs, layer.sizes).items():
            whole = f"{layer.path}/{path}" if layer.path else path
            if layer.stacked is None:
                found[whole] = array
            else:
                found.setdefault(whole, []).append(array)
    found = {path: jnp.asarray(np.stack(a) if isinstance(a, list) else a) for path, a in found.items()}
    trees = (from_named_leaves(tree, {path: found[path] for path in named_leaves(tree)}) for tree in (params, state))
    return tuple(trees)  # type: ignore[return-value]


def _checked(function: str, expected: Arrays, arrays: Mapping[str, Any], names: Mapping[str, str]) -> Arrays:
    """The given arrays under the expected names."""
    given = {name: _numpy(array) for name, array in arrays.items()}
    theirs = {name: _translated(name, names) for name in expected}
    for name, other in theirs.items():
        if other not in given:
            shown = ", ".join(sorted(given)[:6]) + (", ..." if len(given) > 6 else "")
            raise ValueError(f"{function}: there is no {other!r} among {shown}; name layers by names={{ours: theirs}}")
        if given[other].shape != expected[name].shape:
            raise ValueError(f"{function}: {other} is {given[other].shape}, but the network has {expected[name].shape}")
    if left := sorted(given.keys() - set(theirs.values())):
        raise ValueError(f"{function}: {left[0]!r} {given[left[0]].shape} has no place in the network")
    return {name: given[other] for name, other in theirs.items()}


def _translated(name: str, names: Mapping[str, str]) -> str:
    """A name whose longest known beginning is replaced."""
    for ours in sorted(names, key=len, reverse=True):
        if name == ours or name.startswith(f"{ours}."):
            return names[ours] + name[len(ours) :]
    return name


def _numpy(array: Any) -> np.ndarray:
    if hasattr(array, "detach"):  # a tensor of PyTorch, which NumPy takes only from the CPU and in its own types
        array = array.detach().cpu()
        array = array.float() if str(array.dtype) == "torch.bfloat16" else array
    return np.asarray(array)


def _part(layer: Layer, tree: Any) -> Arrays:
    """A layer's own arrays by path; none where the tree has no such layer."""
    for name in layer.path.split("/") if layer.path else ():
        tree = tree.get(name, {})
    found = {path: np.asarray(leaf) for path, leaf in named_leaves(tree).items()}
    return found if layer.stacked is None else {path: leaf[layer.stacked] for path, leaf in found.items()}


def _named(library: Library, layer: Layer, leaf: str) -> str:
    name = getattr(layer, library.name)
    return name.replace("*", leaf) if "*" in name else f"{name}.{leaf}"
