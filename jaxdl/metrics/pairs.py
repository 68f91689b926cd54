"""Metrics as (sum, count) pairs: add the pairs of batches, epochs or devices, then divide once.

A metric function takes a batch and returns such a pair; `merge` adds, `value` divides. So a mean over an epoch is exact
also when the last batch is smaller, and where= masks rows that are only padding.
"""

import functools
from collections.abc import Sequence

import jax
import jax.numpy as jnp

from jaxdl.types import Array, Metrics, Pair, at_least_float32


def mean(values: Array, *, where: Array | None = None) -> Pair:
    """The pair (sum of values, how many), of values of any shape; `where` has the same shape.

    >>> value(mean(jnp.array([1.0, 2.0, 9.0]), where=jnp.array([True, True, False]))).item()
    1.5
    """
    wide = at_least_float32(values)
    if where is None:
        return wide.sum(), jnp.asarray(values.size, wide.dtype)
    return jnp.where(where, wide, jnp.zeros_like(wide)).sum(), where.sum().astype(wide.dtype)


def value(pair: Pair) -> Array:
    """sum / count, and 0 where the count is 0."""
    total, count = pair
    return total / jnp.maximum(count, 1)


def merge(a: Metrics, b: Metrics) -> Metrics:
    """Add two metrics of the same structure: associative and commutative, so any partition gives the whole.

    >>> one = {"loss": mean(jnp.array([1.0, 2.0]))}; two = {"loss": mean(jnp.array([6.0]))}
    >>> value(merge(one, two)["loss"]).item()
    3.0
    """
    return jax.tree.map(jnp.add, a, b)


def merge_all(parts: Sequence[Metrics]) -> Metrics:
    """`merge` over a sequence of at least one."""
    return functools.reduce(merge, parts)


def perplexity(cross_entropy: Pair) -> Array:
    """exp(mean cross-entropy in nats per token): as unsure as among that many equally likely tokens.

    >>> f"{perplexity(mean(jnp.log(jnp.array([4.0, 4.0])))):.3f}"
    '4.000'
    """
    return jnp.exp(value(cross_entropy))


def peak_signal_to_noise(squared_error: Pair, *, peak: float = 1.0) -> Array:
    """PSNR = 10 log10(peak^2 / MSE) in decibels, of the mean squared error over all images together.

    `peak` is the largest value that a pixel can have. (The mean of the images' own PSNRs is never smaller.)

    >>> f"{peak_signal_to_noise(mean(jnp.array([0.01, 0.01]))):.1f}"
    '20.0'
    """
    return 10 * jnp.log10(peak**2 / value(squared_error))
