"""Published scores: recipes at their whole size (`--preset gpu`), resumed by the next call where the time is over."""

import csv
import importlib
import shutil
from pathlib import Path
from typing import NamedTuple

from benchmarks.gpu.deadline import Deadline
from benchmarks.gpu.settings import Setting
from benchmarks.reports import records
from benchmarks.reports.records import Record
from benchmarks.scores import seeds
from jaxdl import recipes, runs
from jaxdl.training import Event


class Goal(NamedTuple):
    """A published score, at least or (`less`) at most."""

    score: str
    value: float
    less: bool = False


GOALS = {
    "g2p_transformer": Goal("word_error_rate", 0.206, less=True),
    "multi30k_transformer": Goal("bleu", 38.0),
    "mnist_gan": Goal("parzen", 225.0),
    "mnist_cgan": Goal("parzen", 132.0),
}
NEEDS = {  # packages that a recipe's data or scores need: better known before an hour of training than after it
    "multi30k_transformer": ("tokenizers", "sacrebleu"),
    "scitldr_transformer": ("tokenizers",),
}


def score(setting: Setting, deadline: Deadline, name: str) -> list[Record]:
    """The record of one run of a recipe with seed 0.

    Raises: TimeIsOver at the end of an epoch once the time is over; its checkpoint is where the next call goes on.
        ImportError or DataNotFound for what is not on this machine.
    """
    for package in NEEDS.get(name, ()):
        importlib.import_module(package)
    config = recipes.load(name).Config(epochs=2) if setting.quick else recipes.preset(name, "gpu")
    folder = setting.out / "runs" / name
    resume = any((folder / "checkpoints").glob("[0-9]*"))
    if not resume and folder.exists():  # stopped before its first checkpoint
        shutil.rmtree(folder)

    def stop(event: Event) -> None:
        if event.kind == "epoch" and event.epoch < config.epochs:
            deadline.check()

    run = runs.train(name, config, run_dir=folder, resume=resume, more_callbacks=(stop,))
    row = {"seed": config.seed, "seconds": seconds_of(folder), "score": run.score}
    row |= {"scores": run.scores, "more_scores": run.more_scores}
    found = seeds.record(name, run.headline, [row], {} if setting.quick else {"preset": "gpu"})
    print(f"{name}: {run.headline} {run.score:.4f} after {row['seconds']:.0f} s of training", flush=True)
    environment = records.environment() | {"workload": f"score-{name}", "implementation": "jaxdl"}
    return [environment | found | against(GOALS.get(name), {**run.scores.get("test", {}), **run.more_scores})]


def seconds_of(folder: Path) -> float:
    """Seconds of all epochs of a run, those before it was resumed as well."""
    with (folder / "history.csv").open(newline="") as lines:
        return sum(float(row["seconds"]) for row in csv.DictReader(lines))


def against(goal: Goal | None, scores: dict[str, float]) -> Record:
    """Whether the published score was reached; {} where there is none.

    >>> against(Goal("bleu", 38.0), {"bleu": 39.5})
    {'goal': {'bleu': 38.0}, 'reached': True}
    """
    if goal is None:
        return {}
    value = scores[goal.score]
    return {"goal": {goal.score: goal.value}, "reached": value <= goal.value if goal.less else value >= goal.value}
