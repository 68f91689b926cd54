"""Penalties added to a loss: on the size of weights (those of `jaxdl.tree.is_weight`) and on activations.

The max-norm constraint, which acts on the update and not on the loss, is `jaxdl.optim.max_norm`.
"""

import math
from collections.abc import Callable
from typing import TypeAlias

import chex
import jax
import jax.numpy as jnp

from jaxdl.tree import is_weight, named_leaves
from jaxdl.types import Array, Params, at_least_float32
from jaxdl.validation import as_floats, is_traced

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


def l1(params: Params, *, select: Select = is_weight) -> Array:
    """Sum of absolute values, sum |w|; its gradient sign(w), 0 at 0, drives weights to exactly zero (lasso).

    >>> l1({"w": jnp.array([[1.0, -2.0]]), "b": jnp.array([5.0])}).item()
    3.0
    """
    return _total(params, select, lambda w: w * jnp.sign(w))  # the slope of jnp.abs at 0 is 1: it would push zeros away


def l2(params: Params, *, select: Select = is_weight) -> Array:
    """Sum of squares, sum w^2 (no half, as in Keras); its gradient 2 w shrinks weights in proportion (ridge).

    >>> l2({"w": jnp.array([[1.0, -2.0]]), "b": jnp.array([5.0])}).item()
    5.0
    """
    return _total(params, select, lambda w: w * w)


def elastic_net(params: Params, *, l1_rate: float, l2_rate: float, select: Select = is_weight) -> Array:
    """l1_rate * sum |w| + l2_rate * sum w^2. A rate of zero costs nothing: its term is not computed.

    Reference: Zou, Hastie, "Regularization and variable selection via the elastic net", 2005.

    >>> elastic_net({"w": jnp.array([[1.0, -2.0]])}, l1_rate=1.0, l2_rate=0.5).item()
    5.5
    """
    terms = [rate * of(params, select=select) for rate, of in ((l1_rate, l1), (l2_rate, l2)) if is_traced(rate) or rate]
    return sum(terms[1:], terms[0]) if terms else jnp.asarray(0.0)


def kl_sparsity(activations: Array, rho: float = 0.05, *, where: Array | None = None) -> Array:
    """Keep each unit's mean activation near rho: most units are off for most examples.

        sum_j KL(rho || r_j) = sum_j rho log(rho / r_j) + (1 - rho) log((1 - rho) / (1 - r_j)),   r_j = mean_b a_bj

    Its gradient in a_bj is (-rho / r_j + (1 - rho) / (1 - r_j)) / B. Means are over the batch: it should not be small.

    Args:
        activations: a [B, n] in [0, 1] (sigmoid units).
        rho: the wanted mean, in (0, 1).
        where: [B] bool, the rows that count.
    Returns: a scalar in at least float32, 0 where every mean is rho.
    Raises: ValueError for a rho outside (0, 1) or a `where` of another length.
    Reference: Ng, "Sparse autoencoder", CS294A lecture notes, 2011.

    >>> [f"{kl_sparsity(jnp.array([[0.5], [0.3]]), rho=rho):.3f}" for rho in (0.1, 0.39)]
    ['0.226', '0.000']
    """
    if not 0 < rho < 1:
        raise ValueError(f"kl_sparsity: rho must lie in (0, 1), got {rho}")
    mean = _row_mean("kl_sparsity", activations, where)
    off = rho * (math.log(rho) - jnp.log(_above_zero(mean)))
    on = (1 - rho) * (math.log1p(-rho) - jnp.log(_above_zero(1 - mean)))
    return (off + on).sum()


def l1_sparsity(activations: Array, *, where: Array | None = None) -> Array:
    """Mean over the batch of the sum of absolute activations, mean_b sum_j |a_bj|; its slope is 0 at 0.

    Args:
        activations: a [B, n], any activation function.
        where: [B] bool, the rows that count.
    Returns: a scalar in at least float32.
    Raises: ValueError for a `where` of another length.

    >>> l1_sparsity(jnp.array([[1.0, -2.0], [0.0, 1.0]])).item()
    2.0
    """
    (a,) = as_floats("l1_sparsity", activations=activations)
    return _row_mean("l1_sparsity", a * jnp.sign(a), where).sum()


def _above_zero(x: Array) -> Array:
    """x, raised to the smallest normal number; the slope is x's, so that a mean of exactly 0 is still pushed up."""
    return x + jax.lax.stop_gradient(jnp.maximum(x, jnp.finfo(x.dtype).tiny) - x)


def _row_mean(penalty: str, values: Array, where: Array | None) -> Array:
    """Mean over the rows that count, [B, n] -> [n]; 0 if none does."""
    wide = at_least_float32(*as_floats(penalty, activations=values))
    chex.assert_rank(wide, 2)
    if where is None:
        return wide.mean(0)
    if where.shape != wide.shape[:1]:
        raise ValueError(f"{penalty}: where {where.shape} must have one entry for each row of activations {wide.shape}")
    return jnp.where(where[:, None], wide, 0).sum(0) / jnp.maximum(where.sum(), 1).astype(wide.dtype)


def _total(params: Params, select: Select, of: Callable[[Array], Array]) -> Array:
    sums = [of(at_least_float32(leaf)).sum() for path, leaf in named_leaves(params).items() if select(path, leaf)]
    return sum(sums[1:], sums[0]) if sums else jnp.asarray(0.0)
