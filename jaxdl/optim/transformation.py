"""What every block shares: the pair (init, update) as optax wants it, squares of complex numbers, a root at zero."""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import optax

from jaxdl.types import Array, Params, Tree, at_least_float32


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


def squared(x: Array) -> Array:
    """|x|^2 in at least float32: real, and for complex numbers re^2 + im^2.

    >>> squared(jnp.array([3 + 4j])).tolist()
    [25.0]
    """
    wide = at_least_float32(x)
    if jnp.issubdtype(wide.dtype, jnp.complexfloating):
        return jnp.square(wide.real) + jnp.square(wide.imag)
    return jnp.square(wide)


@jax.custom_jvp
def root(x: Array) -> Array:
    """The square root, whose slope at 0 counts as 0: a norm at zero has no direction, and not an infinite gradient.

    >>> jax.grad(root)(0.0).tolist(), jax.grad(root)(4.0).tolist()
    (0.0, 0.25)
    """
    return jnp.sqrt(x)


@root.defjvp
def _root_jvp(primals: tuple[Array], tangents: tuple[Array]) -> tuple[Array, Array]:
    y = root(primals[0])
    return y, jnp.where(y == 0, 0, tangents[0] / (2 * jnp.where(y == 0, 1, y)))
