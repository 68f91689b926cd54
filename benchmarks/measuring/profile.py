"""Where a step's time goes: a `jax.profiler` trace of a workload inside `fit`, and a table of its costliest operations.

    jaxdl bench cnn --profile FOLDER

The folder opens in Perfetto or TensorBoard. Times of operations are summed over threads, so that they may exceed the
step's own; an operation inside a loop counts each time it runs. What JAX calls an operation tells the backward pass by
"transpose", and names the sums of products (einsum) and the functions that the operation comes from.
"""

import collections
import gzip
import json
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import jax

from benchmarks.workloads import ours
from benchmarks.workloads.case import Case

STEPS_AT_LEAST = 4
LOOPS = ("while", "call", "conditional")  # what runs in them is listed by itself


class Operation(NamedTuple):
    """One operation of the compiled program.

    Attributes:
        name: XLA's.
        times: how often it ran a step.
        ms: its milliseconds per step.
        shape: of its result.
        what: the operation of JAX that it ends with.
    """

    name: str
    times: float
    ms: float
    shape: str = ""
    what: str = ""


def trace(case: Case, folder: Path) -> tuple[list[Operation], int]:
    """Profile some epochs of a workload inside `fit`: its operations, the costliest first, and the steps traced."""
    trainer = ours.rows(case)[ours.BASE]()
    jax.block_until_ready(trainer.epoch())  # compiled, and settled on its program
    epochs = -(-STEPS_AT_LEAST // case.steps)
    with jax.profiler.trace(str(folder)):
        for _ in range(epochs):
            jax.block_until_ready(trainer.epoch())
    steps = epochs * case.steps
    newest = max(folder.rglob("*.trace.json.gz"), key=lambda path: path.stat().st_mtime)
    known = meanings(trainer.program()) if trainer.program else {}
    with gzip.open(newest, "rt") as file:
        return operations(json.load(file)["traceEvents"], steps, known), steps


def meanings(program: str) -> dict[str, tuple[str, str]]:
    """Name -> (shape, what JAX calls it) of the operations of a compiled program's text.

    >>> line = '%dot.3 = f32[2,4]{1,0} dot(%x), metadata={op_name="jit(many)/while/body/jvp(bt,tk->bk)/dot_general"}'
    >>> meanings(line)
    {'dot.3': ('f32[2,4]', 'jvp(bt,tk->bk)/dot_general')}
    """
    pattern = re.compile(r'^\s*(?:ROOT )?%?([\w.-]+) = ([\w\[\],]*).*op_name="([^"]*)"', re.MULTILINE)
    around = re.compile(r"jit\((?:traced|many|train_step)\)/|while/body/|closed_call/")
    return {name: (shape, around.sub("", what)) for name, shape, what in pattern.findall(program)}


def operations(
    events: Sequence[Mapping[str, Any]], steps: int, known: Mapping[str, tuple[str, str]] | None = None
) -> list[Operation]:
    """The events of a trace that are operations, added up by name.

    >>> event = {"ph": "X", "dur": 1500.0, "args": {"hlo_op": "dot.3"}}
    >>> operations([event, event, {"ph": "M", "name": "thread"}], steps=2)
    [Operation(name='dot.3', times=1.0, ms=1.5, shape='', what='')]
    """
    ms: collections.Counter[str] = collections.Counter()
    times: collections.Counter[str] = collections.Counter()
    for event in events:
        name = event.get("args", {}).get("hlo_op") if event.get("ph") == "X" else None
        if name is not None:
            ms[name] += event["dur"] / 1e3
            times[name] += 1
    known = known or {}
    return [
        Operation(name, times[name] / steps, total / steps, *known.get(name, ("", "")))
        for name, total in ms.most_common()
    ]


def table(found: Sequence[Operation], most: int = 20) -> str:
    """The costliest operations as lines, then those of one kind added up; loops hold what is listed and are left out.

    >>> print(table([Operation("dot.3", 1.0, 1.5, "f32[2,4]", "jvp()/dot_general")]))
     ms per step   share  times  operation                     result                    what
         1.500    100%    1.0  dot.3                         f32[2,4]                  jvp()/dot_general
    <BLANKLINE>
     ms per step   share  all of a kind
         1.500    100%  jvp()/dot_general
    """
    leaves = [operation for operation in found if not operation.name.startswith(LOOPS)]
    total = sum(operation.ms for operation in leaves)
    lines = [f" ms per step   share  times  {'operation':<28}  {'result':<24}  what"]
    lines += [
        f"{o.ms:10.3f}  {o.ms / total:6.0%}  {o.times:5.1f}  {o.name:<28.28}  {o.shape:<24.24}  {o.what}".rstrip()
        for o in leaves[:most]
    ]
    kinds: dict[str, float] = collections.defaultdict(float)
    for operation in leaves:
        kinds[operation.what or operation.name.split(".")[0]] += operation.ms
    largest = sorted(kinds.items(), key=lambda kind: -kind[1])[:most]
    lines += ["", " ms per step   share  all of a kind"]
    return "\n".join([*lines, *(f"{ms:10.3f}  {ms / total:6.0%}  {kind}" for kind, ms in largest)])


def report(case: Case, folder: Path) -> None:
    """Trace a workload and print the table."""
    found, steps = trace(case, folder)
    print(f"{case.name}, {steps} steps inside fit\n{table(found)}\ntrace in {folder}")
