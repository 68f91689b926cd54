"""Reports of run folders: `report.html`, one page that opens from the disk; see `jaxdl.artifacts.report`."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import jaxdl
from jaxdl import recipes
from jaxdl.artifacts import files
from jaxdl.artifacts.report import GENERATOR, Part, Report, Tile, page
from jaxdl.runs import records, report_charts, report_parts
from jaxdl.runs.records import Record

NAME = "report.html"


def write(folders: Sequence[Path | str], out: Path | None = None) -> Path:
    """Write the report of one or more runs; gives back its path.

    What is missing or damaged in a folder is said on the page.

    Args:
        folders: run folders, at least one.
        out: the file; by default `report.html`, of one run in its folder, of several in the current one.
    Raises: ValueError for a folder that is not a run's, and if a file stands at the default place that is no report.
    """
    runs = [records.read_what_is_there(folder) for folder in folders]
    path = out if out is not None else (runs[0].folder if len(runs) == 1 else Path()) / NAME
    if out is None and path.exists() and not _is_report(path):
        raise ValueError(f"{path} is there and is no report of jaxdl: name another file with --out")
    text = page(content(runs))
    files.write(path, lambda temporary: temporary.write_text(text, encoding="utf-8"))
    return path


def _is_report(path: Path) -> bool:
    with path.open("rb") as file:
        return GENERATOR.encode() in file.read(400)


def content(runs: Sequence[Record]) -> Report:
    """All that a report of these runs says."""
    several, problems, pictures, tables = len(runs) > 1, [], [], []
    hashes: dict[str, list[str]] = {}
    for i, run in enumerate(runs):
        said = [*report_parts.missing(run), *run.damage]
        pictures += report_parts.pictures(run, i, several, said)
        table, known = report_parts.parameters(run, several, said)
        tables += [] if table is None else [table]
        for line, value in known.items():
            hashes.setdefault(line, [""] * len(runs))[i] = value
        problems += [f"{run.folder}: {line}" for line in said] if several else said
    charts = [*report_charts.curves(runs), *report_charts.norm_charts(runs), *report_charts.rates(runs)]
    curves = [] if any(run.curves for run in runs) else ["There are no curves: no epoch is logged."]
    parts = [
        report_parts.scores(runs),
        Part("curves", "Curves", True, curves),
        Part("pictures", "Pictures", pictures=pictures),
        report_parts.norms(runs),
        report_parts.speed(runs),
        report_parts.options(runs),
        Part("parameters", "Parameters", tables=tables),
        report_parts.environment(runs, hashes),
    ]
    drawn = {chart.section for chart in charts}
    parts = [part._replace(charts=part.id in drawn) for part in parts]
    parts = [part for part in parts if part.charts or part.notes or part.pictures or any(t.rows for t in part.tables)]
    tiles = [_tile(run) for run in runs] if several else _tiles(runs[0])
    axes = [report_charts.axes(run) for run in runs]
    return Report(_title(runs), _about(runs), jaxdl.__version__, tiles, problems, parts, charts, axes)


def _title(runs: Sequence[Record]) -> str:
    if len(runs) == 1:
        return str(runs[0].folder)
    names = dict.fromkeys(recipes.title(run.recipe) if run.recipe else "a script" for run in runs)
    return f"{len(runs)} runs of {', '.join(names)}"


def _about(runs: Sequence[Record]) -> str:
    """What was trained: the recipes' first lines, and what they noted of a user's data."""
    lines = dict.fromkeys(_description(run.recipe) for run in runs)
    notes = dict.fromkeys(str(note) for run in runs for note in records.sequence(run.facts, "notes"))
    return " ".join(line for line in (*lines, *notes) if line)


def _description(recipe: str) -> str:
    try:
        return recipes.describe(recipe) if recipe else "The run of a script."
    except (ValueError, OSError):
        return recipe  # its file has gone


def _headline(run: Record) -> tuple[str, Any]:
    return run.headline or "score", run.scores.get(run.headline)


def _tiles(run: Record) -> list[Tile]:
    """The figures to see first of one run."""
    (headline, score), planned = _headline(run), run.facts.get("epochs")
    seconds, rate = records.table(run.facts, "seconds").get("train"), report_charts.median_rate(run)
    tiles = [Tile(headline, report_parts.shown(score))] if score is not None else []
    if run.epochs:
        status = "" if run.finished else "not finished"
        tiles.append(Tile("epochs", f"{run.epochs[-1]:,}", f"of {planned}" if planned != run.epochs[-1] else status))
    if run.facts.get("parameters"):
        tiles.append(Tile("parameters", report_parts.shown(run.facts["parameters"])))
    if isinstance(seconds, int | float):
        device = str(run.facts.get("device", "")).split(" (")[0]
        tiles.append(Tile("training", _duration(seconds), device and f"on {device}"))
    if rate:
        tiles.append(Tile("examples per second", f"{rate:,.0f}", "median epoch"))
    return tiles


def _tile(run: Record) -> Tile:
    """The figure to see first of one of several runs."""
    headline, score = _headline(run)
    note = f"{headline}, {len(run.epochs)} epochs" + ("" if run.finished else ", not finished")
    return Tile(str(run.folder), report_parts.shown(score) or "no score", note)


def _duration(seconds: float) -> str:
    """
    >>> [_duration(s) for s in (0.25, 14.4, 150, 9000)]
    ['0.25 s', '14.4 s', '2 min 30 s', '2 h 30 min']
    """
    if seconds < 60:
        return f"{seconds:.3g} s"
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} min {rest} s" if minutes < 60 else f"{minutes // 60} h {minutes % 60} min"
