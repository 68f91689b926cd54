"""Tables in Markdown of the newest records: the site's page on speed, and its page of all rows."""

import functools
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from benchmarks import RESULTS, ROOT
from benchmarks.reports.records import MORE, Record, device_of, newest, oldest

PATH = ROOT / "docs" / "guides" / "en" / "all_times.md"
BASES = ("jaxdl", "jaxdl-together", "jaxdl-vmap", "jaxdl-sparse")  # whichever a workload has is held as 1
LIBRARIES = ("jax", "flax", "torch", "keras", "optax", "scikit-learn", "scipy", "networkx")
FOLDERS = ("cpu", "cpu-jax-0.12", "gpu", "tpu")

Workloads = Mapping[str, Sequence[Record]]


def summary(workloads: Workloads) -> str:
    """A line a workload: ours, the fastest other, and what jit and an empty cache cost.

    The last columns are seconds from the start of a process to the end of its first epoch, ours and the least of the
    others: with nothing compiled before, and with what the first run left in the compilation cache.
    """
    titles = ["workload", "jaxdl, ms per step", "fastest other", "its ms", "jaxdl / other", "without jit"]
    lines = _head([*titles, "first epoch, s", "others', s", "cached, s", "others', s"])
    for workload, rows in workloads.items():
        ours, theirs = base_of(rows), _others(rows)
        if ours is None or "axis" in rows[0]:
            continue
        cells = [workload, _digits(ours["step_ms"]["median"]), "", "", ""]
        if theirs:
            best = min(theirs, key=lambda row: row["step_ms"]["median"])
            ratio = ours["step_ms"]["median"] / best["step_ms"]["median"]
            cells[2:] = [best["implementation"], _digits(best["step_ms"]["median"]), f"{ratio:.2f}"]
        slow = next((r for r in rows if r["implementation"] == "jaxdl-no-jit"), None)
        ratio = slow["step_ms"]["median"] / ours["step_ms"]["median"] if slow else 0
        cells.append(f"{ratio:.0f} times slower" if slow else "")
        for cache in ("cold", "warm"):
            started = functools.partial(_first_epoch, cache=cache)
            cells += [_cell(started(ours)), _cell(_least(theirs, started))]
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"


def changes() -> str:
    """The first record of a workload beside its newest: our step and the first epoch of a process without a cache.

    "/ other" is over the fastest other implementation of the same run, of those that both runs have.
    """
    titles = ["workload", "ms per step, before", "now", "/ other, before", "now"]
    titles += ["first epoch, s, before", "now", "/ other, before", "now"]
    parts = []
    for folder in FOLDERS:
        new, old, lines = newest(folder), oldest(folder), []
        for workload in ratios(new):
            before, now = old[workload], new[workload]
            if before[0]["date"] != now[0]["date"]:
                pairs = zip(_step_and_start(before, now), _step_and_start(now, before), strict=True)
                lines.append(f"| {' | '.join([workload, *(cell for pair in pairs for cell in pair)])} |")
        if lines:
            device, first = device_of(folder).upper(), _any_record(new)
            parts.append("\n".join([f"{device}, jax {first['versions']['jax']}:\n", *_head(titles), *lines]) + "\n")
    return "\n".join(parts)


def _step_and_start(rows: Sequence[Record], beside: Sequence[Record]) -> list[str]:
    """Our milliseconds and cold seconds, each with its ratio to the least of the others that stand in `beside` too."""
    names, cells = {row["implementation"] for row in beside}, []
    others = [row for row in _others(rows) if row["implementation"] in names]
    for of in (_step, _first_epoch):
        mine, least = of(base_of(rows) or rows[0]), _least(others, of)
        cells += [_cell(mine), f"{mine / least:.2f}" if mine and least else ""]
    return cells


def _others(rows: Sequence[Record]) -> list[Record]:
    return [row for row in rows if not row["implementation"].startswith("jaxdl")]


def _step(row: Record) -> float | None:
    return row["step_ms"]["median"]


def _first_epoch(row: Record, cache: str = "cold") -> float | None:
    return row["start_s"][cache]["first_epoch_s"] if "start_s" in row else None


def _least(rows: Sequence[Record], of: Callable[[Record], float | None]) -> float | None:
    return min((value for row in rows if (value := of(row)) is not None), default=None)


def _any_record(workloads: Workloads) -> Record:
    """The record whose machine and versions stand for all of a folder's."""
    return next(iter(workloads.values()))[0]


def ratios(workloads: Workloads) -> dict[str, float]:
    """Our step over the fastest other library's, by workload."""
    found = {}
    for workload, rows in workloads.items():
        ours, theirs = base_of(rows), _others(rows)
        if ours is not None and theirs and "axis" not in rows[0]:
            found[workload] = ours["step_ms"]["median"] / min(row["step_ms"]["median"] for row in theirs)
    return found


