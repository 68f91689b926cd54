"""Every model after twenty steps on eight devices is what it is on one: cut rows, cut parameters, cut matrices.

In float32, by plain gradient descent: Adam divides by the root of its second moment and makes a whole step of a
gradient that is nothing but rounding, so that 1e-8 between two meshes becomes 1e-3. The game has Adam inside, and is
compared in float64. Dropout, corruption and codes are drawn in all of them, and batch norm sees the whole batch.
"""

import dataclasses
import functools
from types import ModuleType
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from small_tasks import plain, without_seconds

from jaxdl import metrics, models
from jaxdl.data import Splits
from jaxdl.models import (
    autoencoder,
    cnn,
    factorization,
    linear,
    mlp,
    perceptron,
    ranker,
    resnet,
    rnn,
    seq2seq,
    softmax_factorization,
    text_cnn,
    transformer,
    unet,
    vae,
    vit,
)
from jaxdl.models.ranker import N_FEATURES
from jaxdl.optim import sgd
from jaxdl.recipes import digits_gan
from jaxdl.training import Task, fit, init_train_state, make_train_step

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(len(jax.devices()) < 8, reason="needs eight devices"),
    pytest.mark.usefixtures("compiled_lightly"),
]
MESHES = ("data=8", "shard=8", "model=8")
ROWS, BATCH = 156, 16  # ten steps an epoch; the last one has 12 rows, which eight devices do not divide
RNG = np.random.default_rng(0)


def normal(*shape: int) -> np.ndarray:
    return RNG.normal(size=(ROWS, *shape)).astype(np.float32)


def tokens(n: int, *shape: int) -> np.ndarray:
    return RNG.integers(1, n, (ROWS, *shape)).astype(np.int32)


IMAGES, TEXTS = normal(8, 8, 1), (tokens(16, 6), tokens(16, 5))
CASES: dict[str, tuple[ModuleType, Any, Any]] = {
    "linear": (linear, linear.Config(8, 8), normal(8)),
    "perceptron": (perceptron, perceptron.Config(8, activation="sigmoid", stddev=0.1), normal(8)),
    "mlp": (mlp, mlp.Config(n_in=8, n_out=4, widths=(16, 8), dropout=0.2), normal(8)),
    "cnn": (cnn, cnn.Config(size=(8, 8), n_out=4, channels=(8,), widths=(16,), normalization="batch"), IMAGES),
    "resnet": (resnet, resnet.Config(1, 4, channels=(8, 16), blocks=1, dropout=0.1), IMAGES),
    "rnn": (rnn, rnn.Config(2, 1, n_hidden=8, n_layers=2, dropout=0.2), normal(6, 2)),
    "vit": (vit, vit.Config((8, 8), 1, 4, 4, d_model=16, n_heads=2, n_layers=2, d_hidden=32), IMAGES),
    "text_cnn": (text_cnn, text_cnn.Config(16, 4, d_embedding=8, windows=(2, 3), n_maps=8), tokens(16, 6)),
    "autoencoder": (
        autoencoder,
        autoencoder.Config(
            (8, 8, 1), 8, widths=(16,), loss="squared_error", corruption="gaussian", corruption_level=0.3
        ),
        IMAGES,
    ),
    "vae": (vae, vae.Config((8, 8, 1), 8, widths=(16,)), IMAGES),
    "unet": (unet, unet.Config(channels=(8, 16), groups=4, n_embedding=16, dropout=0.1), (IMAGES, tokens(100))),
    "seq2seq": (seq2seq, seq2seq.Config(16, 16, d_embedding=8, n_hidden=8, bidirectional=True, dropout=0.1), TEXTS),
    "transformer": (
        transformer,
        transformer.Config(16, 16, d_model=16, n_heads=2, n_encoder_layers=2, n_decoder_layers=7, d_hidden=32),
        TEXTS,
    ),
    "factorization": (factorization, factorization.Config(16, 24), np.stack([tokens(16), tokens(24)], axis=1)),
    "softmax_factorization": (
        softmax_factorization,
        softmax_factorization.Config(16, n_factors=8, dropout=0.2),
        (normal(16) > 0).astype(np.float32),
    ),
    "ranker": (
        ranker,
        ranker.Config(16, 8, n_grams=4, n_sentences=3, width=8, dropout=0.2),
        {"tokens": tokens(16, 3, 4), "features": normal(3, N_FEATURES), "present": np.ones((ROWS, 3), bool)},
    ),
}
NOT_TRAINED = {"recommender", "textrank", "ddpm"}  # ddpm is a process around a network such as `unet`


