"""The same workloads in other libraries, each written and tuned as its own documentation advises.

A peer is a module with `rows(case) -> {row: how to build its Trainer}`; importing it imports the library.
"""

import importlib

from benchmarks.cases import Case
from benchmarks.trainer import Rows

MODULES = {
    "flax": "flax_linen",
    "nnx": "flax_nnx",
    "torch": "torch_eager",
    "torch-compile": "torch_compile",
    "keras": "keras_jax",
}


def rows(name: str, case: Case) -> Rows:
    """The rows of one peer.

    Raises: ImportError if its library is absent; ValueError for an unknown name.
    """
    if name not in MODULES:
        raise ValueError(f"benchmarks: no peer {name!r}; there are {', '.join(MODULES)}")
    return importlib.import_module(f"benchmarks.peers.{MODULES[name]}").rows(case)
