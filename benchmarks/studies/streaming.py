"""Training on a file larger than it may take of memory: `python -m benchmarks.studies.streaming`.

It draws `--gigabytes` of images (28 x 28 bytes, ten classes) into a temporary folder and trains the CNN of `mnist_cnn`
on them, streamed, for `--seconds`, and on some of them that lie in memory, in turns, each in a process of its own:

    peak_host_mb    the largest sum of RssAnon and RssShmem in /proc/self/status, looked at every 10 ms: what the
                    process itself takes, without the pages of mapped files, which the system takes back at need
    peak_file_mb    the largest RssFile: those pages, and the libraries' code
    limit_mb        RLIMIT_DATA of the process (`ulimit -d`), which refuses it more of its own memory than that
    waiting         the share of the time for which the steps waited for batches: what `fit` logs
    rows_per_s      examples a second, from the fifth call on

and it is stopped inside an epoch, resumed, and compared with an undisturbed run, bit for bit. The record goes to
benchmarks/results/<device>/streaming.json.
"""

import argparse
import contextlib
import json
import resource
import shutil
import sys
import tempfile
import threading
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import jax
import numpy as np

from benchmarks import RESULTS
from benchmarks.measuring import child
from benchmarks.reports import records
from jaxdl import data, models
from jaxdl.artifacts import files
from jaxdl.models import cnn
from jaxdl.recipes import mnist_cnn
from jaxdl.tasks import vision
from jaxdl.training import PAUSE, Event, Paused, Task, fit

IMAGE = (28, 28, 1)
BLOCK = 50_000
IN_MEMORY = 60_000  # rows of the run beside it
STEPS = 24  # of the runs that are compared
SEED = 0


def draw(folder: Path, n: int) -> None:
    """n images, a bright square of noise at a place of the class's, and their classes, as x.npy and y.npy."""
    x = np.lib.format.open_memmap(folder / "x.npy", mode="w+", dtype=np.uint8, shape=(n, *IMAGE))
    y = np.arange(n, dtype=np.int32) % 10
    np.random.default_rng(SEED).shuffle(y)
    np.save(folder / "y.npy", y)
    rows, columns = np.mgrid[:28, :28]
    place = np.arange(10)[:, None, None]
    squares = (abs(rows - 4 - 2 * place) < 4) & (abs(columns - 22 + 2 * (3 * place % 10)) < 4)  # [10, 28, 28]
    for start in range(0, n, BLOCK):
        of = y[start : start + BLOCK]
        noise = np.random.default_rng((SEED, start)).integers(0, 128, (len(of), 28, 28), dtype=np.uint8)
        x[start : start + BLOCK, :, :, 0] = noise + 127 * squares[of].astype(np.uint8)
        x.flush()


def task_of(folder: Path, rows: int | None) -> tuple[Task, int]:
    """The CNN's task on the images of a folder, all of them mapped, or some in memory; and its batch size."""
    images = data.map_arrays(folder)
    config = mnist_cnn.Config(seed=SEED)
    if rows is not None:
        images = {name: np.array(values[:rows]) for name, values in images.items()}
    splits = data.Splits(images, {}, {})
    assert config.batch_size is not None
    return vision.classifier(models.bind(cnn, config.model), config, splits, tuple("0123456789")), config.batch_size


class Watch:
    """The largest memory of this process, looked at by a thread."""

    def __init__(self) -> None:
        self.own = self.file = 0
        self._thread = threading.Thread(target=self._look, daemon=True)
        self._thread.start()

    def _look(self) -> None:
        while True:
            lines = Path("/proc/self/status").read_text().splitlines()
            found = {line.split(":")[0]: int(line.split()[1]) for line in lines if line.startswith("Rss")}
            self.own = max(self.own, found["RssAnon"] + found["RssShmem"])
            self.file = max(self.file, found["RssFile"])
            time.sleep(0.01)