def regression(name: str) -> Task:
    """The squared distance of a model's outputs from drawn targets."""
    module, config, x = CASES[name]
    model = models.bind(module, config)
    leaves, structure = jax.tree.flatten(x)
    data = {f"x_{i}": leaf for i, leaf in enumerate(leaves)}

    def outputs(params, state, batch, **options):
        return model.apply(
            params, state, jax.tree.unflatten(structure, [batch[f"x_{i}"] for i in range(len(leaves))]), **options
        )

    def loss_fn(params, state, batch, key):
        y, state = outputs(params, state, batch, train=True, key=key)
        each = ((y - batch["target"]) ** 2).reshape(y.shape[0], -1).mean(axis=1)
        loss = metrics.mean(each, where=batch["mask"])
        return metrics.value(loss), (state, {"loss": loss})

    def evaluate_batch(state, batch):
        y, _ = outputs(state.params, state.state, batch, train=False)
        each = ((y - batch["target"]) ** 2).reshape(y.shape[0], -1).mean(axis=1)
        return {"loss": metrics.mean(each, where=batch["mask"])}

    def init(key):
        params_key, run_key = jax.random.split(key)
        params, state = model.init(params_key)
        return init_train_state(run_key, params, optimizer, state)

    optimizer = sgd(0.02)
    shapes = jax.eval_shape(init, jax.random.key(0))
    y = jax.eval_shape(lambda s: outputs(s.params, s.state, data, train=False)[0], shapes)
    data["target"] = np.random.default_rng(1).normal(size=y.shape).astype(np.float32)
    validation = {key: values[:20] for key, values in data.items()}
    step = make_train_step(loss_fn, optimizer)
    return Task(init, step, evaluate_batch, Splits(data, validation, {}), monitor="val_loss")


@functools.cache
def on_one(name: str) -> Any:
    return fit(regression(name), epochs=2, batch_size=BATCH, steps_per_call=10)


def test_every_model_that_is_trained_is_here():
    assert set(models.names()) == CASES.keys() | NOT_TRAINED | {"gan"}


@pytest.mark.parametrize("mesh", MESHES)
@pytest.mark.parametrize("name", CASES)
def test_on_every_mesh_as_on_one_device(name, mesh):
    one, many = on_one(name), fit(regression(name), epochs=2, batch_size=BATCH, steps_per_call=10, mesh=mesh)
    for a, b in zip(plain(one.state), plain(many.state), strict=True):
        np.testing.assert_allclose(b, a, rtol=1e-5, atol=1e-5)
    for score, values in without_seconds(one.history).items():
        np.testing.assert_allclose(many.history.history[score], values, rtol=1e-5)


@functools.cache
def game_on(mesh: str | None) -> Any:
    players = dataclasses.replace(digits_gan.Config().model, generator=(16,), discriminator=(16,), n_latent=8)
    task = digits_gan.task(dataclasses.replace(digits_gan.Config(), model=players))
    x = task.data.train["x"][:ROWS].astype(np.float64) / 255
    data = Splits({"x": x, "y": task.data.train["y"][:ROWS]}, {}, {})

    def wide(leaf):
        return leaf.astype(np.float64) if jnp.issubdtype(leaf.dtype, jnp.floating) else leaf

    task = task._replace(init=lambda key, init=task.init: jax.tree.map(wide, init(key)), data=data, callbacks=())
    return fit(task, epochs=2, batch_size=BATCH, steps_per_call=10, mesh=mesh)


@pytest.mark.parametrize("mesh", MESHES)
def test_a_game_of_two_players_on_every_mesh(mesh, x64):
    """Adam's steps in float64: in float32 what is rounding in a gradient becomes a whole step."""
    one, many = game_on(None), game_on(mesh)
    for a, b in zip(plain(one.state), plain(many.state), strict=True):
        np.testing.assert_allclose(b, a, rtol=1e-5, atol=1e-5)
    for score, values in without_seconds(one.history).items():
        np.testing.assert_allclose(many.history.history[score], values, rtol=1e-5)
