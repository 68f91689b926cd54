"""A recipe becomes a run folder, and a run folder a model again: what `jaxdl train` and `jaxdl evaluate` do."""

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from jaxdl import recipes
from jaxdl.artifacts import files, lock, pictures
from jaxdl.metrics import scalars
from jaxdl.runs import resumption, run_folder
from jaxdl.runs.interruption import Interrupted, Interruption
from jaxdl.runs.resumption import Resumption
from jaxdl.runs.run_folder import configuration
from jaxdl.training import Callback, Event, Paused, Task, TrainState, callbacks, evaluate, fit
from jaxdl.training.evaluation import has_rows
from jaxdl.training.parameters import read_params, write_params
from jaxdl.tree import parameter_count

_FRAMES = 20  # pictures of a training that are kept


class Run(NamedTuple):
    """A trained model and how it does.

    Attributes:
        folder: where its files lie.
        scores: part of the data -> score -> value; "test" last, read once (or "train" alone if the task has one part).
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
) -> Run:
    """Train a recipe and write its run folder.

    Args:
        recipe: its name.
        config: its Config.
        run_dir: the run's folder, new or empty; by default `runs/<recipe>/<n>` with the next free n.
        resume: go on in `run_dir` from its last good checkpoint, or from the start if it was killed before the first.
        more_callbacks: beside the logs: a progress bar, say.
        save_every: seconds between checkpoints inside an epoch; None saves at the ends of epochs alone.
    Raises: ValueError for what cannot be trained or resumed, before anything is written; `Interrupted`, after a
        checkpoint, by SIGINT, SIGTERM or SIGHUP; OSError for a full disk, the earlier checkpoints being whole.
    """
    start = time.perf_counter()
    folder = None
    with Interruption() as interruption:
        try:
            task: Task = recipes.load(recipe).task(config)
            going_on = resumption.begin(Path(run_dir), config) if resume and run_dir is not None else None
            folder = run_folder.new_folder(recipe, run_dir) if going_on is None else going_on.folder
            folder.mkdir(parents=True, exist_ok=True)
            with lock.owned(folder):
                hooks = (interruption.callback, *more_callbacks)
                return _train(recipe, config, task, folder, going_on, hooks, save_every, start)
        except (Interrupted, Paused):
            raise Interrupted(interruption.signal or 0, f"interrupted; {resumption.how(folder)}") from None
        except OSError as error:
            raise resumption.with_the_way_on(error, folder) from error


def _train(
    recipe: str,
    config: Any,
    task: Task,
    folder: Path,
    going_on: Resumption | None,
    more_callbacks: tuple[Callback, ...],
    save_every: float | None,
    start: float,
) -> Run:
    """`train` in a folder that is this process's."""
    notes: dict[str, Any] = run_folder.environment() | {"seed": config.seed}

    def write_options() -> None:
        run_folder.write_config(folder, recipe, config)
        for name, content in task.files.items():
            files.write(folder / name, lambda path, content=content: path.write_text(content, encoding="utf-8"))

    def note(event: Event) -> None:
        if event.kind == "begin":
            if going_on is not None:  # nothing was refused: the folder may change
                write_options()
                notes["resumed"] = going_on.note(event)
            notes.update(event.history.params)
            files.write_json(folder / "environment.json", notes)

    if going_on is None:
        write_options()
    hooks = [note, *more_callbacks, callbacks.json_lines(folder / "metrics.jsonl")]
    hooks += [callbacks.csv_log(folder / "history.csv"), callbacks.nan_stop()]
    if task.frame is not None:
        hooks.append(_frames(task.frame, folder))
    if config.patience is not None:
        hooks.append(callbacks.early_stopping(task.monitor, mode=task.mode, patience=config.patience))
    state, history = fit(
        task,
        epochs=config.epochs,
        batch_size=config.batch_size,
        seed=config.seed,
        callbacks=hooks,
        run_dir=folder,
        resume=going_on is not None and going_on.from_checkpoint,
        save_every=save_every,
    )
    trained = time.perf_counter()
    run = _scored(folder, task, state, trained - start)
    write_params(folder, state)
    figures = {"curves": lambda state, data: pictures.curves(history.history, history.epoch, task.levels)} | dict(
        task.pictures
    )
    for name, draw in figures.items():
        figure = draw(state, task.data)
        if figure is not None:
            files.write(folder / f"{name}.png", lambda path, figure=figure: pictures.save(figure, path))
    seconds = {"train": trained - start, "in_all": time.perf_counter() - start}
    notes.update(
        parameters=parameter_count(state.params),
        seconds=seconds,
        scores=run.scores,
        more_scores=run.more_scores,
        headline=run.headline,
    )
    files.write_json(folder / "environment.json", notes)
    return run


def evaluate_run(folder: Path | str) -> Run:
    """Score the model of a run folder again. Raises ValueError if the folder is not a finished run."""
    _, task, state = load(folder)
    return _scored(Path(folder), task, state)


def load(folder: Path | str) -> tuple[Any, Task, TrainState]:
    """Config, task and trained state (without the optimizer's) of a run folder.

    Raises: ValueError if the folder is not a finished run.
    """
    folder = Path(folder)
    recipe, config = configuration(folder)
    task: Task = recipes.load(recipe).task(config)
    key = jax.random.key(config.seed)
    like = jax.eval_shape(task.init, key)  # shapes only: nothing is drawn to be thrown away
    state = read_params(folder, like)
    return config, task, state._replace(opt_state=(), key=key, step=jnp.zeros((), jnp.int32))


def _scored(folder: Path, task: Task, state: TrainState, seconds: float = 0.0) -> Run:
    parts = {name: part for name, part in task.data._asdict().items() if has_rows(part)}
    scores = {name: scalars(evaluate(task.evaluate, state, part)) for name, part in parts.items()}
    more = {} if task.scores is None else dict(task.scores(state, task.data))
    headline = task.headline or task.monitor.removeprefix("val_")
    return Run(folder, scores, more, headline if headline in more else f"{list(parts)[-1]} {headline}", state, seconds)


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
            if epoch in _evenly(epochs + 1) or (ending and not target.exists()):
                frames.mkdir(exist_ok=True)
                image = frame(event.state)
                files.write(target, lambda path: pictures.save_image(path, image))
        if event.kind == "end":
            drawn = sorted(frames.glob("*.png"))
            kept = [drawn[i] for i in sorted(_evenly(len(drawn)))]
            for path in set(drawn) - set(kept):  # of a run that was resumed for more epochs
                path.unlink()
            files.write(folder / "training.gif", lambda path: pictures.animate(kept, path))

    return draw