def measured_here(folder: Path, seconds: float, rows: int | None) -> dict[str, Any]:
    """Train for some seconds behind the first calls, in this process; what the child prints."""
    watch = Watch()
    task, batch_size = task_of(folder, rows)
    calls: list[tuple[float, int]] = []
    last: dict[str, float] = {}

    def callback(event: Event) -> str | None:
        if event.kind != "step":
            return None
        jax.block_until_ready(event.state)
        calls.append((time.perf_counter(), event.step))
        last.update(event.metrics)
        return PAUSE if len(calls) > 5 and calls[-1][0] - calls[4][0] > seconds else None

    with contextlib.suppress(Paused):
        fit(task, epochs=10_000, batch_size=batch_size, seed=SEED, callbacks=[callback], stream=rows is None)
    (start, first), (end, done) = calls[4], calls[-1]
    return {
        "peak_host_mb": round(watch.own / 1024, 1),
        "peak_file_mb": round(watch.file / 1024, 1),
        "rows_per_s": round((done - first) * batch_size / (end - start), 1),
        "waiting": round(last.get("waiting", 0.0), 5),
        "loss": round(last["loss"], 4),
        "steps": done,
    }


def resumed_equals_undisturbed(folder: Path, runs: Path) -> bool:
    """Two runs of some steps inside the first epoch, one stopped and resumed: their checkpoints, bit for bit."""
    task, batch_size = task_of(folder, None)
    options: dict[str, Any] = {"epochs": 2, "batch_size": batch_size, "seed": SEED, "steps_per_call": 1, "stream": True}
    for name, pauses in (("whole", (STEPS,)), ("cut", (STEPS // 3, STEPS))):
        for i, step in enumerate(pauses):
            pause = [lambda event, step=step: PAUSE if event.step == step else None]
            with contextlib.suppress(Paused):
                fit(task, **options, run_dir=runs / name, resume=i > 0, callbacks=pause)
    from orbax import checkpoint

    states = []
    for name in ("whole", "cut"):
        with checkpoint.PyTreeCheckpointer() as reader:
            states.append(jax.tree.leaves(reader.restore(runs / name / "checkpoints" / str(STEPS) / "state")))
    return all(np.array_equal(a, b) for a, b in zip(*states, strict=True))


def main(argv: Sequence[str] | None = None) -> None:
    """Draw, measure, write the record."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--gigabytes", type=float, default=4.0)
    parser.add_argument("--seconds", type=float, default=30.0)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--limit-mb", type=int, default=0, help="RLIMIT_DATA of the streaming process; 0 for none")
    parser.add_argument("--out", type=Path, default=None)
    options = parser.parse_args(argv)
    n = int(options.gigabytes * 1e9 / np.prod(IMAGE))
    free = shutil.disk_usage(tempfile.gettempdir()).free
    if free < 1.2e9 * options.gigabytes:
        parser.error(
            f"{options.gigabytes:g} GB do not fit into {tempfile.gettempdir()}, which has {free / 1e9:.1f} free"
        )
    with tempfile.TemporaryDirectory(prefix="jaxdl-streaming-") as temporary:
        folder = Path(temporary)
        print(f"drawing {n:,} images, {options.gigabytes:g} GB", flush=True)
        draw(folder, n)
        here = ["benchmarks.studies.streaming", "--child", str(folder), str(options.seconds)]
        record = records.environment() | {"gigabytes": options.gigabytes, "rows": n, "seconds": options.seconds}
        record |= {"limit_mb": options.limit_mb, "batch_size": mnist_cnn.Config().batch_size}
        record |= {"streamed": [], "in_memory": []}
        for _ in range(options.rounds):  # in turns: others use this machine, too
            record["streamed"].append(child.run(*here, "stream", str(options.limit_mb)))
            record["in_memory"].append(child.run(*here, str(IN_MEMORY), "0"))
            print(record["streamed"][-1], record["in_memory"][-1], flush=True)
        record["resumed_bit_identically"] = child.run(*here, "resume", "0")["same"]
        record["load_after"] = records.environment()["load"]
    path = options.out or RESULTS / jax.default_backend() / "streaming.json"
    files.write_json(path, record)
    print(json.dumps(record, indent=1))


def _child(folder: str, seconds: str, what: str, limit: str) -> None:
    if int(limit):
        resource.setrlimit(resource.RLIMIT_DATA, (int(limit) << 20, int(limit) << 20))
    if what == "resume":
        with tempfile.TemporaryDirectory(prefix="jaxdl-streaming-") as runs:
            print(json.dumps({"same": resumed_equals_undisturbed(Path(folder), Path(runs))}))
    else:
        print(json.dumps(measured_here(Path(folder), float(seconds), None if what == "stream" else int(what))))


if __name__ == "__main__":
    if sys.argv[1:2] == ["--child"]:
        _child(*sys.argv[2:])
    else:
        main()
