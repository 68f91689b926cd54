"""The speed table: each workload beside its peers, time against the batch, many networks at once.

A GPU's rows in f32 run without TF32 in any library (`worker`); those of a CPU, few and quick, stand beside them.
"""

import dataclasses
from typing import Any

import jax

from benchmarks.gpu.deadline import Deadline
from benchmarks.gpu.settings import PEERS, QUICK_PEERS, QUICK_ROUNDS, Setting
from benchmarks.measuring import runs
from benchmarks.reports import records
from benchmarks.reports.records import Record
from benchmarks.studies import growth, many_networks
from benchmarks.workloads import cases, ours

ROUNDS = 7
LEFT_OUT = ("jaxdl-recipe", "jaxdl-no-jit", "jaxdl-uncached", "torch-uncached")
LEFT_OUT_OF_IMAGES = ("torch-compile",)  # its channels-last form is the faster one
TF32_OFF = "highest"


def precise(precision: str) -> Any:
    """Products in f32 as they are written: without it XLA takes TF32 on a GPU."""
    return jax.default_matmul_precision(TF32_OFF if precision == "f32" else "default")


def workload(setting: Setting, deadline: Deadline, name: str, precision: str) -> list[Record]:
    """One workload in one precision, jaxdl beside flax, torch and torch.compile."""
    del deadline
    case: Any = dataclasses.replace(cases.make(name, small=setting.quick), precision=precision)
    leave_out = (*LEFT_OUT, *(LEFT_OUT_OF_IMAGES if case.on_images else ()))
    with precise(precision):
        found = runs.run(
            case,
            QUICK_PEERS if setting.quick else PEERS,
            QUICK_ROUNDS if setting.quick else ROUNDS,
            leave_out=leave_out,
            quick=setting.quick,
        )
    print(records.table(found, ours.BASE), flush=True)
    return found


def beside(setting: Setting, deadline: Deadline, name: str) -> list[Record]:
    """jaxdl's rows of a workload on the CPU of the same machine, in few steps and rounds."""
    del deadline
    case: Any = cases.make(name, small=setting.quick)
    found = runs.run(case, (), QUICK_ROUNDS, leave_out=(*LEFT_OUT, ours.REFERENCE), quick=True)
    print(records.table(found, ours.BASE), flush=True)
    return found


def growth_batch(setting: Setting, deadline: Deadline) -> list[Record]:
    """A step of the MLP against the batch: where its curves on both devices cross, the GPU begins to pay."""
    del deadline
    axes = {"batch": growth.axes(small=setting.quick)["batch"]}
    with precise("f32"):
        found = growth.run(QUICK_ROUNDS if setting.quick else ROUNDS, axes)
    print(growth.table(found), flush=True)
    return found


def networks(setting: Setting, deadline: Deadline) -> list[Record]:
    """1,024 MLPs at once, and one by one."""
    del deadline
    size = many_networks.Size(2, 4, cases.make("mlp", small=True).config) if setting.quick else None
    with precise("f32"):
        found = many_networks.run(QUICK_ROUNDS if setting.quick else 3, QUICK_PEERS if setting.quick else PEERS, size)
    print(records.table(found, "jaxdl-vmap"), flush=True)
    return found
