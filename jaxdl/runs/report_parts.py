"""The parts of a report, each made of what run folders say of themselves; what they do not say is told in words."""

import csv
import dataclasses
import hashlib
import json
import math
import statistics
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from jaxdl import recipes
from jaxdl.artifacts.report import Part, Picture, Row, Table, embedded
from jaxdl.runs import records
from jaxdl.runs.records import Record
from jaxdl.runs.report_charts import median_rate

_LARGEST_PICTURE, _LARGEST_FILE = 4 << 20, 128 << 20  # bytes: to embed, to hash
_SUFFIXES = (".png", ".jpg", ".jpeg", ".gif")
_AVERAGES = {
    "mu": "its first moment, about the last 1 / (1 - b1) gradients (ten by default), which starts at zero",
    "ema": "about the last 1 / (1 - decay) gradients (ten by default), which starts at zero",
    "trace": "momentum's velocity, a sum of gradients and about 1 / (1 - decay) times as long as one",
    "nu": "RMSProp's averaged squares: the root mean square of the gradients' norms",
}


def shown(value: Any) -> str:
    """A number with the digits that count, anything else as it is written in JSON.

    >>> [shown(value) for value in (0.98329, 1e-5, 85002, [256, 256], None, "adam", True)]
    ['0.9833', '1e-05', '85,002', '[256, 256]', '', 'adam', 'true']
    """
    if isinstance(value, bool | list | dict):
        return json.dumps(value, ensure_ascii=False)
    if isinstance(value, int):
        return f"{value:,}"
    if isinstance(value, float):
        fixed = value == 0 or 1e-3 <= abs(value) < 1e9
        return f"{value:,.4f}" if fixed and abs(value) < 1e3 else f"{value:,.1f}" if fixed else f"{value:.3g}"
    return "" if value is None else str(value)


def option(value: Any) -> str:
    """An option as a config file has it."""
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def seconds(value: Any) -> str:
    """A duration with three digits.

    >>> seconds(10.2824), seconds(1024.5), seconds(None)
    ('10.3', '1,024', '')
    """
    if not isinstance(value, int | float):
        return ""
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"


def norms(runs: Sequence[Record]) -> Part:
    """What the curves of the norms are."""
    kinds = dict.fromkeys(str(row.get("average", "")) for run in runs for row in run.norms)
    said = [f"The gradient as the optimizer averages it: {_AVERAGES[kind]}." for kind in kinds if kind in _AVERAGES]
    if "" in kinds:
        said.append("Plain gradient descent and AdaGrad keep no average of the gradient: there is no norm of it.")
    return Part("norms", "Norms", True, said)


def speed(runs: Sequence[Record]) -> Part:
    """Steps and examples a second, and where the time went."""

    def fact(*path: str) -> Callable[[Record], Any]:
        def get(run: Record) -> Any:
            value: Any = run.facts
            for key in path:
                value = value.get(key) if isinstance(value, dict) else None
            return value

        return get

    def steps_per_second(run: Record) -> float | None:
        rate, steps, examples = median_rate(run), run.facts.get("steps"), run.facts.get("examples")
        if rate is None or not isinstance(steps, int) or not isinstance(examples, int):
            return None
        return rate * steps / examples

    lines: dict[str, Callable[[Record], Any]] = {
        "examples per second": median_rate,
        "steps per second": steps_per_second,
        "seconds of the first epoch": lambda run: next(iter(run.curves.get("seconds", [])), None),
        "seconds of training": fact("seconds", "train"),
        "seconds in all": fact("seconds", "in_all"),
        "seconds of tracing": fact("compilation", "trace_s"),
        "seconds of compiling": fact("compilation", "compile_s"),
        "programs compiled": fact("compilation", "programs"),
        "of them from the cache": fact("compilation", "cached"),
        "examples": fact("examples"),
        "batch size": fact("batch_size"),
        "steps in an epoch": fact("steps"),
        "steps in a call": fact("steps_per_call"),
    }
    found = {line: [get(run) for run in runs] for line, get in lines.items()}
    written = {line: seconds if "second" in line else shown for line in lines}
    rows = {line: [*map(written[line], cells)] for line, cells in found.items() if any(c is not None for c in cells)}
    table = _by_run("speed", runs, rows)
    note = "Rates: the median of the epochs after the first, which compiles. An epoch's time has its validation in it."
    return Part("speed", "Speed", True, [note] if any(found["examples per second"]) else [], [table])


