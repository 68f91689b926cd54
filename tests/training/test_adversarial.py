"""The minimax game: its theory on densities that are known, the step against one written out, sweeps, collapse."""

import dataclasses
import math

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from jaxdl import minimax, optim
from jaxdl.data import Splits
from jaxdl.models import gan, mlp
from jaxdl.training import Event, History, TrainState, adversarial, fit, game

MODEL = gan.Config(
    size=(2,),
    kind="dense",
    n_latent=3,
    generator=(6,),
    discriminator=(5, 4),
    output="identity",
    discriminator_norm="none",
)
PLAIN = adversarial.Config(batch_size=8, generator_rate=1e-2, discriminator_rate=2e-2)


def batch(n=8, key=1):
    x = jax.random.normal(jax.random.key(key), (n, 2)) + 1.0
    return {"x": x, "y": jnp.arange(n) % 3, "mask": jnp.ones(n, bool)}


def close(a, b, rtol=1e-5):
    for x, y in zip(jax.tree.leaves(a), jax.tree.leaves(b), strict=True):
        np.testing.assert_allclose(np.asarray(x), np.asarray(y), rtol=rtol, atol=1e-6)


# Theory: densities on six places, as exact counts of 60 examples each.

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
    model = dataclasses.replace(
        MODEL, size=(1,), n_latent=4, generator=(64, 64), discriminator=(64, 64), generator_norm="none"
    )
    config = adversarial.Config(generator_rate=1e-3, discriminator_rate=2e-3, r1=0.05, average=0.999)
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
    last = {name: float(total[-500:].sum() / count[-500:].sum()) for name, (total, count) in metrics.items()}
    assert last["d_real"] == pytest.approx(0.5, abs=0.03)
    assert last["d_fake"] == pytest.approx(0.5, abs=0.03)
    assert last["discriminator_loss"] == pytest.approx(math.log(4), abs=0.03)


# The step, against one written out.


def written_out(config, state: TrainState, data) -> tuple:
    """One step of the game without the shared forward pass: parameters of both players behind it."""
    optimizer, key = adversarial.optimizers(config), jax.random.fold_in(jax.random.split(state.key)[1], state.step)
    g, d = state.params["generator"], state.params["discriminator"]
    d_opt, g_state, k = state.opt_state["discriminator"], state.state["generator"], config.discriminator_steps
    n = len(data["x"]) // k
    z = [jax.random.normal(jax.random.fold_in(key, i), (n, 3)) for i in range(k)]
    for i in range(k):
        x, mask = data["x"][i * n : (i + 1) * n], data["mask"][i * n : (i + 1) * n]
        fake, _ = gan.generate(g, g_state, z[i], MODEL, train=True)

        def d_loss(d, x=x, mask=mask, fake=fake):
            logit = lambda x: gan.discriminate(d, {}, x, MODEL, train=True)[0]  # noqa: E731
            target = 1 - config.label_smoothing
            real = -(target * jax.nn.log_sigmoid(logit(x)) + (1 - target) * jax.nn.log_sigmoid(-logit(x)))
            slopes = jax.vmap(jax.grad(lambda row: logit(row[None])[0]))(x)
            penalty = config.r1 / 2 * (slopes**2).sum(1)
            kept = jnp.where(mask, real + penalty, 0).sum() / mask.sum().astype(jnp.float32)
            return kept - jax.nn.log_sigmoid(-logit(fake)).mean()

        updates, d_opt = optimizer["discriminator"].update(jax.grad(d_loss)(d), d_opt, d)
        d = optax.apply_updates(d, updates)

    def g_loss(g):
        fake, _ = gan.generate(g, g_state, z[-1], MODEL, train=True)
        logit = gan.discriminate(d, {}, fake, MODEL, train=True)[0]
        return jax.nn.log_sigmoid(-logit).mean() if config.saturating else -jax.nn.log_sigmoid(logit).mean()

    updates, _ = optimizer["generator"].update(jax.grad(g_loss)(g), state.opt_state["generator"], g)
    return optax.apply_updates(g, updates), d


ALL_OPTIONS = {"discriminator_steps": 2, "label_smoothing": 0.1, "saturating": True, "r1": 0.5}


@pytest.mark.parametrize("changes", [{}, ALL_OPTIONS], ids=["plain", "all options"])
def test_the_step_equals_one_written_out(changes):
    config = dataclasses.replace(PLAIN, **changes)
    players = adversarial.players(gan, MODEL)
    state = adversarial.init_game(jax.random.key(0), players, config)
    data = batch()
    data["mask"] = data["mask"].at[jnp.array([2, 7])].set(False)
    after, metrics = jax.jit(adversarial.make_adversarial_step(players, config))(state, data)
    g, d = jax.jit(lambda s: written_out(config, s, data))(state)
    close(after.params["generator"], g)
    close(after.params["discriminator"], d)
    assert set(metrics) == {"generator_loss", "discriminator_loss", "d_real", "d_fake"}
    assert int(after.step) == 1


