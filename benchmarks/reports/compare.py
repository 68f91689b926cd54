"""Two files of records side by side, with a verdict that knows the noise: `jaxdl bench compare A B`.

A row of B is faster or slower than that of A when their quartiles do not overlap and the medians differ by more than
2 %; all else is noise. Exit code 1 if a row is slower.
"""

import json
from collections.abc import Sequence
from pathlib import Path

from benchmarks.reports.records import Record

THRESHOLD = 0.02
KEYS = ("workload", "implementation", "device", "precision")


def verdict(a: Record, b: Record) -> str:
    """ "faster", "slower" or "noise": b's step_ms beside a's.

    >>> before = {"median": 10.0, "q1": 9.8, "q3": 10.2}
    >>> [verdict(before, {"median": m, "q1": 0.99 * m, "q3": 1.01 * m}) for m in (9.0, 10.1, 11.0)]
    ['faster', 'noise', 'slower']
    """
    if b["q3"] < a["q1"] and b["median"] < (1 - THRESHOLD) * a["median"]:
        return "faster"
    if b["q1"] > a["q3"] and b["median"] > (1 + THRESHOLD) * a["median"]:
        return "slower"
    return "noise"


def read(path: Path) -> dict[tuple[str, ...], Record]:
    """The timed rows of a file of records by workload, implementation, device and precision.

    Raises: ValueError if there is no such file, or it is not a list of records.
    """
    if not path.is_file():
        raise ValueError(f"{path}: there is no such file")
    try:
        records = json.loads(path.read_text())
        return {tuple(str(r.get(key)) for key in KEYS): r for r in records if "step_ms" in r}
    except (json.JSONDecodeError, UnicodeDecodeError, AttributeError, TypeError) as error:
        raise ValueError(f"{path} holds no benchmark records: {error}") from None


def compare(a: dict[tuple[str, ...], Record], b: dict[tuple[str, ...], Record]) -> list[list[str]]:
    """A line for every row that both have: name, the two medians, their ratio, the verdict."""
    lines = []
    for key in (key for key in a if key in b):
        before, after = a[key]["step_ms"], b[key]["step_ms"]
        ratio = after["median"] / before["median"]
        numbers = [f"{before['median']:.3f}", f"{after['median']:.3f}", f"{ratio:.3f}"]
        lines.append([f"{key[0]} {key[1]}", *numbers, verdict(before, after)])
    return lines


def main(arguments: Sequence[str]) -> int:
    """Print the comparison; 1 if a row became slower.

    Raises: ValueError for files that cannot be compared.
    """
    if len(arguments) != 2:
        raise ValueError("compare: give two files of records: jaxdl bench compare A.json B.json")
    a, b = (read(Path(name)) for name in arguments)
    lines = compare(a, b)
    if not lines:
        raise ValueError("compare: the two files have no timed row in common")
    hardware = [sorted({str(r.get("hardware")) for r in records.values()}) for records in (a, b)]
    if hardware[0] != hardware[1]:
        print(f"other hardware: {', '.join(hardware[0])} against {', '.join(hardware[1])}")
    width = max(len(line[0]) for line in lines)
    print(" " * width + "".join(f"{title:>10}" for title in ("A ms", "B ms", "B / A", "B is")))
    for name, *cells in lines:
        print(f"{name:<{width}}" + "".join(f"{cell:>10}" for cell in cells))
    return int(any(line[-1] == "slower" for line in lines))
