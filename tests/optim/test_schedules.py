"""Schedules against optax over every step, their dtype, and their behavior inside jit."""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from jaxdl import optim

PAIRS: dict[str, tuple[optim.Schedule, Callable[[Any], Any]]] = {
    "constant": (optim.constant_schedule(0.3), optax.constant_schedule(0.3)),
    "step": (optim.step_schedule(0.3, {20: 0.1, 5: 0.5}), optax.piecewise_constant_schedule(0.3, {5: 0.5, 20: 0.1})),
    "exponential": (optim.exponential_schedule(0.3, 7, 0.8), optax.exponential_decay(0.3, 7, 0.8)),
    "staircase": (
        optim.exponential_schedule(0.3, 7, 0.8, staircase=True),
        optax.exponential_decay(0.3, 7, 0.8, staircase=True),
    ),
    "exponential to an end": (
        optim.exponential_schedule(0.3, 7, 0.8, end=0.2),
        optax.exponential_decay(0.3, 7, 0.8, end_value=0.2),
    ),
    "rising to an end": (
        optim.exponential_schedule(0.3, 7, 1.2, end=0.4),
        optax.exponential_decay(0.3, 7, 1.2, end_value=0.4),
    ),
    "cosine": (optim.cosine_schedule(0.3, 25, end=0.03), optax.cosine_decay_schedule(0.3, 25, alpha=0.1)),
    "inverse root": (optim.inverse_sqrt_schedule(0.3, 7), lambda t: 0.3 / (1 + t / 7) ** 0.5),
    "warm-up and inverse root": (
        optim.warmup_schedule(optim.inverse_sqrt_schedule(0.3, 8), 8),
        lambda t: 0.3 * np.minimum(t / 8, np.sqrt(8 / np.maximum(t, 1))),  # the Transformer's, scaled to its peak
    ),
    "warm-up": (
        optim.warmup_schedule(optim.constant_schedule(0.3), 8),
        optax.schedules.warmup_constant_schedule(0.0, 0.3, 8),
    ),
    "warm-up from a value": (
        optim.warmup_schedule(optim.constant_schedule(0.3), 8, start=0.1),
        optax.schedules.warmup_constant_schedule(0.1, 0.3, 8),
    ),
    "warm-up from a value and cosine": (
        optim.warmup_cosine_schedule(0.3, 6, 30, start=0.5, end=0.01),
        optax.warmup_cosine_decay_schedule(0.5, 0.3, 6, 30, end_value=0.01),
    ),
    "warm-up and cosine": (
        optim.warmup_cosine_schedule(0.3, 6, 30, end=0.01),
        optax.warmup_cosine_decay_schedule(0.0, 0.3, 6, 30, end_value=0.01),
    ),
    "no warm-up": (optim.warmup_cosine_schedule(0.3, 0, 30), optax.cosine_decay_schedule(0.3, 30)),
}
STEPS = range(40)


@pytest.mark.parametrize("name", PAIRS)
def test_equals_optax_in_float64(name: str, x64: None) -> None:
    ours, theirs = PAIRS[name]
    rates = jax.jit(jax.vmap(ours))(jnp.arange(40, dtype=jnp.int32))
    assert rates.dtype == jnp.float64
    with jax.numpy_dtype_promotion("standard"):  # most of optax's schedules raise under strict promotion
        expected = [float(theirs(np.float64(t))) for t in STEPS]
    np.testing.assert_allclose(rates, expected, rtol=1e-14, atol=1e-16)


@pytest.mark.parametrize("name", PAIRS)
def test_is_a_strong_float32_scalar(name: str) -> None:
    """For an int, an int32 array and a traced one; all give the same rate."""
    schedule, _ = PAIRS[name]
    for step in (0, 5, 13, 39):
        rates = [schedule(step), schedule(jnp.int32(step)), jax.jit(schedule)(jnp.int32(step))]
        for rate in rates:
            assert (rate.shape, rate.dtype, rate.weak_type) == ((), jnp.float32, False)
        np.testing.assert_allclose(rates, rates[0], rtol=1e-6)


