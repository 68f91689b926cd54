"""A process that works through items of a part: `python -m benchmarks.gpu.worker`, started by `command` alone.

Its exit code is 0 when it ends by itself, on time or done, and `NO_DEVICE` where the device is not there. A file
`current` names the item that runs, so that whoever finds the process dead knows which item it was.
"""

import argparse
import json
import traceback
from collections.abc import Sequence
from pathlib import Path

from benchmarks.gpu import plan, store
from benchmarks.gpu.deadline import Deadline, TimeIsOver
from benchmarks.gpu.plan import Item
from benchmarks.gpu.settings import Setting
from benchmarks.measuring import devices, timing
from benchmarks.reports import records
from jaxdl.data.sources import DataNotFound

NO_DEVICE = 3
SKIPS = (ImportError, DataNotFound)  # what is not on this machine costs a line


def main(arguments: Sequence[str]) -> int:
    """Run items until they are done or the time is over."""
    parser = argparse.ArgumentParser("python -m benchmarks.gpu.worker")
    parser.add_argument("part")
    parser.add_argument("items", nargs="+")
    parser.add_argument("--device", required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--seconds", type=float, required=True)
    parser.add_argument("--quick", action="store_true")
    chosen = parser.parse_args(arguments)
    setting, deadline = Setting(chosen.device, chosen.out, chosen.quick), Deadline(chosen.seconds)
    part = next(part for part in plan.parts(setting) if part.name == chosen.part)
    if absent := devices.use("cpu" if part.on_cpu else setting.device):
        print(absent)
        return NO_DEVICE
    if setting.quick:
        _hurry()
    known = {item.name: item for item in part.items}
    for name in chosen.items:
        if deadline.left() <= 0:
            break
        (setting.out / "current").write_text(name)
        work(known[name], setting, deadline)
    return 0


def _hurry() -> None:
    """A rehearsal does not listen to the machine, and takes its limits from small arrays."""
    records.LISTEN_S, timing.PEAK_SIDE, timing.COPY_BYTES = 0.02, 256, 2**20


def work(item: Item, setting: Setting, deadline: Deadline) -> None:
    """Run one item and write its record at once; what is absent and what fails costs a line, not the others."""
    try:
        found = item.run(setting, deadline)
    except TimeIsOver:
        print(f"{item.name}: stopped; the next call takes it up", flush=True)
        return
    except SKIPS as error:
        found = store.without_figures(f"skipped: {error}", item)
    except Exception as error:  # one item's failure must not cost the minutes of all others
        traceback.print_exc()
        found = store.without_figures(f"{type(error).__name__}: {error}", item)
    store.write(setting.out, item, found)
    for reason in dict.fromkeys(row["not_timed"] for row in found if "not_timed" in row):
        print(f"{item.name}: {reason}", flush=True)
    print(json.dumps({"done": item.name, "left_s": round(deadline.left())}), flush=True)


if __name__ == "__main__":
    import sys

    raise SystemExit(main(sys.argv[1:]))
