"""`fit`: a whole run. The data lie on the device; many steps run in one compiled, donated call.

Orders and keys depend on the run's key and the step alone, so a run that was cut off and resumed is bit-identical to
one that was not.
"""

import contextlib
import math
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import jax

from jaxdl.artifacts import lock
from jaxdl.artifacts.digest import digest
from jaxdl.data.arrays import count
from jaxdl.data.batches import n_steps
from jaxdl.data.splits import Splits
from jaxdl.training import agreement, processes, run_files
from jaxdl.training.checkpoint import Checkpoints
from jaxdl.training.contract import check_call
from jaxdl.training.events import Callback, History
from jaxdl.training.feeding import Resident, orders
from jaxdl.training.loop import Run
from jaxdl.training.saved import Saved
from jaxdl.training.sharded_rows import cut_rows
from jaxdl.training.sharding import check_mesh, device_mesh, place
from jaxdl.training.step import TrainState, order_key
from jaxdl.training.task import Task, initial_state


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
            `jaxdl.training.sharding`; None is one device, or all those of several `processes`.
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
    mesh = device_mesh(mesh)
    check_mesh(mesh, jax.eval_shape(task.init, jax.random.key(0)))
    facts: dict[str, Any] = {"steps": steps, "batch_size": batch_size, "examples": n_examples, "seed": seed}
    state, start = initial_state(task.init, seed), time.perf_counter()
    hooks = (*run_files.logs(run_dir, task), *task.callbacks, *callbacks)
    keeping = Checkpoints(run_dir, task.monitor, task.mode, save_every)
    with processes.watched(), _owned(run_dir), keeping as checkpoints:
        if run_dir is not None or agreement.several():
            facts["data"] = _fingerprint(task.data)
        agreement.require_agreement(facts | {"epochs": epochs, "run_dir": str(run_dir)})
        saved, best = None, None
        if resume:
            saved = checkpoints.latest(facts, state)
            _check_epochs(epochs, saved, steps)
            best, state = checkpoints.restore(saved, state)
        else:
            checkpoints.require_none()
            state = state if task.warm_start is None else task.warm_start(state)
        train, validation = cut_rows(task.data.train, mesh), cut_rows(task.data.validation, mesh)
        state = place(agreement.same(state), mesh)
        facts |= {"epochs": epochs, "mesh": None if mesh is None else dict(mesh.shape)}
        run = Run(task, state, hooks, checkpoints, facts, saved, mesh)
        try:
            order_of = orders(order_key(state), n_examples, batch_size, task.groups)
            run.compile(Resident(train, order_of, n_examples, mesh), validation, steps_per_call)
            checkpoints.set_aside()
            if best is not None:
                run.notify("best", {}, state=best)
            run.notify("begin", {})
            if task.warm_start is not None:
                run.keep()  # it is not to be done twice
            while run.done < epochs * steps and not run.stopped:
                run.epoch(validation)
            run.notify("end", run.history.last())
        except BaseException:  # an interrupt as well: callbacks give back what they hold
            run.notify("abort", run.history.last())
            raise
        state = run.state if task.finish is None else jax.jit(task.finish)(run.state)
        state, seconds = agreement.whole(state), time.perf_counter() - start
        agreement.from_first(lambda: run_files.finish(run_dir, task, state, run.history, seconds))
    return FitResult(state, run.history)


def _owned(run_dir: Path | str | None) -> contextlib.AbstractContextManager[None]:
    """The run's folder, made where it is not there yet, as this process's alone."""
    if run_dir is None:
        return contextlib.nullcontext()
    agreement.from_first(lambda: Path(run_dir).mkdir(parents=True, exist_ok=True))
    return lock.owned(Path(run_dir)) if agreement.is_first() else contextlib.nullcontext()


def _fingerprint(data: Splits) -> str:
    """Equal for equal training and validation parts: a run does not go on with other data."""
    parts = {"train": data.train, "validation": data.validation}
    return digest({f"{part}/{name}": values for part in parts for name, values in parts[part].items()})[:16]


def _check_epochs(epochs: int, saved: Saved, steps: int) -> None:
    if epochs * steps < saved.step:
        raise ValueError(f"epochs must be at least {-(-saved.step // steps)}, as many as are begun, got {epochs}")


def _check(steps_per_call: int | str, save_every: float | None) -> None:
    if steps_per_call != "auto" and (not isinstance(steps_per_call, int) or steps_per_call < 1):
        raise ValueError(f'steps_per_call must be "auto" or at least 1, got {steps_per_call!r}')
    if save_every is not None and not 0 <= save_every < math.inf:
        raise ValueError(f"save_every must be seconds, at least 0, or None, got {save_every}")
