"""`fit`: a whole run. The data lie on the device; many steps run in one compiled, donated call.

Orders and keys depend on the run's key and the step alone, so a run that was cut off and resumed is bit-identical to
one that was not.
"""

import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import jax
import numpy as np

from jaxdl.data.arrays import count
from jaxdl.data.batches import batch_rows, epoch_order, n_steps
from jaxdl.data.splits import Splits
from jaxdl.metrics import scalars
from jaxdl.training.checkpoint import Checkpoints
from jaxdl.training.evaluation import evaluate, has_rows
from jaxdl.training.events import STOP, Callback, Event, History
from jaxdl.training.program import Stepper
from jaxdl.training.sharding import check_mesh, replicate
from jaxdl.training.step import TrainState, order_key
from jaxdl.types import Array, Batch, Key, Metrics


class Task(NamedTuple):
    """All that `fit` and the command line know of what is trained.

    Attributes:
        init: key -> the state before the first step.
        step: the pure training step, (state, batch) -> (state, metrics).
        evaluate: (state, batch) -> metrics, deterministic.
        data: train, validation and test parts, each a dict of arrays with a common leading axis.
        monitor: the score by which one epoch is better than another: its name, ...
        mode: ... and whether "max" or "min" is best.
        pictures: name -> function of (state, data) that returns a matplotlib figure, for the run folder.
        scores: (state, data) -> name -> value: what is scored once, after the training, on the data as a whole.
        headline: the score that the task is about, one of `scores` or of `evaluate`; "" is the monitored one.
        frame: state -> an image [H, W] or [H, W, 3] in [0, 1] of how far the training is, drawn after every epoch.
        callbacks: what this task watches for by itself; they come before those of `fit`.
        files: name -> text that a run folder keeps beside the parameters (a vocabulary, say).
        groups: [N] integers: training examples of one group share a batch (those of like length, say).
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


class FitResult(NamedTuple):
    """The state after the last step (or what a callback put in its place) and the scores of every epoch."""

    state: TrainState
    history: History


def fit(
    task: Task,
    *,
    epochs: int,
    batch_size: int | None = 32,
    seed: int = 0,
    callbacks: Sequence[Callback] = (),
    mesh: jax.sharding.Mesh | None = None,
    run_dir: Path | str | None = None,
    resume: bool = False,
    steps_per_call: int | str = "auto",
) -> FitResult:
    """Train a task for some epochs.

    Args:
        task: what to train.
        epochs: passes over the training part, in all (a resumed run counts those that it has done).
        batch_size: None is batch gradient descent, 1 is stochastic, n is mini-batch: the only difference.
        seed: of parameters, orders and dropout.
        callbacks: functions of an `Event`, called in order.
        mesh: devices that share every batch along the mesh's first axis (data parallel); None is one device.
        run_dir: where checkpoints go, last and best; None keeps none.
        resume: go on from the last checkpoint in `run_dir`.
        steps_per_call: steps in one compiled call, or "auto"; see `Stepper`.
    Returns: FitResult(state, history).
    Raises: ValueError for an impossible batch size, number of epochs, run folder or checkpoint; `RetraceError` if a
        step would compile a second time.

    >>> from jaxdl.recipes import xor_mlp
    >>> fit(xor_mlp.task(xor_mlp.Config()), epochs=2, batch_size=2).history.epoch
    [1, 2]
    """
    _check(epochs, steps_per_call)
    n_examples = count(task.data.train)
    steps = n_steps(n_examples, batch_size)
    check_mesh(mesh, batch_rows(n_examples, batch_size))
    state = initial_state(task.init, seed)
    with Checkpoints(run_dir, task.monitor, task.mode) as checkpoints:
        if resume:
            best, state, history = checkpoints.restore(state)
            _check_clock(history, int(state.step), steps)
        else:
            checkpoints.require_none()
            best, history = None, History()
            state = state if task.warm_start is None else task.warm_start(state)
        train, validation, state = replicate((task.data.train, task.data.validation, state), mesh)

        order_of = order_program(n_examples, batch_size, task.groups)
        order = order_of(state, 0)
        stepper = Stepper(task.step, state, train, order, n_examples, steps_per_call, mesh)
        history.params |= {"epochs": epochs, "steps": steps, "batch_size": batch_size, "examples": n_examples}
        history.params["steps_per_call"] = stepper.steps_per_call
        run = _Run(state, history, (*task.callbacks, *callbacks))
        try:
            if best is not None:
                run.tell("best", {}, state=best)
            run.tell("begin", {})
            while run.done < epochs * steps and not run.stopped:
                start = time.perf_counter()
                order = order_of(run.state, run.done // steps)
                scores = run.steps_of_epoch(stepper, stepper.zero_metrics(), order, n_examples)
                if run.done % steps:  # stopped inside an epoch: it has no scores
                    break
                scores["seconds"] = time.perf_counter() - start
                if has_rows(validation):
                    total = scalars(evaluate(task.evaluate, run.state, validation))
                    scores |= {f"val_{name}": value for name, value in total.items()}
                history.append(run.done // steps, scores)
                checkpoints.save(run.state, history)
                run.tell("epoch", scores)
            run.tell("end", history.last())
        except BaseException:  # an interrupt as well: callbacks give back what they hold
            run.tell("abort", history.last())
            raise
    return FitResult(run.state, history)


class _Run:
    """What changes while the loop of `fit` goes on, and whom it tells.

    Attributes:
        state: the train state now.
        done: steps done in all.
        stopped: whether a callback has asked for the end.
    """

    def __init__(self, state: TrainState, history: History, callbacks: Sequence[Callback]) -> None:
        self.state, self.done, self.stopped = state, int(state.step), False
        self._history, self._callbacks = history, callbacks
        self._rows: np.ndarray | None = None

    def tell(self, kind: Any, metrics: dict[str, float], *, state: TrainState | None = None) -> None:
        """Hand an event to every callback, and do what they answer."""
        epochs, steps = self._history.params["epochs"], self._history.params["steps"]
        epoch = min(-(-max(self.done, 1) // steps), epochs)
        for callback in self._callbacks:
            shown = self.state if state is None else state
            answer = callback(Event(kind, epoch, self.done, shown, metrics, self._history, self._rows))
            self.stopped = self.stopped or (isinstance(answer, str) and answer == STOP)
            self.state = answer if isinstance(answer, TrainState) else self.state

    def steps_of_epoch(self, stepper: Stepper, totals: Metrics, order: Array, n_examples: int) -> dict[str, float]:
        """Step to the end of the epoch, or until a callback stops; the means of the steps' metrics."""
        while True:
            self.state, totals, self.done = stepper.advance(self.state, totals, order, self.done)
            self._rows = _rows(order, self.done, n_examples)
            self.tell("step", scalars(totals))
            if self.stopped or self.done % order.shape[0] == 0:
                return scalars(totals)


