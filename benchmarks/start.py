"""From the start of a process to the end of its first epoch: `python -m benchmarks.start mlp jaxdl flax`.

Every implementation runs in a process of its own, twice: with an empty compilation cache (cold) and with what the first
run left there (warm). JAX's implementations share JAX's persistent cache; torch.compile has its own, in the same
folder; PyTorch without it has none. Times are seconds since the process was started:

    import_s        Python, the library and jaxdl are imported
    first_step_s    the model is built, and traced, compiled and run once
    first_epoch_s   one epoch more is done

and, of JAX's implementations, `trace_s` and `compile_s`: how long JAX traced and compiled on that way.
"""

import argparse
import json
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from benchmarks import child

MARKS = ("import_s", "first_step_s", "first_epoch_s")


def measure(workload: str, row: str, *, small: bool = False) -> dict[str, dict[str, float]]:
    """{"cold": seconds by mark, "warm": the same with the compilation cache that the first process left}."""
    with tempfile.TemporaryDirectory() as cache:
        return {state: _run([workload, row, *(["small"] if small else [])], cache) for state in ("cold", "warm")}


def _run(arguments: list[str], cache: str) -> dict[str, float]:
    variables = {
        "JAX_COMPILATION_CACHE_DIR": str(Path(cache, "jax")),
        "JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS": "0",
        "JAX_PERSISTENT_CACHE_MIN_ENTRY_SIZE_BYTES": "0",
        "TORCHINDUCTOR_CACHE_DIR": str(Path(cache, "torch")),
    }
    begun = Path(cache, "begun")
    begun.touch()  # its time and the marks of the child are of one clock; a monotonic one begins anew in each process
    marks, lasted = child.run("benchmarks.start", "--child", *arguments, variables=variables)
    return {name: round(mark - begun.stat().st_mtime, 3) for name, mark in marks.items()} | lasted


def _child(workload: str, row: str, size: str = "") -> None:
    """Train and print what `measure` reads."""
    from benchmarks import cases, runs, stages, timing

    make = runs.find(cases.make(workload, small=bool(size)), row)
    marks = {"import_s": time.time()}
    with stages.watch() as watched:
        trainer = make()
        watched.clear()  # what drawing weights compiled belongs to building
        timing.block_until_ready(trainer.step(0))
        marks["first_step_s"] = time.time()
        timing.block_until_ready(trainer.epoch())
        marks["first_epoch_s"] = time.time()
    print(json.dumps([marks, watched.seconds()]))


def table(found: dict[str, dict[str, dict[str, float]]]) -> str:
    """Implementations by the time to the end of their first epoch, cold.

    >>> marks = {"import_s": 1.0, "first_step_s": 2.0, "first_epoch_s": 3.0}
    >>> print(table({"jaxdl": {"cold": marks, "warm": marks}}))
    implementation       cold: import  first step  first epoch   warm: import  first step  first epoch
    jaxdl                        1.00        2.00         3.00           1.00        2.00         3.00
    """
    head = "import  first step  first epoch"
    lines = [f"{'implementation':<16}{'cold: ' + head:>40}{'warm: ' + head:>40}"]
    for row, states in sorted(found.items(), key=lambda item: item[1]["cold"]["first_epoch_s"]):
        cells = [f"{s[mark]:>{w}.2f}" for s in states.values() for mark, w in zip(MARKS, (15, 12, 13), strict=True)]
        lines.append(f"{row:<16}" + "".join(cells))
    return "\n".join(lines)


def main(arguments: Sequence[str]) -> None:
    """Measure rows of a workload and print them."""
    if arguments and arguments[0] == "--child":
        return _child(*arguments[1:])
    parser = argparse.ArgumentParser("python -m benchmarks.start", description=__doc__)
    parser.add_argument("workload")
    parser.add_argument("rows", nargs="+", metavar="IMPLEMENTATION")
    chosen = parser.parse_args(arguments)
    found: dict[str, Any] = {row: measure(chosen.workload, row) for row in chosen.rows}
    print(table(found))
    return None


if __name__ == "__main__":
    main(sys.argv[1:])
