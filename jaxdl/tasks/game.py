"""The game of a GAN as a `Task`: what is watched meanwhile, samples from fixed noise, and a word when it collapses."""

import functools
import math
import sys
from collections.abc import Callable, Mapping
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from jaxdl import metrics
from jaxdl.data.arrays import count, validate
from jaxdl.data.batches import batch_rows
from jaxdl.data.splits import Splits
from jaxdl.metrics.sample_scores import coverage
from jaxdl.tasks.adversarial import Players, averaged_generator, init_game, make_adversarial_step, opinion
from jaxdl.tasks.game_options import Config, Rules, optimizers, require_equal_parts
from jaxdl.tasks.supervised import as_float
from jaxdl.training.evaluation import has_rows
from jaxdl.training.events import Callback, Event
from jaxdl.training.step import TrainState
from jaxdl.training.task import Task
from jaxdl.types import Array, Batch, Metrics


def game(
    players: Players,
    config: Config,
    data: Splits,
    *,
    scores: Callable[[TrainState, Splits], Mapping[str, float]] | None = None,
    headline: str = "",
    frame: Callable[[TrainState], Any] | None = None,
    pictures: Mapping[str, Callable[[TrainState, Splits], Any]] | None = None,
) -> Task:
    """The game as a task. Each part of the data is watched through D's mean on both sides and the samples' coverage.

    Args:
        players: the model.
        config: how to train it.
        data: {"x": [N, *size]} in each part, with "y": [N] labels for a conditional game; bytes become [0, 1].
        scores, headline, frame, pictures: as in `Task`.
    Raises: ValueError for labels outside [0, K) or none for a conditional game, examples that are not finite, are
        integers other than bytes, lie outside the range of G's or have another shape.
    """
    rules = optimizers(config, count(data.train))
    _check(players, config, data, rules)
    return Task(
        lambda key: init_game(key, players, config, rules),
        make_adversarial_step(players, config, rules),
        functools.partial(_evaluate_batch, players, config),
        data,
        monitor="val_coverage",
        mode="max",
        pictures=pictures or {},
        scores=scores,
        headline=headline,
        frame=frame,
        callbacks=(report_collapse(),),
        levels=equilibrium(config),
    )


def equilibrium(config: Config) -> dict[str, float]:
    """What the watched values are where the generator draws from the data's distribution and D knows no better.

        D = (1 - a) / 2,    L_D = -(1 - a) log D - (1 + a) log(1 - D),    L_G = -log D, or log(1 - D) if saturating

    with the label smoothing a: D = 1/2 and L_D = ln 4 without it. A Wasserstein critic measures no distance, L_D = 0,
    and may give any number.

    >>> {name: round(value, 4) for name, value in equilibrium(Config()).items()}
    {'d_real': 0.5, 'd_fake': 0.5, 'discriminator_loss': 1.3863, 'generator_loss': 0.6931}
    """
    if config.loss == "wasserstein":
        return {"discriminator_loss": 0.0}
    a = config.label_smoothing
    d = (1 - a) / 2
    return {
        "d_real": d,
        "d_fake": d,
        "discriminator_loss": -(1 - a) * math.log(d) - (1 + a) * math.log(1 - d),
        "generator_loss": math.log(1 - d) if config.loss == "saturating" else -math.log(d),
    }


def _check(players: Players, config: Config, data: Splits, rules: Rules) -> None:
    """On the host, before anything is compiled or written."""
    for name, part in data._asdict().items():
        if has_rows(part):
            validate(part, players.n_classes or None, name=name)
            _check_range(part["x"], players.bounds, name)
    rows = batch_rows(count(data.train), config.batch_size)
    require_equal_parts(config, rows, "{} examples")
    made = jax.eval_shape(
        lambda key: fixed_samples(players, init_game(key, players, config, rules), config, 1), jax.random.key(0)
    )
    if made.shape[1:] != data.train["x"].shape[1:]:
        raise ValueError(f"the generator makes examples of {made.shape[1:]}, the data have {data.train['x'].shape[1:]}")


def _check_range(x: np.ndarray, bounds: tuple[float, float] | None, name: str) -> None:
    if x.dtype == np.uint8:  # becomes [0, 1]
        x = x[:0]
    elif x.dtype.kind != "f":
        raise ValueError(f"{name}: x is {x.dtype}; give floats, or bytes (uint8), which become floats in [0, 1]")
    if bounds is not None and len(x) and not bounds[0] <= x.min() <= x.max() <= bounds[1]:
        raise ValueError(
            f'{name}: x lies in [{x.min():g}, {x.max():g}], but the generator\'s output "sigmoid" in '
            f'[{bounds[0]:g}, {bounds[1]:g}]: scale the data, or give model.output "identity"'
        )


def _evaluate_batch(players: Players, config: Config, state: TrainState, batch: Batch) -> Metrics:
    x, y = as_float(batch["x"]), batch["y"] if players.n_classes else None
    fake = fixed_samples(players, state, config, x.shape[0], y)
    judge = state.params["discriminator"], state.state["discriminator"]
    logits = [players.discriminate(*judge, examples, y, train=False)[0] for examples in (x, fake)]
    return {
        "coverage": coverage(x, fake, where=batch["mask"]),
        "d_real": metrics.mean(opinion(logits[0], config), where=batch["mask"]),
        "d_fake": metrics.mean(opinion(logits[1], config), where=batch["mask"]),
    }


def fixed_samples(
    players: Players, train_state: TrainState, config: Config, n: int, labels: Array | None = None
) -> Array:
    """n samples of the averaged generator from noise that depends on the configured seed alone.

    Without labels a conditional generator makes class 0.
    """
    z = jax.random.normal(jax.random.key(config.seed), (n, players.n_latent))
    if players.n_classes and labels is None:
        labels = jnp.zeros(n, jnp.int32)
    return players.generate(*averaged_generator(train_state, config), z, labels, train=False)[0]


def report_collapse(monitor: str = "val_coverage", *, share: float = 0.5, least: float = 0.1) -> Callback:
    """A callback that says so when the generator shows much less of the data than it did before.

    Collapse is a coverage below `share` of the best one so far, once that was at least `least`. It is reported when it
    begins, and again only after the coverage had recovered.
    """
    collapsed = False

    def callback(event: Event) -> None:
        nonlocal collapsed
        if event.kind != "epoch" or monitor not in event.metrics:
            return
        best, now = max(event.history.history[monitor]), event.metrics[monitor]
        before, collapsed = collapsed, best >= least and now < share * best
        if collapsed and not before:
            print(f"epoch {event.epoch}: collapse: {monitor} {now:.3f}, it was {best:.3f}", file=sys.stderr)

    return callback
