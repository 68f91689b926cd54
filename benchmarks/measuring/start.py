"""From the start of a process to the end of its first epoch: `python -m benchmarks.measuring.start mlp jaxdl flax`.

Every implementation runs in a process of its own, twice: with an empty compilation cache (cold) and with what the first
run left there (warm). JAX's implementations share JAX's persistent cache; torch.compile has its own, in the same
folder; PyTorch without it has none. Times are seconds since the process was started:

    import_s        Python and the library are imported
    first_step_s    the model is built, and traced, compiled and run once
    first_epoch_s   one epoch more is done

and, of JAX's implementations, `trace_s` and `compile_s`: how long JAX traced and compiled on that way. A peer is timed
as if jaxdl were not there: what the benchmark does for it, from importing jaxdl to the data and the initial weights, is
taken off. (So a peer draws no weights; ours draws its own.)
"""

import argparse
import functools
import importlib
import json
import os
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from benchmarks.measuring import child

if TYPE_CHECKING:
    from benchmarks.workloads.case import Case

MARKS = ("import_s", "first_step_s", "first_epoch_s")
LIBRARIES = {  # what a peer's user imports
    "flax": ("jax", "optax", "flax.linen"),
    "nnx": ("jax", "optax", "flax.nnx"),
    "torch": ("torch",),
    "keras": ("keras",),
}


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
    marks, lasted = child.run("benchmarks.measuring.start", "--child", *arguments, variables=variables)
    return {name: round(mark - begun.stat().st_mtime, 3) for name, mark in marks.items()} | lasted


def _child(workload: str, row: str, size: str = "") -> None:
    """Train and print what `measure` reads."""
    os.environ.setdefault("KERAS_BACKEND", "jax")
    library = row.split("-")[0]
    for name in LIBRARIES.get(library, ()):
        importlib.import_module(name)
    marks = {"import_s": time.time()}

    from benchmarks.measuring import timing
    from benchmarks.workloads import implementations
    from benchmarks.workloads.cases import make
    from jaxdl.artifacts import stages

    case, is_peer = make(workload, small=bool(size)), library in LIBRARIES
    build = implementations.find(_with_all_drawn(case) if is_peer else case, row)
    ready = time.time()
    if not is_peer:
        marks["import_s"] = ready
    ours = ready - marks["import_s"]
    with stages.watch() as watched:
        trainer = build()
        watched.clear()  # what drawing weights compiled belongs to building
        timing.block_until_ready(trainer.step(0))
        marks["first_step_s"] = time.time() - ours
        timing.block_until_ready(trainer.epoch())
        marks["first_epoch_s"] = time.time() - ours
    print(json.dumps([marks, watched.seconds()]))


def _with_all_drawn(case: "Case") -> "Case":
    """The same workload with its data and its initial weights at hand."""
    from benchmarks.workloads.case import Case

    class Drawn(Case):
        data = functools.cache(Case.data)
        weights = functools.cache(Case.weights)

    drawn = Drawn(**vars(case))
    drawn.data()
    drawn.weights()
    return drawn


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
    parser = argparse.ArgumentParser("python -m benchmarks.measuring.start", description=__doc__)
    parser.add_argument("workload")
    parser.add_argument("rows", nargs="+", metavar="IMPLEMENTATION")
    chosen = parser.parse_args(arguments)
    found: dict[str, Any] = {row: measure(chosen.workload, row) for row in chosen.rows}
    print(table(found))
    return None


if __name__ == "__main__":
    main(sys.argv[1:])
