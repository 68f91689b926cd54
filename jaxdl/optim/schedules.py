"""Learning-rate schedules: functions of the number of updates so far.

A schedule takes a step (an int, or an int32 scalar that may be traced; 0 in the first update) and returns a strongly
typed scalar in JAX's default float type: float32, or float64 where x64 is enabled. They are written out here, since
most of optax's raise under strict dtype promotion; optax's and any other function of the step work in their place.
"""

import math
from collections.abc import Callable, Mapping
from typing import Any, TypeAlias

import jax.numpy as jnp

from jaxdl.types import Array

Schedule: TypeAlias = Callable[[Array | int], Any]  # step -> scalar; optax's and plain functions return floats too
LearningRate: TypeAlias = float | Array | Schedule

_LARGEST = 2**31 - 1


def constant_schedule(value: float | Array) -> Schedule:
    """rate(t) = value.

    >>> float(constant_schedule(0.5)(100))
    0.5
    """
    return lambda step: jnp.asarray(value, jnp.result_type(float))


def step_schedule(value: float | Array, factors: Mapping[int, float]) -> Schedule:
    """Multiply the rate by a factor at each boundary.

        rate(t) = value * product of factors[b] over all boundaries b <= t

    The factor counts from step b itself, as in optax.piecewise_constant_schedule and torch's MultiStepLR.

    Raises: ValueError for a negative boundary.

    >>> rate = step_schedule(1.0, {10: 0.5, 20: 0.1})
    >>> [f"{rate(t):.2f}" for t in (0, 9, 10, 20)]
    ['1.00', '1.00', '0.50', '0.05']
    """
    if any(boundary < 0 for boundary in factors):
        raise ValueError(f"step_schedule: boundaries are steps, >= 0, got {sorted(factors)}")

    def schedule(step: Array | int) -> Array:
        rate = jnp.asarray(value, jnp.result_type(float))
        for boundary, factor in sorted(factors.items()):
            rate = jnp.where(_steps_since(boundary, step) >= 0, rate * factor, rate)
        return rate

    return schedule


def exponential_schedule(
    value: float | Array,
    decay_steps: int,
    decay_rate: float,
    *,
    end: float | Array | None = None,
    staircase: bool = False,
) -> Schedule:
    """Multiply the rate by `decay_rate` every `decay_steps` steps, smoothly or (staircase) at once.

        rate(t) = value * decay_rate^(t / decay_steps),    with floor(t / decay_steps) for staircase

    With `end` the rate stops there: it never falls below it (or rises above it, where decay_rate > 1).

    Raises: ValueError unless decay_steps >= 1 and decay_rate > 0.

    >>> [f"{exponential_schedule(1.0, 10, 0.5)(t):.3f}" for t in (0, 5, 10)]
    ['1.000', '0.707', '0.500']
    """
    _require_steps("exponential_schedule", "decay_steps", decay_steps, 1)
    if not decay_rate > 0:
        raise ValueError(f"exponential_schedule: decay_rate must be > 0, got {decay_rate}")

    def schedule(step: Array | int) -> Array:
        # whole periods are counted in integers: a rounded quotient could fall just short of the next one
        periods = _whole_periods(step, decay_steps) if staircase else _as_float(step) / float(decay_steps)
        rate = jnp.asarray(value, periods.dtype) * decay_rate**periods
        if end is None:
            return rate
        return (jnp.maximum if decay_rate < 1 else jnp.minimum)(rate, jnp.asarray(end, rate.dtype))

    return schedule


def cosine_schedule(value: float | Array, decay_steps: int, *, end: float | Array = 0.0) -> Schedule:
    """Fall from `value` to `end` along half a cosine wave, then stay there.

        rate(t) = end + (value - end) (1 + cos(pi min(t / decay_steps, 1))) / 2

    `end` is a rate (as eta_min in torch), not optax's fraction alpha = end / value.

    Raises: ValueError unless decay_steps >= 1.
    Reference: Loshchilov, Hutter, "SGDR: stochastic gradient descent with warm restarts", 2017.

    >>> [f"{cosine_schedule(1.0, 10)(t):.3f}" for t in (0, 5, 10, 15)]
    ['1.000', '0.500', '0.000', '0.000']
    """
    _require_steps("cosine_schedule", "decay_steps", decay_steps, 1)

    def schedule(step: Array | int) -> Array:
        fraction = jnp.minimum(_as_float(step) / float(decay_steps), 1)
        start, stop = jnp.asarray(value, fraction.dtype), jnp.asarray(end, fraction.dtype)
        return stop + (start - stop) * (1 + jnp.cos(jnp.pi * fraction)) / 2

    return schedule


