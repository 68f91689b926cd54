"""Time jaxdl beside its peers on this machine: `python -m benchmarks mlp cnn resnet autoencoder gan`."""

import argparse
import sys
from collections.abc import Sequence
from itertools import groupby
from pathlib import Path

from benchmarks import cases, game_sweep, losses, ours, peers, records, runs
from benchmarks.records import Record

ALONE = {"gan-sweep": game_sweep, "losses": losses}  # without peers: a module with `run(rounds)` and `BASE`
WORKLOADS = (*cases.NAMES, *ALONE)


def parse(arguments: Sequence[str]) -> argparse.Namespace:
    """The command line; a wrong name is told with the right ones, exit code 2."""
    parser = argparse.ArgumentParser("python -m benchmarks", description=__doc__)
    parser.add_argument("workloads", nargs="*", metavar="WORKLOAD", help=f"of {', '.join(WORKLOADS)}; none means all")
    parser.add_argument("--against", default=",".join(peers.MODULES), help="peers, by comma (default %(default)s)")
    parser.add_argument("--rounds", type=int, default=15, help="epochs timed of each (default %(default)s)")
    parser.add_argument("--memory", action="store_true", help="peak host memory, each in a process of its own")
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


def main(arguments: Sequence[str]) -> None:
    """Run the chosen workloads, print their tables and write their records."""
    chosen, everything = parse(arguments), []
    for workload in chosen.workloads:
        if workload in ALONE:
            found = ALONE[workload].run(chosen.rounds)
            report(found, ALONE[workload].BASE)
        else:
            found = runs.run(cases.make(workload), chosen.against, chosen.rounds, with_memory=chosen.memory)
            report(found, ours.BASE)
        everything += found
        if chosen.json is None:
            records.write(found, path := records.default_path(workload))
            print(f"written to {path}")
    if chosen.json is not None:
        records.write(everything, chosen.json)
        print(f"\nwritten to {chosen.json}")


if __name__ == "__main__":
    main(sys.argv[1:])
