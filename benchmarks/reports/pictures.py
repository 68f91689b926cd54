"""Pictures of records: `python -m benchmarks.reports.pictures` draws those of `results/` into `results/pictures/`.

speed.png      every implementation's step beside ours, a panel a workload
growth.png     time against size, both logarithmic, with the fitted exponents
crossing.png   CPU and GPU against the batch, where records of both are there
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from benchmarks import RESULTS
from benchmarks.reports.records import Record, newest
from benchmarks.studies.growth import crossing
from jaxdl.artifacts import pictures
from jaxdl.artifacts.pictures import BLUE, GRAY, ORANGE

FOLDER = RESULTS / "pictures"


def speed(workloads: Mapping[str, Sequence[Record]]) -> Any:
    """Bars of milliseconds a step, shortest first; ours are blue, whiskers are quartiles.

    Steps without jit would dwarf the others; they and the allocators' rows are in the tables.
    """
    figure, axes = pictures.subplots(len(workloads), columns=3, width=4.6, height=2.9)
    for ax, (workload, rows) in zip(axes, workloads.items(), strict=True):
        shown = [
            row for row in rows if not row["implementation"].endswith("-no-jit") and "+" not in row["implementation"]
        ]
        ordered = sorted(shown, key=lambda row: -row["step_ms"]["median"])
        names = [row["implementation"] for row in ordered]
        ms = [row["step_ms"] for row in ordered]
        medians = [each["median"] for each in ms]
        whiskers = [[each["median"] - each["q1"] for each in ms], [each["q3"] - each["median"] for each in ms]]
        colors = [BLUE if name.startswith("jaxdl") else GRAY for name in names]
        ax.barh(names, medians, xerr=whiskers, color=colors, error_kw={"linewidth": 0.8})
        ax.tick_params(labelsize=7)
        if max(medians) > 20 * min(medians):
            ax.set_xscale("log")
        ax.set_title(f"{workload}, ms a step", fontsize=9)
    return figure


def growth(workloads: Mapping[str, Sequence[Record]]) -> Any:
    """A panel an axis: medians of a step (compilation too, where layers are added), logarithmic both ways."""
    figure, axes = pictures.subplots(len(workloads), columns=3, width=3.6, height=3.0)
    for ax, rows in zip(axes, workloads.values(), strict=True):
        first, sizes = rows[0], [row["size"] for row in rows]
        name = first["axis"]
        what = "epoch" if name == "examples" else "step"
        label = f"{what}: exponent {first['exponent']:.2f}, last {first['exponent_last']:.2f}"
        ax.loglog(sizes, [row["step_ms"]["median"] for row in rows], "o-", color=BLUE, label=label)
        if name in ("depth", "layers") and "compile_exponent" in first:
            label = f"compilation: exponent {first['compile_exponent']:.2f}, last {first['compile_exponent_last']:.2f}"
            ax.loglog(sizes, [1e3 * row["compile_s"] for row in rows], "s--", color=ORANGE, label=label)
        _mark(ax, sizes)
        ax.set_xlabel(name)
        ax.set_ylabel("ms")
        ax.grid(alpha=0.25, which="both")
        ax.legend(frameon=False, fontsize=7)
    return figure


def _mark(ax: Any, sizes: Sequence[int]) -> None:
    """Write the measured sizes along a logarithmic axis, and nothing between them."""
    ax.set_xticks(sizes, [str(size) for size in sizes])
    ax.set_xticks([], minor=True)


def crossing_of_devices(cpu: Sequence[Record], gpu: Sequence[Record]) -> Any:
    """A step of the MLP against the batch on both devices, and where the GPU becomes the faster."""
    figure, (ax,) = pictures.subplots(1, columns=1, width=4.6, height=3.4)
    curves = {}
    for name, rows, color in (("CPU", cpu, BLUE), ("GPU", gpu, ORANGE)):
        curves[name] = {row["size"]: row["step_ms"]["median"] for row in rows}
        ax.loglog(list(curves[name]), list(curves[name].values()), "o-", color=color, label=rows[0]["hardware"])
    at = crossing(curves["CPU"], curves["GPU"])
    if at is not None:
        ax.axvline(at, color=GRAY, linestyle=":", label=f"equal at a batch of {at:.0f}")
    _mark(ax, [row["size"] for row in cpu])
    ax.set_xlabel("batch")
    ax.set_ylabel("ms a step")
    ax.legend(frameon=False, fontsize=8)
    return figure


def draw(folder: Path = FOLDER) -> list[Path]:
    """Draw whatever there are records for; gives back the files."""
    on_cpu, on_gpu = newest("cpu"), newest("gpu")
    grown = {name: rows for name, rows in on_cpu.items() if name.startswith("growth-")}
    figures = {}
    if timed := {name: rows for name, rows in on_cpu.items() if name not in grown}:
        figures["speed"] = speed(timed)
    if grown:
        figures["growth"] = growth(grown)
    if "growth-batch" in on_cpu and "growth-batch" in on_gpu:
        figures["crossing"] = crossing_of_devices(on_cpu["growth-batch"], on_gpu["growth-batch"])
    folder.mkdir(parents=True, exist_ok=True)
    for name, figure in figures.items():
        figure.savefig(folder / f"{name}.png", dpi=110)
    return [folder / f"{name}.png" for name in figures]


if __name__ == "__main__":
    for path in draw():
        print(path)