def _rows(order: Array, done: int, n_examples: int) -> np.ndarray:
    """The examples of the last step, without what fills up an incomplete batch."""
    i, b = (done - 1) % order.shape[0], order.shape[1]
    return np.asarray(order[i])[: n_examples - i * b]


def _check_clock(history: History, step: int, steps: int) -> None:
    if step != history.epoch[-1] * steps:
        raise ValueError(
            f"the checkpoint was made with {step // history.epoch[-1]} steps an epoch, but this run has {steps}: "
            "resume with the same data and batch_size"
        )


def initial_state(init: Callable[[Key], TrainState], seed: int) -> TrainState:
    """The state before the first step of a run.

    Runs once, so XLA's CPU backend compiles it without optimizing: that takes less than half of the time.
    """
    options: dict[str, Any] | None = {"xla_backend_optimization_level": 0} if jax.default_backend() == "cpu" else None
    return jax.jit(init, compiler_options=options)(jax.random.key(seed))


def order_program(
    n_examples: int, batch_size: int | None, groups: Array | None = None
) -> Callable[[TrainState, int], Array]:
    """(state, epoch) -> the rows of the epoch's batches, which depend on the run's key alone: compiled once."""
    return jax.jit(lambda state, epoch: epoch_order(order_key(state), epoch, n_examples, batch_size, groups))


def _check(epochs: int, steps_per_call: int | str) -> None:
    if epochs < 1:
        raise ValueError(f"epochs must be at least 1, got {epochs}")
    if steps_per_call != "auto" and (not isinstance(steps_per_call, int) or steps_per_call < 1):
        raise ValueError(f'steps_per_call must be "auto" or at least 1, got {steps_per_call!r}')
