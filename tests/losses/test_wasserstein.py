"""The Wasserstein game: distances that are known, and the penalty of critics whose slope is known everywhere."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxdl.losses import wasserstein

KEY = jax.random.key(0)
REAL, FAKE = jax.random.normal(jax.random.key(1), (2, 50, 3))


def test_the_distance_of_shifted_points_is_the_shift():
    """The best critic of one cloud and the same cloud moved is a line along the shift, with slope 1."""
    shift = jnp.array([3.0, 0.0, 4.0])
    line = lambda x: x @ (shift / 5.0)  # noqa: E731
    moved = REAL + shift[None]
    assert float(wasserstein.distance(line(moved), line(REAL))) == pytest.approx(5.0, rel=1e-5)
    assert float(wasserstein.critic_loss(line(moved), line(REAL))) == pytest.approx(-5.0, rel=1e-5)
    assert float(wasserstein.gradient_penalty(line, moved, REAL, key=KEY)) == pytest.approx(0.0, abs=1e-10)


def test_a_mask_leaves_rows_of_the_data_out():
    real, fake, mask = jnp.array([1.0, 2.0, 9.0]), jnp.array([0.5, 1.5]), jnp.array([True, True, False])
    assert float(wasserstein.distance(real, fake, where=mask)) == 0.5
    assert float(wasserstein.generator_loss(fake)) == -1.0


def test_a_linear_critic_has_one_slope_everywhere(x64):
    """f(x) = a x: P = (|a| - 1)^2 and dP/da = 2 (|a| - 1) a / |a|, wherever it looks."""
    a = jnp.array([1.0, -2.0, 0.5], jnp.float64)
    real, fake = REAL.astype(jnp.float64), FAKE.astype(jnp.float64)
    penalty = lambda a: wasserstein.gradient_penalty(lambda x: x @ a, real, fake, key=KEY)  # noqa: E731
    value, gradient = jax.value_and_grad(penalty)(a)
    norm = float(np.linalg.norm(a))
    assert float(value) == pytest.approx((norm - 1) ** 2, rel=1e-12)
    np.testing.assert_allclose(gradient, 2 * (norm - 1) * np.asarray(a) / norm, rtol=1e-12)


def test_a_flat_critic_costs_one_and_has_no_gradient():
    penalty = lambda a: wasserstein.gradient_penalty(lambda x: x @ a, REAL, FAKE, key=KEY)  # noqa: E731
    value, gradient = jax.value_and_grad(penalty)(jnp.zeros(3))
    assert float(value) == 1.0
    np.testing.assert_array_equal(gradient, 0)


def test_it_looks_evenly_between_the_data_and_what_is_generated():
    """f(x) = x^2 / 2 has slope x: between 1 and 0 that is s itself, and the mean of (s - 1)^2 is a third."""
    n = 40_000
    half_square = lambda x: 0.5 * (x * x)[:, 0]  # noqa: E731
    value = wasserstein.gradient_penalty(half_square, jnp.ones((n, 1)), jnp.zeros((n, 1)), key=KEY)
    assert float(value) == pytest.approx(1 / 3, abs=4 * np.sqrt(4 / 45 / n))
    at_one = wasserstein.gradient_penalty(half_square, jnp.ones((n, 1)), jnp.ones((n, 1)), key=KEY)
    assert float(at_one) == pytest.approx(0.0, abs=1e-10)


def test_masked_rows_do_not_matter():
    real, fake, mask = jnp.ones((4, 2, 2)), jnp.zeros((4, 2, 2)), jnp.array([True, False, True, True])
    critic = lambda x: (x * x + x).sum((1, 2))  # noqa: E731
    values = [
        float(wasserstein.gradient_penalty(critic, real.at[1].set(other), fake, key=KEY, where=mask))
        for other in (1.0, 7.0, jnp.nan)
    ]
    assert values[0] == values[1] == values[2]


def test_mistakes_are_named():
    with pytest.raises(ValueError, match="differ in shape"):
        wasserstein.gradient_penalty(lambda x: x[:, 0], REAL, FAKE[:10], key=KEY)
    with pytest.raises(ValueError, match="where= must be bool"):
        wasserstein.distance(jnp.ones(2), jnp.ones(2), where=jnp.ones(2))