def test_the_average_is_that_of_the_generators():
    config = dataclasses.replace(PLAIN, average=0.5)
    players = adversarial.players(gan, MODEL)
    step = jax.jit(adversarial.make_adversarial_step(players, config))
    state = adversarial.init_game(jax.random.key(0), players, config)
    close(adversarial.averaged_generator(state, config)[0], state.params["generator"])
    seen = []
    for i in range(3):
        state, _ = step(state, batch(key=i))
        seen.append((state.params["generator"], state.state["generator"]))
    expected = jax.tree.map(lambda a, b, c: (0.125 * a + 0.25 * b + 0.5 * c) / 0.875, *seen)
    close(adversarial.averaged_generator(state, config), expected)


def test_a_sweep_of_seeds_in_one_call_equals_one_by_one():
    """Eight conditional games, a step each: vmapped over the states, and one after the other."""
    model = dataclasses.replace(MODEL, n_classes=3)
    players = adversarial.players(gan, model)
    step = adversarial.make_adversarial_step(players, PLAIN)
    one = lambda key: adversarial.init_game(key, players, PLAIN)  # noqa: E731

    keys = jax.random.split(jax.random.key(5), 8)
    data = batch()
    together, metrics = jax.jit(lambda keys: jax.vmap(lambda key: step(one(key), data))(keys))(keys)
    alone = jax.jit(lambda key: step(one(key), data))
    for i in (0, 3, 7):
        state, own = alone(keys[i])
        close(jax.tree.map(lambda leaf, i=i: leaf[i], together.params), state.params, rtol=1e-4)
        close(jax.tree.map(lambda leaf, i=i: leaf[i], metrics), own, rtol=1e-4)
    weights = together.params["generator"]["layer_0"]["w"]
    assert float(jnp.abs(weights[0] - weights[1]).max()) > 1e-3


# The task.


def rows(n, seed):
    x = np.random.default_rng(seed).normal(size=(n, 2)).astype(np.float32)
    return {"x": x, "y": np.arange(n, dtype=np.int32) % 3}


def task(config=PLAIN, model=MODEL, **options):
    return game.game(adversarial.players(gan, model), config, Splits(rows(20, 0), rows(12, 1), {}), **options)


def test_a_resumed_game_is_bit_identical(tmp_path):
    """Twenty rows in batches of 8: the last batch of an epoch is incomplete."""
    whole = fit(task(), epochs=2, batch_size=8)
    fit(task(), epochs=1, batch_size=8, run_dir=tmp_path)
    resumed = fit(task(), epochs=2, batch_size=8, run_dir=tmp_path, resume=True)
    assert resumed.history.epoch == [1, 2]
    a, b = (result.state._replace(key=jax.random.key_data(result.state.key)) for result in (whole, resumed))
    for x, y in zip(jax.tree.leaves(a), jax.tree.leaves(b), strict=True):
        np.testing.assert_array_equal(x, y)
    assert 0 <= resumed.history.last()["val_coverage"] <= 1


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"discriminator_steps": 3}, "discriminator_steps 3 must divide batch_size 8"),
        ({"discriminator_steps": 0}, "discriminator_steps must be positive"),
        ({"label_smoothing": 1.0}, "label_smoothing must be in"),
        ({"average": 1.0}, "average must be in"),
        ({"r1": -1.0}, "r1 must be finite and at least 0"),
        ({"validation": 0.0}, "validation must be positive"),
        ({"seed": 2**32}, "seed must be below"),
    ],
)
def test_impossible_options_are_refused(changes, message):
    with pytest.raises(ValueError, match=message):
        dataclasses.replace(PLAIN, **changes)


def test_impossible_data_are_refused():
    with pytest.raises(ValueError, match=r"makes examples of \(3,\), the data have \(2,\)"):
        task(model=dataclasses.replace(MODEL, size=(3,)))
    with pytest.raises(ValueError, match="not a label in"):
        task(n_classes=2)
    with pytest.raises(ValueError, match="must divide 20 examples"):
        task(dataclasses.replace(PLAIN, batch_size=None, discriminator_steps=3))


def test_collapse_is_reported_once_and_again_after_a_recovery(capsys):
    callback, history = game.report_collapse(), History()
    state = adversarial.init_game(jax.random.key(0), adversarial.players(gan, MODEL), PLAIN)
    for epoch, value in enumerate([0.05, 0.01, 0.6, 0.2, 0.1, 0.5, 0.25], 1):
        history.append(epoch, {"val_coverage": value})
        callback(Event("epoch", epoch, epoch, state, {"val_coverage": value}, history, None))
    reported = capsys.readouterr().err.splitlines()
    assert reported == [
        "epoch 4: collapse: val_coverage 0.200, it was 0.600",
        "epoch 7: collapse: val_coverage 0.250, it was 0.600",
    ]
