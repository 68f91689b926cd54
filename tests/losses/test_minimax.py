"""The theory of the minimax game: on densities as exact counts, and reached by training on a line."""

import math

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from jaxdl import optim
from jaxdl.losses import minimax
from jaxdl.models import gan, mlp
from jaxdl.tasks import adversarial, game

# Densities on six places, as exact counts of 60 examples each.

REAL_COUNTS, FAKE_COUNTS = np.array([30, 10, 10, 6, 4, 0]), np.array([5, 5, 10, 10, 10, 20])


def value_of(logits):
    """V for one logit a place: the two means are the expectations under the two densities."""
    return minimax.value(jnp.repeat(logits, REAL_COUNTS), jnp.repeat(logits, FAKE_COUNTS))


def test_the_best_discriminator_is_the_ratio_of_the_densities(x64):
    p, q = jnp.asarray(REAL_COUNTS[:5] / 60), jnp.asarray(FAKE_COUNTS[:5] / 60)
    best = minimax.optimal_discriminator(p, q)
    logits = jnp.append(jnp.log(best / (1 - best)), -30.0)  # no data in the last place: D = 0
    value, gradient = jax.jit(jax.value_and_grad(value_of))(logits)
    np.testing.assert_allclose(gradient, 0, atol=1e-12)
    nearby = logits[None] + 0.1 * jax.random.normal(jax.random.key(0), (20, 6))
    assert (jax.jit(jax.vmap(value_of))(nearby) < value).all()


def test_the_value_at_the_best_discriminator_is_the_jensen_shannon_divergence(x64):
    p, q = jnp.asarray(REAL_COUNTS / 60), jnp.asarray(FAKE_COUNTS / 60)
    best = minimax.optimal_discriminator(p, q)
    logits = jnp.log(best) - jnp.log1p(-best)
    value = value_of(jnp.maximum(logits, -40.0))
    assert float(value) == pytest.approx(-math.log(4) + 2 * float(minimax.jensen_shannon_divergence(p, q)), abs=1e-12)


def test_equal_densities_give_one_half_and_minus_log_4(x64):
    p = jnp.asarray(REAL_COUNTS / 60)
    assert minimax.optimal_discriminator(p, p).tolist() == [0.5] * 6
    assert float(minimax.jensen_shannon_divergence(p, p)) == 0.0
    assert float(minimax.value(jnp.zeros(9), jnp.zeros(4))) == pytest.approx(-math.log(4))


def test_both_generator_losses_pull_the_same_way():
    """Same sign of the gradient in every logit; where D is sure, only the non-saturating one is still strong."""
    logits = jnp.array([-8.0, -1.0, 0.0, 2.0])
    saturating = jax.grad(minimax.saturating_generator_loss)(logits)
    other = jax.grad(minimax.non_saturating_generator_loss)(logits)
    assert (saturating < 0).all()
    assert (other < 0).all()
    assert float(other[0] / saturating[0]) > 1000
    np.testing.assert_allclose(saturating, -jax.nn.sigmoid(logits) / 4, rtol=1e-5)


def mixture(key, n):
    """Two unequal Gaussians on a line: 0.7 N(-1, 0.5^2) + 0.3 N(1.5, 0.3^2)."""
    side_key, key = jax.random.split(key)
    left = jax.random.bernoulli(side_key, 0.7, (n,))
    return jnp.where(left, -1.0, 1.5) + jnp.where(left, 0.5, 0.3) * jax.random.normal(key, (n,))


def normal_density(x, mean, std):
    return jnp.exp(-((x - mean) ** 2) / (2 * std**2)) / (std * math.sqrt(2 * math.pi))


def mixture_density(x):
    return 0.7 * normal_density(x, -1.0, 0.5) + 0.3 * normal_density(x, 1.5, 0.3)


def test_a_trained_discriminator_reaches_the_best_one():
    """The generator stays N(0, 1): D(x) comes to p / (p + p_g) wherever there is data, and V to -log 4 + 2 JSD."""
    config = mlp.Config(n_in=1, n_out=1, widths=(32, 32), activation="gelu")
    optimizer = optim.adam(optim.cosine_schedule(1e-2, 600))
    logit = lambda params, x: mlp.apply(params, x[:, None], config)[:, 0]  # noqa: E731

    def loss(params, key):
        real_key, fake_key = jax.random.split(key)
        real, fake = mixture(real_key, 1024), jax.random.normal(fake_key, (1024,))
        return minimax.discriminator_loss(logit(params, real), logit(params, fake))

    @jax.jit
    def train(params):
        def step(carry, key):
            params, state = carry
            updates, state = optimizer.update(jax.grad(loss)(params, key), state, params)
            return (optax.apply_updates(params, updates), state), None

        keys = jax.random.split(jax.random.key(1), 600)
        return jax.lax.scan(step, (params, optimizer.init(params)), keys)[0][0]

    params = train(mlp.init(jax.random.key(0), config))
    x = jnp.linspace(-2.0, 2.0, 81)
    p, q = mixture_density(x), normal_density(x, 0.0, 1.0)
    error = jnp.abs(jax.nn.sigmoid(logit(params, x)) - minimax.optimal_discriminator(p, q))
    assert float(error.max()) < 0.1
    assert float(error.mean()) < 0.03
    fine = jnp.linspace(-8.0, 8.0, 4001)
    weights = jnp.stack([mixture_density(fine), normal_density(fine, 0.0, 1.0)]) * (16 / 4000)
    expected = -math.log(4) + 2 * float(minimax.jensen_shannon_divergence(weights[0], weights[1]))
    log_d, log_not_d = jax.nn.log_sigmoid(logit(params, fine)), jax.nn.log_sigmoid(-logit(params, fine))
    assert float(weights[0] @ log_d + weights[1] @ log_not_d) == pytest.approx(expected, abs=0.02)


@pytest.mark.slow
def test_a_game_on_a_line_comes_to_its_equilibrium():
    """The generator finds both Gaussians in their shares, D says 1/2 everywhere, and V is -log 4."""
    model = gan.Config(
        size=(1,),
        kind="dense",
        n_latent=4,
        generator=(64, 64),
        discriminator=(64, 64),
        output="identity",
        generator_norm="none",
        discriminator_norm="none",
    )
    config = adversarial.Config(generator_rate=1e-3, discriminator_rate=2e-3, r1=0.05, ewma=0.999)
    players = adversarial.players(gan, model)
    step = adversarial.make_adversarial_step(players, config)

    @jax.jit
    def train(state):
        def one(state, key):
            x = mixture(key, 256)[:, None]
            return step(state, {"x": x, "mask": jnp.ones(256, bool)})

        return jax.lax.scan(one, state, jax.random.split(jax.random.key(2), 4000))

    state, metrics = train(adversarial.init_game(jax.random.key(0), players, config))
    samples = game.fixed_samples(players, state, config, 4000)[:, 0]
    left = samples < 0.4
    assert float(left.mean()) == pytest.approx(0.7, abs=0.08)
    assert float(samples[left].mean()) == pytest.approx(-1.0, abs=0.12)
    assert float(samples[~left].mean()) == pytest.approx(1.5, abs=0.12)
    last = {name: float(total[-500:].sum()) / float(count[-500:].sum()) for name, (total, count) in metrics.items()}
    assert last["d_real"] == pytest.approx(0.5, abs=0.03)
    assert last["d_fake"] == pytest.approx(0.5, abs=0.03)
    assert last["discriminator_loss"] == pytest.approx(math.log(4), abs=0.03)
