"""The memory allocator as a user's choice: our rows in processes of their own, with the environment that is named.

    jaxdl+default       glibc's malloc as it is
    jaxdl+huge-pages    GLIBC_TUNABLES=glibc.malloc.hugetlb=1: pages of 2 MB where the system has them
    jaxdl+jemalloc      LD_PRELOAD of jemalloc, which keeps what XLA gives back (if it is installed)

A program's large temporaries come from mmap, and every step touches new pages anew; these settings spare that. jaxdl
sets none of them by itself. Every variant runs in several processes, in turns, and its time is taken over all of them.

    python -m benchmarks.measuring.allocators mlp jaxdl 5
"""

import ctypes.util
import json
import sys
from collections.abc import Mapping

from benchmarks.measuring import child, timing
from benchmarks.reports import records
from benchmarks.reports.records import Record

TURNS, WARMUP = 2, 2
HUGE_PAGES = {"GLIBC_TUNABLES": "glibc.malloc.hugetlb=1"}
KEEP = "background_thread:true,dirty_decay_ms:-1,muzzy_decay_ms:-1"  # jemalloc gives no page back


def variants() -> dict[str, Mapping[str, str] | None]:
    """Name -> what it adds to the environment; None where the machine lacks it."""
    jemalloc = ctypes.util.find_library("jemalloc")
    preload = None if jemalloc is None else {"LD_PRELOAD": jemalloc, "MALLOC_CONF": KEEP}
    return {"default": {}, "huge-pages": HUGE_PAGES if sys.platform == "linux" else None, "jemalloc": preload}


def run(workload: str, row: str, rounds: int, steps: int, *, small: bool = False) -> list[Record]:
    """A record for each variant of a row; an absent one says so."""
    shared = records.environment()
    found, seconds, here = {}, {}, variants()
    for name, variables in here.items():
        found[name] = shared | {"workload": workload, "implementation": f"{row}+{name}"}
        if variables is None:
            found[name]["not_timed"] = f"{name} is not on this machine"
        else:
            found[name]["flags"] = shared["flags"] | variables
            seconds[name] = []
    for _ in range(TURNS):
        for name, values in seconds.items():
            size = ["small"] if small else []
            values += child.run(
                "benchmarks.measuring.allocators", workload, row, str(rounds), *size, variables=here[name]
            )
    for name, values in seconds.items():
        found[name]["step_ms"] = records.milliseconds(timing.summarize(values), steps)
        found[name]["notes"] = f"{TURNS} processes of {rounds} rounds each"
    return list(found.values())


def main(workload: str, row: str, rounds: str, size: str = "") -> None:
    """Time epochs of one row and print their seconds."""
    from benchmarks.workloads import cases, implementations

    trainer = implementations.find(cases.make(workload, small=bool(size)), row)()
    trainer.step(0)
    print(json.dumps(timing.seconds({row: trainer.epoch}, rounds=int(rounds), warmup=WARMUP)[row]))


if __name__ == "__main__":
    main(*sys.argv[1:])
