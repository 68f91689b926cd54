"""Options from a file: a TOML that a user writes, or the config.json of a run.

recipe = "digits_mlp"        # may be left out where the command line names one
epochs = 5
batch_size = "none"          # TOML has no other word for None
[model]
widths = [64]
"""

import dataclasses
import json
import tomllib
import typing
from pathlib import Path
from typing import Any

from jaxdl.runs.run_folder import config_from_dict
from jaxdl.validation import did_you_mean, fits


def read(path: Path) -> tuple[str | None, dict[str, Any]]:
    """The recipe that a file names, if any, and its options as nested dicts.

    Raises: ValueError that names the file, and the line of a mistake, unless it is a .toml or .json of options.
    """
    if path.suffix not in (".toml", ".json"):
        raise ValueError(f"{path}: options are read from a .toml or .json file")
    try:
        text = path.read_text(encoding="utf-8-sig")
        values: Any = tomllib.loads(text) if path.suffix == ".toml" else json.loads(text)
    except (ValueError, RecursionError) as error:
        raise ValueError(f"{path}: {error}") from None
    if not isinstance(values, dict) or not isinstance(values.get("recipe", ""), str | None):
        raise ValueError(f"{path}: options with their names are expected, and a recipe's name")
    recipe = values.pop("recipe", None)
    values.pop("source_sha256", None)
    inner = values.get("config", values)
    if not isinstance(inner, dict) or (inner is not values and len(values) > 1):
        raise ValueError(f"{path}: the options stand either at the top or all in a table called config")
    return recipe, inner


def merged(config: Any, values: dict[str, Any], where: str) -> Any:
    """A configuration with some of its options changed.

    Raises: ValueError that begins with `where` for an unknown option, with the nearest one, and for a wrong value.
    """
    try:
        return config_from_dict(type(config), _merged(config, values))
    except ValueError as error:
        raise ValueError(f"{where}: {error}") from None


def _merged(config: Any, values: dict[str, Any], prefix: str = "") -> dict[str, Any]:
    hints = typing.get_type_hints(type(config))
    found = {field.name: getattr(config, field.name) for field in dataclasses.fields(config)}
    for given, value in values.items():
        name = given.replace("-", "_")
        if name not in found:
            raise ValueError(f"there is no option {prefix}{given}{did_you_mean(name, found)}")
        if dataclasses.is_dataclass(found[name]) and isinstance(value, dict):
            found[name] = _merged(found[name], value, f"{prefix}{name}.")
        elif isinstance(value, str) and value.lower() == "none" and not fits(value, hints[name]):
            found[name] = None
        else:
            found[name] = value
    return {
        name: _merged(value, {}) if dataclasses.is_dataclass(value) and not isinstance(value, type) else value
        for name, value in found.items()
    }
