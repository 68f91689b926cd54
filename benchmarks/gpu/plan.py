"""What the command does, in the order of its worth: parts of items, each item with a record of its own.

An item is a function of a `Setting` and a `Deadline`; its modules are imported when it runs, so that the plan is cheap.
"""

import importlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

from benchmarks.gpu.deadline import Deadline
from benchmarks.gpu.settings import QUICK_GROUPS, QUICK_RECIPES, QUICK_WORKLOADS, RECIPES, WORKLOADS, Setting
from benchmarks.reports.records import Record

CASE_ROWS = Path(__file__).parents[2] / "tests" / "case_rows"
FIRST = ("models", "attention", "norm", "conv", "layers", "losses")  # groups of cases that models are made of


class Item(NamedTuple):
    """One record.

    Attributes:
        name: of its file, after the date.
        function: "module:function" in this package, called with the setting, the deadline and `arguments`.
        arguments: what it is about.
    """

    name: str
    function: str
    arguments: tuple[Any, ...] = ()

    def run(self, setting: Setting, deadline: Deadline) -> list[Record]:
        """The records."""
        module, function = self.function.split(":")
        return getattr(importlib.import_module(f"benchmarks.gpu.{module}"), function)(
            setting, deadline, *self.arguments
        )


class Part(NamedTuple):
    """Items that share a process and a budget.

    Attributes:
        name: its process's name.
        group: what `--only` calls it.
        items: in order.
        seconds: its share of eight minutes.
        on_cpu: whether it runs on the CPU, for rows beside those of the GPU.
    """

    name: str
    group: str
    items: Sequence[Item]
    seconds: float
    on_cpu: bool = False


def parts(setting: Setting) -> list[Part]:
    """All parts, the most worth first."""
    workloads = QUICK_WORKLOADS if setting.quick else WORKLOADS
    groups = QUICK_GROUPS if setting.quick else _groups()
    truth = [Item("truth-fused-attention", "truth:fused_attention")]
    truth += [Item(f"truth-{group}", "truth:values", (group,)) for group in groups]
    truth += [Item(f"gradients-{group}", "truth:gradients", (group,)) for group in groups]
    speed = [Item(f"speed-{name}-f32", "speed:workload", (name, "f32")) for name in workloads]
    speed += [Item("speed-growth-batch", "speed:growth_batch")]
    speed += [Item(f"speed-{name}-bf16", "speed:workload", (name, "bf16")) for name in workloads]
    beside = [Item("cpu-growth-batch", "speed:growth_batch")]
    beside += [Item(f"cpu-{name}-f32", "speed:beside", (name,)) for name in workloads]
    large = [Item(f"large-{name}", "large:measure", (name,)) for name in ("language-model", "translation")]
    recipes = QUICK_RECIPES if setting.quick else RECIPES
    return [
        Part("truth", "truth", truth, 90),
        Part("speed", "speed", speed, 150),
        Part("speed-cpu", "speed", beside, 40, on_cpu=True),
        Part("large", "large", large, 100),
        Part("networks", "networks", [Item("networks", "speed:networks")], 30),
        Part("scores", "scores", [Item(f"scores-{name}", "published:score", (name,)) for name in recipes], 70),
    ]


def _groups() -> list[str]:
    """The files of the table of cases, those that models are made of first; none in a tree without tests."""
    names = sorted(path.stem for path in CASE_ROWS.glob("[a-z]*.py"))
    return [name for name in FIRST if name in names] + [name for name in names if name not in FIRST]
