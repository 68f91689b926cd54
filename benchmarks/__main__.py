"""Time jaxdl beside its peers on this machine: `jaxdl bench mlp cnn resnet autoencoder gan`, or `python -m benchmarks`.

`jaxdl bench compare A.json B.json` compares two files of records.
"""

import argparse
import sys
from collections.abc import Sequence
from itertools import groupby
from pathlib import Path
from typing import NoReturn

from benchmarks import cases, compare, game_sweep, losses, ours, peers, profile, records, runs
from benchmarks.records import Record
from jaxdl.arguments import UsageError

ALONE = {"gan-sweep": game_sweep, "losses": losses}  # without peers: a module with `run(rounds)` and `BASE`
WORKLOADS = (*cases.NAMES, *ALONE)


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        raise UsageError(f"bench: {message}; see: jaxdl bench --help")


def parse(arguments: Sequence[str]) -> argparse.Namespace:
    """The command line; raises UsageError, in one line that names what is right."""
    parser = _Parser("jaxdl bench", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("workloads", nargs="*", metavar="WORKLOAD", help=f"of {', '.join(WORKLOADS)}; none means all")
    parser.add_argument("--against", default=",".join(peers.MODULES), help="peers, by comma (default %(default)s)")
    parser.add_argument("--rounds", type=int, default=15, help="epochs timed of each (default %(default)s)")
    parser.add_argument("--memory", action="store_true", help="peak host memory, each in a process of its own")
    parser.add_argument("--start", action="store_true", help="from a process's start to its first epoch, cold and warm")
    parser.add_argument("--profile", type=Path, metavar="DIR", help="trace our step instead, and list its operations")
    parser.add_argument("--json", type=Path, metavar="FILE", help="one file for all records, not one a workload")
    chosen = parser.parse_args(arguments)
    chosen.workloads = chosen.workloads or list(WORKLOADS)
    chosen.against = [name for name in chosen.against.split(",") if name]
    for names, known, what in ((chosen.workloads, WORKLOADS, "workload"), (chosen.against, peers.MODULES, "peer")):
        for name in names:
            if name not in known:
                parser.error(f"no {what} {name!r}; there are {', '.join(known)}")
    if chosen.rounds < 2:
        parser.error(f"--rounds must be at least 2 for quartiles, got {chosen.rounds}")
    return chosen


def report(found: Sequence[Record], base: str) -> None:
    """Print a table a workload."""
    for workload, group in groupby(found, lambda record: record["workload"]):
        rows = list(group)
        peak = rows[0].get("matmul_peak_gflops_per_s")
        limit = f"; measured peak of a matrix product {peak} GFLOP/s" if peak else ""
        print(f"\n{workload} on {rows[0]['hardware']}, load {rows[0]['load_before'][0]}{limit}")
        print(records.table(rows, base), flush=True)
        if rows[0]["load_before"][0] > 0.5:
            print("The machine was busy: no final figures, least of all for torch, whose waiting threads spin.")


def main(arguments: Sequence[str]) -> int:
    """Run the chosen workloads, print their tables and write their records; returns the exit code."""
    if arguments and arguments[0] == "compare":
        return compare.main(arguments[1:])
    chosen, everything = parse(arguments), []
    if chosen.profile is not None:
        for workload in (name for name in chosen.workloads if name in cases.NAMES):
            profile.report(workload, chosen.profile / workload)
        return 0
    for workload in chosen.workloads:
        if workload in ALONE:
            found = ALONE[workload].run(chosen.rounds)
            report(found, ALONE[workload].BASE)
        else:
            apart = {"with_memory": chosen.memory, "with_start": chosen.start}
            found = runs.run(cases.make(workload), chosen.against, chosen.rounds, **apart)
            report(found, ours.BASE)
        everything += found
        if chosen.json is None:
            records.write(found, path := records.default_path(workload))
            print(f"written to {path}")
    if chosen.json is not None:
        records.write(everything, chosen.json)
        print(f"\nwritten to {chosen.json}")
    return 0


if __name__ == "__main__":
    from jaxdl.cli import main as jaxdl

    raise SystemExit(jaxdl(["bench", *sys.argv[1:]]))
