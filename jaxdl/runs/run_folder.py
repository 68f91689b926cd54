"""The files of a run: what a run folder holds, how it is written (whole or not at all) and read back.

runs/<recipe>/<n>/   config.json  environment.json  metrics.jsonl  history.csv  params.safetensors
                     curves.png  confusion.png ...  checkpoints/
"""

import dataclasses
import json
import platform
import types
import typing
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import jax

from jaxdl import recipes
from jaxdl.artifacts import files
from jaxdl.runs.environment import hardware, versions
from jaxdl.validation import did_you_mean

_PACKAGES = ("jaxdl", "jax", "jaxlib", "optax", "numpy", "orbax-checkpoint", "scikit-learn")


def new_folder(recipe: str, run_dir: Path | str | None) -> Path:
    """Where a new run goes: `run_dir`, which must be new or empty, or `runs/<recipe>/<n>` with the next free n.

    Nothing is created yet. Hidden files, such as the lock of a process that was killed at once, do not count.
    """
    if run_dir is not None:
        run_dir = Path(run_dir)
        if run_dir.exists() and (not run_dir.is_dir() or any(path.name[0] != "." for path in run_dir.iterdir())):
            is_run = run_dir.is_dir() and (run_dir / "config.json").is_file()
            go_on = f", or go on in it with --resume {run_dir}" if is_run else ""
            raise ValueError(f"{run_dir} is not an empty folder; name a new one{go_on}")
        return run_dir
    taken = [int(path.name) for path in Path("runs", recipe).glob("*") if path.name.isdigit()]
    return Path("runs", recipe, str(max(taken, default=0) + 1))


def write_config(folder: Path, recipe: str, config: Any) -> None:
    """config.json: the recipe's name and its whole configuration."""
    files.write_json(folder / "config.json", {"recipe": recipe, "config": dataclasses.asdict(config)})


def read_config(folder: Path) -> tuple[str, dict[str, Any]]:
    """The recipe's name and its configuration as nested dicts. Raises ValueError if the folder is not a run's."""
    path = folder / "config.json"
    if not path.is_file():
        runs = [str(p.parent) for p in sorted(Path("runs").glob("*/*/config.json"))]
        raise ValueError(f"{folder} is not a run folder: it has no config.json{did_you_mean(str(folder), runs)}")
    try:
        stored = json.loads(path.read_text())
        if not isinstance(stored["recipe"], str) or not isinstance(stored["config"], dict):
            raise TypeError("a recipe's name and its options are expected")
        return stored["recipe"], stored["config"]
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise ValueError(f"{path} is damaged: {type(error).__name__}: {error}") from None


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
        if dataclasses.is_dataclass(hints[name]):
            value = config_from_dict(typing.cast(type, hints[name]), value)
        elif not _fits(value, hints[name]):
            raise ValueError(f"{kind.__qualname__}: {name} cannot be {value!r}")
        arguments[name] = tuple(value) if isinstance(value, list) else value
    return kind(**arguments)


def _fits(value: Any, hint: Any) -> bool:
    """Whether a value from JSON is of a field's type."""
    origin, inner = typing.get_origin(hint), typing.get_args(hint)
    if origin in (typing.Union, types.UnionType):
        return any(_fits(value, one) for one in inner)
    if origin is typing.Literal:
        return value in inner
    if origin is tuple:
        return isinstance(value, list | tuple) and _fits_tuple(value, inner)
    if hint is float:
        return isinstance(value, int | float) and not isinstance(value, bool)
    return type(value) is hint if isinstance(hint, type) else True


def _fits_tuple(values: Sequence[Any], hints: tuple[Any, ...]) -> bool:
    """tuple[X, ...] is any number of X, tuple[X, Y] an X and a Y."""
    if len(hints) == 2 and hints[1] is Ellipsis:
        return all(_fits(value, hints[0]) for value in values)
    return len(values) == len(hints) and all(map(_fits, values, hints))


def environment() -> dict[str, Any]:
    """Versions, machine and device of a run."""
    device = jax.devices()[0]
    return {
        "python": platform.python_version(),
        "versions": versions(*_PACKAGES),
        "machine": f"{platform.system()} {platform.machine()}, {hardware()}",
        "device": f"{device.device_kind} ({jax.default_backend()}), {jax.device_count()} in all",
        "x64": bool(jax.config.read("jax_enable_x64")),
    }
