"""Trees of arrays: their leaves by path, the table that says what a model is made of, and what running sums need."""

import itertools
import math
from typing import Any

import jax
import jax.numpy as jnp

from jaxdl.types import Array, Params, Tree, at_least_float32


def named_leaves(tree: Any) -> dict[str, Array]:
    """Every leaf by its path, in the tree's own order: {"layer_0/w": ...}. The names of exports, checks and masks.

    >>> named_leaves({"layer_0": {"w": 1, "b": 2}, "scales": [3]})
    {'layer_0/b': 2, 'layer_0/w': 1, 'scales/0': 3}
    """
    leaves = jax.tree_util.tree_flatten_with_path(tree)[0]
    return {jax.tree_util.keystr(path, simple=True, separator="/"): leaf for path, leaf in leaves}


def broken_leaves(tree: Any) -> list[str]:
    """The paths of the leaves that hold NaN or infinity.

    >>> broken_leaves({"b": jnp.zeros(2), "w": jnp.array([1.0, jnp.nan]), "n": jnp.int32(3)})
    ['w']
    """
    floats = {path: x for path, x in named_leaves(tree).items() if jnp.issubdtype(jnp.result_type(x), jnp.inexact)}
    return [path for path, x in floats.items() if not jnp.isfinite(x).all()]


def is_weight(path: str, leaf: Array) -> bool:
    """Whether penalties, weight decay and max-norm act on a leaf: on weights and tables, not on biases and scales.

    The last name in the path decides: `w` and `table` are weights, `b`, `bias` and `scale` are not, whatever their rank
    (stacked layers give each leaf an axis more). Under any other name, or none, leaves of rank 2 and more are weights.

    >>> is_weight("layers/w", jnp.zeros((2, 3, 4))), is_weight("layers/b", jnp.zeros((2, 3)))
    (True, False)
    """
    name = path.rsplit("/", 1)[-1]
    return name in ("w", "table") or (name not in ("b", "bias", "scale") and jnp.ndim(leaf) >= 2)


def weights(params: Params) -> Tree:
    """The mask of `is_weight`: a tree of bools with the structure of the parameters.

    >>> weights({"w": jnp.ones((2, 3)), "b": jnp.ones(3)})
    {'b': False, 'w': True}
    """
    chosen = [is_weight(path, leaf) for path, leaf in named_leaves(params).items()]
    return jax.tree.unflatten(jax.tree.structure(params), chosen)


def is_stacked(path: str) -> bool:
    """Whether a leaf belongs to equal layers that are stacked (`nn.init_stack`), so that its first axis counts them.

    >>> is_stacked("encoder/layers/out/w"), is_stacked("layers/0/w")
    (True, False)
    """
    return any(a == "layers" and not b.isdigit() for a, b in itertools.pairwise(path.split("/")))


def unit_axes(path: str, leaf: Array) -> tuple[int, ...]:
    """The axes of one unit's weights: all but the last of `w`, the last of `table` (a unit is a row there).

    Equal layers that are stacked (`nn.init_stack`) lie under the name "layers": their first axis is no unit's.

    >>> unit_axes("layer_0/w", jnp.zeros((3, 3, 2, 4))), unit_axes("encoder/layers/out/w", jnp.zeros((6, 8, 4)))
    ((0, 1, 2), (1,))
    >>> unit_axes("table", jnp.zeros((9, 4))), unit_axes("w", jnp.zeros(4))
    ((1,), (0,))
    """
    axes = tuple(range(is_stacked(path), jnp.ndim(leaf)))
    if path.rsplit("/", 1)[-1] == "table":
        return axes[-1:]
    return axes[:-1] if len(axes) > 1 else axes


def from_named_leaves(template: Any, leaves: dict[str, Any]) -> Any:
    """Put leaves by path back into the structure of `template` (the inverse of `named_leaves`).

    Raises: ValueError if a path is missing or left over, or a shape differs from the template's.

    >>> from_named_leaves({"w": 0, "b": 0}, {"w": 1, "b": 2})
    {'b': 2, 'w': 1}
    """
    expected = named_leaves(template)
    if missing := sorted(expected.keys() - leaves.keys()):
        raise ValueError(f"no leaf named {missing[0]!r} ({len(missing)} missing in all)")
    if unknown := sorted(leaves.keys() - expected.keys()):
        raise ValueError(f"leaf {unknown[0]!r} has no place in the tree ({len(unknown)} such leaves)")
    for name, leaf in expected.items():
        if jnp.shape(leaf) != jnp.shape(leaves[name]):
            raise ValueError(f"leaf {name!r}: expected shape {jnp.shape(leaf)}, got {leaves[name].shape}")
    return jax.tree.unflatten(jax.tree.structure(template), [leaves[name] for name in expected])


def parameter_count(tree: Any) -> int:
    """The number of elements in all leaves.

    >>> parameter_count({"w": jnp.zeros((3, 2)), "b": jnp.zeros(2)})
    8
    """
    return sum(math.prod(jnp.shape(leaf)) for leaf in jax.tree.leaves(tree))


def summary(tree: Any) -> str:
    """A table of every leaf: path, rank, shape, dtype, parameters, bytes, and the totals. For any tree of arrays.

    >>> print(summary({"w": jnp.zeros((3, 2)), "b": jnp.zeros(2)}))
    path    rank  shape   dtype    parameters  bytes
    b          1  (2,)    float32           2      8
    w          2  (3, 2)  float32           6     24
    total                                   8     32
    """
    rows = [("path", "rank", "shape", "dtype", "parameters", "bytes")]
    total_bytes = 0
    for name, leaf in named_leaves(tree).items():
        leaf = leaf if hasattr(leaf, "dtype") else jnp.asarray(leaf)
        n_bytes = leaf.size * leaf.dtype.itemsize
        total_bytes += n_bytes
        rows.append((name, str(leaf.ndim), str(leaf.shape), str(leaf.dtype), f"{leaf.size:,}", f"{n_bytes:,}"))
    rows.append(("total", "", "", "", f"{parameter_count(tree):,}", f"{total_bytes:,}"))
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    to_the_right = (False, True, False, False, True, True)

    def line(row: tuple[str, ...]) -> str:
        cells = (
            cell.rjust(n) if right else cell.ljust(n) for cell, n, right in zip(row, widths, to_the_right, strict=True)
        )
        return "  ".join(cells).rstrip()

    return "\n".join(map(line, rows))


def zeros(params: Params) -> Tree:
    """Zeros with the shapes of the parameters, in at least float32: where a running sum starts."""
    return jax.tree.map(lambda p: jnp.zeros_like(at_least_float32(jnp.asarray(p))), params)


def cast_like(tree: Tree, like: Tree) -> Tree:
    """Cast each leaf to the dtype of the same leaf of `like`."""
    return jax.tree.map(lambda x, y: x.astype(y.dtype), tree, like)


def check_same_shapes(name: str, state: Tree, updates: Tree) -> None:
    """Raise ValueError unless both trees have the same structure and shapes: nothing may broadcast into a state."""

    def check(path: tuple[Any, ...], a: Array, x: Array) -> None:
        if jnp.shape(a) != jnp.shape(x):
            leaf = f"leaf {jax.tree_util.keystr(path)}" if path else "the array"
            raise ValueError(
                f"{name}: {leaf} has shape {jnp.shape(x)}, but the state was made for {jnp.shape(a)}; "
                "call init with parameters of that shape"
            )

    jax.tree_util.tree_map_with_path(check, state, updates)
