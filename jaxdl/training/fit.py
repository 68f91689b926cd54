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
from jaxdl.training.evaluate import evaluate, has_rows
from jaxdl.training.events import STOP, Callback, Event, History
from jaxdl.training.program import Stepper
from jaxdl.training.sharding import check_mesh, replicate, shard_batches
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
    """

    init: Callable[[Key], TrainState]
    step: Callable[[TrainState, Batch], tuple[TrainState, Metrics]]
    evaluate: Callable[[TrainState, Batch], Metrics]
    data: Splits
    monitor: str = "val_loss"
    mode: str = "min"
    pictures: Mapping[str, Callable[[TrainState, Splits], Any]] = {}


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
    n_examples = count(task.data.train)
    steps = n_steps(n_examples, batch_size)
    _check(epochs, steps_per_call)
    check_mesh(mesh, batch_rows(n_examples, batch_size))

    state = _initial_state(task.init, seed)
    history = History()
    with Checkpoints(run_dir, task.monitor, task.mode) as checkpoints:
        best = None
        if not resume:
            checkpoints.require_none()
        else:
            best, state, history = checkpoints.restore(state)
            _check_clock(history, int(state.step), steps)
        train, validation, state = replicate((task.data.train, task.data.validation, state), mesh)

        key = order_key(state)  # a copy: the state's own is donated
        order_of = jax.jit(lambda epoch: epoch_order(key, epoch, n_examples, batch_size))
        stepper = Stepper(shard_batches(task.step, mesh), state, train, order_of(0), n_examples, steps_per_call)
        history.params |= {"epochs": epochs, "steps": steps, "batch_size": batch_size, "examples": n_examples}
        history.params["steps_per_call"] = stepper.steps_per_call
        done = int(state.step)
        stopped = False

        def tell(kind: Any, metrics: dict[str, float], rows: np.ndarray | None = None) -> None:
            nonlocal state, stopped
            epoch = min(-(-max(done, 1) // steps), epochs)
            for callback in callbacks:
                shown = best if best is not None and kind == "best" else state
                answer = callback(Event(kind, epoch, done, shown, metrics, history, rows))
                stopped = stopped or (isinstance(answer, str) and answer == STOP)
                state = answer if isinstance(answer, TrainState) else state

        try:
            if best is not None:
                tell("best", {})
            tell("begin", {})
            while done < epochs * steps and not stopped:
                order, start = order_of(done // steps), time.perf_counter()
                totals = replicate(stepper.zero_metrics(), mesh)
                while True:
                    state, totals, done = stepper.advance(state, totals, order, done)
                    tell("step", scalars(totals), rows := _rows(order, done, n_examples))
                    if stopped or done % steps == 0:
                        break
                if done % steps:  # stopped inside an epoch: it has no scores
                    break
                scores = scalars(totals) | {"seconds": time.perf_counter() - start}
                if has_rows(validation):
                    total = scalars(evaluate(task.evaluate, state, validation))
                    scores |= {f"val_{name}": value for name, value in total.items()}
                history.append(done // steps, scores)
                checkpoints.save(state, history)
                tell("epoch", scores, rows)
            tell("end", history.last())
        except BaseException:  # an interrupt as well: callbacks give back what they hold
            tell("abort", history.last())
            raise
    return FitResult(state, history)


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


def _initial_state(init: Callable[[Key], TrainState], seed: int) -> TrainState:
    """Runs once, so XLA's CPU backend compiles it without optimizing: that takes a quarter of the time."""
    options: dict[str, Any] | None = {"xla_backend_optimization_level": 0} if jax.default_backend() == "cpu" else None
    return jax.jit(init, compiler_options=options)(jax.random.key(seed))


def _check(epochs: int, steps_per_call: int | str) -> None:
    if epochs < 1:
        raise ValueError(f"epochs must be at least 1, got {epochs}")
    if steps_per_call != "auto" and (not isinstance(steps_per_call, int) or steps_per_call < 1):
        raise ValueError(f'steps_per_call must be "auto" or at least 1, got {steps_per_call!r}')
