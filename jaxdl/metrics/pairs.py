"""Metrics as (sum, count) pairs: add the pairs of batches, epochs or devices, then divide once.

A metric function takes a batch and returns such a pair; `merge` adds, `value` divides. So a mean over an epoch is exact
also when the last batch is smaller, and where= masks rows that are only padding. What is counted is counted in int32:
sums of ones in float32 would stand still at 2^24.
"""

import functools
from collections.abc import Sequence

import jax
import jax.numpy as jnp
import numpy as np

from jaxdl.metrics.masking import checked_mask, keep
from jaxdl.types import Array, Metrics, Pair, at_least_float32
from jaxdl.validation import as_floats, require_same_shape


def mean(values: Array, *, weights: Array | None = None, where: Array | None = None) -> Pair:
    """The pair (sum of w v, sum of w), of values of any shape; w = 1 by default: (sum, how many).

    Args:
        values: numbers, or bools: these are counted, exactly.
        weights: w >= 0, of the same shape.
        where: mask of the same shape.
    Raises: ValueError for another shape, a mask that is not bool, complex values.

    >>> value(mean(jnp.array([1.0, 2.0, 9.0]), where=jnp.array([True, True, False]))).item()
    1.5
    """
    values = values if hasattr(values, "dtype") else jnp.asarray(np.asarray(values))
    where = checked_mask("metrics.mean", where, values.shape)
    if weights is not None:
        require_same_shape("metrics.mean", weights=weights, values=values)
        wide, w = (at_least_float32(keep(a, where)) for a in as_floats("metrics.mean", values=values, weights=weights))
        return (w.astype(wide.dtype) * wide).sum(), w.sum()
    counted = values.dtype == bool
    (values,) = (jnp.asarray(values),) if counted else as_floats("metrics.mean", values=values)
    n = jnp.asarray(values.size, jnp.int32) if where is None else where.sum(dtype=jnp.int32)
    if counted:
        return (values if where is None else values & where).sum(dtype=jnp.int32), n
    return at_least_float32(keep(values, where)).sum(), n


def value(pair: Pair) -> Array:
    """sum / count, and 0 where the count is 0."""
    total, count = (at_least_float32(jnp.asarray(x)) for x in pair)
    return total / jnp.where(count == 0, 1, count).astype(total.dtype)


def merge(a: Metrics, b: Metrics) -> Metrics:
    """Add two metrics of the same structure: associative and commutative, so any partition gives the whole.

    >>> first = {"loss": mean(jnp.array([1.0, 2.0]))}; second = {"loss": mean(jnp.array([6.0]))}
    >>> value(merge(first, second)["loss"]).item()
    3.0
    """
    return jax.tree.map(jnp.add, a, b)


def merge_all(parts: Sequence[Metrics]) -> Metrics:
    """`merge` over a sequence of at least one."""
    return functools.reduce(merge, parts)


def perplexity(cross_entropy: Pair) -> Array:
    """exp(mean cross-entropy in nats per token): as unsure as among that many equally likely tokens; NaN of nothing.

    >>> f"{perplexity(mean(jnp.log(jnp.array([4.0, 4.0])))):.3f}"
    '4.000'
    """
    return jnp.exp(_nan_of_nothing(cross_entropy))


def peak_signal_to_noise(squared_error: Pair, *, peak: float = 1.0) -> Array:
    """PSNR = 10 log10(peak^2 / MSE) in decibels, of the mean squared error over all images together; NaN of nothing.

    `peak` is the largest value that a pixel can have. (The mean of the images' own PSNRs is never smaller.)

    >>> f"{peak_signal_to_noise(mean(jnp.array([0.01, 0.01]))):.1f}"
    '20.0'
    """
    return 10 * jnp.log10(peak**2 / _nan_of_nothing(squared_error))


def _nan_of_nothing(pair: Pair) -> Array:
    """The value of a pair where 0 would look like perfection."""
    return jnp.where(jnp.asarray(pair[1]) == 0, jnp.nan, value(pair))
