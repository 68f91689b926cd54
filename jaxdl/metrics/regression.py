"""Scores of regressions: R2, and the numbers that a log keeps of any metrics."""

import jax
import jax.numpy as jnp
import numpy as np

from jaxdl.metrics.pairs import mean
from jaxdl.types import Array, Metrics, Pair, at_least_float32
from jaxdl.validation import as_floats, require_same_shape


def squared_errors(
    predictions: Array, targets: Array, *, center: float | Array, where: Array | None = None
) -> dict[str, Pair]:
    """The three pairs that R2 is made of: (t - p)^2, t - c, (t - c)^2.

    The total sum of squares is a difference of the last two. Around 0 it loses every digit of targets such as 10,000
    +- 1; around a center near their mean it loses none.

    Args:
        predictions, targets: of one shape.
        center: c, one number for all batches that are added: the mean of the training part's targets.
        where: mask of that shape.
    """
    require_same_shape("squared_errors", predictions=predictions, targets=targets)
    p, t = (at_least_float32(a) for a in as_floats("squared_errors", predictions=predictions, targets=targets))
    if np.ndim(center):
        raise ValueError(f"squared_errors: center must be one number, got shape {np.shape(center)}")
    off = t - jnp.asarray(center, t.dtype)
    return {
        "residual": mean((t - p) ** 2, where=where),
        "target": mean(off, where=where),
        "target_squared": mean(off**2, where=where),
    }


def r2(pairs: dict[str, Pair]) -> Array:
    """Coefficient of determination from `squared_errors`: R2 = 1 - sum (t - p)^2 / sum (t - mean t)^2.

    1 is perfect, 0 as good as always saying the mean. A single target, or equal ones, have no spread to explain: then
    it is 1 if every prediction is right, else 0 (as in scikit-learn). Of no target at all it is NaN.

    >>> t = jnp.array([1.0, 2.0, 3.0])
    >>> f"{r2(squared_errors(t + 0.1, t, center=2.0)):.3f}"
    '0.985'
    """
    squares, residual = jnp.asarray(pairs["target_squared"][0]), jnp.asarray(pairs["residual"][0])
    n = jnp.asarray(pairs["target"][1]).astype(squares.dtype)
    total = squares - jnp.asarray(pairs["target"][0]) ** 2 / n  # of nothing: 0 / 0
    flat = total <= 4 * jnp.finfo(squares.dtype).eps * squares  # below the rounding of both sums; never of NaN
    explained = 1 - residual / jnp.where(flat, 1, total)
    return jnp.where(flat, jnp.where(jnp.isnan(residual), jnp.nan, (residual == 0).astype(total.dtype)), explained)


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
            numbers[name] = float(pair[0]) / (float(pair[1]) or 1.0)
    return numbers
