"""The step of two players: against one written out, in micro-batches, in sweeps; options and penalties."""

import dataclasses

import jax
import jax.flatten_util
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from small_game import MODEL, PLAIN

from jaxdl.metrics import scalars
from jaxdl.models import gan
from jaxdl.tasks import adversarial, game
from jaxdl.training import TrainState


def batch(n=8, key=1):
    x = jax.random.normal(jax.random.key(key), (n, 2)) + 1.0
    return {"x": x, "y": jnp.arange(n) % 3, "mask": jnp.ones(n, bool)}


def close(a, b, rtol=1e-5):
    for x, y in zip(jax.tree.leaves(a), jax.tree.leaves(b), strict=True):
        np.testing.assert_allclose(np.asarray(x), np.asarray(y), rtol=rtol, atol=1e-6)


def written_out(config, state: TrainState, data) -> tuple:
    """One step of the game in the plainest form: parameters of both players after it."""
    optimizer, key = adversarial.optimizers(config), jax.random.fold_in(jax.random.split(state.key)[1], state.step)
    g, d = state.params["generator"], state.params["discriminator"]
    d_opt, g_state, k = state.opt_state["discriminator"], state.state["generator"], config.discriminator_steps
    n = len(data["x"]) // k
    z = [jax.random.normal(jax.random.fold_in(key, i), (n, 3)) for i in range(k)]
    for i in range(k):
        x, mask = data["x"][i * n : (i + 1) * n], data["mask"][i * n : (i + 1) * n]
        fake, _ = gan.generate(g, g_state, z[i], MODEL, train=True)

        def d_loss(d, x=x, mask=mask, fake=fake, i=i):
            logit = lambda x: gan.discriminate(d, {}, x, MODEL, train=True)[0]  # noqa: E731
            if config.loss == "wasserstein":
                s = jax.random.uniform(jax.random.fold_in(key, k + i), (n, 1))
                slopes = jax.vmap(jax.grad(lambda row: logit(row[None])[0]))(s * x + (1 - s) * fake)
                of_data = -logit(x) + config.gradient_penalty * (jnp.linalg.norm(slopes, axis=1) - 1) ** 2
                return jnp.where(mask, of_data, 0).sum() / mask.sum().astype(jnp.float32) + logit(fake).mean()
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
        if config.loss == "wasserstein":
            return -logit.mean()
        return jax.nn.log_sigmoid(-logit).mean() if config.loss == "saturating" else -jax.nn.log_sigmoid(logit).mean()

    updates, _ = optimizer["generator"].update(jax.grad(g_loss)(g), state.opt_state["generator"], g)
    return optax.apply_updates(g, updates), d


ALL_OPTIONS = {"discriminator_steps": 2, "label_smoothing": 0.1, "loss": "saturating", "r1": 0.5}

WASSERSTEIN = {"discriminator_steps": 2, "loss": "wasserstein", "gradient_penalty": 3.0, "optimizer": "rmsprop"}


@pytest.mark.parametrize("changes", [{}, ALL_OPTIONS, WASSERSTEIN], ids=["plain", "all options", "wasserstein"])
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


def test_micro_batches_have_the_gradients_of_their_batch():
    """Without batch norm; the penalty on the data is a mean over rows as well."""
    model = dataclasses.replace(MODEL, n_classes=3, generator_norm="none")
    players, config = adversarial.players(gan, model), dataclasses.replace(PLAIN, r1=0.5, discriminator_steps=2)
    state = jax.jit(lambda key: adversarial.init_game(key, players, config))(jax.random.key(0))
    after = [
        jax.jit(adversarial.make_adversarial_step(players, dataclasses.replace(config, accumulate=n)))(state, batch(16))
        for n in (1, 4)
    ]
    close(after[0][0].params, after[1][0].params, rtol=1e-4)
    close(scalars(after[0][1]), scalars(after[1][1]), rtol=1e-4)


def test_bfloat16_moves_float32_players_almost_alike():
    model = dataclasses.replace(MODEL, generator_norm="batch", discriminator_norm="spectral")
    players, config = adversarial.players(gan, model), dataclasses.replace(PLAIN, optimizer="sgd")
    state = jax.jit(lambda key: adversarial.init_game(key, players, config))(jax.random.key(0))
    full, half = (
        jax.jit(adversarial.make_adversarial_step(players, dataclasses.replace(config, precision=precision)))(
            state, batch()
        )[0]
        for precision in ("f32", "bf16")
    )
    assert jax.tree.map(lambda leaf: leaf.dtype, full) == jax.tree.map(lambda leaf: leaf.dtype, half)
    for name in ("generator", "discriminator"):
        leaves = [
            np.concatenate([leaf.ravel() for leaf in jax.tree.leaves(s.params[name])]) for s in (full, half, state)
        ]
        moved, rounding = leaves[0] - leaves[2], leaves[1] - leaves[0]
        assert 0 < np.linalg.norm(rounding) < 0.2 * np.linalg.norm(moved)


