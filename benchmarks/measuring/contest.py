"""One piece of work that several implementations do: built, held to ours, then timed in turns.

For what is no training of a model; `runs` does the same for those.
"""

import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import jax
import numpy as np

from benchmarks.measuring import machine, timing
from benchmarks.reports import records
from benchmarks.reports.records import Record
from jaxdl.artifacts import stages

Thunk = Callable[[], Any]


class Entry(NamedTuple):
    """One implementation.

    Attributes:
        make: builds it and gives back what does the work once; an ImportError means that its library is absent.
        peer: the name in `peers.MODULES` that `--against` knows it by; "" is always in.
        notes: what a reader of the figures must know.
    """

    make: Callable[[], Thunk]
    peer: str = ""
    notes: str = ""


class Work(NamedTuple):
    """What is done.

    Attributes:
        name: of the workload.
        base: the row that the others are held against, in their answers and their times.
        answer: result of a thunk -> array(s) that must agree.
        tolerance: the largest difference of two answers, in units of the largest number of the base's.
        calls: repetitions inside a thunk, by which its time is divided.
        flops: of one repetition; None where they are not what counts.
        facts: sizes and whatever else belongs into each record.
    """

    name: str
    base: str
    answer: Callable[[Any], Any] = np.asarray
    tolerance: float = 1e-3
    calls: int = 1
    flops: int | None = None
    facts: Mapping[str, Any] = {}


def run(work: Work, entries: Mapping[str, Entry], rounds: int, against: Sequence[str]) -> list[Record]:
    """Records of all implementations that are in, the base first."""
    entries = {row: entry for row, entry in entries.items() if not entry.peer or entry.peer in against}
    shared = {"workload": work.name, **records.environment(), **work.facts}
    peak = None if work.flops is None else timing.matmul_peak()
    found: dict[str, Record] = {}
    thunks: dict[str, Thunk] = {}
    expected: list[np.ndarray] = []
    for row in sorted(entries, key=lambda row: row != work.base):
        thunk, record, answer = _admit(row, entries[row], work, expected)
        found[row] = record
        if thunk is not None:
            thunks[row], expected = thunk, expected or answer
    watch = machine.Watch()
    timings = timing.measure(thunks, rounds=rounds, warmup=1)
    shared |= {"others_during": watch.others()}
    for row, times in timings.items():
        found[row]["step_ms"] = ms = records.milliseconds(times, work.calls)
        if work.flops is not None and peak is not None:
            found[row] |= records.rates(work.flops, ms, peak)
            shared |= {"matmul_peak_gflops_per_s": round(peak / 1e9, 1)}
    return [shared | record for record in found.values()]


def _admit(
    row: str, entry: Entry, work: Work, expected: Sequence[np.ndarray]
) -> tuple[Thunk | None, Record, list[np.ndarray]]:
    """Build an implementation, call it once, and compare its answer."""
    record: Record = {"implementation": row} | ({"notes": entry.notes} if entry.notes else {})
    start = time.perf_counter()
    try:
        with stages.watch() as watched:
            thunk = entry.make()
            result = timing.block_until_ready(thunk())
    except ImportError as error:
        return None, record | {"not_timed": str(error)}, []
    record |= {"first_step_s": round(time.perf_counter() - start, 3), **watched.seconds()}
    answer = [np.asarray(part, np.float64) for part in jax.tree.leaves(work.answer(result))]
    difference = _difference(expected or answer, answer)
    record["parity"] = difference
    if not difference <= work.tolerance:
        record["not_timed"] = (
            f"its answer differs from {work.base}'s by {difference:.1e}, {work.tolerance:.0e} is allowed"
        )
        return None, record, []
    return thunk, record, answer


def _difference(a: Sequence[np.ndarray], b: Sequence[np.ndarray]) -> float:
    """The largest difference in units of the largest number; infinite for other shapes or NaN.

    >>> _difference([np.ones(2)], [np.array([1.0, 1.5])]), _difference([np.ones(2)], [np.array([1.0, np.nan])])
    (0.5, inf)
    """
    if [x.shape for x in a] != [x.shape for x in b]:
        return float("inf")
    scale = max(1e-30, *(float(np.abs(x).max(initial=0.0)) for x in a))
    worst = max(float(np.abs(x - y).max(initial=0.0)) for x, y in zip(a, b, strict=True)) / scale
    return worst if worst == worst else float("inf")
