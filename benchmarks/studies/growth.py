"""How time grows with sizes: `jaxdl bench growth`.

    batch      a step of the workload `mlp` (784-512-512-10) against the examples in a batch
    width      the same at batch 128 against the units of both hidden layers
    examples   an epoch inside `fit` against the examples in the data
    depth      a step, and its compilation, of a Transformer against the layers of encoder and decoder; `nn.stack` scans
               them, but writes a few out on a CPU
    layers     the same of an MLP against its hidden layers of 128 units (written out, not scanned)
    length     a step of a Transformer against the length of its sequences

The exponent e of time = c size^e is fitted by least squares to the logarithms of all medians; `last` is that between
the two largest sizes, where fixed costs matter least.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np

from benchmarks.measuring import machine, timing
from benchmarks.reports import records
from benchmarks.reports.records import Record
from benchmarks.workloads import cases, flops, ours
from benchmarks.workloads.case import Case
from benchmarks.workloads.trainer import Trainer, build
from jaxdl.artifacts import stages

STEPS = 4


class Axis(NamedTuple):
    """What grows.

    Attributes:
        sizes: along the axis; the first few for a quick look.
        case: size -> the workload.
        row: of our implementations.
    """

    sizes: Sequence[int]
    case: Callable[[int], Case]
    row: str = "jaxdl-step"


def axes(*, small: bool = False) -> dict[str, Axis]:
    """All of them by name; `small` ones are for tests."""
    mlp, sequences = cases.make("mlp", small=small), cases.make("transformer", small=True)
    sizes = (2, 4) if small else (16, 64, 256, 1024, 4096)

    def perceptron(batch: int, *widths: int, steps: int = STEPS) -> Case:
        config = replace(mlp.config, widths=widths or mlp.config.widths)
        return replace(mlp, batch=batch, steps=steps, config=config, flops=flops.step(flops.mlp(config), batch))

    def transformer(layers: int, length: int) -> Case:
        config = sequences.config
        if not small:
            config = replace(config, d_model=64, n_heads=4, d_hidden=256, n_source=60, n_target=60)
        config = replace(config, n_encoder_layers=layers, n_decoder_layers=layers)
        batch = 4 if small else 32
        count = flops.step(flops.transformer(config, length), batch)
        return replace(sequences, batch=batch, steps=1, config=config, shape=(length,), flops=count)

    return {
        "batch": Axis(sizes, lambda n: perceptron(n)),
        "width": Axis(sizes if small else (64, 128, 256, 512, 1024, 2048), lambda n: perceptron(mlp.batch, n, n)),
        "examples": Axis(
            (32, 64) if small else (1280, 2560, 5120, 10240, 20480),
            lambda n: perceptron(mlp.batch, steps=n // mlp.batch),
            "jaxdl",
        ),
        "depth": Axis((1, 2) if small else (2, 4, 8, 16, 32), lambda n: transformer(n, 8 if small else 16)),
        "layers": Axis((1, 2) if small else (1, 2, 4, 8, 16), lambda n: perceptron(mlp.batch, *(128,) * n)),
        "length": Axis((4, 8) if small else (16, 32, 64, 128, 256), lambda n: transformer(2, n)),
    }


def run(rounds: int, chosen: Mapping[str, Axis] | None = None, *, most: int | None = None) -> list[Record]:
    """A record for each size of each axis; `most` sizes of each for a quick look."""
    found = []
    for name, axis in (axes() if chosen is None else chosen).items():
        shared = {"workload": f"growth-{name}", **records.environment(), "axis": name}
        found += [shared | record for record in _run(name, axis._replace(sizes=axis.sizes[:most]), rounds)]
    return found


def _run(name: str, axis: Axis, rounds: int) -> list[Record]:
    found: dict[str, Record] = {}
    trainers: dict[str, Trainer] = {}
    for size in axis.sizes:
        row, case = f"{axis.row} {name} {size}", axis.case(size)
        trainer = ours.rows(case)[axis.row]()
        with stages.watch() as watched:
            trainers[row], _, first_step_s, _ = build(lambda trainer=trainer: trainer)
        calls = 1 if name == "examples" else case.steps
        found[row] = {"implementation": row, "size": size, "calls": calls, "flops": case.flops * case.steps // calls}
        found[row] |= {"first_step_s": round(first_step_s, 3), **watched.seconds()}
    watch = machine.Watch()
    timings = timing.measure({row: t.epoch for row, t in trainers.items()}, rounds=rounds, warmup=2)
    others = watch.others()
    for row, times in timings.items():
        found[row]["step_ms"] = ms = records.milliseconds(times, found[row].pop("calls"))
        found[row] |= {"others_during": others, "gflops_per_s": round(found[row]["flops"] / ms["median"] / 1e6, 4)}
    medians = [record["step_ms"]["median"] for record in found.values()]
    fitted: dict[str, Any] = {"exponent": exponent(axis.sizes, medians)}
    fitted["exponent_last"] = exponent(axis.sizes[-2:], medians[-2:])
    compiling = [record.get("compile_s") for record in found.values()]
    if all(compiling):
        fitted["compile_exponent"] = exponent(axis.sizes, compiling)
        fitted["compile_exponent_last"] = exponent(axis.sizes[-2:], compiling[-2:])
    return [record | fitted for record in found.values()]


def exponent(sizes: Sequence[float], values: Sequence[Any]) -> float:
    """e of value = c size^e by least squares of the logarithms.

    >>> exponent([1, 2, 4], [3.0, 12.0, 48.0])
    2.0
    """
    x, y = np.log(np.asarray(sizes, float)), np.log(np.asarray(values, float))
    x = x - x.mean()
    return round(float(x @ (y - y.mean()) / (x @ x)), 3)


def table(found: Sequence[Record]) -> str:
    """The records of one axis as lines, with the fitted exponents below.

    >>> row = {"axis": "batch", "step_ms": {"median": 1.0}, "exponent": 0.9, "exponent_last": 1.0}
    >>> print(table([row | {"size": 16, "compile_s": 0.5}, row | {"size": 32}]))
       batch   median ms    compile s
          16       1.000         0.50
          32       1.000            -
    time grows with batch^0.90, at the end with batch^1.00
    """
    first, name = found[0], found[0]["axis"]
    lines = [f"{name:>8}{'median ms':>12}{'compile s':>13}"]
    for record in found:
        compile_s = f"{record['compile_s']:.2f}" if "compile_s" in record else "-"
        lines.append(f"{record['size']:>8}{record['step_ms']['median']:>12.3f}{compile_s:>13}")
    line = f"time grows with {name}^{first['exponent']:.2f}, at the end with {name}^{first['exponent_last']:.2f}"
    if "compile_exponent" in first and name in ("depth", "layers"):
        line += f"; compilation with {name}^{first['compile_exponent']:.2f}"
        line += f", at the end with {name}^{first['compile_exponent_last']:.2f}"
    return "\n".join([*lines, line])


def crossing(one: Mapping[int, float], other: Mapping[int, float]) -> float | None:
    """The size where two curves cross, between the measured ones by lines in the logarithms; None if they do not.

    >>> crossing({16: 1.0, 64: 4.0}, {16: 2.0, 64: 2.0})
    32.0
    """
    sizes = sorted(set(one) & set(other))
    gaps = [math.log(one[size] / other[size]) for size in sizes]
    for (a, b), (x, y) in zip(pairwise(gaps), pairwise(sizes), strict=True):
        if a * b <= 0 and a != b:
            return round(x * (y / x) ** (a / (a - b)), 1)
    return None
