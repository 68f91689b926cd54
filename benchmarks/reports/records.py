"""Records of what was measured, where and with which versions: dicts that go to a JSON file, and the table of them."""

import datetime
import json
import math
import os
import platform
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import jax

from benchmarks import RESULTS, ROOT
from benchmarks.measuring import machine
from benchmarks.measuring.timing import Timing
from jaxdl.artifacts import files
from jaxdl.runs.environment import hardware, read_text, versions

Record = dict[str, Any]
LISTEN_S = 1.0  # how long others are listened to before a run
PACKAGES = ("jax", "jaxlib", "jaxdl", "numpy", "optax", "flax", "torch", "keras")
FLAGS = (
    "XLA_FLAGS",
    "JAX_PLATFORMS",
    "OMP_NUM_THREADS",
    "OMP_WAIT_POLICY",
    "LD_PRELOAD",
    "MALLOC_CONF",
    "GLIBC_TUNABLES",
)


def environment() -> Record:
    """Device, versions, flags, commit and what others use of the processors: what all records of one run share."""
    return {
        "device": jax.default_backend(),
        "hardware": hardware(),
        "precision": "f32",
        "date": datetime.datetime.now().astimezone().isoformat(timespec="seconds"),
        "others_before": machine.others(LISTEN_S),
        "load": [round(load, 2) for load in os.getloadavg()],
        "governor": read_text("/sys/devices/system/cpu/cpu0/cpufreq/scaling_governor"),
        "flags": {name: os.environ[name] for name in FLAGS if os.environ.get(name)},
        "versions": {"python": platform.python_version(), **versions(*PACKAGES)},
        "commit": commit(),
    }


def commit() -> str | None:
    """The commit of the source tree, with a "+" if files in it were changed; None outside a git checkout."""

    def git(*args: str) -> str:
        return subprocess.run(["git", *args], cwd=ROOT, capture_output=True, text=True, check=True).stdout.strip()

    try:
        changed = git(
            "status", "--porcelain", "--untracked-files=no", "--", "jaxdl", "benchmarks", ":(exclude)benchmarks/results"
        )
        return git("rev-parse", "--short", "HEAD") + ("+" if changed else "")
    except (OSError, subprocess.CalledProcessError):
        return None


def milliseconds(timing: Timing, calls: int = 1) -> Record:
    """The timing of an epoch of `calls` steps as milliseconds per step.

    >>> milliseconds(Timing(0.2, 0.1, 0.4, 0.1, 5), calls=10)
    {'median': 20.0, 'q1': 10.0, 'q3': 40.0, 'n': 5}
    """
    per = {name: round(1e3 * getattr(timing, name) / calls, 4) for name in ("median", "q1", "q3")}
    return per | {"n": timing.rounds}


def rates(flops: int, step_ms: Record, peak: float) -> Record:
    """Achieved GFLOP/s of the median step and its share of the measured peak of a large matrix product (FLOP/s)."""
    achieved = flops / (1e-3 * step_ms["median"])
    return {"flops": flops, "gflops_per_s": round(achieved / 1e9, 4), "peak_share": round(achieved / peak, 4)}


def write(records: Sequence[Record], path: Path) -> None:
    """Write a list of records as JSON; the file appears whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    files.write_json(path, list(records))


def newest(folder: str) -> dict[str, list[Record]]:
    """The newest timed records of each workload and precision, by the names of their files after the date.

    A folder is named after its device, and after a version where there is a second one: "cpu", "cpu-jax-0.12". A GPU's
    folder holds a CPU's rows as well, which were measured beside it: only rows of the device count.
    """
    return _last(folder, _dated(folder))


def oldest(folder: str) -> dict[str, list[Record]]:
    """The first timed records of each workload and precision; else as `newest`."""
    return _last(folder, _dated(folder)[::-1])


def device_of(folder: str) -> str:
    """The device whose records a folder of results holds.

    >>> device_of("cpu-jax-0.12")
    'cpu'
    """
    return folder.split("-")[0]


def _dated(folder: str) -> list[Path]:
    return sorted((RESULTS / folder).glob("20*.json"), key=lambda path: (path.name[len("2026-11-22-") :], path))


def _last(folder: str, paths: Sequence[Path]) -> dict[str, list[Record]]:
    """Of each workload and precision the rows of the last file that has any."""
    device = device_of(folder)
    found: dict[tuple[str, str], list[Record]] = {}
    for path in paths:
        rows = json.loads(path.read_text())
        if isinstance(rows, list):
            timed = [row for row in rows if "step_ms" in row and row.get("device", device) == device]
            kinds = dict.fromkeys((row["workload"], row["precision"]) for row in timed)
            found |= {kind: [row for row in timed if (row["workload"], row["precision"]) == kind] for kind in kinds}
    return {
        name: [row for (workload, _), rows in found.items() if workload == name for row in rows]
        for name in dict.fromkeys(workload for workload, _ in found)
    }


def default_path(workload: str, device: str | None = None) -> Path:
    """benchmarks/results/<device>/<date>-<workload>.json in the checkout."""
    return RESULTS / (device or jax.default_backend()) / f"{datetime.date.today().isoformat()}-{workload}.json"


STEP_COLUMNS = ("ms per step", "q1", "q3", "relative")
MORE = {  # further columns of the table, where a record has them: title and form
    "gflops_per_s": ("GFLOP/s", "{:.1f}"),
    "peak_share": ("of peak", "{:.0%}"),
    "mfu": ("MFU", "{:.1%}"),
    "gb_per_s": ("GB/s", "{:.1f}"),
    "tokens_per_s": ("tokens/s", "{:.0f}"),
    "import_s": ("import s", "{:.1f}"),
    "trace_s": ("trace s", "{:.2f}"),
    "compile_s": ("compile s", "{:.2f}"),
    "compile_warm_s": ("warm s", "{:.2f}"),
    "first_step_s": ("first step s", "{:.1f}"),
    "peak_host_mb": ("peak MB", "{:.0f}"),
    "peak_device_mb": ("device MB", "{:.0f}"),
    "temp_mb": ("temp MB", "{:.1f}"),
}


def table(records: Sequence[Record], base: str) -> str:
    """The records of one workload as lines; "relative" is to the median of `base`.

    >>> print(table([{"implementation": "keras", "not_timed": "No module named 'keras'"}], "jaxdl"))
    keras  not timed: No module named 'keras'
    """
    width = max(len(record["implementation"]) for record in records)
    timed = {r["implementation"]: r for r in records if "step_ms" in r}
    of_base = timed[base]["step_ms"]["median"] if base in timed else math.nan
    columns = [*STEP_COLUMNS, *(title for name, (title, _) in MORE.items() if any(name in r for r in timed.values()))]
    lines = [" " * width + "".join(f"{title:>14}" for title in columns)] if timed else []
    for record in records:
        name = f"{record['implementation']:<{width}}"
        if "step_ms" not in record:
            lines.append(f"{name}  not timed: {record['not_timed']}")
            continue
        ms = record["step_ms"]
        cells = [f"{ms[part]:.3f}" for part in ("median", "q1", "q3")] + [f"{ms['median'] / of_base:.2f}"]
        for column, (_, form) in MORE.items():
            if any(column in r for r in timed.values()):
                cells.append(form.format(record[column]) if record.get(column) is not None else "-")
        lines.append(name + "".join(f"{cell:>14}" for cell in cells))
    return "\n".join(lines)
