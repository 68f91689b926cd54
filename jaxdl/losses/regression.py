"""Losses of numbers: squared, absolute, Huber."""

import jax.numpy as jnp

from jaxdl.metrics.masking import checked_mask, keep
from jaxdl.types import Array, at_least_float32
from jaxdl.validation import as_floats, require_positive, require_same_shape


def mean_squared_error(
    predictions: Array, targets: Array, *, weights: Array | None = None, where: Array | None = None
) -> Array:
    """MSE = sum w (p - t)^2 / sum w, a scalar; w = 1 by default: then d/dp = 2 (p - t) / n.

    Args:
        predictions, targets: of one shape.
        weights: w >= 0 of that shape: how often each element counts.
        where: mask of that shape.

    >>> mean_squared_error(jnp.array([1.0, 2.0]), jnp.array([0.0, 4.0])).item()
    2.5
    """
    error, dtype = _errors("mean_squared_error", predictions, targets, where)
    return _mean("mean_squared_error", error * error, weights, where).astype(dtype)


def root_mean_squared_error(
    predictions: Array, targets: Array, *, weights: Array | None = None, where: Array | None = None
) -> Array:
    """RMSE = sqrt(MSE), a scalar in the units of the targets;  d/dp = (p - t) / (n RMSE), 0 at RMSE = 0.

    Args: as `mean_squared_error`.

    >>> root_mean_squared_error(jnp.array([3.0, 4.0]), jnp.array([0.0, 8.0])).item()
    3.535533905029297
    """
    error, dtype = _errors("root_mean_squared_error", predictions, targets, where)
    mse = _mean("root_mean_squared_error", error * error, weights, where)
    perfect = mse == 0  # the root's slope is infinite at 0: take the root of 1 there and hide it
    return jnp.where(perfect, 0, jnp.sqrt(jnp.where(perfect, 1, mse))).astype(dtype)


def mean_absolute_error(
    predictions: Array, targets: Array, *, weights: Array | None = None, where: Array | None = None
) -> Array:
    """MAE = sum w |p - t| / sum w, a scalar; w = 1 by default: then d/dp = sign(p - t) / n.

    Args: as `mean_squared_error`.

    >>> mean_absolute_error(jnp.array([1.0, 2.0]), jnp.array([0.0, 4.0])).item()
    1.5
    """
    error, dtype = _errors("mean_absolute_error", predictions, targets, where)
    size = error * jnp.sign(error)  # the slope of jnp.abs at 0 is 1
    return _mean("mean_absolute_error", size, weights, where).astype(dtype)


def huber(predictions: Array, targets: Array, *, delta: float = 1.0, where: Array | None = None) -> Array:
    """Squared near zero, absolute far away, one value per element; outliers pull with a force of at most delta.

        h(e) = e^2 / 2 if |e| <= delta else delta (|e| - delta / 2),    e = p - t

    Reference: Huber, "Robust estimation of a location parameter", 1964.

    >>> huber(jnp.array([0.5, 3.0]), jnp.zeros(2)).tolist()
    [0.125, 2.5]
    """
    require_positive("huber", delta=delta)
    error, dtype = _errors("huber", predictions, targets, where)
    inside = jnp.clip(error, -delta, delta)
    return keep((inside * (error - 0.5 * inside)).astype(dtype), where)


def _errors(loss: str, predictions: Array, targets: Array, where: Array | None) -> tuple[Array, jnp.dtype]:
    """p - t in at least float32, 0 where hidden, and the dtype of the result."""
    require_same_shape(loss, predictions=predictions, targets=targets)
    p, t = as_floats(loss, predictions=predictions, targets=targets)
    where = checked_mask(loss, where, p.shape)
    return keep(at_least_float32(p) - at_least_float32(t), where), p.dtype


def _mean(loss: str, values: Array, weights: Array | None, where: Array | None) -> Array:
    """Mean over what `where` keeps, weighted; 0 if nothing counts."""
    if weights is None and where is None:
        return values.mean()
    kept = jnp.ones_like(values) if where is None else jnp.asarray(where).astype(values.dtype)
    if weights is not None:
        require_same_shape(loss, weights=weights, predictions=values)
        kept = keep(jnp.asarray(weights, values.dtype), where)
    total = kept.sum()
    return (kept * values).sum() / jnp.where(total == 0, 1, total)
