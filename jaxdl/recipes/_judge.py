"""Classifiers that judge generated images: trained once by their recipes, kept in the user's cache folder."""

import contextlib
import functools
import hashlib
import json
from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from jaxdl import metrics, models
from jaxdl.artifacts.files import write_json
from jaxdl.data.sources import cache_folder
from jaxdl.models import cnn
from jaxdl.nn import activations
from jaxdl.nn.affine import dense, flatten
from jaxdl.recipes import digits_cnn, fashion_cnn, mnist_cnn
from jaxdl.tasks import supervised
from jaxdl.training import TrainState, evaluate, fit
from jaxdl.training.parameters import read_params, write_params
from jaxdl.types import Array

_ROWS = 500
_RECIPES: dict[str, tuple[Any, Any]] = {
    "digits": (digits_cnn, digits_cnn.Config(epochs=20)),
    "mnist": (mnist_cnn, mnist_cnn.Config(model=cnn.Config(widths=(64,), dropout=0.25), epochs=2, shift=0)),
    "fashion_mnist": (fashion_cnn, fashion_cnn.Config(epochs=3)),
}


class Judge(NamedTuple):
    """A trained classifier.

    Attributes:
        classify: images [N, H, W, C], bytes or [0, 1] -> (features of the last hidden layer [N, F], logits [N, K]).
        accuracy: its own, on the test part of its data.
    """

    classify: Callable[[np.ndarray], tuple[np.ndarray, np.ndarray]]
    accuracy: float


def judge(name: str) -> Judge:
    """The classifier of a data set ("digits", "mnist" or "fashion_mnist"), from the cache or trained now.

    The folder's name holds the whole configuration, so another configuration is another classifier.
    """
    recipe, config = _RECIPES[name]
    digest = hashlib.sha256(repr(config).encode()).hexdigest()[:12]
    folder = cache_folder() / "judges" / f"{name}-{digest}"
    try:
        accuracy = float(json.loads((folder / "judge.json").read_text())["accuracy"])
        state = read_params(folder, _blank(config))
    except (OSError, ValueError, KeyError, TypeError):  # not there yet, or damaged
        task = recipe.task(config)
        state, _ = fit(task, epochs=config.epochs, batch_size=config.batch_size, seed=config.seed)
        accuracy = metrics.scalars(evaluate(task.evaluate, state, task.data.test))["accuracy"]
        with contextlib.suppress(OSError):  # a cache that cannot be written costs the next run its training again
            folder.mkdir(parents=True, exist_ok=True)
            write_params(folder, state)
            write_json(folder / "judge.json", {"accuracy": accuracy, "config": repr(config)})
    return Judge(functools.partial(_classify, config.model, state), accuracy)


def _blank(config: Any) -> TrainState:
    """Shapes of the classifier's parameters and running statistics."""
    params, state = jax.eval_shape(models.bind(cnn, config.model).init, jax.random.key(0))
    return TrainState(params, state, (), jax.random.key(0), jnp.zeros((), jnp.int32))


def _classify(config: cnn.Config, state: TrainState, images: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    forward = _forward(config)
    starts = range(0, len(images), _ROWS)
    parts = [jax.device_get(forward(state.params, state.state, jnp.asarray(images[i : i + _ROWS]))) for i in starts]
    return np.concatenate([h for h, _ in parts]), np.concatenate([logits for _, logits in parts])


@functools.cache
def _forward(config: cnn.Config) -> Callable[..., tuple[Array, Array]]:
    f, n = activations.BY_NAME[config.activation], len(config.widths)

    @jax.jit
    def forward(params: Any, state: Any, images: Array) -> tuple[Array, Array]:
        maps, _ = cnn.feature_maps(params, state, supervised.as_float(images), config)
        h = flatten(maps[-1])
        for i in range(n):
            h = f(dense(params[f"dense_{i}"], h))  # [N, F]
        return h, dense(params[f"dense_{n}"], h)

    return forward
