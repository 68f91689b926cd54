"""Penalties on the size of parameters, added to a loss. Biases and scales are left out by default.

The max-norm constraint, which acts on the update and not on the loss, is `jaxdl.optim.max_norm`.
"""

from collections.abc import Callable
from typing import TypeAlias

import jax.numpy as jnp

from jaxdl.tree import named_leaves
from jaxdl.types import Array, Params, at_least_float32

Select: TypeAlias = Callable[[str, Array], bool]


def by_rank(rank: int = 2) -> Select:
    """Select leaves of at least this rank: matrices and kernels, not biases and scales.

    >>> by_rank(2)("layer_0/b", jnp.zeros(3))
    False
    """
    return lambda path, leaf: leaf.ndim >= rank


def by_name(*names: str) -> Select:
    """Select leaves whose last path component is one of `names`.

    >>> by_name("w", "table")("layer_0/w", jnp.zeros(3))
    True
    """
    return lambda path, leaf: path.rsplit("/", 1)[-1] in names


weights_only: Select = by_rank(2)


def l1(params: Params, *, select: Select = weights_only) -> Array:
    """Sum of absolute values, sum |w|; its gradient sign(w), 0 at 0, drives weights to exactly zero (lasso).

    >>> l1({"w": jnp.array([[1.0, -2.0]]), "b": jnp.array([5.0])}).item()
    3.0
    """
    return _total(params, select, lambda w: w * jnp.sign(w))  # the slope of jnp.abs at 0 is 1: it would push zeros away


def l2(params: Params, *, select: Select = weights_only) -> Array:
    """Sum of squares, sum w^2 (no half, as in Keras); its gradient 2 w shrinks weights in proportion (ridge).

    >>> l2({"w": jnp.array([[1.0, -2.0]]), "b": jnp.array([5.0])}).item()
    5.0
    """
    return _total(params, select, lambda w: w * w)


def elastic_net(params: Params, *, l1_rate: float, l2_rate: float, select: Select = weights_only) -> Array:
    """l1_rate * sum |w| + l2_rate * sum w^2. A rate of zero costs nothing: its term is not computed.

    Reference: Zou, Hastie, "Regularization and variable selection via the elastic net", 2005.

    >>> elastic_net({"w": jnp.array([[1.0, -2.0]])}, l1_rate=1.0, l2_rate=0.5).item()
    5.5
    """
    terms = [rate * of(params, select=select) for rate, of in ((l1_rate, l1), (l2_rate, l2)) if rate]
    return sum(terms[1:], terms[0]) if terms else jnp.asarray(0.0)


def _total(params: Params, select: Select, of: Callable[[Array], Array]) -> Array:
    sums = [of(at_least_float32(leaf)).sum() for path, leaf in named_leaves(params).items() if select(path, leaf)]
    return sum(sums[1:], sums[0]) if sums else jnp.asarray(0.0)
