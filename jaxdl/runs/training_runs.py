"""A recipe becomes a run folder, and a run folder a model again: what `jaxdl train` and `jaxdl evaluate` do."""

import contextlib
import dataclasses
import logging
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import jax

from jaxdl import recipes
from jaxdl.artifacts import files, lock, pictures
from jaxdl.data.splits import Splits
from jaxdl.metrics import scalars
from jaxdl.runs import autopsies, reports, resumption, run_folder, trained
from jaxdl.runs.interruption import Interrupted, Interruption
from jaxdl.runs.resumption import Resumption
from jaxdl.training import (
    Callback,
    Event,
    NonFiniteError,
    Paused,
    Task,
    TrainState,
    agreement,
    callbacks,
    evaluate,
    fit,
    processes,
    run_files,
    tensorboard,
    wandb,
)
from jaxdl.training.evaluation import has_rows
from jaxdl.training.external_logs import require_log
from jaxdl.training.sharding import check_mesh, device_mesh

_log = logging.getLogger(__name__)
_FRAMES = 20  # pictures of a training that are kept


class Outcome(NamedTuple):
    """What a training came to.

    Attributes:
        folder: where its files lie.
        scores: part of the data -> score -> value; "test" last, read once (or "train" alone if the task has one part).
            {} in any of several processes but the first.
        more_scores: what the task scores as a whole (`Task.scores`), name -> value.
        headline: the score that the recipe is about, such as "test accuracy".
        state: the trained state.
        seconds: wall time of the training.
    """

    folder: Path
    scores: dict[str, dict[str, float]]
    more_scores: dict[str, float]
    headline: str
    state: TrainState
    seconds: float = 0.0

    @property
    def score(self) -> float:
        """The headline's value."""
        return score(self.headline, self.scores, self.more_scores)


def score(headline: str, scores: dict[str, dict[str, float]], more_scores: dict[str, float]) -> float:
    """The value of a headline, which names one of `more_scores`, or a part of the data and one of its scores.

    >>> score("test accuracy", {"test": {"accuracy": 0.98}}, {})
    0.98
    """
    if headline in more_scores:
        return more_scores[headline]
    part, name = headline.split(" ", 1)
    return scores[part][name]


def train(
    recipe: str,
    config: Any,
    *,
    run_dir: Path | str | None = None,
    resume: bool = False,
    more_callbacks: tuple[Callback, ...] = (),
    save_every: float | None = 60.0,
    mesh: str | None = None,
    logs: Sequence[str] = (),
) -> Outcome:
    """Train a recipe and write its run folder.

    Args:
        recipe: its name.
        config: its Config.
        run_dir: the run's folder, new or empty; by default `runs/<recipe>/<n>` with the next free n.
        resume: go on in `run_dir` from its last good checkpoint, or from the start if it was killed before the first.
        more_callbacks: beside the logs: a progress bar, say.
        save_every: seconds between checkpoints inside an epoch; None saves at the ends of epochs alone.
        mesh: of devices, such as "data=8", as `fit` takes it; a resumed run may have another.
        logs: of other programs that the scores are written to as well, into the run's folder: "tensorboard", "wandb".
    Raises: ValueError for what cannot be trained or resumed, before anything is written; `Interrupted`, after a
        checkpoint, by SIGINT, SIGTERM or SIGHUP; OSError for a full disk, the earlier checkpoints being whole.
    """
    start = time.perf_counter()
    folder = None
    for name in logs:
        require_log(name)
    with processes.watched(), Interruption() as interruption:
        try:
            devices = device_mesh(mesh)
            options = {"recipe": recipe, "resume": resume, "save_every": save_every} | dataclasses.asdict(config)
            agreement.require_agreement(options)
            task: Task = recipes.load(recipe).task(config)
            check_mesh(devices, jax.eval_shape(task.init, jax.random.key(0)))
            going_on = resumption.begin(Path(run_dir), config) if resume and run_dir is not None else None
            folder = Path(agreement.from_first(lambda: _folder(recipe, run_dir, going_on)))
            with lock.owned(folder) if agreement.is_first() else contextlib.nullcontext():
                hooks = (interruption.callback, *more_callbacks, *_logs(logs, folder, config))
                return _train(recipe, config, task, folder, going_on, hooks, save_every, devices, start)
        except (Interrupted, Paused):
            raise Interrupted(interruption.signal or 0, f"interrupted; {resumption.how(folder)}") from None
        except OSError as error:
            raise resumption.with_the_way_on(error, folder) from error


def _logs(names: Sequence[str], folder: Path, config: Any) -> list[Callback]:
    """The callbacks of other programs' logs, in the process that writes."""
    found: list[Callback] = []
    if not agreement.is_first():
        return found
    if "tensorboard" in names:
        found.append(tensorboard(folder / "tensorboard"))
    if "wandb" in names:
        found.append(wandb(folder, dataclasses.asdict(config)))
    return found


def _folder(recipe: str, run_dir: Path | str | None, going_on: Resumption | None) -> str:
    """The run's folder, which is there."""
    folder = run_folder.new_folder(recipe, run_dir) if going_on is None else going_on.folder
    folder.mkdir(parents=True, exist_ok=True)
    return str(folder)


