"""What every block shares: the type of a tree, the shape check, the cast back, and the pair (init, update)."""

from collections.abc import Callable
from typing import Any, TypeAlias

import jax
import jax.numpy as jnp
import optax

from jaxdl.types import Array, Params

Tree: TypeAlias = Any  # any tree of arrays: gradients, squared gradients, parameters, batch statistics


def transformation(
    init: Callable[[Params], Any], update: Callable[[Tree, Any, Params], tuple[Tree, Any]]
) -> optax.GradientTransformation:
    """An `optax.GradientTransformation` in which the parameters may be left out of a call of `update`."""
    return optax.GradientTransformation(
        lambda params: init(params), lambda updates, state, params=None: update(updates, state, params)
    )


def stateless(update: Callable[[Tree, Params], Tree]) -> optax.GradientTransformation:
    """A block that keeps nothing between steps.

    >>> block = stateless(lambda updates, params: jax.tree.map(jnp.negative, updates))
    >>> block.update(jnp.ones(1), block.init(jnp.ones(1)))
    (Array([-1.], dtype=float32), EmptyState())
    """
    return transformation(
        lambda params: optax.EmptyState(), lambda updates, state, params: (update(updates, params), state)
    )


def at_least_float32(x: Array) -> Array:
    """Cast to float32 unless `x` is float32 or float64 already.

    `jnp.promote_types` would say the same in one line, but it raises under strict dtype promotion.

    >>> at_least_float32(jnp.ones(2, jnp.bfloat16)).dtype.name
    'float32'
    """
    return x if x.dtype in (jnp.float32, jnp.float64) else x.astype(jnp.float32)


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
