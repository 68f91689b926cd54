"""What a run folder says of itself, read from its files alone (no recipe, data or model); runs beside each other.

config.json  environment.json  metrics.jsonl  norms.jsonl
"""

import json
import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

from jaxdl.runs.run_folder import read_config


class Record(NamedTuple):
    """A run folder.

    Attributes:
        folder: where it lies.
        recipe: its name; "" for the run of a script.
        options: every option by its dotted name ("model.widths"), as JSON has it.
        scores: "test accuracy" -> value, the last ones of all; {} of a run that did not finish.
        headline: the score that the recipe is about; "".
        epochs: the epochs that were done.
        curves: score -> one value for each epoch; None where it was not finite.
        facts: environment.json.
        norms: norms.jsonl, a dict an epoch.
        damage: what could not be read of the folder, a clause each; empty for what `read` gives.
    """

    folder: Path
    recipe: str
    options: dict[str, Any]
    scores: dict[str, float]
    headline: str
    epochs: list[int]
    curves: dict[str, list[float | None]]
    facts: dict[str, Any]
    norms: list[dict[str, Any]] = []  # noqa: RUF012 - never changed
    damage: tuple[str, ...] = ()

    @property
    def finished(self) -> bool:
        """Whether the training came to its end."""
        return (self.folder / "params.safetensors").is_file()


def read(folder: Path | str) -> Record:
    """The `Record` of a run folder. Raises ValueError if it is none or damaged."""
    folder = Path(folder)
    read_config(folder, script=True)
    record = read_what_is_there(folder)
    damage = [what for what in record.damage if not what.startswith("norms.jsonl")]  # which reports alone show
    if damage:
        raise ValueError(f"{folder} is damaged: {damage[0]}")
    return record._replace(damage=())


def read_what_is_there(folder: Path | str) -> Record:
    """The `Record` of a run folder, as much of it as can be read. Raises ValueError if the folder is not a run's."""
    folder, damage = Path(folder), []
    recipe, config = "", {}
    try:
        recipe, config = read_config(folder, script=True)
    except ValueError as error:
        if not (folder / "config.json").is_file():
            raise
        stored = _object(folder / "config.json", [])
        recipe, config = str(stored.get("recipe") or ""), stored.get("config")
        config = config if isinstance(config, dict) else {}
        damage.append(str(error))
    facts = _object(folder / "environment.json", damage)
    rows = _rows(folder / "metrics.jsonl", damage)
    names = list(dict.fromkeys(name for row in rows for name in row if name != "epoch"))
    curves = {name: [_number(row.get(name)) for row in rows] for name in names}
    parts = table(facts, "scores")
    scores = {f"{part} {name}": value for part in parts for name, value in table(parts, part).items()}
    scores |= table(facts, "more_scores")
    epochs = [int(row["epoch"]) for row in rows]
    norms = _rows(folder / "norms.jsonl", damage)
    headline = str(facts.get("headline", ""))
    return Record(folder, recipe, flat(config), scores, headline, epochs, curves, facts, norms, tuple(damage))


def _object(path: Path, damage: list[str]) -> dict[str, Any]:
    """A JSON object of a file; {} and a line more in `damage` if it cannot be read, {} alone if it is not there."""
    if not path.is_file():
        return {}
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
        if not isinstance(found, dict):
            raise TypeError("an object is expected")
        return found
    except (OSError, ValueError, TypeError, RecursionError) as error:
        damage.append(f"{path.name}: {type(error).__name__}: {error}")
        return {}


def _rows(path: Path, damage: list[str]) -> list[dict[str, Any]]:
    """The JSON objects of a file, one a line and each with its epoch; those that cannot be read in `damage`."""
    try:
        lines = path.read_text(encoding="utf-8").splitlines() if path.is_file() else []
    except (OSError, ValueError) as error:
        damage.append(f"{path.name}: {type(error).__name__}: {error}")
        return []
    rows = []
    for i, line in enumerate(lines, 1):
        try:
            row = json.loads(line)
            if not isinstance(row, dict) or not isinstance(row.get("epoch"), int):
                raise TypeError("an object with its epoch is expected")
            rows.append(row)
        except (ValueError, TypeError, RecursionError) as error:
            damage.append(f"{path.name}, line {i}: {type(error).__name__}: {error}")
    return rows


def table(facts: dict[str, Any], name: str) -> dict[str, Any]:
    """A fact that is an object; {} if it is none."""
    found = facts.get(name)
    return found if isinstance(found, dict) else {}


def sequence(facts: dict[str, Any], name: str) -> list[Any]:
    """A fact that is an array; [] if it is none."""
    found = facts.get(name)
    return found if isinstance(found, list) else []


def _number(value: Any) -> float | None:
    return value if isinstance(value, int | float) and math.isfinite(value) else None


def differences(records: Sequence[Record]) -> dict[str, list[Any]]:
    """The options in which runs differ: name -> its value in each run; "" where a run has no such option.

    >>> a = Record(Path("a"), "x", {"seed": 0, "epochs": 3}, {}, "", [], {}, {})
    >>> differences([a, a._replace(options={"seed": 1, "epochs": 3})])
    {'seed': [0, 1]}
    """
    rows = {"recipe": [record.recipe or "(script)" for record in records]}
    names = list(dict.fromkeys(name for record in records for name in record.options))
    rows |= {name: [record.options.get(name, "") for record in records] for name in names}
    return {name: values for name, values in rows.items() if any(value != values[0] for value in values)}


def scores(records: Sequence[Record]) -> dict[str, list[float | None]]:
    """Every score of every run, with its parameters and seconds; None where a run has it not."""
    names = list(dict.fromkeys(name for record in records for name in record.scores))
    rows: dict[str, list[float | None]] = {name: [record.scores.get(name) for record in records] for name in names}
    rows["parameters"] = [record.facts.get("parameters") for record in records]
    rows["seconds of training"] = [table(record.facts, "seconds").get("train") for record in records]
    return rows


def panels(records: Sequence[Record]) -> dict[str, dict[str, tuple[list[float], list[float]]]]:
    """Score -> run -> (epochs, values), for the scores that at least two of the runs have; gaps are NaN."""
    names = list(
        dict.fromkeys(name for record in records for name in record.curves if name not in ("seconds", "waiting"))
    )
    found = {}
    for name in names:
        having = [record for record in records if name in record.curves]
        if len(having) >= min(2, len(records)):
            found[name] = {
                str(record.folder): (
                    [float(epoch) for epoch in record.epochs],
                    [math.nan if value is None else value for value in record.curves[name]],
                )
                for record in having
            }
    return found


def flat(config: dict[str, Any], prefix: str = "") -> dict[str, Any]:
    """Nested options by their dotted names.

    >>> flat({"epochs": 3, "model": {"widths": [8]}})
    {'epochs': 3, 'model.widths': [8]}
    """
    found: dict[str, Any] = {}
    for name, value in config.items():
        found |= flat(value, f"{prefix}{name}.") if isinstance(value, dict) else {f"{prefix}{name}": value}
    return found
