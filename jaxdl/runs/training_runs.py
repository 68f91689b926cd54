"""A recipe becomes a run folder, and a run folder a model again: what `jaxdl train` and `jaxdl evaluate` do."""

import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from jaxdl import recipes
from jaxdl.artifacts import files, pictures
from jaxdl.metrics import scalars
from jaxdl.runs import run_folder
from jaxdl.training import Callback, Event, Task, TrainState, callbacks, evaluate, fit
from jaxdl.training.evaluation import has_rows
from jaxdl.training.parameters import read_params, write_params
from jaxdl.tree import parameter_count


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
    run_dir: Path | None = None,
    resume: bool = False,
    more_callbacks: tuple[Callback, ...] = (),
) -> Run:
    """Train a recipe and write its run folder.

    Args:
        recipe: its name.
        config: its Config.
        run_dir: the run's folder, new or empty; by default `runs/<recipe>/<n>` with the next free n.
        resume: go on in `run_dir` from its last checkpoint.
        more_callbacks: beside the logs: a progress bar, say.
    Raises: ValueError for what cannot be trained, before anything is written.
    """
    start = time.perf_counter()
    task: Task = recipes.load(recipe).task(config)
    folder = run_dir if resume and run_dir is not None else run_folder.new_folder(recipe, run_dir)
    steps_per_call = _noted_steps_per_call(folder) if resume else "auto"
    folder.mkdir(parents=True, exist_ok=True)
    run_folder.write_config(folder, recipe, config)
    for name, content in task.files.items():
        files.write(folder / name, lambda path, content=content: path.write_text(content, encoding="utf-8"))
    notes: dict[str, Any] = run_folder.environment() | {"seed": config.seed}

    def note(event: Event) -> None:
        if event.kind == "begin":  # a resumed run must use the same program: another may round differently
            notes.update(event.history.params)
            files.write_json(folder / "environment.json", notes)

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
        resume=resume,
        steps_per_call=steps_per_call,
    )
    trained = time.perf_counter()
    run = _scored(folder, task, state, trained - start)
    write_params(folder, state)
    figures = {"curves": lambda state, data: pictures.curves(history.history, history.epoch)} | dict(task.pictures)
    for name, draw in figures.items():
        figure = draw(state, task.data)
        files.write(folder / f"{name}.png", lambda path, figure=figure: figure.savefig(path, dpi=120))
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


def evaluate_run(folder: Path) -> Run:
    """Score the model of a run folder again. Raises ValueError if the folder is not a finished run."""
    _, task, state = load(folder)
    return _scored(folder, task, state)


def load(folder: Path) -> tuple[Any, Task, TrainState]:
    """Config, task and trained state (without the optimizer's) of a run folder.

    Raises: ValueError if the folder is not a finished run.
    """
    recipe, config = configuration(folder)
    task: Task = recipes.load(recipe).task(config)
    key = jax.random.key(config.seed)
    like = jax.eval_shape(task.init, key)  # shapes only: nothing is drawn to be thrown away
    state = read_params(folder, like)
    return config, task, state._replace(opt_state=(), key=key, step=jnp.zeros((), jnp.int32))


def configuration(folder: Path) -> tuple[str, Any]:
    """Recipe and Config of a run folder. Raises ValueError if the folder is not a run's."""
    recipe, values = run_folder.read_config(folder)
    try:
        return recipe, run_folder.config_from_dict(recipes.load(recipe).Config, values)
    except ValueError as error:
        raise ValueError(f"{folder / 'config.json'} is damaged or of another version: {error}") from None


def _scored(folder: Path, task: Task, state: TrainState, seconds: float = 0.0) -> Run:
    parts = {name: part for name, part in task.data._asdict().items() if has_rows(part)}
    scores = {name: scalars(evaluate(task.evaluate, state, part)) for name, part in parts.items()}
    more = {} if task.scores is None else dict(task.scores(state, task.data))
    headline = task.headline or task.monitor.removeprefix("val_")
    return Run(folder, scores, more, headline if headline in more else f"{list(parts)[-1]} {headline}", state, seconds)


def _frames(frame: Callable[[TrainState], Any], folder: Path) -> Callback:
    """A picture an epoch in `frames/`, and at the end all of them as `training.gif`."""
    frames = folder / "frames"

    def draw(event: Event) -> None:
        if event.kind in ("begin", "epoch"):
            frames.mkdir(exist_ok=True)
            image, name = frame(event.state), f"{event.epoch if event.kind == 'epoch' else 0:04d}.png"
            files.write(frames / name, lambda path: pictures.save_image(path, image))
        elif event.kind == "end":
            files.write(folder / "training.gif", lambda path: pictures.animate(sorted(frames.glob("*.png")), path))

    return draw


def _noted_steps_per_call(folder: Path) -> Any:
    if not any((folder / "checkpoints").glob("[0-9]*")):
        raise ValueError(
            f"{folder} cannot be resumed: it has no checkpoint, so its first epoch did not end; train anew"
        )
    try:
        return json.loads((folder / "environment.json").read_text())["steps_per_call"]
    except (OSError, ValueError, KeyError, TypeError):
        raise ValueError(f"{folder} cannot be resumed: its environment.json is missing or damaged") from None
