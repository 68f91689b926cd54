"""The command: a process for each part, stopped at its deadline, and a last line for each item.

Parts run in the order of `plan`. First each has its share of the minutes; what is then left goes to the items that are
not done, in the same order. A record is written as soon as its item is done, and an item that has one is not run again:
a second call takes up what is left. A process that dies costs the item that ran in it; the others go on in a new one.
"""

import argparse
import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from benchmarks import RESULTS, ROOT
from benchmarks.gpu import plan, store
from benchmarks.gpu.deadline import Deadline
from benchmarks.gpu.plan import Item, Part
from benchmarks.gpu.settings import Setting
from benchmarks.gpu.worker import NO_DEVICE

MINUTES = 8.0
GRACE_S = 10.0  # for an item that runs at its part's deadline, where the command has time left
LEAST_S = 5.0  # less is not worth a process


def parse(arguments: Sequence[str]) -> argparse.Namespace:
    """The options."""
    groups = list(dict.fromkeys(part.group for part in plan.parts(Setting("gpu", Path()))))
    parser = argparse.ArgumentParser("python -m benchmarks gpu", description=__doc__, allow_abbrev=False)
    parser.add_argument("--minutes", type=float, default=MINUTES, help="for everything (default 8)")
    parser.add_argument("--only", choices=groups, help="one part")
    parser.add_argument("--out", type=Path, help="folder of the records (benchmarks/results/gpu; quick runs/gpu-quick)")
    parser.add_argument("--device", choices=("gpu", "cpu"), default="gpu", help="cpu to rehearse")
    parser.add_argument("--quick", action="store_true", help="small sizes and few rounds, to rehearse")
    chosen = parser.parse_args(arguments)
    usual = Path("runs", "gpu-quick") if chosen.quick else RESULTS / chosen.device
    chosen.out = (chosen.out or usual).absolute()
    return chosen


class Progress(NamedTuple):
    """What this call knows about items.

    Attributes:
        tried: not run again by this call: they have a record, or killed their process.
        late: did not end within their part's share; they come last, and have one more try.
    """

    tried: set[str]
    late: set[str]


def main(arguments: Sequence[str]) -> int:
    """Measure what the time allows; the exit code is 1 where the device is absent or an item failed."""
    chosen = parse(arguments)
    setting, deadline = Setting(chosen.device, chosen.out, chosen.quick), Deadline(60 * chosen.minutes)
    setting.out.mkdir(parents=True, exist_ok=True)
    parts = [part for part in plan.parts(setting) if chosen.only in (None, part.group)]
    store.forget_failures(setting.out, [item for part in parts for item in part.items])
    shares, progress = sum(part.seconds for part in parts), Progress(set(), set())
    for whole in (False, True):
        for part in parts:
            share = deadline.left() if whole else 60 * chosen.minutes * part.seconds / shares
            if not work(part, setting, deadline, share, progress):
                return 1
    return report(setting, parts)


def work(part: Part, setting: Setting, deadline: Deadline, seconds: float, progress: Progress) -> bool:
    """Run a part's items that have no record for so many seconds; False if the device is not there."""
    share = Deadline(seconds)
    while left := _waiting(part, setting.out, progress):
        budget = min(share.left(), deadline.left())
        if budget < LEAST_S:
            break
        print(f"\n== {part.name}: {len(left)} items, {budget:.0f} s", flush=True)
        code = _process(part, left, setting, budget, min(deadline.left(), budget + GRACE_S))
        if code == NO_DEVICE:
            return False
        stopped = store.take_current(setting.out)
        if code == 0:  # done, or on time
            break
        if code is None:
            progress.tried.update({stopped} & progress.late)
            progress.late.add(stopped)
            break
        dead = [item for item in left if item.name == stopped] or left  # before its first item: it would die again
        for item in dead:
            store.write(setting.out, item, store.without_figures(f"its process ended with exit code {code}", item))
    return True


def _waiting(part: Part, out: Path, progress: Progress) -> list[Item]:
    """The items without a record, late ones last."""
    left = [item for item in part.items if item.name not in progress.tried and store.path_of(out, item) is None]
    return sorted(left, key=lambda item: item.name in progress.late)


def _process(part: Part, items: Sequence[Item], setting: Setting, seconds: float, limit: float) -> int | None:
    """The exit code of a process for these items; None if it was stopped at its limit."""
    command = [sys.executable, "-m", "benchmarks.gpu.worker", part.name, *(item.name for item in items)]
    command += ["--device", setting.device, "--out", str(setting.out), "--seconds", f"{seconds:.1f}"]
    command += ["--quick"] if setting.quick else []
    process = subprocess.Popen(command, cwd=ROOT, env=environment(part, setting))
    try:
        return process.wait(timeout=limit)
    except subprocess.TimeoutExpired:
        print(f"{part.name}: stopped at its deadline", flush=True)
        return None
    finally:
        process.terminate()
        try:
            process.wait(timeout=3)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def environment(part: Part, setting: Setting) -> dict[str, str]:
    """A process's variables: memory shared with torch, no TF32, compiled programs kept but where compiling is timed."""
    variables = {name: value for name, value in os.environ.items() if name != "JAX_PLATFORMS"}
    variables["PYTHONPATH"] = os.pathsep.join(filter(None, (str(ROOT), os.environ.get("PYTHONPATH"))))
    variables |= {"XLA_PYTHON_CLIENT_PREALLOCATE": "false", "NVIDIA_TF32_OVERRIDE": "0"}
    if part.on_cpu or setting.device == "cpu":
        variables["JAX_PLATFORMS"] = "cpu"
    if part.group != "speed":
        variables["JAX_COMPILATION_CACHE_DIR"] = str(setting.out / "xla")
    return variables


def report(setting: Setting, parts: Sequence[Part]) -> int:
    """A line for each part, and for each item without figures; 1 if one of them failed."""
    failed = False
    print()
    for part in parts:
        reasons = {item.name: store.reason(setting.out, item) for item in part.items}
        print(f"{part.name}: {sum(not why for why in reasons.values())} of {len(reasons)} items have their figures")
        for name, why in reasons.items():
            if why:
                print(f"  {name}: {why}")
                failed |= not why.startswith(store.HARMLESS)
    print(f"records in {setting.out}")
    return int(failed)
