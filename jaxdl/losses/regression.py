"""Losses of numbers: squared, absolute, Huber."""

import jax.numpy as jnp

from jaxdl.losses.masking import check_same_shape, keep, masked_mean
from jaxdl.types import Array, at_least_float32


def mean_squared_error(predictions: Array, targets: Array, *, where: Array | None = None) -> Array:
    """MSE = mean (p - t)^2, a scalar;  d/dp = 2 (p - t) / n.

    >>> mean_squared_error(jnp.array([1.0, 2.0]), jnp.array([0.0, 4.0])).item()
    2.5
    """
    check_same_shape("mean_squared_error", "predictions", predictions, "targets", targets)
    error = keep(at_least_float32(predictions) - at_least_float32(targets), where)
    return masked_mean(error * error, where).astype(predictions.dtype)


def root_mean_squared_error(predictions: Array, targets: Array, *, where: Array | None = None) -> Array:
    """RMSE = sqrt(mean (p - t)^2), a scalar in the units of the targets;  d/dp = (p - t) / (n RMSE), 0 at RMSE = 0.

    >>> root_mean_squared_error(jnp.array([3.0, 4.0]), jnp.array([0.0, 8.0])).item()
    3.535533905029297
    """
    check_same_shape("root_mean_squared_error", "predictions", predictions, "targets", targets)
    error = keep(at_least_float32(predictions) - at_least_float32(targets), where)
    mse = masked_mean(error * error, where)
    positive = mse > 0  # the root's slope is infinite at 0: take the root of 1 there and hide it
    rmse = jnp.where(positive, jnp.sqrt(jnp.where(positive, mse, jnp.ones_like(mse))), jnp.zeros_like(mse))
    return rmse.astype(predictions.dtype)


def mean_absolute_error(predictions: Array, targets: Array, *, where: Array | None = None) -> Array:
    """MAE = mean |p - t|, a scalar;  d/dp = sign(p - t) / n.

    >>> mean_absolute_error(jnp.array([1.0, 2.0]), jnp.array([0.0, 4.0])).item()
    1.5
    """
    check_same_shape("mean_absolute_error", "predictions", predictions, "targets", targets)
    error = keep(at_least_float32(predictions) - at_least_float32(targets), where)
    return masked_mean(error * jnp.sign(error), where).astype(predictions.dtype)  # jnp.abs has slope 1 at 0


def huber(predictions: Array, targets: Array, *, delta: float = 1.0, where: Array | None = None) -> Array:
    """Squared near zero, absolute far away, one value per element; outliers pull with a force of at most delta.

        h(e) = e^2 / 2 if |e| <= delta else delta (|e| - delta / 2),    e = p - t

    Reference: Huber, "Robust estimation of a location parameter", 1964.

    >>> huber(jnp.array([0.5, 3.0]), jnp.zeros(2)).tolist()
    [0.125, 2.5]
    """
    check_same_shape("huber", "predictions", predictions, "targets", targets)
    size = jnp.abs(keep(predictions - targets, where))
    inside = jnp.minimum(size, delta)  # e^2/2 grows to delta^2/2, the rest grows linearly
    return keep(0.5 * inside * inside + delta * (size - inside), where)