def _train(
    recipe: str,
    config: Any,
    task: Task,
    folder: Path,
    going_on: Resumption | None,
    more_callbacks: tuple[Callback, ...],
    save_every: float | None,
    mesh: jax.sharding.Mesh | None,
    start: float,
) -> Outcome:
    """`train` in a folder that is this process's."""
    ended = 0.0

    def note(event: Event) -> None:
        nonlocal ended
        if (
            event.kind == "begin" and going_on is not None and agreement.is_first()
        ):  # nothing was refused: the folder may change
            run_folder.write_config(folder, recipe, config)
            run_files.add(folder, resumed=going_on.note(event))
        if event.kind == "end":
            ended = time.perf_counter()

    if going_on is None and agreement.is_first():
        run_folder.write_config(folder, recipe, config)
    for line in task.notes if agreement.is_first() else ():
        _log.info("%s", line)
    hooks = [note, *more_callbacks, callbacks.nan_stop()]
    if task.frame is not None:
        hooks.append(_frames(task.frame, folder))
    if config.patience is not None:
        hooks.append(callbacks.early_stopping(task.monitor, mode=task.mode, patience=config.patience))
    try:
        state, _ = fit(
            task,
            epochs=config.epochs,
            batch_size=config.batch_size,
            seed=config.seed,
            callbacks=hooks,
            run_dir=folder,
            resume=going_on is not None and going_on.from_checkpoint,
            save_every=save_every,
            mesh=mesh,
            stream=True if getattr(config, "stream", False) else None,
        )
    except NonFiniteError as error:
        if agreement.several():
            raise
        raise autopsies.explained(error, folder, task, config) from None
    run = Outcome(folder, {}, {}, "", state, ended - start)

    def finish() -> None:
        nonlocal run
        run = scored(folder, task, state, ended - start)
        run_files.add(
            folder,
            seconds={"train": ended - start, "in_all": time.perf_counter() - start},
            scores=run.scores,
            more_scores=run.more_scores,
            headline=run.headline,
            notes=list(task.notes),
        )
        reports.write([folder])

    agreement.from_first(finish)  # the others wait
    return run


def evaluate_run(folder: Path | str, file: Path | None = None) -> Outcome:
    """Score the model of a run folder again, or on the examples of another file.

    Raises: ValueError if the folder is not a finished run, if its data have changed, and for a file that its model
        cannot be scored on.
    """
    run = trained.load(folder)
    if file is None:
        task: Task = recipes.load(run.recipe).task(run.config) if not has_rows(run.task.data.train) else run.task
        _check_files(run.folder, task)
        return scored(run.folder, task, run.state)
    if run.predictor.examples is None:
        raise ValueError(f"{run.folder} is a run of {run.recipe}, which is not scored on files")
    part = Splits({}, {}, run.predictor.examples(file))
    return scored(run.folder, run.task._replace(data=part), run.state)


def _check_files(folder: Path, task: Task) -> None:
    """What the task makes of its data now must be what the run keeps beside its parameters."""
    for name, content in task.files.items():
        path = folder / name
        if path.is_file() and path.read_text(encoding="utf-8") != content:
            raise ValueError(f"{path} is not what the data give now: they have changed since the run was trained")


def scored(folder: Path, task: Task, state: TrainState, seconds: float = 0.0) -> Outcome:
    """What a trained state scores on every part of its task's data."""
    parts = {name: part for name, part in task.data._asdict().items() if has_rows(part)}
    scores = {name: scalars(evaluate(task.evaluate, state, part)) for name, part in parts.items()}
    more = {} if task.scores is None else dict(task.scores(state, task.data))
    headline = task.headline or task.monitor.removeprefix("val_")
    return Outcome(
        folder, scores, more, headline if headline in more else f"{list(parts)[-1]} {headline}", state, seconds
    )


def _evenly(n: int) -> set[int]:
    """At most `_FRAMES` of the numbers 0 .. n - 1, evenly spread, with the first and the last."""
    return {round(i * (n - 1) / (_FRAMES - 1)) for i in range(_FRAMES)} if n > _FRAMES else set(range(n))


def _frames(frame: Callable[[TrainState], Any], folder: Path) -> Callback:
    """At most `_FRAMES` pictures in `frames/`, evenly over the epochs from 0 on, and all of them as `training.gif`."""
    frames = folder / "frames"

    def draw(event: Event) -> None:
        start = event.kind == "begin" and event.step == 0  # a resumed run has drawn its first frame
        ending = event.kind == "end" and event.history.epoch
        if start or event.kind == "epoch" or ending:
            epoch, epochs = 0 if start else event.history.epoch[-1], event.history.params["epochs"]
            target = frames / f"{epoch:04d}.png"
            state = agreement.whole(event.state) if epoch in _evenly(epochs + 1) or ending else event.state
            if agreement.is_first() and (epoch in _evenly(epochs + 1) or (ending and not target.exists())):
                frames.mkdir(exist_ok=True)
                image = frame(state)
                files.write(target, lambda path: pictures.save_image(path, image))
        if event.kind == "end" and agreement.is_first():
            drawn = sorted(frames.glob("*.png"))
            kept = [drawn[i] for i in sorted(_evenly(len(drawn)))]
            for path in set(drawn) - set(kept):  # of a run that was resumed for more epochs
                path.unlink()
            files.write(folder / "training.gif", lambda path: pictures.animate(kept, path))

    return draw
