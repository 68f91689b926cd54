"""A recipe with many seeds in one program: every run's scores, their mean and its 95 % confidence interval.

seeds/<recipe>/<n>/   config.json  environment.json  seeds.csv  report.html
"""

import csv
import time
from pathlib import Path
from typing import Any, NamedTuple

import jax

from jaxdl import recipes
from jaxdl.artifacts import files, lock
from jaxdl.runs import reports, run_folder
from jaxdl.runs.training_runs import scored
from jaxdl.training.environment import environment
from jaxdl.training.together import fit_many


class Seeds(NamedTuple):
    """What `train_seeds` gives back.

    Attributes:
        folder: where the table lies.
        seeds: of the runs.
        scores: name -> a value for each run; the test part's begin with "test ".
        headline: the score that the recipe is about.
        seconds: wall time of the training of all.
    """

    folder: Path
    seeds: list[int]
    scores: dict[str, list[float]]
    headline: str
    seconds: float


def train_seeds(recipe: str, config: Any, n: int, *, run_dir: Path | str | None = None) -> Seeds:
    """Train a recipe with the seeds `config.seed` to `config.seed + n - 1`, all in one program.

    The data are split once, by `config.seed`: parameters, orders and dropout differ. With `patience` each run's best
    epoch counts, otherwise its last, as `runs.train` has it (which would also stop there).

    Args:
        recipe, config: as in `runs.train`.
        n: how many seeds, at least 2.
        run_dir: new or empty; `seeds/<recipe>/<n>` by default.
    Raises: ValueError for a task with pre-training, which is trained alone.
    """
    if n < 2:
        raise ValueError(f"train: a mean over seeds needs at least 2 of them, got {n}")
    task = recipes.load(recipe).task(config)
    folder = run_folder.new_folder(recipe, run_dir, root="seeds")
    seeds = list(range(config.seed, config.seed + n))
    began = time.perf_counter()
    many = fit_many(task, seeds=seeds, epochs=config.epochs, batch_size=config.batch_size)
    states = many.states if config.patience is None else many.best
    seconds = time.perf_counter() - began
    scores: dict[str, list[float]] = {}
    headline = ""
    for k in range(n):
        outcome = scored(folder, task, jax.tree.map(lambda leaf, k=k: leaf[k], states))
        headline = outcome.headline
        row = {f"{part} {name}": value for part, named in outcome.scores.items() for name, value in named.items()}
        for name, value in (row | outcome.more_scores).items():
            scores.setdefault(name, []).append(float(value))
    folder.mkdir(parents=True, exist_ok=True)
    with lock.owned(folder):
        run_folder.write_config(folder, recipe, config)
        files.write_json(folder / "environment.json", environment() | {"seeds": seeds, "seconds": seconds})
        files.write(folder / "seeds.csv", lambda path: _write_csv(path, seeds, many.best_epochs.tolist(), scores))
        reports.write([folder])
    return Seeds(folder, seeds, scores, headline, seconds)


def _write_csv(path: Path, seeds: list[int], epochs: list[int], scores: dict[str, list[float]]) -> None:
    with open(path, "w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(["seed", "best_epoch", *scores])
        writer.writerows(zip(seeds, epochs, *scores.values(), strict=True))
