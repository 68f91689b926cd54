"""Recipes: a module each, with a frozen `Config` and `task(config) -> Task`. Found by their file names, no registry.

A recipe's name is that of a module here (`digits_mlp`), or a user's own: the path of a file (`./my_recipe.py`) or a
dotted module (`package.my_recipe`), either with `:function` where its task has another name. All commands treat them
alike.
"""

import ast
import functools
import hashlib
import importlib
import pkgutil
from pathlib import Path
from typing import Any

from jaxdl.recipes import _own
from jaxdl.validation import did_you_mean

DEFAULT = "digits_mlp"


def names() -> list[str]:
    """Every shipped recipe's name.

    >>> "digits_mlp" in names()
    True
    """
    return list(_names())


@functools.cache  # `jaxdl list` asks for every recipe by its name: the folder is listed once
def _names() -> tuple[str, ...]:
    return tuple(sorted(module.name for module in pkgutil.iter_modules(__path__) if not module.name.startswith("_")))


def source(name: str) -> Path:
    """The file of a recipe, found without running it.

    Raises: ValueError for one that is not there, with the nearest name.

    >>> source("digits_mpl")
    Traceback (most recent call last):
        ...
    ValueError: unknown recipe 'digits_mpl', did you mean 'digits_mlp'? See: jaxdl list
    """
    if _own.is_own(name):
        return _own.source(name)
    if name not in names():
        own = f", did you mean './{name}.py'?" if Path(f"{name}.py").is_file() else ""
        raise ValueError(f"unknown recipe {name!r}{own or did_you_mean(name, names())} See: jaxdl list")
    return Path(__path__[0], f"{name}.py")


def title(name: str) -> str:
    """What a recipe is called where its runs lie: the last part of its name.

    >>> title("./experiments/my_recipe.py"), title("lab.wide:task"), title("digits_mlp")
    ('my_recipe', 'wide', 'digits_mlp')
    """
    return _own.title(name) if _own.is_own(name) else name


def stored(name: str) -> dict[str, str]:
    """How a run remembers its recipe: a name that every folder understands, and of an own one its file's sha256.

    >>> stored("digits_mlp")
    {'recipe': 'digits_mlp'}
    """
    if not _own.is_own(name):
        return {"recipe": name}
    return {"recipe": _own.lasting(name), "source_sha256": hashlib.sha256(source(name).read_bytes()).hexdigest()}


def describe(name: str) -> str:
    """The first line of a recipe's docstring, read without importing it (and jax).

    >>> describe("digits_mlp")
    'Handwritten digits (8x8, embedded) with a multilayer perceptron.'
    """
    path = source(name)
    try:
        return (ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))) or "").split("\n", 1)[0]
    except (SyntaxError, UnicodeDecodeError) as error:
        raise ValueError(f"{path}: line {getattr(error, 'lineno', 1)}: {error}") from None


def load(name: str) -> Any:
    """The module of a recipe.

    Raises: ValueError that suggests the nearest name, and for an own recipe that fails or has no `Config` and `task`.

    >>> load("digits_mpl")
    Traceback (most recent call last):
        ...
    ValueError: unknown recipe 'digits_mpl', did you mean 'digits_mlp'? See: jaxdl list
    """
    path = source(name)
    return _own.load(name, path) if _own.is_own(name) else importlib.import_module(f"jaxdl.recipes.{name}")


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
