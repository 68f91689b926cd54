"""What `fit` leaves in a run folder beside its checkpoints, whatever the task.

config.json  environment.json  metrics.jsonl  history.csv  norms.jsonl  params.safetensors  curves.png and the task's
own pictures
"""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from jaxdl.artifacts import files, pictures
from jaxdl.artifacts.stages import Stages
from jaxdl.training import agreement, callbacks
from jaxdl.training.environment import environment
from jaxdl.training.events import Callback, Event, History
from jaxdl.training.norms import norm_log
from jaxdl.training.parameters import write_params
from jaxdl.training.step import TrainState
from jaxdl.tree import parameter_count

if TYPE_CHECKING:
    from jaxdl.training.task import Task

ENVIRONMENT = "environment.json"


def logs(run_dir: Path | str | None, task: "Task") -> list[Callback]:
    """The callbacks that write the options, the environment, the task's files and the scores of every epoch.

    A config.json that is there already, a recipe's, stays. Without a folder there are none, nor in any process but the
    first of several.
    """
    if run_dir is None or not agreement.is_first():
        return []
    folder, stages = Path(run_dir), Stages()

    def compilation(event: Event) -> None:
        if event.kind == "compile":
            stages.start()
        elif event.kind in ("end", "abort"):
            stages.stop()
        if event.kind == "end":
            add(folder, compilation=stages.seconds() | {"programs": stages.programs, "cached": stages.cached})

    def begin(event: Event) -> None:
        if event.kind != "begin":
            return
        facts = event.history.params
        if not (folder / "config.json").is_file():
            config = {name: facts[name] for name in ("epochs", "batch_size", "seed")}
            files.write_json(folder / "config.json", {"recipe": None, "config": config})
        for name, content in task.files.items():
            files.write(folder / name, lambda path, content=content: path.write_text(content, encoding="utf-8"))
        files.write_json(folder / ENVIRONMENT, environment() | facts)

    tables = [callbacks.json_lines(folder / "metrics.jsonl"), callbacks.csv_log(folder / "history.csv")]
    norms = [] if agreement.several() else [norm_log(folder / "norms.jsonl")]  # slices cannot be read by one alone
    return [compilation, begin, *tables, *norms]


def add(folder: Path, **facts: Any) -> None:
    """More facts for environment.json."""
    path = folder / ENVIRONMENT
    files.write_json(path, json.loads(path.read_text()) | facts)


def finish(run_dir: Path | str | None, task: "Task", state: TrainState, history: History, seconds: float) -> None:
    """Write the parameters and the pictures of a run that has ended, if it has a folder."""
    if run_dir is None:
        return
    folder = Path(run_dir)
    write_params(folder, state)
    levels = {"levels": dict(task.levels)} if task.levels else {}
    add(folder, parameters=parameter_count(state.params), seconds={"train": seconds}, **levels)
    curves = pictures.curves(history.history, history.epoch, task.levels) if history.epoch else None
    figures = {"curves": curves} | {name: draw(state, task.data) for name, draw in task.pictures.items()}
    for name, figure in figures.items():
        if figure is not None:
            files.write(folder / f"{name}.png", lambda path, figure=figure: pictures.save(figure, path))
