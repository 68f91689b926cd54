"""Recipes: a module each, with a frozen `Config` and `task(config) -> Task`. Found by their file names, no registry."""

import ast
import importlib
import pkgutil
from pathlib import Path
from typing import Any

from jaxdl.validation import did_you_mean

DEFAULT = "digits_mlp"


def names() -> list[str]:
    """Every recipe's name.

    >>> "digits_mlp" in names()
    True
    """
    return sorted(module.name for module in pkgutil.iter_modules(__path__) if not module.name.startswith("_"))


def describe(name: str) -> str:
    """The first line of a recipe's docstring, read without importing it (and jax).

    >>> describe("digits_mlp")
    'Handwritten digits (8x8, embedded) with a multilayer perceptron.'
    """
    source = Path(__path__[0], f"{name}.py").read_text()
    return (ast.get_docstring(ast.parse(source)) or "").split("\n", 1)[0]


def load(name: str) -> Any:
    """The module of a recipe. Raises ValueError that suggests the nearest name.

    >>> load("digits_mpl")
    Traceback (most recent call last):
        ...
    ValueError: unknown recipe 'digits_mpl', did you mean 'digits_mlp'? See: jaxdl list
    """
    if name not in names():
        raise ValueError(f"unknown recipe {name!r}{did_you_mean(name, names())} See: jaxdl list")
    return importlib.import_module(f"jaxdl.recipes.{name}")


def presets(name: str) -> dict[str, Any]:
    """Named settings of a recipe beside its default ones, each a `Config`: its `PRESETS`.

    >>> presets("g2p_transformer")["gpu"].epochs, presets("digits_mlp")
    (60, {})
    """
    return dict(getattr(load(name), "PRESETS", {}))


def preset(name: str, chosen: str) -> Any:
    """One of `presets`. Raises ValueError that names those there are.

    >>> preset("digits_mlp", "gpu")
    Traceback (most recent call last):
        ...
    ValueError: digits_mlp has no preset 'gpu'; it has none
    """
    known = presets(name)
    if chosen not in known:
        raise ValueError(f"{name} has no preset {chosen!r}; it has {', '.join(known) or 'none'}")
    return known[chosen]
