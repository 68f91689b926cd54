"""One workload, every implementation: built, held to our loss curve, then timed in turns."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any, NamedTuple

from benchmarks.measuring import machine, memory, start, timing
from benchmarks.reports import records
from benchmarks.reports.records import Record
from benchmarks.workloads import implementations, ours
from benchmarks.workloads.cases import Case
from benchmarks.workloads.precision import ONLY_F32, compute_dtype, tolerance
from benchmarks.workloads.trainer import PARITY_STEPS, Trainer, build, curve, parity
from jaxdl.artifacts import stages

Say = Callable[[str], Any]
SLOW_ROUNDS = 3
QUICK_STEPS = 4  # in an epoch and in the loss curves of a quick look


class Apart(NamedTuple):
    """What is measured in processes of their own.

    Attributes:
        memory: the largest resident size.
        start: from a process's start to the end of its first epoch.
    """

    memory: bool = False
    start: bool = False


def run(
    case: Case,
    against: Sequence[str],
    rounds: int,
    *,
    leave_out: Sequence[str] = (),
    quick: bool = False,
    apart: Apart | None = None,
    say: Say = print,
) -> list[Record]:
    """Records of all implementations of one workload, ours first; quick ones of fewer steps."""
    if quick:
        case = replace(case, steps=min(case.steps, QUICK_STEPS))
    shared = {"workload": case.name, **records.environment(), "precision": case.precision}
    shared |= {"batch": case.batch, "steps_per_round": case.steps}
    if case.precision != "f32" and case.kind in ONLY_F32:
        return [shared | {"implementation": "jaxdl", "not_timed": f"no rows of {case.name} in {case.precision}"}]
    rows, absent = implementations.all_rows(case, against)
    found: dict[str, Record] = {}
    trainers: dict[str, Trainer] = {}
    expected: list[float] = []
    for row in (row for row in rows if row not in leave_out):
        steps = QUICK_STEPS if quick else PARITY_STEPS
        trainer, found[row], losses = _admit(row, rows[row], expected, case.precision, steps)
        expected = expected or losses
        seconds = found[row]["build_s"] + found[row]["first_step_s"]
        say(f"{case.name}: built {row} in {seconds:.1f} s; " + _verdict(found[row]))
        if trainer is not None:
            trainers[row] = trainer
    ceilings = timing.ceilings(compute_dtype(case.precision))
    watch = machine.Watch()
    for row, times in _timings(trainers, rounds, 1 if quick else 2).items():
        found[row] |= _figures(case, found[row], times, trainers[row], ceilings.matmul)
    shared |= {"others_during": watch.others(), **ceilings.record()}
    for row in trainers:
        found[row] |= _apart(case, row, apart or Apart())
    return [shared | record for record in [*found.values(), *absent]]


def _timings(trainers: dict[str, Trainer], rounds: int, warmup: int) -> dict[str, timing.Timing]:
    """Of all epochs in turns; the slow ones among themselves, in few rounds."""
    found = {}
    for slow in (False, True):
        if epochs := {row: trainer.epoch for row, trainer in trainers.items() if trainer.slow == slow}:
            n = min(rounds, SLOW_ROUNDS) if slow else rounds
            found |= timing.measure(epochs, rounds=n, warmup=1 if slow else warmup)
    return found


def _figures(case: Case, record: Record, times: timing.Timing, trainer: Trainer, peak: float) -> Record:
    """What follows from the time of an epoch."""
    ms = records.milliseconds(times, trainer.length or case.steps)
    compile_s = max(0.0, record["first_step_s"] - 1e-3 * ms["median"])  # no JAX: all that a first step takes longer
    figures = {"step_ms": ms, "compile_s": record.get("compile_s", round(compile_s, 3))}
    if case.tokens:
        figures["tokens_per_s"] = round(1e3 * case.tokens / ms["median"])
    return figures | records.rates(case.flops, ms, peak)


def _apart(case: Case, row: str, apart: Apart) -> Record:
    """What is measured in other processes; only f32 is."""
    found: Record = {}
    if case.precision != "f32":
        return found
    if apart.memory:
        found |= memory.measure(case.name, row)
    if apart.start:
        marks = start.measure(case.name, row)
        found |= {"start_s": marks, "import_s": marks["cold"]["import_s"]}
        if "compile_s" in marks["warm"]:
            found["compile_warm_s"] = marks["warm"]["compile_s"]
    return found


def _admit(
    row: str, make: Callable[[], Trainer], expected: Sequence[float], precision: str, steps: int
) -> tuple[Trainer | None, Record, list[float]]:
    """Build an implementation and follow its loss curve; no trainer comes back if it leaves ours."""
    with stages.watch() as watched:

        def made() -> Trainer:
            trainer = make()
            watched.clear()  # what drawing weights compiled belongs to building
            return trainer

        trainer, build_s, first_step_s, first = build(made)
    losses = curve(trainer, first, steps)
    difference = parity((expected or losses)[: len(losses)], losses)
    record: Record = {
        "implementation": row,
        "notes": trainer.notes(),
        "build_s": round(build_s, 3),
        **watched.seconds(),
        "first_step_s": round(first_step_s, 3),
        "parity": difference,
        "parity_steps": len(losses),
        "final_loss": losses[-1],
    }
    allowed = tolerance(precision, expected or losses)
    if not difference <= allowed:
        where = f"{len(losses)} steps of {ours.REFERENCE}"
        record["not_timed"] = f"its loss differs by {difference:.1e} within {where}, {allowed:.0e} is allowed"
        return None, record, losses
    return trainer, record, losses


def _verdict(record: Record) -> str:
    return record.get("not_timed", f"loss curve within {record['parity']:.1e}")
