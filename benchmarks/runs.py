"""One workload, every implementation: built, held to our loss curve, then timed in turns."""

import os
from collections.abc import Callable, Sequence
from typing import Any

from benchmarks import memory, ours, peers, records, start, timing
from benchmarks.cases import Case
from benchmarks.records import Record
from benchmarks.trainer import PARITY, PARITY_STEPS, Rows, Trainer, build, curve, parity

Say = Callable[[str], Any]


def find(case: Case, row: str) -> Callable[[], Trainer]:
    """How to build one row of the table; imports only the library that the row needs.

    Raises: ValueError for an unknown row, ImportError if its library is absent.
    """
    found = ours.rows(case)
    for name in peers.MODULES:
        if row not in found and row.startswith(name):  # "torch-compile" and "torch" both begin with "torch"
            found = found | peers.rows(name, case)
    if row not in found:
        raise ValueError(f"benchmarks: {case.name} has no implementation {row!r}")
    return found[row]


def all_rows(case: Case, against: Sequence[str]) -> tuple[Rows, list[Record]]:
    """The rows of ourselves and the chosen peers, and a record for each peer whose library is absent."""
    found, absent = ours.rows(case), []
    for name in against:
        try:
            found |= peers.rows(name, case)
        except ImportError as error:
            absent.append({"implementation": name, "not_timed": str(error)})
    return found, absent


def run(
    case: Case,
    against: Sequence[str],
    rounds: int,
    *,
    with_memory: bool = False,
    with_start: bool = False,
    say: Say = print,
) -> list[Record]:
    """Records of all implementations of one workload, ours first."""
    shared = {"workload": case.name, **records.environment(), "batch": case.batch, "steps_per_round": case.steps}
    rows, absent = all_rows(case, against)
    found: dict[str, Record] = {}
    trainers: dict[str, Trainer] = {}
    expected: list[float] = []
    for row, make in rows.items():
        trainer, record, losses = _admit(row, make, expected)
        expected = expected or losses
        found[row] = record
        say(f"{case.name}: built {row} in {record['build_s'] + record['first_step_s']:.1f} s; " + _verdict(record))
        if trainer is not None:
            trainers[row] = trainer
    peak = timing.matmul_peak()
    timings = timing.measure({row: trainer.epoch for row, trainer in trainers.items()}, rounds=rounds, warmup=2)
    for row, times in timings.items():
        ms = records.milliseconds(times, case.steps)
        compile_s = max(0.0, found[row]["first_step_s"] - 1e-3 * ms["median"])
        found[row] |= {"step_ms": ms, "compile_s": round(compile_s, 3), **records.rates(case.flops, ms, peak)}
    if with_memory:
        for row in timings:
            found[row] |= memory.measure(case.name, row)
    if with_start:
        for row in timings:
            found[row] |= {"start_s": start.measure(case.name, row)}
    load = [round(load, 2) for load in os.getloadavg()]
    after = {"matmul_peak_gflops_per_s": round(peak / 1e9, 1), "load_after": load}
    return [shared | record | after for record in [*found.values(), *absent]]


def _admit(
    row: str, make: Callable[[], Trainer], expected: Sequence[float]
) -> tuple[Trainer | None, Record, list[float]]:
    """Build an implementation and follow its loss curve; no trainer comes back if it leaves ours."""
    trainer, build_s, first_step_s, first = build(make)
    losses = curve(trainer, first)
    difference = parity(expected or losses, losses)
    record: Record = {
        "implementation": row,
        "notes": trainer.notes(),
        "build_s": round(build_s, 3),
        "first_step_s": round(first_step_s, 3),
        "parity": difference,
        "final_loss": losses[-1],
    }
    if difference > PARITY:
        where = f"{PARITY_STEPS} steps of {ours.REFERENCE}"
        record["not_timed"] = f"its loss differs by {difference:.1e} within {where}, {PARITY:.0e} is allowed"
        return None, record, losses
    return trainer, record, losses


def _verdict(record: Record) -> str:
    return record.get("not_timed", f"loss curve within {record['parity']:.1e}")
