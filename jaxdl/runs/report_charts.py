"""The curves of a report: scores, norms and rates of runs by epoch, step or seconds."""

import math
import statistics
from collections.abc import Sequence
from typing import Any

from jaxdl.artifacts.report import Axes, Chart, Series
from jaxdl.runs.records import Record


def median_rate(record: Record) -> float | None:
    """Examples a second in the median of the epochs, the first one, which compiles, left out where there are others."""
    rates = [rate for rate in rates_by_epoch(record) if rate is not None]
    return statistics.median(rates[1:] or rates) if rates else None


def rates_by_epoch(record: Record) -> list[float | None]:
    """Examples a second in every epoch."""
    examples = record.facts.get("examples")
    seconds = record.curves.get("seconds", [])
    return [examples / s if isinstance(examples, int) and s else None for s in seconds]


def axes(record: Record) -> Axes:
    """The horizontal axes of a run's curves."""
    epochs = record.epochs or [row["epoch"] for row in record.norms]
    steps = record.facts.get("steps")
    seconds, total = [], 0.0
    for value in record.curves.get("seconds", []):
        total += value if value is not None else math.nan
        seconds.append(total)
    known = len(seconds) == len(epochs) and all(map(math.isfinite, seconds))
    step = [epoch * steps for epoch in epochs] if isinstance(steps, int) else None
    return Axes(str(record.folder), epochs, step, seconds if known else None)


def curves(runs: Sequence[Record]) -> list[Chart]:
    """A chart for each score, training and validation in one."""
    names = dict.fromkeys(n.removeprefix("val_") for run in runs for n in run.curves if n != "seconds")
    charts = []
    for score in names:
        series = []
        for i, run in enumerate(runs):
            for key, part in ((score, "training"), (f"val_{score}", "validation")):
                if key in run.curves:
                    color, label = (i, f"{run.folder} {part}") if len(runs) > 1 else (part == "validation", part)
                    series.append(Series(i, label, int(color), len(runs) > 1 and part == "validation", run.curves[key]))
        levels = {_number(run.facts.get("levels"), score) for run in runs}
        charts.append(Chart("curves", score, series, levels.pop() if len(levels) == 1 else None))
    return charts


def _number(found: Any, key: str) -> float | None:
    value = found.get(key) if isinstance(found, dict) else None
    return float(value) if isinstance(value, int | float) else None


def norm_charts(runs: Sequence[Record]) -> list[Chart]:
    """The norms of the parameters and of the averaged gradient; of each part of the tree where it is one run alone."""
    charts = []
    for kind, title in (("parameters", "norm of the parameters"), ("gradient", "norm of the averaged gradient")):
        series = []
        for i, run in enumerate(runs):
            rows = {row["epoch"]: row.get(kind) for row in run.norms}
            epochs = axes(run).epoch
            parts = dict.fromkeys(part for row in rows.values() if isinstance(row, dict) for part in row)
            for k, part in enumerate(parts if len(runs) == 1 else [p for p in parts if p == ""]):
                label = str(run.folder) if len(runs) > 1 else part or "all"
                values = [_number(rows.get(epoch), part) for epoch in epochs]
                series.append(Series(i, label, i if len(runs) > 1 else k, len(runs) == 1 and k > 7, values))
        if series:
            charts.append(Chart("norms", title, series))
    return charts


def rates(runs: Sequence[Record]) -> list[Chart]:
    """Examples a second by epoch."""
    label = "examples per second"
    found = [(i, run, rates_by_epoch(run)) for i, run in enumerate(runs)]
    series = [Series(i, str(run.folder) if len(runs) > 1 else label, i, False, r) for i, run, r in found if any(r)]
    return [Chart("speed", label, series)] if series else []
