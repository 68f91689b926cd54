"""Derivatives from values alone: one-sided and central differences, extrapolated to step zero, with their error.

With the changes of the value D(t) = g(t) - g(0) at the steps t = s, s/2, s/4, s/8 on both sides of a point,

    right(t) =  D(t) / t            = g'(0+) + a1 t   + a2 t^2 + ...
    left(t)  = -D(-t) / t           = g'(0-) + b1 t   + b2 t^2 + ...
    mid(t)   = (D(t) - D(-t)) / 2t  = g'(0)  + c1 t^2 + c2 t^4 + ...   where g is smooth

each series is carried to t = 0 by Richardson's elimination of one power after another. Where g is smooth, the three
limits agree. At a kink (ReLU, max, abs) right and left differ, however small the step; near a kink they agree once the
step is smaller than the distance. So their disagreement is the error estimate, and smoothness needs no second test.

Reference: Richardson, "The approximate arithmetical solution by finite differences", 1911; Ridders, "Accurate
computation of F'(x) and F'(x) F''(x)", 1982.
"""

from typing import NamedTuple

import numpy as np

LEVELS = 4  # steps per estimate: s, s/2, s/4, s/8
EPS = float(np.finfo(np.float64).eps)
ROUNDING = 20.0  # the one-sided extrapolation's weights add up to 6.4; right minus left doubles them; some room


class Estimate(NamedTuple):
    """One derivative per probe, each field of shape [P]."""

    value: np.ndarray  # the extrapolated central difference
    error: np.ndarray  # the disagreement of right, left and central limits; inf where a value is not finite
    rounding: np.ndarray  # what rounding of the function's values alone can contribute
    magnitude: np.ndarray  # the size of the terms that changed
    left: np.ndarray  # the one-sided limits, and how far they are uncertain
    right: np.ndarray
    one_sided_error: np.ndarray


def extrapolate(values: np.ndarray, order: int) -> np.ndarray:
    """Limit at step zero of values [..., L] at steps s, s/2, s/4, ..., whose error is a series in s^order.

    >>> t = 0.5 ** np.arange(4)
    >>> bool(abs(extrapolate(3 + t**2 - 5 * t**4 + t**6, order=2) - 3) < 1e-12)
    True
    """
    factor = 1.0
    while values.shape[-1] > 1:
        factor *= 2.0**order
        values = (factor * values[..., 1:] - values[..., :-1]) / (factor - 1.0)
    return values[..., 0]


def steps_of(step: np.ndarray) -> np.ndarray:
    """The halving ladder below each step: [P] -> [P, LEVELS]."""
    return step[:, None] * 0.5 ** np.arange(LEVELS)


def estimate(forward: np.ndarray, backward: np.ndarray, magnitude: np.ndarray, step: np.ndarray) -> Estimate:
    """Derivatives from the changes at +t (forward) and -t (backward) for t in `steps_of(step)`.

    Args:
        forward, backward: [P, LEVELS], g(t) - g(0) and g(-t) - g(0).
        magnitude: [P], the size of the terms that were summed into g (its rounding is eps times that).
        step: [P], the largest step of each ladder.
    Returns: an `Estimate` with fields of shape [P].

    >>> t = steps_of(np.array([0.03]))
    >>> smooth = estimate(np.expm1(t), np.expm1(-t), np.ones(1), np.array([0.03]))
    >>> kink = estimate(np.maximum(t, 0), np.maximum(-t, 0), np.ones(1), np.array([0.03]))
    >>> bool(abs(smooth.value[0] - 1) < 1e-12), float(kink.error[0])
    (True, 1.0)
    """
    steps = steps_of(step)
    with np.errstate(invalid="ignore", over="ignore"):
        right = extrapolate(forward / steps, order=1)
        left = extrapolate(-backward / steps, order=1)
        central = (forward - backward) / (2.0 * steps)
        value = extrapolate(central, order=2)
        error = np.maximum(np.abs(right - left), np.abs(value - extrapolate(central[:, :-1], order=2)))
        coarse = [
            extrapolate(sign * change[:, :-1] / steps[:, :-1], 1) for sign, change in ((1, forward), (-1, backward))
        ]
        one_sided = np.maximum(np.abs(right - coarse[0]), np.abs(left - coarse[1]))
    rounding = ROUNDING * EPS * magnitude / steps[:, -1]
    finite = np.isfinite(value) & np.isfinite(error)
    fields = [(value, 0.0), (error, np.inf), (rounding, 0.0), (left, 0.0), (right, 0.0), (one_sided, np.inf)]
    value, error, rounding, left, right, one_sided = (np.where(finite, field, other) for field, other in fields)
    return Estimate(value, error, rounding, magnitude, left, right, one_sided)
