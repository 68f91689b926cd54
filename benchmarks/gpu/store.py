"""The records in the output folder: which items are done, and which are tried again by a later call."""

import datetime
import json
from collections.abc import Sequence
from pathlib import Path

from benchmarks.gpu.plan import Item
from benchmarks.reports import records
from benchmarks.reports.records import Record

HARMLESS = ("left", "skipped", "no rows")  # how reasons begin that are no failures


def path_of(out: Path, item: Item) -> Path | None:
    """The newest record of an item."""
    return max(out.glob(f"20??-??-??-{item.name}.json"), default=None)


def write(out: Path, item: Item, found: Sequence[Record]) -> None:
    """Write an item's record; the file appears whole or not at all, and replaces an older one."""
    new = out / f"{datetime.date.today().isoformat()}-{item.name}.json"
    old = path_of(out, item)
    records.write(found, new)
    if old is not None and old != new:
        old.unlink()


def without_figures(reason: str, item: Item) -> list[Record]:
    """The record of an item that gave none."""
    return [{"workload": item.name, "implementation": "jaxdl", "not_timed": reason}]


def reason(out: Path, item: Item) -> str:
    """Why an item has no figures; "" where it has some."""
    path = path_of(out, item)
    if path is None:
        return "left for the next call"
    rows = json.loads(path.read_text())
    return "" if any("not_timed" not in row for row in rows) else rows[0]["not_timed"]


def forget_failures(out: Path, items: Sequence[Item]) -> None:
    """Remove the records without figures: what failed or was absent is tried again."""
    for item in items:
        path = path_of(out, item)
        if path is not None and reason(out, item):
            path.unlink()


def take_current(out: Path) -> str:
    """The item that a process wrote down before it ended or was stopped; "" if it came to none."""
    path = out / "current"
    name = path.read_text() if path.is_file() else ""
    path.unlink(missing_ok=True)
    return name
