"""The same workloads in other libraries, each written and tuned as its own documentation advises.

A peer is a module with `rows(case) -> {row: how to build its Trainer}`; importing it imports the library. `PRECISIONS`
says in which precisions it has rows, if not in f32 alone.
"""

import importlib

from benchmarks.workloads.cases import WHOLE_EPOCHS, Case
from benchmarks.workloads.trainer import Rows

MODULES = {
    "flax": "flax_linen",
    "nnx": "flax_nnx",
    "torch": "torch_eager",
    "torch-compile": "torch_compile",
    "keras": "keras_jax",
}


class NotWritten(ImportError):
    """A workload that a peer leaves out, and why: reported as an absent library is."""


def rows(name: str, case: Case) -> Rows:
    """The rows of one peer.

    Raises: ImportError if its library is absent, NotWritten if it leaves this workload out; ValueError for an unknown
        name.
    """
    if name not in MODULES:
        raise ValueError(f"benchmarks: no peer {name!r}; there are {', '.join(MODULES)}")
    if case.name in WHOLE_EPOCHS:
        return importlib.import_module("benchmarks.peers.epochs").rows(name, case)
    module = importlib.import_module(f"benchmarks.peers.{MODULES[name]}")
    if case.precision not in getattr(module, "PRECISIONS", ("f32",)):
        raise NotWritten(f"{name} has no row in {case.precision} here")
    return module.rows(case)
