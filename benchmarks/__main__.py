"""Time jaxdl beside its peers on this machine: `jaxdl bench mlp cnn resnet autoencoder gan`, or `python -m benchmarks`.

`jaxdl bench compare A.json B.json` compares two files of records; `jaxdl bench growth` shows how time grows with sizes;
`jaxdl bench gpu` measures everything on a GPU in one unattended command.
"""

import argparse
import dataclasses
import sys
from collections.abc import Callable, Sequence
from itertools import groupby
from typing import Any

from benchmarks import options
from benchmarks.gpu import command as gpu
from benchmarks.measuring import allocators, devices, machine, profile, runs
from benchmarks.reports import compare, records
from benchmarks.reports.records import Record
from benchmarks.studies import game_sweep, growth, losses, many_networks, neighbors, sentence_ranks, update_rules
from benchmarks.workloads import cases, ours
from jaxdl.data.sources import DataNotFound

Chosen = argparse.Namespace
ALONE: dict[str, tuple[str, Callable[[Chosen], list[Record]]]] = {  # row that is held as 1, how it runs
    "gan-sweep": (game_sweep.BASE, lambda chosen: game_sweep.run(chosen.rounds)),
    "networks": ("jaxdl-vmap", lambda chosen: many_networks.run(chosen.rounds, chosen.against)),
    "optimizers": ("jaxdl", lambda chosen: update_rules.run(chosen.rounds, chosen.against)),
    "losses": (losses.BASE, lambda chosen: losses.run(chosen.rounds)),
    "recommender": (
        "jaxdl",
        lambda chosen: neighbors.run(min(chosen.rounds, 5), 4000 if chosen.quick else None),
    ),
    "textrank": ("jaxdl", lambda chosen: sentence_ranks.run(chosen.rounds, 500 if chosen.quick else 2000)),
    "growth": ("", lambda chosen: growth.run(chosen.rounds, most=3 if chosen.quick else None)),
}
WORKLOADS = (*cases.NAMES, *ALONE)


def report(found: Sequence[Record], base: str) -> None:
    """Print a table a workload."""
    for (workload, precision), group in groupby(found, lambda record: (record["workload"], record["precision"])):
        rows = list(group)
        peak = rows[0].get("matmul_peak_gflops_per_s")
        limit = f"; measured peak of a matrix product {peak} GFLOP/s" if peak else ""
        limit += f", of a copy {rows[0]['copy_gb_per_s']} GB/s" if "copy_gb_per_s" in rows[0] else ""
        print(f"\n{workload} in {precision} on {rows[0]['hardware']}{limit}")
        print(growth.table(rows) if "axis" in rows[0] else records.table(rows, base), flush=True)
        if remark := machine.remark(rows[0]["others_before"], rows[0].get("others_during")):
            print(remark)


def measure(workload: str, chosen: Chosen) -> list[Record]:
    """All records of one workload on this process's device."""
    found: list[Record] = []
    if workload in ALONE:
        if ignored := [f"--{name}" for name in ("memory", "start", "allocators") if getattr(chosen, name)]:
            print(f"{workload}: no {', '.join(ignored)}, which is for models")
        if chosen.precision != ["f32"]:
            shared = records.environment() | {"workload": workload, "implementation": "jaxdl"}
            found += [
                shared | {"precision": p, "not_timed": f"{workload} is timed in f32 alone"}
                for p in chosen.precision
                if p != "f32"
            ]
        return found + (ALONE[workload][1](chosen) if "f32" in chosen.precision else [])
    how: dict[str, Any] = {"leave_out": options.QUICK_ROWS_LEFT_OUT if chosen.quick else (), "quick": chosen.quick}
    apart = runs.Apart(memory=chosen.memory, start=chosen.start)
    for precision in chosen.precision:
        case: Any = dataclasses.replace(cases.make(workload), precision=precision)
        found += runs.run(case, chosen.against, chosen.rounds, apart=apart, **how)
    if chosen.allocators and "f32" in chosen.precision:
        found += allocators.run(workload, ours.BASE, chosen.rounds, cases.make(workload).steps)
    return found


def _measure_or_say_why(workload: str, chosen: Chosen) -> list[Record]:
    try:
        return measure(workload, chosen)
    except DataNotFound as error:
        return [records.environment() | {"workload": workload, "implementation": "jaxdl", "not_timed": str(error)}]


def here(chosen: Chosen) -> list[Record]:
    """Measure, print and write on one device."""
    everything: list[Record] = []
    absent = devices.use(chosen.devices[0]) if chosen.devices else ""
    if absent:
        everything = devices.absent(chosen.workloads, chosen.devices[0], absent)
        print(absent)
        if chosen.json is None and chosen.part is None:
            for record in everything:
                records.write([record], records.default_path(record["workload"], record["device"]))
        return everything
    for workload in chosen.workloads:
        found = _measure_or_say_why(workload, chosen)
        report(found, ALONE[workload][0] if workload in ALONE else ours.BASE)
        everything += found
        if chosen.json is None and chosen.part is None:
            records.write(found, path := records.default_path(workload))
            print(f"written to {path}")
    return everything


def main(arguments: Sequence[str]) -> int:
    """Run the chosen workloads, print their tables and write their records; returns the exit code."""
    if arguments and arguments[0] == "compare":
        return compare.main(arguments[1:])
    if arguments and arguments[0] == "gpu":
        return gpu.main(arguments[1:])
    chosen = options.parse(arguments, WORKLOADS, __doc__ or "")
    if chosen.profile is not None:
        for workload in chosen.workloads:
            if workload in cases.NAMES:
                profile.report(cases.make(workload), chosen.profile / workload)
            else:
                print(f"no profile of {workload}: it is not one training step or decoding")
        return 0
    code = 0
    if chosen.left_out:
        print(f"left out by --quick, unless named: {', '.join(chosen.left_out)}")
    if len(chosen.devices) > 1:
        same = options.without(arguments, "--devices", "--json")
        everything, code = devices.apart(same, chosen.devices)
    else:
        everything = here(chosen)
    if chosen.part is not None:
        records.write(everything, chosen.part)
    elif chosen.json is not None:
        records.write(everything, chosen.json)
        print(f"\nwritten to {chosen.json}")
    elif len(chosen.devices) > 1:
        for (device, workload), group in groupby(everything, lambda r: (r["device"], r["workload"])):
            records.write(list(group), records.default_path(workload, device))
    return code


if __name__ == "__main__":
    from jaxdl.cli import main as jaxdl

    raise SystemExit(jaxdl(["bench", *sys.argv[1:]]))
