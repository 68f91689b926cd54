"""A task: all that `fit` and the command line know of what is trained, and its state before the first step."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import jax

from jaxdl.data.splits import Splits
from jaxdl.kernels import backend
from jaxdl.training.events import Callback
from jaxdl.training.prediction import Predictor
from jaxdl.training.step import TrainState
from jaxdl.types import Array, Batch, Key, Metrics


class Task(NamedTuple):
    """All that `fit` and the command line know of what is trained.

    Attributes:
        init: key -> the state before the first step.
        step: the pure training step, (state, batch) -> (state, metrics).
        evaluate: (state, batch) -> metrics, deterministic.
        data: train, validation and test parts, each a dict of arrays with a common leading axis, in memory or mapped
            from files; or what is streamed: `jaxdl.data.Batches`, any iterable of batches, `jaxdl.data.Records`.
        monitor: the score by which one epoch is better than another: its name, ...
        mode: ... and whether "max" or "min" is best.
        pictures: name -> function of (state, data) that returns a matplotlib figure for the run folder, or None.
        scores: (state, data) -> name -> value: what is scored once, after the training, on the data as a whole.
        headline: the score that the task is about, one of `scores` or of `evaluate`; "" is the monitored one.
        frame: state -> an image [H, W] or [H, W, 3] in [0, 1] of how far the training is, drawn after every epoch.
        callbacks: what this task watches for by itself; they come before those of `fit`.
        files: name -> text that a run folder keeps beside the parameters (a vocabulary, say).
        notes: lines on what was made of the user's data, said before a training.
        groups: [N] integers: training examples of one group share a batch (those of like length, say).
        levels: score -> the value that it should come to, a line in its curve (what a game's equilibrium is).
        predictor: how the trained model predicts; None for what does not (a generator draws).
        finish: what is made of the last state (an average of the parameters in their place); None leaves it.
        warm_start: what a new run does to its state before the first step (pre-training); a resumed run has done it.
    """

    init: Callable[[Key], TrainState]
    step: Callable[[TrainState, Batch], tuple[TrainState, Metrics]]
    evaluate: Callable[[TrainState, Batch], Metrics]
    data: Splits
    monitor: str = "val_loss"
    mode: str = "min"
    pictures: Mapping[str, Callable[[TrainState, Splits], Any]] = {}
    scores: Callable[[TrainState, Splits], Mapping[str, float]] | None = None
    headline: str = ""
    frame: Callable[[TrainState], Any] | None = None
    callbacks: Sequence[Callback] = ()
    files: Mapping[str, str] = {}
    groups: Array | None = None
    warm_start: Callable[[TrainState], TrainState] | None = None
    levels: Mapping[str, float] = {}
    predictor: Predictor | None = None
    notes: Sequence[str] = ()
    finish: Callable[[TrainState], TrainState] | None = None


def initial_state(init: Callable[[Key], TrainState], seed: int) -> TrainState:
    """The state before the first step; made once, so XLA's CPU backend compiles unoptimized, in half of the time."""
    options: dict[str, Any] | None = {"xla_backend_optimization_level": 0} if backend() == "cpu" else None
    return jax.jit(init, compiler_options=options)(jax.random.key(seed))
