"""What every block shares: the pair (init, update) as optax wants it."""

from collections.abc import Callable
from typing import Any

import optax

from jaxdl.types import Params, Tree


def transformation(
    init: Callable[[Params], Any], update: Callable[[Tree, Any, Params], tuple[Tree, Any]]
) -> optax.GradientTransformation:
    """An `optax.GradientTransformation` in which the parameters may be left out of a call of `update`."""
    return optax.GradientTransformation(
        lambda params: init(params), lambda updates, state, params=None: update(updates, state, params)
    )


def stateless(update: Callable[[Tree, Params], Tree]) -> optax.GradientTransformation:
    """A block that keeps nothing between steps.

    >>> import jax
    >>> import jax.numpy as jnp
    >>> block = stateless(lambda updates, params: jax.tree.map(jnp.negative, updates))
    >>> block.update(jnp.ones(1), block.init(jnp.ones(1)))
    (Array([-1.], dtype=float32), EmptyState())
    """
    return transformation(
        lambda params: optax.EmptyState(), lambda updates, state, params: (update(updates, params), state)
    )
