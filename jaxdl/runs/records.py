"""What a run folder says of itself, read from its files alone (no recipe, data or model); runs beside each other.

config.json  environment.json  metrics.jsonl
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
    """

    folder: Path
    recipe: str
    options: dict[str, Any]
    scores: dict[str, float]
    headline: str
    epochs: list[int]
    curves: dict[str, list[float | None]]
    facts: dict[str, Any]

    @property
    def finished(self) -> bool:
        """Whether the training came to its end."""
        return (self.folder / "params.safetensors").is_file()


def read(folder: Path | str) -> Record:
    """The `Record` of a run folder. Raises ValueError if it is none or damaged."""
    folder = Path(folder)
    recipe, config = read_config(folder, script=True)
    try:
        text = (folder / "environment.json").read_text() if (folder / "environment.json").is_file() else "{}"
        facts = json.loads(text)
        log = folder / "metrics.jsonl"
        rows = [json.loads(line) for line in log.read_text().splitlines()] if log.is_file() else []
        scores = {f"{part} {name}": value for part, of in facts.get("scores", {}).items() for name, value in of.items()}
        names = list(dict.fromkeys(name for row in rows for name in row if name != "epoch"))
        curves = {name: [row.get(name) for row in rows] for name in names}
        epochs = [int(row["epoch"]) for row in rows]
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise ValueError(f"{folder} is damaged: {type(error).__name__}: {error}") from None
    scores |= facts.get("more_scores", {})
    return Record(folder, recipe, _flat(config), scores, facts.get("headline", ""), epochs, curves, facts)


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
    rows["seconds of training"] = [record.facts.get("seconds", {}).get("train") for record in records]
    return rows


def panels(records: Sequence[Record]) -> dict[str, dict[str, tuple[list[float], list[float]]]]:
    """Score -> run -> (epochs, values), for the scores that at least two of the runs have; gaps are NaN."""
    names = list(dict.fromkeys(name for record in records for name in record.curves if name != "seconds"))
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


def _flat(config: dict[str, Any], prefix: str = "") -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name, value in config.items():
        found |= _flat(value, f"{prefix}{name}.") if isinstance(value, dict) else {f"{prefix}{name}": value}
    return found
