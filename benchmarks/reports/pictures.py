"""Pictures of records: `python -m benchmarks.reports.pictures` draws those of `results/` into `results/pictures/`.

speed.png      every library's step over ours, a row for each workload
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


LIBRARIES = {"flax": "o", "nnx": "s", "torch": "^", "torch-compile": "v", "keras": "D", "optax": "P"}


def speed(workloads: Mapping[str, Sequence[Record]]) -> Any:
    """Every library's fastest step over our fastest one, a row for each workload: right of the line we are faster.

    Steps without jit and the allocators' rows are in the tables alone.
    """
    ratios = {workload: _ratios(rows) for workload, rows in workloads.items()}
    shown = {workload: found for workload, found in ratios.items() if found}
    ordered = sorted(shown, key=lambda workload: min(shown[workload].values()))
    figure, (ax,) = pictures.subplots(1, columns=1, width=4.9, height=0.25 * len(ordered) + 1.5)
    for library, marker in LIBRARIES.items():
        points = [(shown[w][library], row) for row, w in enumerate(ordered) if library in shown[w]]
        if points:
            x, rows = zip(*points, strict=True)
            color = "white" if library in ("nnx", "torch-compile") else "0.35"
            ax.plot(x, rows, marker, markerfacecolor=color, markeredgecolor="black", markersize=6, label=library)
    ax.axvline(1.0, color="black", linewidth=0.9)
    ax.set_xscale("log")
    ticks = [0.5, 1, 2, 5, 10]
    ax.set_xticks(ticks, [f"{tick:g}" for tick in ticks])
    ax.set_xticks([], minor=True)
    ax.set_yticks(range(len(ordered)), ordered, fontsize=8)
    ax.grid(axis="y", alpha=0.25)
    ax.set_xlabel("their step's time over ours (above 1: jaxdl is faster)")
    ax.legend(frameon=False, fontsize=8, ncols=3, loc="lower center", bbox_to_anchor=(0.4, 1.0))
    return figure


def _ratios(rows: Sequence[Record]) -> dict[str, float]:
    """Library -> its fastest median over ours; a row is its library's, whatever variant of it ("torch, channels last").

    >>> row = lambda name, ms: {"implementation": name, "step_ms": {"median": ms}}
    >>> _ratios([row("jaxdl", 2.0), row("jaxdl-scan", 1.0), row("flax", 3.0), row("torch-compile", 0.5)])
    {'flax': 3.0, 'torch-compile': 0.5}
    """
    fastest: dict[str, float] = {}
    for row in rows:
        name = row["implementation"]
        if name.endswith("-no-jit") or "+" in name:
            continue
        known = [
            library
            for library in ("jaxdl", *LIBRARIES)
            if name == library or name.startswith((f"{library}-", f"{library} "))
        ]
        if known:
            library = max(known, key=len)
            fastest[library] = min(fastest.get(library, float("inf")), row["step_ms"]["median"])
    ours = fastest.pop("jaxdl", None)
    return {} if ours is None else {library: ms / ours for library, ms in fastest.items()}


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
    ax.set_ylabel("ms per step")
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
