"""A factor on the steps that is changed from outside: what lowers a rate when the scores stand still."""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import optax

from jaxdl.optim.transformation import transformation
from jaxdl.types import Array, Params, Tree


class FactorState(NamedTuple):
    """`factor`: float32 scalar."""

    factor: Array


def scale_by_factor() -> optax.GradientTransformation:
    """Multiply the updates by the factor in the state, 1 until `with_factor` puts another:  u = factor g.

    >>> block = scale_by_factor()
    >>> block.update(jnp.ones(1), with_factor(block.init(jnp.ones(1)), 0.5))[0].tolist()
    [0.5]
    """

    def init(params: Params) -> FactorState:
        return FactorState(jnp.ones((), jnp.float32))

    def update(updates: Tree, state: FactorState, params: Params) -> tuple[Tree, FactorState]:
        return jax.tree.map(lambda g: state.factor.astype(g.dtype) * g, updates), state

    return transformation(init, update)


def with_factor(opt_state: Any, factor: float) -> Any:
    """An optimizer's state with another factor in every `FactorState`."""

    def changed(node: Any) -> Any:
        if not _is_factor(node):
            return node
        return FactorState(jax.device_put(jnp.float32(factor), getattr(node.factor, "sharding", None)))

    return jax.tree.map(changed, opt_state, is_leaf=_is_factor)


def has_factor(opt_state: Any) -> bool:
    """Whether an optimizer's state holds a `FactorState`."""
    return any(map(_is_factor, jax.tree.leaves(opt_state, is_leaf=_is_factor)))


def _is_factor(node: Any) -> bool:
    return isinstance(node, FactorState)