def inverse_sqrt_schedule(value: float | Array, scale: int) -> Schedule:
    """Fall with the root of the step, ever more slowly and without an end that must be known beforehand.

        rate(t) = value / sqrt(1 + t / scale)

    After `warmup_schedule` of as many steps w it is the Transformer's: value min(t / w, sqrt(w / t)).

    Raises: ValueError unless scale >= 1.
    Reference: Vaswani et al., "Attention is all you need", 2017, equation 3.

    >>> rate = warmup_schedule(inverse_sqrt_schedule(1.0, 100), 100)
    >>> [float(rate(t)) for t in (50, 100, 400)]
    [0.5, 1.0, 0.5]
    """
    _require_steps("inverse_sqrt_schedule", "scale", scale, 1)

    def schedule(step: Array | int) -> Array:
        t = _as_float(step)
        return jnp.asarray(value, t.dtype) / jnp.sqrt(1 + t / float(scale))

    return schedule


def warmup_schedule(after: Schedule, warmup_steps: int, *, start: float | Array = 0.0) -> Schedule:
    """Go in a straight line from `start` to the first rate of another schedule, then follow it.

        rate(t) = start + (after(0) - start) t / warmup_steps  for t < warmup_steps,  else  after(t - warmup_steps)

    The very first update has the rate `start`, as in optax.

    Raises: ValueError for negative warmup_steps; with 0 the schedule is `after`.
    Reference: Goyal et al., "Accurate, large minibatch SGD: training ImageNet in 1 hour", 2017, section 2.2.

    >>> rate = warmup_schedule(constant_schedule(1.0), 4)
    >>> [float(rate(t)) for t in (0, 1, 4, 9)]
    [0.0, 0.25, 1.0, 1.0]
    """
    _require_steps("warmup_schedule", "warmup_steps", warmup_steps, 0)
    if warmup_steps == 0:
        return after

    def schedule(step: Array | int) -> Array:
        rate = _as_float(after(jnp.maximum(_steps_since(warmup_steps, step), 0)))  # after(0) until the warm-up is over
        first, share = jnp.asarray(start, rate.dtype), jnp.minimum(_as_float(step) / float(warmup_steps), 1)
        return jnp.where(share < 1, first + (rate - first) * share, rate)

    return schedule


def warmup_cosine_schedule(
    peak: float | Array,
    warmup_steps: int,
    total_steps: int,
    *,
    start: float | Array = 0.0,
    end: float | Array = 0.0,
) -> Schedule:
    """`warmup_schedule` from `start` to `peak`, then `cosine_schedule` to `end`, which is reached at `total_steps`.

    total_steps includes the warm-up, as decay_steps does in optax.

    Raises: ValueError unless 0 <= warmup_steps < total_steps.

    >>> [f"{warmup_cosine_schedule(1.0, 10, 30)(t):.2f}" for t in (0, 5, 10, 20, 30)]
    ['0.00', '0.50', '1.00', '0.50', '0.00']
    """
    if not 0 <= warmup_steps < total_steps:
        raise ValueError(
            "warmup_cosine_schedule: total_steps includes the warm-up and must be larger, "
            f"got warmup_steps={warmup_steps} and total_steps={total_steps}"
        )
    return warmup_schedule(cosine_schedule(peak, total_steps - warmup_steps, end=end), warmup_steps, start=start)


def _as_float(step: Array | float) -> Array:
    return jnp.asarray(float(step) if isinstance(step, int) else step).astype(jnp.result_type(float))


def _steps_since(boundary: int, step: Array | int) -> Array:
    """step - boundary, exact near 0; a boundary of 10**10 is past every int32 step, and not an overflow."""
    if isinstance(step, int):
        return jnp.asarray(max(min(step - boundary, _LARGEST), -_LARGEST))
    step = jnp.asarray(step)
    return step - boundary if boundary <= _largest(step) else jnp.full_like(step, -1)


def _whole_periods(step: Array | int, period: int) -> Array:
    if isinstance(step, int):
        return _as_float(step // period)
    step = jnp.asarray(step)
    return _as_float(step // period if period <= _largest(step) else jnp.zeros_like(step))


def _largest(step: Array) -> float:
    return jnp.iinfo(step.dtype).max if jnp.issubdtype(step.dtype, jnp.integer) else math.inf


def _require_steps(name: str, argument: str, steps: int, least: int) -> None:
    if steps < least:
        raise ValueError(f"{name}: {argument} must be >= {least}, got {steps}")
