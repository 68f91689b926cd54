"""What the GAN recipes share: the task, samples and interpolations in blocks, sheets of them, and their scores."""

import functools
import math
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from jaxdl import data
from jaxdl.artifacts import pictures
from jaxdl.data.splits import Splits
from jaxdl.metrics.sample_scores import parzen_scores
from jaxdl.models import gan
from jaxdl.recipes import _samples
from jaxdl.recipes._judge import judge
from jaxdl.tasks import adversarial
from jaxdl.tasks import game as adversarial_game
from jaxdl.tasks.supervised import as_float
from jaxdl.training import Task, TrainState
from jaxdl.training.memory import require_memory
from jaxdl.types import Array, Key

SAMPLES = 10_000  # that the scores are computed from
_ROWS = 500


def game(config: Any, splits: Splits, **fields: Any) -> Task:
    """The game of `jaxdl.models.gan`; `config` is an adversarial.Config with `model`, `fields` are those of `game`."""
    return adversarial_game.game(adversarial.players(gan, config.model), config, splits, **fields)


def sample(config: Any, state: TrainState, key: Key, *, count: int, label: int | None = None) -> np.ndarray:
    """[count, *size] examples of the averaged generator. A conditional one makes its classes in turn, or one of them.

    Args:
        config: a recipe's Config.
        state: of a run.
        key: of the noise.
        label: the class; None for all of them in turn.
    Raises: ValueError for a class that the network does not have, and more examples than the memory holds.
    """
    _require_room(config.model, count)
    z = jax.random.normal(key, (count, config.model.n_latent))
    return _generate(config, state, z, _samples.classes(config.model.n_classes, count, label))


def interpolate(
    config: Any, state: TrainState, key: Key, *, count: int, steps: int, label: int | None = None
) -> np.ndarray:
    """[count * steps, *size]: `count` walks of `steps` examples from one noise to another, on the great circle.

        z(t) = (sin((1 - t) w) a + sin(t w) b) / sin w,    w the angle between a and b,    t from 0 to 1

    A straight line would pass close to 0, where hardly any noise falls.
    Reference: Shoemake, "Animating rotation with quaternion curves", 1985.
    """
    _require_room(config.model, count * steps)
    if steps < 2:
        raise ValueError(f"interpolate: a walk has at least 2 steps, got {steps}")
    ends = jax.random.normal(key, (2, count, 1, config.model.n_latent))
    unit = ends / jnp.linalg.norm(ends, axis=-1, keepdims=True)
    angle = jnp.arccos(jnp.clip((unit[0] * unit[1]).sum(-1, keepdims=True), -1, 1))  # [count, 1, 1]
    t = jnp.linspace(0.0, 1.0, steps)[None, :, None]
    shares = [jnp.sin((1 - t) * angle) / jnp.sin(angle), jnp.sin(t * angle) / jnp.sin(angle)]
    z = shares[0] * ends[0] + shares[1] * ends[1]  # [count, steps, n_latent]
    labels = _samples.classes(config.model.n_classes, count, label)
    rows = None if labels is None else np.repeat(labels, steps)
    return _generate(config, state, z.reshape(count * steps, -1), rows)


def _require_room(model: gan.Config, count: int) -> None:
    needed = 4 * count * (model.n_latent + 2 * math.prod(model.size))  # the noise, the examples, and the sheet of them
    require_memory(f"sample: {count:,} examples", needed, "ask for fewer")


def _generate(config: Any, state: TrainState, z: Array, labels: np.ndarray | None) -> np.ndarray:
    """In blocks of equal size, so that one program serves all and its maps stay small."""
    n = len(z)
    rows = min(_ROWS, n)
    fill = -n % rows
    z = jnp.concatenate([z, z[:fill]])
    labels = None if labels is None else np.concatenate([labels, labels[:fill]])
    state, program = state._replace(opt_state=()), _program(config)
    parts = [
        program(state, z[i : i + rows], None if labels is None else labels[i : i + rows]) for i in range(0, n, rows)
    ]
    return np.concatenate(jax.device_get(parts))[:n]


@functools.cache
def _program(config: Any) -> Callable[..., Array]:
    def examples(state: TrainState, z: Array, y: Array | None) -> Array:
        params, statistics = adversarial.averaged_generator(state, config)
        return gan.generate(params, statistics, z, config.model, train=False, labels=y)[0]

    return jax.jit(examples)


def image_task(name: str, config: Any, *, headline: str, test: float = 0.0) -> Task:
    """The game on one of the image data sets, with a sheet of samples after every epoch and all scores at the end.

    Args:
        name: of the data set; one that `judge` knows.
        config: an adversarial.Config with `model`.
        headline: the score that the recipe is about; "label_accuracy" is "frechet" where there are no classes.
        test: share of the examples to test on where there is no official test part.
    """
    images = data.load(name)
    splits = data.split(images.train, validation=config.validation, test=test, stratify="y", seed=config.seed)
    splits = splits._replace(test=images.test or splits.test)
    count = 8 * 8 if not config.model.n_classes else 8 * config.model.n_classes

    def sheet(state: TrainState) -> np.ndarray:
        shown = sample(config, state, jax.random.key(config.seed), count=count)
        return pictures.sheet(shown, columns=config.model.n_classes or 8)

    return game(
        config,
        splits,
        scores=functools.partial(image_scores, name, config),
        headline="frechet" if headline == "label_accuracy" and not config.model.n_classes else headline,
        frame=sheet,
        pictures={"samples": lambda state, _: pictures.image_figure(sheet(state), title="samples")},
    )


def image_scores(name: str, config: Any, state: TrainState, splits: Splits) -> dict[str, float]:
    """Every score of the averaged generator's samples, and beside them what the data themselves would get.

    Returns: "parzen", "parzen_error", "parzen_sigma"; "frechet" of the samples and "frechet_data" of as many training
        examples, both against the test part; "class_entropy" of all samples and "sample_entropy" of one, in nats;
        "judge_accuracy" of the classifier on real images and, of a conditional network, "label_accuracy": the share of
        samples in which the classifier sees the class that was asked for.
    """
    images = sample(config, state, jax.random.key(config.seed + 1), count=SAMPLES)
    real = {part: np.asarray(as_float(jnp.asarray(getattr(splits, part)["x"][:SAMPLES]))) for part in splits._fields}
    flat = {part: jnp.asarray(x.reshape(len(x), -1)) for part, x in real.items()}
    scores = parzen_scores(jnp.asarray(images.reshape(len(images), -1)), flat["validation"], flat["test"])
    critic = judge(name)
    seen, logits = _samples.scores(critic, images, real["train"], real["test"])
    scores |= seen | {"judge_accuracy": critic.accuracy}
    labels = _samples.classes(config.model.n_classes, SAMPLES)
    if labels is not None:
        scores["label_accuracy"] = float((logits.argmax(-1) == labels).mean())
    return scores