def test_each_player_has_its_own_rule_and_schedule():
    rules = adversarial.optimizers(
        adversarial.Config(
            optimizer="sgd", schedule="cosine", epochs=1, batch_size=8, discriminator_steps=2, discriminator_rate=1.0
        ),
        n_examples=16,
    )
    steps = {}
    for name, n in (("generator", 2), ("discriminator", 4)):
        rule, state = rules[name], rules[name].init(jnp.zeros(()))
        steps[name] = []
        for _ in range(n):
            update, state = rule.update(jnp.ones(()), state)
            steps[name].append(-float(jnp.asarray(update)))
    np.testing.assert_allclose(steps["generator"], [2e-4, 1e-4], rtol=1e-5)
    np.testing.assert_allclose(steps["discriminator"], 0.5 * (1 + np.cos(np.pi * np.arange(4) / 4)), rtol=1e-5)
    with pytest.raises(ValueError, match='schedule "cosine" ends with the run'):
        adversarial.optimizers(adversarial.Config(schedule="cosine"))

    players, mine = adversarial.players(gan, MODEL), {"generator": optax.sgd(0.0), "discriminator": optax.sgd(1e-2)}
    state = jax.jit(lambda key: adversarial.init_game(key, players, PLAIN, mine))(jax.random.key(0))
    after, _ = jax.jit(adversarial.make_adversarial_step(players, PLAIN, mine))(state, batch())
    close(after.params["generator"], state.params["generator"], rtol=0)
    assert (
        np.abs(after.params["discriminator"]["layer_0"]["w"] - state.params["discriminator"]["layer_0"]["w"]).max() > 0
    )


def test_the_average_is_that_of_the_generators():
    config = dataclasses.replace(PLAIN, ewma=0.5)
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


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"discriminator_steps": 3}, "discriminator_steps 3 must divide batch_size 8"),
        ({"discriminator_steps": 0}, "discriminator_steps must be positive"),
        ({"accumulate": 3}, "accumulate 3 must divide the 8 examples of batch_size 8 / 1"),
        ({"loss": "wasserstein", "label_smoothing": 0.1}, "label_smoothing 0.1 is for probabilities"),
        ({"loss": "hinge"}, "unknown loss 'hinge'"),
        ({"optimizer": "adamw"}, "unknown optimizer 'adamw'"),
        ({"label_smoothing": 1.0}, "label_smoothing must be in"),
        ({"ewma": 1.0}, "ewma must be in"),
        ({"r1": -1.0}, "r1 must be finite and at least 0"),
        ({"validation": 0.0}, "validation must be positive"),
        ({"seed": 2**32}, "seed must be a whole number"),
    ],
)
def test_impossible_options_are_refused(changes, message):
    with pytest.raises(ValueError, match=message):
        dataclasses.replace(PLAIN, **changes)


def test_the_penalty_on_gradients_refuses_batch_norm_in_the_discriminator():
    """The logit of one example would depend on the others; the first layer never has a norm."""
    config, normalized = dataclasses.replace(PLAIN, r1=0.5), dataclasses.replace(MODEL, discriminator_norm="batch")
    with pytest.raises(ValueError, match=r"r1 0.5 penalizes .* batch norm in the discriminator mixes the examples"):
        adversarial.make_adversarial_step(adversarial.players(gan, normalized), config)
    critic = dataclasses.replace(PLAIN, loss="wasserstein")
    with pytest.raises(ValueError, match=r"gradient_penalty 10.0 penalizes .* batch norm in the discriminator"):
        adversarial.make_adversarial_step(adversarial.players(gan, normalized), critic)
    for allowed in (dataclasses.replace(normalized, discriminator=(5,)), MODEL):
        adversarial.make_adversarial_step(adversarial.players(gan, allowed), config)
        adversarial.make_adversarial_step(adversarial.players(gan, allowed), critic)


def test_a_critic_needs_a_bounded_slope():
    free = dataclasses.replace(PLAIN, loss="wasserstein", gradient_penalty=0.0)
    with pytest.raises(ValueError, match="a Wasserstein critic needs a bounded slope"):
        adversarial.make_adversarial_step(adversarial.players(gan, MODEL), free)
    spectral = dataclasses.replace(MODEL, discriminator_norm="spectral")
    adversarial.make_adversarial_step(adversarial.players(gan, spectral), free)
    assert game.equilibrium(free) == {"discriminator_loss": 0.0}


@pytest.mark.parametrize("condition", ["projection", "one_hot", "embedding"])
@pytest.mark.parametrize("precision", ["f32", "bf16"])
def test_a_critic_judges_images_of_classes(condition, precision):
    """The step keeps shapes and dtypes, through the second derivatives of convolutions as well."""
    sizes = {"size": (8, 8, 1), "n_latent": 3, "generator": (2,), "discriminator": (2, 3), "n_classes": 3}
    model = gan.Config(**sizes, discriminator_norm="none", condition=condition)
    config = dataclasses.replace(PLAIN, loss="wasserstein", precision=precision, discriminator_steps=2)
    players = adversarial.players(gan, model)
    state = jax.eval_shape(lambda key: adversarial.init_game(key, players, config), jax.random.key(0))
    data = batch() | {"x": jnp.zeros((8, 8, 8, 1))}
    after, _ = jax.eval_shape(adversarial.make_adversarial_step(players, config), state, data)
    describe = lambda tree: jax.tree.map(lambda leaf: (leaf.shape, leaf.dtype), tree)  # noqa: E731
    assert describe(after) == describe(state)
