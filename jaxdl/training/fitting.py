"""`fit`: a whole run. The data lie on the device, or are streamed to it; many steps run in one compiled, donated call.

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
from jaxdl.data.mapped import in_memory
from jaxdl.training import agreement, processes, run_files
from jaxdl.training.checkpoint import Checkpoints
from jaxdl.training.contract import check_call
from jaxdl.training.evaluation import on_the_device
from jaxdl.training.events import Callback, History
from jaxdl.training.feeding import Feed, Resident, orders
from jaxdl.training.loop import Run
from jaxdl.training.saved import Saved
from jaxdl.training.sharded_rows import cut_rows
from jaxdl.training.sharding import check_mesh, device_mesh, place
from jaxdl.training.step import TrainState, order_key
from jaxdl.training.streaming import opening
from jaxdl.training.streaming.feeder import Streamed
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
    stream: bool | None = None,
) -> FitResult:
    """Train a task for some epochs.

    Args:
        task: what to train.
        epochs: passes over the training part, in all (a resumed run counts those that it has done).
        batch_size: None is batch gradient descent, 1 is stochastic, n is mini-batch: the only difference. Batches that
            somebody else makes (`jaxdl.data.Batches`) are taken as they are.
        seed: of parameters, orders and dropout.
        callbacks: functions of an `Event`, called in order.
        mesh: devices that share the batches, the parameters or both, such as "data=4,model=2": see
            `jaxdl.training.sharding`; None is one device, or all those of several `processes`.
        run_dir: the run's folder: checkpoints (the last three and the best), the scores of every epoch, environment,
            parameters and pictures (`run_files`); None keeps nothing. One process at a time may use it.
        resume: go on from the last good checkpoint in `run_dir`, at the very step; one that is damaged is passed over.
        steps_per_call: steps in one compiled call, or "auto"; see `Stepper`. A resumed run takes its first choice.
        save_every: seconds between the checkpoints inside an epoch; None saves at the ends of epochs alone.
        stream: whether the training part is brought to the device some batches at a time, while steps are made, not
            laid there as a whole: the batches are the same. None streams what takes more than half of the free memory.
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
    mesh = device_mesh(mesh)
    check_mesh(mesh, jax.eval_shape(task.init, jax.random.key(0)))
    facts: dict[str, Any] = {**opening.extent(task.data.train, batch_size, stream is True), "seed": seed}
    steps = facts["steps"]
    state, start = initial_state(task.init, seed), time.perf_counter()
    hooks = (*run_files.logs(run_dir, task), *task.callbacks, *callbacks)
    keeping = Checkpoints(run_dir, task.monitor, task.mode, save_every)
    with processes.watched(), _owned(run_dir), keeping as checkpoints:
        if run_dir is not None:
            agreement.require_shared(Path(run_dir) / lock.NAME)
        if run_dir is not None or agreement.several():
            facts["data"] = opening.fingerprint(task.data)
        agreement.require_agreement(facts | {"epochs": epochs, "run_dir": str(run_dir)})
        saved, best = None, None
        if resume:
            saved = checkpoints.latest(facts, state)
            _check_epochs(epochs, saved, steps)
            steps_per_call = saved.steps_per_call
            best, state = checkpoints.restore(saved, state)
        else:
            checkpoints.require_none()
            state = state if task.warm_start is None else task.warm_start(state)
        state = place(agreement.same(state), mesh)
        streamed = _streamed(task.data.train, stream, saved)
        facts |= {"epochs": epochs, "mesh": None if mesh is None else dict(mesh.shape)}
        facts |= {"stream": True} if streamed else {}
        run, feed = Run(task, state, hooks, checkpoints, facts, saved, mesh), None
        validation = task.data.validation
        if on_the_device(validation):
            validation = cut_rows(validation, mesh)
        try:
            feed = _feed(task, state, facts, steps_per_call, saved, mesh)
            run.compile(feed, validation, steps_per_call)
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
        finally:
            if feed is not None:
                feed.close()
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


def _streamed(train: Any, stream: bool | None, saved: Saved | None) -> bool:
    """Whether the run streams; one that goes on does what it did."""
    if saved is None:
        return agreement.from_first(lambda: opening.is_streamed(train, stream))
    before = bool(saved.history.params.get("stream", False))
    if stream not in (None, before):
        raise ValueError(f"stream cannot change in a resumed run: it is {before}, not {stream}")
    return before


def _feed(
    task: Task,
    state: TrainState,
    facts: dict[str, Any],
    steps_per_call: int | str,
    saved: Saved | None,
    mesh: jax.sharding.Mesh | None,
) -> Feed:
    """Where the run's batches come from, at the batch that comes next."""
    train, key, batch_size = task.data.train, order_key(state), facts["batch_size"]
    if "stream" not in facts:
        order_of = orders(key, facts["examples"], batch_size, task.groups)
        return Resident(cut_rows(in_memory(train) if mesh is None else train, mesh), order_of, facts["examples"], mesh)
    done, end = int(state.step), facts["epochs"] * facts["steps"]
    position = None if saved is None else saved.position
    size = {"batch_size": batch_size, "groups": task.groups}
    source = opening.open_source(train, key=key, done=done, end=end, position=position, mesh=mesh, **size)
    return Streamed(source, done, end, steps_per_call, mesh)


def _check_epochs(epochs: int, saved: Saved, steps: int) -> None:
    if epochs * steps < saved.step:
        raise ValueError(f"epochs must be at least {-(-saved.step // steps)}, as many as are begun, got {epochs}")


def _check(steps_per_call: int | str, save_every: float | None) -> None:
    if steps_per_call != "auto" and (not isinstance(steps_per_call, int) or steps_per_call < 1):
        raise ValueError(f'steps_per_call must be "auto" or at least 1, got {steps_per_call!r}')
    if save_every is not None and not 0 <= save_every < math.inf:
        raise ValueError(f"save_every must be seconds, at least 0, or None, got {save_every}")
