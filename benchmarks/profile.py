"""Where a step's time goes: a `jax.profiler` trace of a workload inside `fit`, and a table of its costliest operations.

    jaxdl bench cnn --profile FOLDER

The folder opens in Perfetto or TensorBoard. Times of operations are summed over threads, so that they may exceed the
step's own; an operation inside a loop counts each time it runs.
"""

import collections
import gzip
import json
from pathlib import Path
from typing import Any, NamedTuple

import jax

from benchmarks import cases, ours

STEPS_AT_LEAST = 4


class Operation(NamedTuple):
    """One operation of the compiled program: its name, how often it ran a step, and its milliseconds a step."""

    name: str
    times: float
    ms: float


def trace(workload: str, folder: Path) -> tuple[list[Operation], int]:
    """Profile some epochs of a workload inside `fit`: its operations, the costliest first, and the steps traced."""
    case = cases.make(workload)
    trainer = ours.rows(case)[ours.BASE]()
    jax.block_until_ready(trainer.epoch())  # compiled, and settled on its program
    epochs = -(-STEPS_AT_LEAST // case.steps)
    with jax.profiler.trace(str(folder)):
        for _ in range(epochs):
            jax.block_until_ready(trainer.epoch())
    steps = epochs * case.steps
    newest = max(folder.rglob("*.trace.json.gz"), key=lambda path: path.stat().st_mtime)
    with gzip.open(newest, "rt") as file:
        return operations(json.load(file)["traceEvents"], steps), steps


def operations(events: list[dict[str, Any]], steps: int) -> list[Operation]:
    """The events of a trace that are operations, added up by name.

    >>> event = {"ph": "X", "dur": 1500.0, "args": {"hlo_op": "dot.3"}}
    >>> operations([event, event, {"ph": "M", "name": "thread"}], steps=2)
    [Operation(name='dot.3', times=1.0, ms=1.5)]
    """
    ms: collections.Counter[str] = collections.Counter()
    times: collections.Counter[str] = collections.Counter()
    for event in events:
        name = event.get("args", {}).get("hlo_op") if event.get("ph") == "X" else None
        if name is not None:
            ms[name] += event["dur"] / 1e3
            times[name] += 1
    return [Operation(name, times[name] / steps, total / steps) for name, total in ms.most_common()]


def table(found: list[Operation], most: int = 20) -> str:
    """The costliest operations as lines; loops are left out, since they hold what runs in them.

    >>> print(table([Operation("dot.3", 1.0, 1.5)]))
     ms a step   share  times  operation
         1.500    100%    1.0  dot.3
    """
    leaves = [operation for operation in found if not operation.name.startswith(("while", "call", "conditional"))]
    total = sum(operation.ms for operation in leaves)
    lines = [" ms a step   share  times  operation"]
    lines += [f"{o.ms:10.3f}  {o.ms / total:6.0%}  {o.times:5.1f}  {o.name}" for o in leaves[:most]]
    return "\n".join(lines)


def report(workload: str, folder: Path) -> None:
    """Trace a workload and print the table."""
    found, steps = trace(workload, folder)
    print(f"{workload}, {steps} steps inside fit\n{table(found)}\ntrace in {folder}")
