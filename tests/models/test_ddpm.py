"""Diffusion: its equations against sums written out and Bayes' rule, and a Gaussian, of which everything is known."""

import dataclasses
import math

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxdl.models import ddpm

CONFIGS = [
    ddpm.Config(steps=12, first=0.02, last=0.4),
    ddpm.Config(steps=12, schedule="cosine"),
]
MEAN, STD = 0.5, 0.3


def written_out(config: ddpm.Config) -> tuple[np.ndarray, np.ndarray]:
    """beta_t and abar_t, t = 0 .. T, from the papers' words, one after the other."""
    big_t, beta, abar = config.steps, [0.0], [1.0]
    for t in range(1, big_t + 1):
        if config.schedule == "linear":
            beta.append(config.first + (t - 1) * (config.last - config.first) / (big_t - 1))
        else:
            f = [math.cos((s / big_t + 0.008) / 1.008 * math.pi / 2) ** 2 for s in (t, t - 1)]
            beta.append(min(1 - f[0] / f[1], 0.999))
        abar.append(abar[-1] * (1 - beta[-1]))
    return np.array(beta), np.array(abar)


@pytest.mark.parametrize("config", CONFIGS, ids=lambda config: config.schedule)
def test_schedules_are_those_of_the_papers(config):
    beta, abar = written_out(config)
    np.testing.assert_allclose(ddpm.betas(config), beta, rtol=1e-12)
    np.testing.assert_allclose(ddpm.alpha_bars(config), abar, rtol=1e-12)


def test_the_noise_at_the_end_of_a_thousand_steps():
    """The paper's own schedule leaves 4e-5 of the example's variance."""
    assert ddpm.alpha_bars(ddpm.Config())[-1] == pytest.approx(4.036e-5, rel=1e-3)
    cosine = ddpm.alpha_bars(ddpm.Config(schedule="cosine"))
    assert cosine[500] == pytest.approx(math.cos(0.508 / 1.008 * math.pi / 2) ** 2, rel=1e-3)


@pytest.mark.parametrize("config", CONFIGS, ids=lambda config: config.schedule)
def test_one_step_to_any_time_has_the_moments_of_all_steps(config, x64):
    """mean <- sqrt(alpha_t) mean, variance <- alpha_t variance + beta_t, from x_0 with variance 0."""
    beta, _ = written_out(config)
    mean, variance = [1.0], [0.0]
    for b in beta[1:]:
        mean.append(math.sqrt(1 - b) * mean[-1])
        variance.append((1 - b) * variance[-1] + b)
    t, one, none = jnp.arange(config.steps + 1), jnp.ones((config.steps + 1, 1)), jnp.zeros((config.steps + 1, 1))
    np.testing.assert_allclose(ddpm.diffuse(one, t, none, config)[:, 0], mean, rtol=1e-12)
    np.testing.assert_allclose(ddpm.diffuse(none, t, one, config)[:, 0] ** 2, variance, rtol=1e-12, atol=1e-15)
    x, noise = jax.random.normal(jax.random.key(0), (2, config.steps + 1, 3))
    back = ddpm.denoised(ddpm.diffuse(x, t, noise, config), t, noise, config)
    np.testing.assert_allclose(back, x, rtol=1e-8, atol=1e-8)


@pytest.mark.parametrize("config", CONFIGS, ids=lambda config: config.schedule)
@pytest.mark.parametrize("t", [2, 7, 11])
def test_the_posterior_is_bayes_rule(config, t, x64):
    """On a grid of x_{t-1}: q(x_t|x_{t-1}) q(x_{t-1}|x_0), normalized by a sum, its mean and its variance."""
    x, x_t = 0.7, -0.4
    beta, abar = written_out(config)
    grid = np.linspace(-9, 9, 40_001)
    exponent = (x_t - math.sqrt(1 - beta[t]) * grid) ** 2 / beta[t]
    exponent += (grid - math.sqrt(abar[t - 1]) * x) ** 2 / (1 - abar[t - 1])
    p = np.exp(-0.5 * exponent)
    p /= p.sum()
    mean = (p * grid).sum()
    got = ddpm.posterior(jnp.array([[x]]), jnp.array([[x_t]]), jnp.array([t]), config)
    assert got[0].item() == pytest.approx(mean, abs=1e-9)
    assert got[1].item() == pytest.approx((p * (grid - mean) ** 2).sum(), rel=1e-8)


def best_guess(config: ddpm.Config) -> ddpm.Predict:
    """E[e | x_t] for x_0 ~ N(MEAN, STD^2): no network guesses better.

    x_t ~ N(sqrt(abar) MEAN, abar STD^2 + 1 - abar), and the covariance of e and x_t is sqrt(1 - abar).
    """
    abar = jnp.asarray(written_out(config)[1], jnp.float32)

    def predict(x_t, t):
        a = abar[t].reshape(-1, 1)
        return jnp.sqrt(1 - a) * (x_t - jnp.sqrt(a) * MEAN) / (a * STD**2 + 1 - a)

    return predict