def _by_run(
    caption: str, runs: Sequence[Record], rows: dict[str, list[str]], *, mark: bool = False, **more: Any
) -> Table:
    """A table with a column for each run; `mark` lets the lines stand out in which they differ."""
    lines = [Row(line, cells, mark and len(set(cells)) > 1) for line, cells in rows.items()]
    names = [str(run.folder) for run in runs] if len(runs) > 1 else [""]
    return Table(caption, ["", *names], lines, runs=len(runs) > 1, **more)


def scores(runs: Sequence[Record]) -> Part:
    """The last scores: of one run a row for each part of the data, of several a row for each score."""
    if len(runs) > 1:
        rows = {line: [*map(shown, cells)] for line, cells in records.scores(runs).items()}
        return Part("scores", "Scores", tables=[_by_run("scores", runs, rows)])
    run, tables = runs[0], []
    parts = {part: of for part, of in records.table(run.facts, "scores").items() if isinstance(of, dict)}
    if parts:
        names = list(dict.fromkeys(score for of in parts.values() for score in of))
        rows = [Row(part, [shown(of.get(score)) for score in names]) for part, of in parts.items()]
        tables.append(Table("scores by part of the data", ["part", *names], rows))
    if more := records.table(run.facts, "more_scores"):
        tables.append(Table("further scores", ["score", "value"], [Row(n, [shown(v)]) for n, v in more.items()]))
    notes = []
    if seeds(run):
        try:
            tables.append(_of_seeds(run))
        except (OSError, ValueError, TypeError) as error:
            notes.append(f"seeds.csv is damaged: {error}")
    elif not tables:
        notes.append("No scores are noted: the run has not come to its end, or is a script's.")
    return Part("scores", "Scores", notes=notes, tables=tables)


def seeds(record: Record) -> bool:
    """Whether the folder is one of many runs in one program."""
    return (record.folder / "seeds.csv").is_file()