def growth(workloads: Workloads) -> str:
    """A line an axis of growth: its sizes and the fitted exponents."""
    lines = _head(["what grows", "from", "to", "exponent of time", "at the end", "of compilation", "at the end"])
    for rows in workloads.values():
        if first := next((row for row in rows if "axis" in row), None):
            sizes = [row["size"] for row in rows]
            names = ["exponent", "exponent_last"]
            names += ["compile_exponent", "compile_exponent_last"] if first["axis"] in ("depth", "layers") else []
            cells = [first["axis"], str(min(sizes)), str(max(sizes)), *(f"{first[name]:.2f}" for name in names)]
            lines.append(f"| {' | '.join(cells + [''] * (4 - len(names)))} |")
    return "\n".join(lines) + "\n" if len(lines) > 2 else ""


def full() -> str:
    """Every row of every workload and device."""
    parts = ["# All times\n\nEvery row of the newest records. [What they say](speed.md).\n"]
    for folder in FOLDERS:
        for workload, rows in newest(folder).items():
            for precision in dict.fromkeys(row["precision"] for row in rows):
                parts.append(
                    _table(f"{workload}, {precision}, {folder}", [r for r in rows if r["precision"] == precision])
                )
    return "\n".join(parts)


def _table(title: str, rows: Sequence[Record]) -> str:
    base = base_of(rows)
    found = rows[0]["versions"]
    used = [name for name in LIBRARIES if name == "jax" or any(r["implementation"].startswith(name) for r in rows)]
    versions = ", ".join(f"{name} {found[name]}" for name in used if name in found)
    columns = [(name, *MORE[name]) for name in MORE if any(name in row for row in rows)]
    busy = rows[0].get("others_during")
    others = "" if busy is None else f"; others used {busy} cores meanwhile"
    lines = [f"## {title}\n\n{rows[0]['hardware']}; {versions}; {rows[0]['date'][:10]}{others}.\n"]
    lines += _head(
        ["implementation", "ms per step", "quartiles", "rounds", "relative", *(title for _, title, _ in columns)]
    )
    for row in sorted(rows, key=lambda row: row.get("size", row["step_ms"]["median"])):
        ms = row["step_ms"]
        cells = [
            row["implementation"],
            _digits(ms["median"]),
            f"{_digits(ms['q1'])} to {_digits(ms['q3'])}",
            str(ms["n"]),
        ]
        cells.append(f"{ms['median'] / base['step_ms']['median']:.2f}" if base else "")
        cells += [form.format(row[name]) if row.get(name) is not None else "" for name, _, form in columns]
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"


def base_of(rows: Sequence[Record]) -> Record | None:
    """The row that the others are held against; None where sizes are compared, not implementations.

    >>> base_of([{"implementation": "flax"}, {"implementation": "jaxdl-vmap"}])
    {'implementation': 'jaxdl-vmap'}
    """
    return next((row for name in BASES for row in rows if row["implementation"] == name), None)


def _head(titles: Sequence[str]) -> list[str]:
    return [f"| {' | '.join(titles)} |", "|---" * len(titles) + "|"]


def _cell(value: float | None) -> str:
    return "" if value is None else _digits(value)


def _digits(value: float) -> str:
    """Three digits that say something.

    >>> [_digits(v) for v in (0.01234, 1.234, 12.34, 1234.5)]
    ['0.0123', '1.23', '12.3', '1234']
    """
    return f"{value:.{max(0, 2 - _exponent(value))}f}"


def _exponent(value: float) -> int:
    return int(f"{value:e}".split("e")[1]) if value > 0 else 0


def section(folder: Path = RESULTS / "pictures") -> str:
    """The section of the page on speed: the chart, the summary on each device that was measured, the growth."""
    parts = [_picture(folder, "speed", "every library's step over ours, by workload")]
    for measured in FOLDERS:
        if workloads := newest(measured):
            first, device = _any_record(workloads), device_of(measured).upper()
            version = first["versions"]["jax"]
            parts.append(f"{device}: {first['hardware']}, float32, jax {version}.\n\n{summary(workloads)}")
            parts.append(growth(workloads))
    parts.append(_picture(folder, "growth", "time against size"))
    parts.append(_picture(folder, "crossing", "CPU and GPU against the batch"))
    return "\n".join(part for part in parts if part)


def _picture(folder: Path, name: str, text: str) -> str:
    return f"![{text}](benchmarks/results/pictures/{name}.png)\n" if (folder / f"{name}.png").is_file() else ""
