"""Rows for every model: its `example` loss, which holds every kind of layer in it."""

import functools
import importlib

import jax
from cases import Case

from jaxdl import models


@functools.cache
def _example(name: str, seed: int):
    return importlib.import_module(f"jaxdl.models.{name}").example(jax.random.key(seed))


def _row(name: str) -> Case:
    """Its example is built on first use and outside of traces, since `make` comes first: all of them take seconds."""

    def make(key):
        _example(name, 0)
        seed = int(jax.random.key_data(key)[-1])
        return (_example(name, seed)[1],)

    return Case(f"models.{name}", lambda params: _example(name, 0)[0](params), make, dtypes=("float32", "float64"))


CASES = [_row(name) for name in models.names()]
