"""The folder of a search: what was asked, every trial as it ends, a picture, and the best one as a run of its own.

searches/<recipe>/<n>/   search.json  trials.jsonl  trials.csv  trials.png  best/ (a run folder)

The test part is read once, by the run of the best trial.
"""

import csv
import dataclasses
import json
import math
import shlex
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from jaxdl import recipes
from jaxdl.artifacts import files, lock, pictures, search_pictures
from jaxdl.runs import run_folder
from jaxdl.runs.training_runs import Outcome, train
from jaxdl.training.search import Method, Tried, best, search
from jaxdl.training.spaces import fields, parse, replaced


class Asked(NamedTuple):
    """What a search is asked for; all of it in search.json.

    Attributes:
        recipe: its name.
        config: of all trials, but for the fields of the space.
        space: texts such as "learning_rate=log:1e-4:1e-1".
        method, trials, seed: as in `jaxdl.training.search.search`.
    """

    recipe: str
    config: Any
    space: tuple[str, ...]
    method: Method = "random"
    trials: int = 32
    seed: int = 0


class Found(NamedTuple):
    """What a search gave.

    Attributes:
        trials: in the order of their numbers.
        best: the one with the best validation score.
        monitor: the name of that score.
        run: the best trial trained once more, into its run folder, with its test score.
        command: the command line that trains it.
        folder: of the search.
    """

    trials: list[Tried]
    best: Tried
    monitor: str
    run: Outcome
    command: str
    folder: Path


def run_search(
    asked: Asked, folder: Path | None = None, *, resume: bool = False, stage: Callable[[str], None] = lambda text: None
) -> Found:
    """Search, keep every trial as it ends, train the best one.

    Args:
        asked: what to search.
        folder: new or empty; `searches/<recipe>/<n>` by default. To resume: the folder of `asked`.
        resume: run only the trials that have not ended.
        stage: hears what is being done.
    Raises: ValueError for an impossible space, and if no trial has a finite score.
    """
    space = parse(asked.config, asked.space)
    task_of = recipes.load(asked.recipe).task
    task = task_of(asked.config)
    if not resume or folder is None:
        folder = run_folder.new_folder(asked.recipe, folder, root="searches")
    folder.mkdir(parents=True, exist_ok=True)
    with lock.owned(folder):
        if not resume:
            files.write_json(folder / "search.json", _as_json(asked))
        with open(folder / "trials.jsonl", "a", encoding="utf-8") as log:

            def tell(tried: Tried) -> None:
                log.write(json.dumps(tried._asdict() | {"score": _finite(tried.score)}) + "\n")
                log.flush()

            found = search(
                task_of,
                asked.config,
                space,
                method=asked.method,
                trials=asked.trials,
                seed=asked.seed,
                done=_ended(folder),
                tell=tell,
                stage=stage,
            )
        chosen = best(found, task.mode)
        log_axes = [dimension.name for dimension in space if dimension.log]
        _write_tables(folder, found, task.monitor, task.mode, log_axes)
        config = replaced(asked.config, chosen.values)
        stage("the best trial, once more")
        run = train(asked.recipe, config, run_dir=_free(folder))
    return Found(found, chosen, task.monitor, run, command(asked.recipe, config), folder)


def read_search(folder: Path) -> Asked:
    """What the search in a folder was asked for. Raises ValueError if it is none."""
    path = folder / "search.json"
    if not path.is_file():
        raise ValueError(f"{folder} is not the folder of a search: it has no search.json")
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        kind = recipes.load(content["recipe"]).Config
        config = run_folder.config_from_dict(kind, content["config"])
        return Asked(
            content["recipe"], config, tuple(content["space"]), content["method"], content["trials"], content["seed"]
        )
    except (KeyError, TypeError, json.JSONDecodeError) as error:
        raise ValueError(f"{path} is damaged: {type(error).__name__}: {error}") from None


def command(recipe: str, config: Any) -> str:
    """The command line that trains a configuration: what differs from the recipe's own.

    >>> from jaxdl.recipes.digits_mlp import Config
    >>> command("digits_mlp", replaced(Config(), {"learning_rate": 0.01, "model.widths": (64,)}))
    'jaxdl train digits_mlp --learning-rate 0.01 --model.widths 64'
    """
    words = ["jaxdl", "train", recipe]
    default = recipes.load(recipe).Config()
    for name in fields(config):
        value, usual = (_get(c, name) for c in (config, default))
        if value != usual:
            flag = name.replace("_", "-")
            if isinstance(value, bool):
                head, dot, last = flag.rpartition(".")
                words.append(f"--{flag}" if value else f"--{head}{dot}no-{last}")
            else:
                words += [f"--{flag}", *map(str, value if isinstance(value, tuple) else (value,))]
    return shlex.join(words)


def _get(config: Any, name: str) -> Any:
    for part in name.split("."):
        config = getattr(config, part)
    return config


def _as_json(asked: Asked) -> dict[str, Any]:
    return {**recipes.stored(asked.recipe), **asked._asdict(), "config": dataclasses.asdict(asked.config)} | {
        "recipe": recipes.stored(asked.recipe)["recipe"]
    }


def _finite(score: float) -> float | None:
    return score if math.isfinite(score) else None


def _ended(folder: Path) -> list[Tried]:
    """The trials of an earlier call; a last line that a kill has cut off does not count."""
    ended = []
    for line in (folder / "trials.jsonl").read_text(encoding="utf-8").splitlines():
        try:
            values = json.loads(line)
        except json.JSONDecodeError:
            continue
        values["score"] = math.nan if values["score"] is None else values["score"]
        values["values"] = {name: tuple(v) if isinstance(v, list) else v for name, v in values["values"].items()}
        ended.append(Tried(**values))
    return ended


def _free(folder: Path) -> Path:
    """best/, or best-2/ where a resumed search has one already."""
    number, path = 1, folder / "best"
    while path.exists():
        number += 1
        path = folder / f"best-{number}"
    return path


def _write_tables(folder: Path, found: Sequence[Tried], monitor: str, mode: str, log: Sequence[str]) -> None:
    """trials.csv and the picture of all trials."""

    def write_csv(path: Path) -> None:
        with open(path, "w", newline="", encoding="utf-8") as file:
            writer = csv.writer(file)
            writer.writerow(["trial", *found[0].values, monitor, "best_epoch", "epochs", "note"])
            for tried in found:
                writer.writerow(
                    [tried.number, *tried.values.values(), tried.score, tried.epoch, tried.epochs, tried.note]
                )

    files.write(folder / "trials.csv", write_csv)
    figure = search_pictures.parallel_coordinates(
        [tried.values for tried in found], [tried.score for tried in found], monitor, mode, log=log
    )
    files.write(folder / "trials.png", lambda path: pictures.save(figure, path))
