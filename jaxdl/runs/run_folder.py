"""The files of a run: what a run folder holds, how it is written (whole or not at all) and read back.

runs/<recipe>/<n>/   config.json  environment.json  metrics.jsonl  history.csv  params.safetensors
                     curves.png  confusion.png ...  checkpoints/
"""

import dataclasses
import functools
import json
import logging
import typing
from pathlib import Path
from typing import Any

from jaxdl import recipes
from jaxdl.artifacts import files
from jaxdl.validation import did_you_mean, fits

_log = logging.getLogger(__name__)


class _OfAScript(ValueError):
    """There is no recipe to load."""


def new_folder(recipe: str, run_dir: Path | str | None, *, root: str = "runs") -> Path:
    """Where a new run goes: `run_dir`, which must be new or empty, or `<root>/<recipe>/<n>` with the next free n.

    Nothing is created yet. Hidden files, such as the lock of a process that was killed at once, do not count.
    """
    if run_dir is not None:
        run_dir = Path(run_dir)
        if run_dir.exists() and (not run_dir.is_dir() or any(path.name[0] != "." for path in run_dir.iterdir())):
            is_run = run_dir.is_dir() and (run_dir / "config.json").is_file()
            go_on = f", or go on in it with --resume {run_dir}" if is_run else ""
            raise ValueError(f"{run_dir} is not an empty folder; name a new one{go_on}")
        return run_dir
    runs = Path(root, recipes.title(recipe))
    taken = [int(path.name) for path in runs.glob("*") if path.name.isdigit()]
    return runs / str(max(taken, default=0) + 1)


def write_config(folder: Path, recipe: str, config: Any) -> None:
    """config.json: the recipe's name, of a user's own one the hash of its file, and its whole configuration."""
    files.write_json(folder / "config.json", {**recipes.stored(recipe), "config": dataclasses.asdict(config)})


def read_config(folder: Path, *, script: bool = False) -> tuple[str, dict[str, Any]]:
    """The recipe's name and its configuration as nested dicts; says if the recipe's file has changed since.

    Args:
        script: whether it may be the run of a script, which has the recipe "".

    Raises: ValueError if the folder is not a run's.
    """
    path = folder / "config.json"
    if not path.is_file():
        runs = [str(p.parent) for p in sorted(Path("runs").glob("*/*/config.json"))]
        raise ValueError(f"{folder} is not a run folder: it has no config.json{did_you_mean(str(folder), runs)}")
    try:
        stored = json.loads(path.read_text())
        if stored["recipe"] is None and script and isinstance(stored["config"], dict):
            return "", stored["config"]
        if stored["recipe"] is None:
            raise _OfAScript(f"{folder} is the run of a script: jaxdl.load({str(folder)!r}, task=...) needs its task")
        if not isinstance(stored["recipe"], str) or not isinstance(stored["config"], dict):
            raise TypeError("a recipe's name and its options are expected")
    except _OfAScript:
        raise
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise ValueError(f"{path} is damaged: {type(error).__name__}: {error}") from None
    recipe, content = stored["recipe"], stored.get("source_sha256")
    if content is not None and recipes.stored(recipe).get("source_sha256") != content:
        _say_changed(recipe, str(folder))
    return recipe, stored["config"]


@functools.cache  # once is enough
def _say_changed(recipe: str, folder: str) -> None:
    _log.warning("%s has changed since %s was begun", recipe, folder)


def configuration(folder: Path | str) -> tuple[str, Any]:
    """Recipe and Config of a run folder. Raises ValueError if the folder is not a run's."""
    folder = Path(folder)
    recipe, values = read_config(folder)
    try:
        return recipe, config_from_dict(recipes.load(recipe).Config, values)
    except (ValueError, TypeError) as error:
        raise ValueError(f"{folder / 'config.json'} is damaged or of another version: {error}") from None


def config_from_dict(kind: type, values: dict[str, Any]) -> Any:
    """A (nested) configuration dataclass from what `dataclasses.asdict` and JSON made of it."""
    hints = typing.get_type_hints(kind)
    if not isinstance(values, dict):
        raise ValueError(f"{kind.__qualname__}: expected its fields, got {values!r}")
    if unknown := sorted(values.keys() - hints.keys()):
        raise ValueError(f"{kind.__qualname__} has no field {unknown[0]!r}{did_you_mean(unknown[0], hints)}")
    arguments = {}
    for name, value in values.items():
        value = _tuples(value)
        if dataclasses.is_dataclass(hints[name]):
            value = config_from_dict(typing.cast(type, hints[name]), value)
        elif not fits(value, hints[name]):
            raise ValueError(f"{kind.__qualname__}: {name} cannot be {value!r}")
        arguments[name] = value
    return kind(**arguments)


def _tuples(value: Any) -> Any:
    """JSON has no tuples: its lists, at any depth, as those."""
    return tuple(map(_tuples, value)) if isinstance(value, list) else value