@pytest.mark.parametrize("config", CONFIGS, ids=lambda config: config.schedule)
def test_the_loss_of_the_best_guess_is_what_it_cannot_know(config):
    """Var[e | x_t] = abar STD^2 / (abar STD^2 + 1 - abar), its mean over the times."""
    x = MEAN + STD * jax.random.normal(jax.random.key(1), (100_000, 2))
    value, error = jax.jit(lambda key: ddpm.objective(best_guess(config), x, config, key=key))(jax.random.key(0))
    a = written_out(config)[1][1:]
    expected = (a * STD**2 / (a * STD**2 + 1 - a)).mean()
    assert float(value) == pytest.approx(expected, abs=4 * float(error.std()) / math.sqrt(100_000))
    half = jnp.arange(100_000) < 50_000
    masked, _ = ddpm.objective(best_guess(config), x, config, key=jax.random.key(0), where=half)
    assert float(masked) == pytest.approx(float(error[:50_000].mean()), rel=1e-5)


@pytest.mark.parametrize("variance", ["posterior", "beta"])
@pytest.mark.parametrize("config", CONFIGS, ids=lambda config: config.schedule)
def test_samples_have_the_moments_that_follow_from_every_step(config, variance):
    """With the best guess a step is linear in x_t, so that mean and variance are known after each one."""
    config = dataclasses.replace(config, variance=variance, clip=0.0)
    beta, abar = written_out(config)
    mean, var = 0.0, 1.0
    for t in range(config.steps, 0, -1):
        a, before = abar[t], abar[t - 1]
        slope = math.sqrt(1 - a) / (a * STD**2 + 1 - a)  # of the guessed noise in x_t
        to_x = [(1 - math.sqrt(1 - a) * slope) / math.sqrt(a), slope * math.sqrt(1 - a) * MEAN]  # of x_0 in x_t, 1
        of_x, of_x_t = math.sqrt(before) * beta[t] / (1 - a), math.sqrt(1 - beta[t]) * (1 - before) / (1 - a)
        step = of_x * to_x[0] + of_x_t
        mean = step * mean + of_x * to_x[1]
        noise = beta[t] if variance == "beta" else beta[t] * (1 - before) / (1 - a)
        var = step**2 * var + (noise if t > 1 else 0)
    draw = jax.jit(lambda key: ddpm.sample(best_guess(config), (40_000, 1), config, key=key))
    x = np.asarray(draw(jax.random.key(0)), np.float64)
    assert x.mean() == pytest.approx(mean, abs=4 * math.sqrt(var / 40_000))
    assert x.var() == pytest.approx(var, rel=4 * math.sqrt(2 / 40_000))
    assert abs(mean - MEAN) < 0.02  # few steps, and yet close to the data's distribution
    assert abs(math.sqrt(var) - STD) < 0.1


def test_many_steps_draw_the_data_themselves():
    config = ddpm.Config(steps=500, schedule="cosine", clip=0.0)
    draw = jax.jit(lambda key: ddpm.sample(best_guess(config), (20_000, 1), config, key=key))
    x = np.asarray(draw(jax.random.key(0)))
    assert x.mean() == pytest.approx(MEAN, abs=0.01)
    assert x.std() == pytest.approx(STD, abs=0.01)


def test_the_way_back_is_one_scan_and_can_be_shown():
    config = CONFIGS[0]
    path = ddpm.trajectory(best_guess(config), (5, 2), config, key=jax.random.key(3))
    assert path.shape == (13, 5, 2)
    np.testing.assert_array_equal(path[-1], ddpm.sample(best_guess(config), (5, 2), config, key=jax.random.key(3)))
    program = jax.make_jaxpr(lambda key: ddpm.sample(best_guess(config), (5, 2), config, key=key))(jax.random.key(0))
    scans = [equation for equation in program.eqns if equation.primitive.name == "scan"]
    assert [scan.params["length"] for scan in scans] == [12]


def test_what_the_network_says_is_kept_within_the_bound():
    """The last step gives x_0 itself, here far outside."""
    far = lambda x, t: jnp.full_like(x, -100.0)  # noqa: E731
    for clip in (0.5, 1.0):
        x = ddpm.sample(far, (4, 1), ddpm.Config(steps=3, clip=clip), key=jax.random.key(0))
        np.testing.assert_allclose(x, clip, rtol=1e-6)
    assert ddpm.sample(far, (4, 1), ddpm.Config(steps=3, clip=0.0), key=jax.random.key(0)).min() > 1.0


def test_times_outside_are_nan_and_other_mistakes_are_named():
    config, x = CONFIGS[0], jnp.ones((2, 3))
    assert np.isnan(ddpm.diffuse(x, jnp.array([13, -1]), x, config)).all()
    assert np.isnan(ddpm.posterior(x, x, jnp.array([0, 13]), config)[0]).all()
    for t, message in ((jnp.ones(2), "t must be"), (jnp.array([1]), "one time for each of the 2 examples")):
        with pytest.raises(ValueError, match=message):
            ddpm.diffuse(x, t, x, config)
    with pytest.raises(ValueError, match=r"predicted \(2, 1\)"):
        ddpm.objective(lambda x, t: x[:, :1], x, config, key=jax.random.key(0))
    for change, message in (({"first": 0.3, "last": 0.2}, "rise"), ({"last": 1.0}, "rise"), ({"steps": 0}, "steps")):
        with pytest.raises(ValueError, match=message):
            dataclasses.replace(config, **change)
