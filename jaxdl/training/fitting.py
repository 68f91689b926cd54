"""`fit`: a whole run. The data lie on the device; many steps run in one compiled, donated call.

Orders and keys depend on the run's key and the step alone, so a run that was cut off and resumed is bit-identical to
one that was not.
"""

import contextlib
import math
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import jax
import numpy as np

from jaxdl.artifacts import lock
from jaxdl.artifacts.digest import digest
from jaxdl.data.arrays import count
from jaxdl.data.batches import epoch_order, n_steps
from jaxdl.data.splits import Splits
from jaxdl.kernels import backend
from jaxdl.metrics import scalars
from jaxdl.training import run_files
from jaxdl.training.checkpoint import Checkpoints, Saved
from jaxdl.training.contract import check_call
from jaxdl.training.evaluation import evaluate, has_rows, names, score_names
from jaxdl.training.events import PAUSE, STOP, Callback, Event, History, Paused
from jaxdl.training.prediction import Predictor
from jaxdl.training.program import Stepper
from jaxdl.training.sharding import check_mesh, make_mesh, place, replicate
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
    mesh: jax.sharding.Mesh | str | None = None,
    run_dir: Path | str | None = None,
    resume: bool = False,
    steps_per_call: int | str = "auto",
    save_every: float | None = 60.0,
) -> FitResult:
    """Train a task for some epochs.

    Args:
        task: what to train.
        epochs: passes over the training part, in all (a resumed run counts those that it has done).
        batch_size: None is batch gradient descent, 1 is stochastic, n is mini-batch: the only difference.
        seed: of parameters, orders and dropout.
        callbacks: functions of an `Event`, called in order.
        mesh: devices that share the batches, the parameters or both, such as "data=4,model=2": see
            `jaxdl.training.sharding`; None is one device.
        run_dir: the run's folder: checkpoints (the last three and the best), the scores of every epoch, environment,
            parameters and pictures (`run_files`); None keeps nothing. One process at a time may use it.
        resume: go on from the last good checkpoint in `run_dir`, at the very step; one that is damaged is passed over.
        steps_per_call: steps in one compiled call, or "auto"; see `Stepper`. A resumed run takes its first choice.
        save_every: seconds between the checkpoints inside an epoch; None saves at the ends of epochs alone.
    Returns: FitResult(state, history).
    Raises: ValueError for an impossible batch size, mesh, number of epochs, run folder or checkpoint, for a score to
        monitor that the task has not, and for a resumed run whose batch size, seed or data changed; `Paused` if a
        callback asks for it; OSError if a checkpoint cannot be written; `RetraceError` if a step would compile a second
        time.

    >>> from jaxdl.recipes import xor_mlp
    >>> fit(xor_mlp.task(xor_mlp.Config()), epochs=2, batch_size=2).history.epoch
    [1, 2]
    """
    check_call(task, epochs=epochs, batch_size=batch_size, seed=seed)
    _check(steps_per_call, save_every)
    n_examples = count(task.data.train)
    steps = n_steps(n_examples, batch_size)
    mesh = make_mesh(mesh) if isinstance(mesh, str) else mesh
    check_mesh(mesh, jax.eval_shape(task.init, jax.random.key(0)))
    facts: dict[str, Any] = {"steps": steps, "batch_size": batch_size, "examples": n_examples, "seed": seed}
    state, start = initial_state(task.init, seed), time.perf_counter()
    hooks = (*run_files.logs(run_dir, task), *task.callbacks, *callbacks)
    with _owned(run_dir), Checkpoints(run_dir, task.monitor, task.mode, save_every) as checkpoints:
        if run_dir is not None:
            facts["data"] = _fingerprint(task.data)
        saved, best = None, None
        if resume:
            saved = checkpoints.latest(facts, state)
            _check_epochs(epochs, saved, steps)
            best, state = checkpoints.restore(saved, state)
        else:
            checkpoints.require_none()
            state = state if task.warm_start is None else task.warm_start(state)
        train, validation = replicate((task.data.train, task.data.validation), mesh)
        state = place(state, mesh)
        order_of = order_program(n_examples, batch_size, task.groups)
        facts |= {"epochs": epochs, "mesh": None if mesh is None else dict(mesh.shape)}
        run = _Run(task, state, hooks, checkpoints, facts, saved, mesh)
        try:
            run.compile(train, validation, order_of(state, 0), steps_per_call)
            checkpoints.set_aside()
            if best is not None:
                run.notify("best", {}, state=best)
            run.notify("begin", {})
            if task.warm_start is not None:
                run.keep()  # it is not to be done twice
            while run.done < epochs * steps and not run.stopped:
                run.epoch(order_of(run.state, run.done // steps), validation)
            run.notify("end", run.history.last())
        except BaseException:  # an interrupt as well: callbacks give back what they hold
            run.notify("abort", run.history.last())
            raise
        state = run.state if task.finish is None else jax.jit(task.finish)(run.state)
        run_files.finish(run_dir, task, state, run.history, time.perf_counter() - start)
    return FitResult(state, run.history)


class _Run:
    """What changes while the loop of `fit` goes on, whom it tells, and what it keeps.

    Attributes:
        state: the train state now.
        done: steps done in all.
        history: of the epochs that have ended.
        stopped: whether a callback has asked for the end.
    """

    def __init__(
        self,
        task: Task,
        state: TrainState,
        callbacks: Sequence[Callback],
        checkpoints: Checkpoints,
        facts: dict[str, Any],
        saved: Saved | None,
        mesh: jax.sharding.Mesh | None,
    ) -> None:
        self.state, self.done, self.stopped = state, int(state.step), False
        self.history = History() if saved is None else saved.history
        self.history.params |= facts
        self._task, self._callbacks, self._checkpoints = task, callbacks, checkpoints
        self._saved, self._mesh = saved, mesh
        self._seconds = 0.0 if saved is None else saved.seconds  # spent in the epoch under way, so far
        self._paused = False
        self._rows: np.ndarray | None = None

    def compile(self, train: Batch, validation: Batch, order: Array, steps_per_call: int | str) -> None:
        """Make the programs, and refuse a score to monitor that they do not give."""
        self.notify("compile", {})
        chosen = steps_per_call if self._saved is None else self._saved.steps_per_call
        n_examples = self.history.params["examples"]
        self._stepper = Stepper(self._task.step, self.state, train, order, n_examples, chosen, self._mesh)
        scores = [*names(self._stepper.zero_metrics()), "seconds"]
        if has_rows(validation):
            scores += [f"val_{name}" for name in score_names(self._task.evaluate, self.state, validation)]
        if self._checkpoints.kept and self._task.monitor not in scores:
            raise ValueError(f"no score {self._task.monitor!r} to monitor; this run has {', '.join(scores)}")
        self.history.params |= {"steps_per_call": self._stepper.steps_per_call, "metrics": scores}

    def notify(self, kind: Any, metrics: dict[str, float], *, state: TrainState | None = None) -> None:
        """Hand an event to every callback, and do what they answer."""
        epochs, steps = self.history.params["epochs"], self.history.params["steps"]
        epoch = min(-(-max(self.done, 1) // steps), epochs)
        for callback in self._callbacks:
            shown = self.state if state is None else state
            answer = callback(Event(kind, epoch, self.done, shown, metrics, self.history, self._rows))
            self.stopped = self.stopped or (isinstance(answer, str) and answer == STOP)
            self._paused = self._paused or (isinstance(answer, str) and answer == PAUSE)
            self.state = answer if isinstance(answer, TrainState) else self.state

    def epoch(self, order: Array, validation: Batch) -> None:
        """Step to the end of the epoch, score the validation part, keep and tell it."""
        start = time.perf_counter() - self._seconds
        totals = self._steps(order, start)
        scores = scalars(totals)
        if has_rows(validation):
            total = scalars(evaluate(self._task.evaluate, self.state, validation))
            scores |= {f"val_{name}": value for name, value in total.items()}
        scores["seconds"] = time.perf_counter() - start
        self.history.append(self.done // order.shape[0], scores)
        self._seconds = 0.0
        self.keep()
        self.notify("epoch", scores)
        self._leave_if_paused()

    def keep(self, totals: Metrics | None = None) -> None:
        """Save a checkpoint of the state now; `totals` of the epoch under way, if one is."""
        totals = self._stepper.zero_metrics() if totals is None else totals
        self._checkpoints.save(self.state, totals, self.history, self._seconds)

    def _steps(self, order: Array, start: float) -> Metrics:
        """The sums of the metrics over all steps of the epoch; a resumed run has some of them already."""
        totals = self._stepper.zero_metrics()
        if self._saved is not None and self.done == self._saved.step:
            totals = replicate(jax.tree.unflatten(jax.tree.structure(totals), self._saved.totals), self._mesh)
        while True:
            self.state, totals, self.done = self._stepper.advance(self.state, totals, order, self.done)
            self._rows = _rows(order, self.done, self.history.params["examples"])
            self.notify("step", scalars(totals))
            if self.done % order.shape[0] == 0:
                return totals
            if self._paused or self._checkpoints.due():
                self._seconds = time.perf_counter() - start
                self.keep(totals)
            self._leave_if_paused()

    def _leave_if_paused(self) -> None:
        if self._paused:
            raise Paused(f"paused after step {self.done}")


def _rows(order: Array, done: int, n_examples: int) -> np.ndarray:
    """The examples of the last step, without what fills up an incomplete batch."""
    i, b = (done - 1) % order.shape[0], order.shape[1]
    return np.asarray(order[i])[: n_examples - i * b]


def _owned(run_dir: Path | str | None) -> contextlib.AbstractContextManager[None]:
    """The run's folder, made where it is not there yet, as this process's alone."""
    if run_dir is None:
        return contextlib.nullcontext()
    Path(run_dir).mkdir(parents=True, exist_ok=True)
    return lock.owned(Path(run_dir))


def _fingerprint(data: Splits) -> str:
    """Equal for equal training and validation parts: a run does not go on with other data."""
    parts = {"train": data.train, "validation": data.validation}
    return digest({f"{part}/{name}": values for part in parts for name, values in parts[part].items()})[:16]


def _check_epochs(epochs: int, saved: Saved, steps: int) -> None:
    if epochs * steps < saved.step:
        raise ValueError(f"epochs must be at least {-(-saved.step // steps)}, as many as are begun, got {epochs}")


def initial_state(init: Callable[[Key], TrainState], seed: int) -> TrainState:
    """The state before the first step; made once, so XLA's CPU backend compiles unoptimized, in half of the time."""
    options: dict[str, Any] | None = {"xla_backend_optimization_level": 0} if backend() == "cpu" else None
    return jax.jit(init, compiler_options=options)(jax.random.key(seed))


def order_program(
    n_examples: int, batch_size: int | None, groups: Array | None = None
) -> Callable[[TrainState, int], Array]:
    """(state, epoch) -> the rows of the epoch's batches, which depend on the run's key alone: compiled once."""
    return jax.jit(lambda state, epoch: epoch_order(order_key(state), epoch, n_examples, batch_size, groups))


def _check(steps_per_call: int | str, save_every: float | None) -> None:
    if steps_per_call != "auto" and (not isinstance(steps_per_call, int) or steps_per_call < 1):
        raise ValueError(f'steps_per_call must be "auto" or at least 1, got {steps_per_call!r}')
    if save_every is not None and not 0 <= save_every < math.inf:
        raise ValueError(f"save_every must be seconds, at least 0, or None, got {save_every}")
