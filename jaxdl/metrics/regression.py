"""Scores of regressions: R2, and the numbers that a log keeps of any metrics."""

import jax
import jax.numpy as jnp

from jaxdl.metrics.pairs import mean
from jaxdl.types import Array, Metrics, Pair, at_least_float32


def squared_errors(predictions: Array, targets: Array, *, where: Array | None = None) -> dict[str, Pair]:
    """The three pairs that R2 is made of: residual (t - p)^2, targets t, targets t^2.

    The total sum of squares is a difference of two large sums when the mean of t is far from 0: standardize first.
    """
    wide = at_least_float32(targets)
    return {
        "residual": mean((wide - at_least_float32(predictions)) ** 2, where=where),
        "target": mean(wide, where=where),
        "target_squared": mean(wide**2, where=where),
    }


def r2(pairs: dict[str, Pair]) -> Array:
    """Coefficient of determination from `squared_errors`: R2 = 1 - sum (t - p)^2 / sum (t - mean t)^2.

    1 is perfect, 0 as good as always saying the mean. A single target, or equal ones, have no spread to explain: then
    it is 1 if every prediction is right, else 0 (as in scikit-learn).

    >>> t = jnp.array([1.0, 2.0, 3.0])
    >>> f"{r2(squared_errors(t + 0.1, t)):.3f}"
    '0.985'
    """
    total = pairs["target_squared"][0] - pairs["target"][0] ** 2 / pairs["target"][1]
    residual = pairs["residual"][0]
    spread = total > 0
    explained = 1 - residual / jnp.where(spread, total, jnp.ones_like(total))
    return jnp.where(spread, explained, (residual == 0).astype(explained.dtype))


def scalars(metrics: Metrics) -> dict[str, float]:
    """Every metric that is a single number, as a Python float: what logs and histories hold. Matrices are left out.

    A dict of pairs from `squared_errors` becomes its R2.

    >>> scalars({"loss": mean(jnp.array([1.0, 2.0]))})
    {'loss': 1.5}
    """
    numbers = {}
    for name, pair in jax.device_get(metrics).items():  # one transfer, and no dispatch for each division
        if isinstance(pair, dict):
            numbers[name] = float(r2(pair))
        elif pair[0].ndim == 0:
            numbers[name] = float(pair[0] / max(pair[1], 1))
    return numbers
