"""jaxdl: deep learning's core ideas as pure functions in JAX: read them, trust them, run them fast."""

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from jaxdl import checks as checks
    from jaxdl import data as data
    from jaxdl import decoding as decoding
    from jaxdl import losses as losses
    from jaxdl import metrics as metrics
    from jaxdl import models as models
    from jaxdl import nn as nn
    from jaxdl import optim as optim
    from jaxdl import similarity as similarity
    from jaxdl import tasks as tasks
    from jaxdl import training as training
    from jaxdl.losses import minimax as minimax
    from jaxdl.runs import load as load
    from jaxdl.training import fit as fit
    from jaxdl.tree import summary as summary

__version__ = "0.2.0"

_MODULES = (
    "checks",
    "data",
    "decoding",
    "losses",
    "metrics",
    "models",
    "nn",
    "optim",
    "recipes",
    "similarity",
    "tasks",
    "training",
    "tree",
)


def __getattr__(name: str) -> Any:
    """Import a part of the house when it is first asked for: `jaxdl --help` must not wait for jax."""
    if name in _MODULES:
        return importlib.import_module(f"jaxdl.{name}")
    if name == "minimax":
        return importlib.import_module("jaxdl.losses.minimax")
    if name == "load":
        return importlib.import_module("jaxdl.runs").load
    if name == "fit":
        return importlib.import_module("jaxdl.training").fit
    if name == "summary":
        return importlib.import_module("jaxdl.tree").summary
    raise AttributeError(f"module 'jaxdl' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted([*globals(), *_MODULES, "fit", "load", "minimax", "summary"])
