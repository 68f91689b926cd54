"""The files of a run: what a run folder holds, how it is written (whole or not at all) and read back.

runs/<recipe>/<n>/   config.json  environment.json  metrics.jsonl  history.csv  params.safetensors
                     curves.png  confusion.png ...  checkpoints/
"""

import dataclasses
import json
import platform
import types
import typing
from pathlib import Path
from typing import Any

import jax

from jaxdl.artifacts import files
from jaxdl.runs.environment import hardware, versions
from jaxdl.validation import did_you_mean

_PACKAGES = ("jaxdl", "jax", "jaxlib", "optax", "numpy", "orbax-checkpoint", "scikit-learn")


def new_folder(recipe: str, run_dir: Path | None) -> Path:
    """Where a new run goes: `run_dir`, which must be new or empty, or `runs/<recipe>/<n>` with the next free n.

    Nothing is created yet.
    """
    if run_dir is not None:
        if run_dir.exists() and (not run_dir.is_dir() or any(run_dir.iterdir())):
            raise ValueError(
                f"{run_dir} is not an empty folder; name a new one, or go on in it with --resume {run_dir}"
            )
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
    except (json.JSONDecodeError, KeyError, TypeError, UnicodeDecodeError) as error:
        raise ValueError(f"{path} is damaged: {error!r}") from None


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
        return isinstance(value, list | tuple) and all(any(_fits(v, one) for one in inner) for v in value)
    if hint is float:
        return isinstance(value, int | float) and not isinstance(value, bool)
    return type(value) is hint if isinstance(hint, type) else True


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