def _of_seeds(record: Record) -> Table:
    from jaxdl.metrics.intervals import confidence

    with open(record.folder / "seeds.csv", newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    lines = []
    for score in [column for column in (rows[0] if rows else {}) if column not in ("seed", "best_epoch")]:
        values = [float(row[score]) for row in rows]
        mean, spread = statistics.fmean(values), confidence(values)
        lines.append(Row(score, [shown(mean), f"± {shown(spread)}", shown(min(values)), shown(max(values))]))
    return Table(f"scores of {len(rows)} seeds", ["score", "mean", "95 %", "least", "largest"], lines, titled=True)


def options(runs: Sequence[Record]) -> Part:
    """First the options that were changed, or of several runs those that differ, then all of them."""
    names = dict.fromkeys(option for run in runs for option in run.options)
    rows = {line: [option(run.options[line]) if line in run.options else "" for run in runs] for line in names}
    if len(runs) > 1:
        differing = {line: [*map(option, cells)] for line, cells in records.differences(runs).items()}
        first = _by_run("options that differ", runs, differing, titled=True)
        note, whole = "These runs have the same options.", _by_run("all options", runs, rows, mark=True, folded=True)
    else:
        defaults = _defaults(runs[0])
        if not defaults:
            return Part("options", "Options", tables=[_by_run("options", runs, rows)])
        changed = {line: cells for line, cells in rows.items() if defaults.get(line) != runs[0].options[line]}
        lines = [Row(n, [*cells, option(defaults[n]) if n in defaults else ""]) for n, cells in changed.items()]
        first = Table("changed from the recipe's own", ["", "this run", "recipe"], lines, titled=True)
        note, whole = "Every option is the recipe's own.", _by_run("all options", runs, rows, folded=True)
    tables = [first] if first.rows else []
    return Part("options", "Options", notes=[] if tables else [note], tables=[*tables, whole])


def _defaults(run: Record) -> dict[str, Any]:
    """The options of a shipped recipe as they are if nobody changes them; {} for others, whose code is not run here."""
    if run.recipe not in recipes.names():
        return {}
    return records.flat(json.loads(json.dumps(dataclasses.asdict(recipes.load(run.recipe).Config()))))


def environment(runs: Sequence[Record], hashes: dict[str, list[str]]) -> Part:
    """Machine, versions and what the files hash to."""
    rows: dict[str, list[str]] = {}
    for line in ("machine", "device", "mesh", "python", "x64"):
        rows[line] = [shown(run.facts.get(line)) for run in runs]
    for package in dict.fromkeys(package for run in runs for package in records.table(run.facts, "versions")):
        rows[package] = [shown(records.table(run.facts, "versions").get(package)) for run in runs]
    rows = {line: cells for line, cells in rows.items() if any(cells)}
    tables = [_by_run("versions and machine", runs, rows, mark=True)] if rows else []
    if hashes:
        tables.append(_by_run("sha256", runs, hashes, titled=True))
    return Part("environment", "Environment", tables=tables)


def pictures(run: Record, number: int, several: bool, problems: list[str]) -> list[Picture]:
    """The pictures of a run folder but its curves; what cannot be shown is told in `problems`."""
    found = []
    for path in sorted(p for p in run.folder.iterdir() if p.suffix.lower() in _SUFFIXES and p.name[0] != "."):
        if path.name == "curves.png" and run.curves:
            continue
        if path.stat().st_size > _LARGEST_PICTURE:
            problems.append(f"{path.name} is too large to be embedded: {path.stat().st_size / 2**20:.1f} MiB")
            continue
        try:
            title = path.stem.replace("_", " ") + (", epoch by epoch" if path.suffix.lower() == ".gif" else "")
            found.append(embedded(path, run=number, title=f"{title}: {run.folder}" if several else title))
        except (OSError, ValueError) as error:
            problems.append(str(error))
    return found


def parameters(run: Record, several: bool, problems: list[str]) -> tuple[Table | None, dict[str, str]]:
    """The leaves of params.safetensors as a table, and the hashes that are known: name -> hexadecimal."""
    from safetensors import SafetensorError, safe_open

    hashes = {"training and validation data": run.facts.get("data"), "recipe's file": run.facts.get("source_sha256")}
    known = {line: f"{value} ..." if line.startswith("training") else value for line, value in hashes.items() if value}
    path = run.folder / "params.safetensors"
    if not path.is_file():
        return None, known
    rows = []
    try:
        with safe_open(path, framework="numpy") as file:
            content = (file.metadata() or {}).get("sha256")
            for leaf in file.keys():  # noqa: SIM118 - not a dict
                part = file.get_slice(leaf)
                shape = part.get_shape()
                rows.append(Row(leaf, [shown(shape), part.get_dtype(), shown(math.prod(shape))]))
        if path.stat().st_size <= _LARGEST_FILE:
            known["params.safetensors"] = hashlib.sha256(path.read_bytes()).hexdigest()
    except (SafetensorError, OSError, ValueError) as error:
        problems.append(f"params.safetensors is damaged: {error}")
        return None, known
    if content:
        known["parameters, whatever file they are in"] = content
    caption = f"{run.folder}: {len(rows)} arrays" if several else f"{len(rows)} arrays"
    return Table(caption, ["array", "shape", "dtype", "numbers"], rows, folded=several or len(rows) > 12), known


def missing(run: Record) -> list[str]:
    """Which files a whole run folder would have besides."""
    if seeds(run):
        return []
    files = {
        "environment.json": "environment.json is not there: scores, versions and machine are not known",
        "metrics.jsonl": "metrics.jsonl is not there: there are no curves",
        "norms.jsonl": "norms.jsonl is not there: there are no norms (several processes keep none)",
        "params.safetensors": "params.safetensors is not there: the run has not finished",
    }
    said = [text for file, text in files.items() if not Path(run.folder, file).is_file()]
    return said + (["no epoch is logged yet"] if not run.epochs and (run.folder / "metrics.jsonl").is_file() else [])
