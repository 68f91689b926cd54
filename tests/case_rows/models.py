"""Rows for every model: its `example` loss, which holds every kind of layer in it."""

import importlib

import jax
from cases import Case

from jaxdl import models


def _row(name: str) -> Case:
    example = importlib.import_module(f"jaxdl.models.{name}").example
    loss, _ = example(jax.random.key(0))
    return Case(f"models.{name}", loss, lambda key: (example(key)[1],), dtypes=("float32", "float64"))


CASES = [_row(name) for name in models.names()]
