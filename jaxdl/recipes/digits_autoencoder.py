"""Handwritten digits (8x8, embedded) through a bottleneck of two numbers: an undercomplete autoencoder beside PCA.

jaxdl train digits_autoencoder

Explained variance 0.5540 (mean of 5 seeds), 28 s for the fastest run on cpu, 2 cores; record of 2026-11-21.
"""

import dataclasses
import functools
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from jaxdl import data
from jaxdl.artifacts import pictures
from jaxdl.models import autoencoder
from jaxdl.tasks import autoencoding, supervised
from jaxdl.training import Task, TrainState


@dataclasses.dataclass(frozen=True)
class Config(supervised.Config):
    """Digits with an autoencoder.

    Attributes:
        model: the network; with `--model.n-code 2` the codes are drawn in the plane.
    """

    model: autoencoder.Config = autoencoder.Config(shape=(8, 8, 1), n_code=2, widths=(128, 64), activation="elu")
    epochs: int = 100
    learning_rate: float = 2e-3
    schedule: supervised.Schedule = "cosine"


def task(config: Config) -> Task:
    """1,797 digits, 70 % to train on, 10 % for validation, 20 % to test; stratified, the labels only color the picture.

    Scored by the variance of the test images that two numbers explain, beside two principal components.
    """
    digits = data.load("digits")
    splits = data.split(digits.train, validation=config.validation, test=0.2, stratify="y", seed=config.seed)

    def scores(state: TrainState, _: data.Splits) -> dict[str, float]:
        return autoencoding.explained_variance(built, config.model.n_code, state)

    figures = {"reconstructions": functools.partial(autoencoding.reconstructions, config.model)}
    if config.model.n_code == 2:
        figures["codes"] = functools.partial(codes, config.model, digits.class_names)
        figures["plane"] = functools.partial(plane, config.model)
    built = autoencoding.task(
        config.model, config, splits, pictures=figures, scores=scores, headline="explained variance"
    )
    return built


def codes(model: autoencoder.Config, class_names: tuple[str, ...], state: TrainState, splits: data.Splits) -> Any:
    """Where the encoder puts every digit, in the plane of the two numbers."""
    y = np.concatenate([part["y"] for part in splits])
    return pictures.scatter(_points(model, state, splits), y, class_names, title="two-dimensional codes of all digits")


def plane(model: autoencoder.Config, state: TrainState, splits: data.Splits, *, n: int = 15) -> Any:
    """What the decoder draws at each place of the plane; the places are quantiles of the digits' codes."""
    share = np.linspace(0.01, 0.99, n)
    across, down = np.quantile(_points(model, state, splits), share, axis=0).T
    grid = np.stack(np.meshgrid(across, down[::-1]), axis=-1).reshape(-1, 2)  # upwards, as in the scatter
    decode = jax.jit(lambda code: autoencoder.reconstruction(autoencoder.decode(state.params, code, model), model))
    images = jax.device_get(decode(jnp.asarray(grid, jnp.float32)))
    return pictures.image_grid(images, columns=n, title="the decoder over the plane of codes")


def _points(model: autoencoder.Config, state: TrainState, splits: data.Splits) -> np.ndarray:
    x = np.concatenate([part["x"] for part in splits])
    return np.asarray(jax.jit(lambda x: autoencoder.encode(state.params, x, model))(jnp.asarray(x)))
