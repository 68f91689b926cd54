"""A recipe's scores over seeds: means with 95 % intervals, of new runs or of finished ones."""

import dataclasses
import datetime
import json
import statistics
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from benchmarks import RESULTS
from jaxdl import recipes, runs
from jaxdl.artifacts import files
from jaxdl.metrics.intervals import confidence
from jaxdl.training.environment import environment

SCORES = RESULTS / "scores"


def measure(
    recipe: str,
    seeds: int,
    overrides: dict[str, Any] | None = None,
    stored: Any = None,
    preset: str | None = None,
) -> dict[str, Any]:
    """Train a recipe with seeds 0 .. n-1 and give back the record; the runs of a `stored` record are not repeated.

    A `preset` is what the settings start from, in place of the recipe's default ones.
    """
    start = recipes.load(recipe).Config() if preset is None else recipes.preset(recipe, preset)
    rows = list(stored["runs"]) if stored else []
    headline = stored["score"] if stored else ""
    for seed in range(len(rows), seeds):
        config = dataclasses.replace(start, seed=seed, **(overrides or {}))
        with tempfile.TemporaryDirectory() as folder:
            run = runs.train(recipe, config, run_dir=Path(folder, "run"))
        headline = run.headline
        scores = {"score": run.score, "scores": run.scores, "more_scores": run.more_scores}
        rows.append({"seed": seed, "seconds": run.seconds} | scores)
        print(f"{recipe} seed {seed}: {headline} {run.score:.4f} in {run.seconds:.1f} s", flush=True)
    found = record(recipe, headline, rows, overrides or {}) | environment()
    return found if preset is None else found | {"preset": preset}


def of_runs(folders: Sequence[Path]) -> dict[str, Any]:
    """The record of finished runs of one recipe with equal options but the seed.

    Raises: ValueError if they are not that, or if one did not finish.
    """
    found, rows, notes = [], [], {}
    for folder in folders:
        recipe, config = runs.configuration(folder)
        notes = json.loads((folder / "environment.json").read_text())
        if "headline" not in notes:
            raise ValueError(f"{folder} did not finish: its environment.json has no scores")
        found.append((recipe, notes["headline"], dataclasses.replace(config, seed=0)))
        scores = {"scores": notes["scores"], "more_scores": notes["more_scores"]}
        scores["score"] = runs.score(notes["headline"], **scores)
        rows.append({"seed": config.seed, "seconds": notes["seconds"]["train"]} | scores)
    if any(one != found[0] for one in found):
        raise ValueError("these runs differ in more than their seed: " + ", ".join(map(str, folders)))
    recipe, headline, config = found[0]
    usual = recipes.load(recipe).Config()
    names = [field.name for field in dataclasses.fields(config)]
    changed = {n: getattr(config, n) for n in names if n != "seed" and getattr(config, n) != getattr(usual, n)}
    machine = {name: notes[name] for name in environment()}
    return record(recipe, headline, sorted(rows, key=lambda row: row["seed"]), changed) | machine


def record(recipe: str, headline: str, rows: list[dict[str, Any]], overrides: dict[str, Any]) -> dict[str, Any]:
    """What is kept of some runs of a recipe, but the machine and the versions."""
    values = [row["score"] for row in rows]
    return {
        "recipe": recipe,
        "about": recipes.describe(recipe),
        "overrides": overrides,
        "score": headline,
        "mean": statistics.fmean(values),
        "confidence95": confidence(values),
        "seconds": min(row["seconds"] for row in rows),  # the others shared the machine with something else
        "runs": rows,
        "date": datetime.date.today().isoformat(),
    }


def keep(found: dict[str, Any]) -> None:
    """Write a record where the tables look for it, of a preset under its name, too; and print what it says."""
    files.write_json(SCORES / file_name(found["recipe"], found.get("preset")), found)
    print(json.dumps({name: found[name] for name in ("recipe", "score", "mean", "confidence95", "seconds")}))


def file_name(recipe: str, preset: str | None = None) -> str:
    """The file of a record.

    >>> file_name("mixture_gan"), file_name("mixture_gan", "wasserstein")
    ('mixture_gan.json', 'mixture_gan-wasserstein.json')
    """
    return f"{recipe}.json" if preset is None else f"{recipe}-{preset}.json"