@pytest.mark.parametrize("name", PAIRS)
def test_float32_is_accurate(name: str) -> None:
    schedule, _ = PAIRS[name]
    single = np.array([float(schedule(t)) for t in STEPS])
    with jax.enable_x64(True):
        double = np.array([float(schedule(t)) for t in STEPS])
    np.testing.assert_allclose(single, double, rtol=2e-6, atol=1e-8)


def test_staircase_steps_at_the_multiple_even_where_the_quotient_rounds() -> None:
    for period in (3, 7, 49, 1000):
        schedule = optim.exponential_schedule(1.0, period, 0.5, staircase=True)
        assert [float(schedule(k * period)) for k in range(5)] == [0.5**k for k in range(5)]
        assert [float(schedule(k * period - 1)) for k in range(1, 5)] == [0.5 ** (k - 1) for k in range(1, 5)]


def test_warmup_takes_any_schedule() -> None:
    """Also a plain function that returns a Python float."""
    schedule = optim.warmup_schedule(lambda step: 2.0, 4)
    assert [float(schedule(t)) for t in (0, 1, 2, 4, 100)] == [0.0, 0.5, 1.0, 2.0, 2.0]


def test_the_first_update_uses_the_rate_of_step_zero() -> None:
    optimizer = optim.sgd(optim.step_schedule(1.0, {1: 0.5, 2: 0.5}))
    state, rates = optimizer.init(jnp.ones(())), []
    for _ in range(3):
        updates, state = optimizer.update(jnp.ones(()), state)
        rates.append(-float(updates))  # type: ignore[arg-type]
    assert rates == [1.0, 0.5, 0.25]


def test_the_peak_may_be_traced() -> None:
    rates = jax.vmap(lambda peak: optim.warmup_cosine_schedule(peak, 2, 10)(jnp.int32(2)))(jnp.array([0.1, 0.2]))
    np.testing.assert_allclose(rates, [0.1, 0.2], rtol=1e-6)


def test_bad_arguments_are_refused() -> None:
    with pytest.raises(ValueError, match="warmup_steps=10 and total_steps=10"):
        optim.warmup_cosine_schedule(0.1, 10, 10)
    with pytest.raises(ValueError, match="decay_steps must be >= 1, got 0"):
        optim.cosine_schedule(0.1, 0)
    with pytest.raises(ValueError, match="decay_rate must be > 0"):
        optim.exponential_schedule(0.1, 10, 0.0)
    with pytest.raises(ValueError, match="boundaries"):
        optim.step_schedule(0.1, {-1: 0.5})
    with pytest.raises(ValueError, match="warmup_steps must be >= 0"):
        optim.warmup_schedule(optim.constant_schedule(0.1), -1)


ENDLESS: dict[str, tuple[optim.Schedule, float]] = {  # of 10**10 steps, and the rate at step 2**30
    "step": (optim.step_schedule(0.3, {10**10: 0.1, 5: 0.5}), 0.15),
    "exponential": (optim.exponential_schedule(0.3, 10**10, 0.8), 0.3 * 0.8 ** (2**30 / 10**10)),
    "staircase": (optim.exponential_schedule(0.3, 10**10, 0.8, staircase=True), 0.3),
    "cosine": (optim.cosine_schedule(0.3, 10**10), 0.15 * (1 + np.cos(np.pi * 2**30 / 10**10))),
    "inverse root": (optim.inverse_sqrt_schedule(0.3, 10**10), 0.3 / np.sqrt(1 + 2**30 / 10**10)),
    "warm-up": (optim.warmup_schedule(optim.constant_schedule(0.3), 10**10), 0.3 * 2**30 / 10**10),
    "warm-up and cosine": (
        optim.warmup_cosine_schedule(0.3, 2**29, 10**10),
        0.15 * (1 + np.cos(np.pi * 2**29 / (10**10 - 2**29))),
    ),
}


@pytest.mark.parametrize("name", ENDLESS)
def test_more_steps_than_an_int32_counts(name: str) -> None:
    schedule, expected = ENDLESS[name]
    for step in (2**30, jnp.int32(2**30)):
        np.testing.assert_allclose(schedule(step), expected, rtol=1e-6)
    assert np.isfinite(schedule(10**11))
    np.testing.assert_allclose(jax.jit(schedule)(jnp.int32(2**30)), expected, rtol=1e-6)
