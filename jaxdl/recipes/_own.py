"""A user's own recipe: a Python file (`./my_recipe.py`) or a dotted module (`package.my_recipe`), run as it stands."""

import hashlib
import importlib
import importlib.util
import os
import sys
import traceback
import types
from pathlib import Path
from typing import Any

NEEDED = ("epochs", "batch_size", "seed", "patience")  # of every Config: what a run asks it for


def is_own(name: str) -> bool:
    """Whether a name has the form of a file's or of a dotted module's.

    >>> is_own("./my_recipe.py"), is_own("lab.my_recipe"), is_own("digits_mlp")
    (True, True, False)
    """
    return any(mark in name for mark in (".", ":", "/", os.sep))


def title(name: str) -> str:
    """Its own last name."""
    place = _place(name)
    return Path(place).stem if _is_file(place) else place.rpartition(".")[2]


def lasting(name: str) -> str:
    """The name under which it is found from every folder: a file's whole path."""
    place, function = _place(name), name[len(_place(name)) :]
    return f"{source(name)}{function}" if _is_file(place) else name


def source(name: str) -> Path:
    """Its file. Raises ValueError if there is none."""
    place = _place(name)
    if _is_file(place):
        path = Path(place)
        if path.suffix != ".py" or not path.is_file():
            raise ValueError(f"there is no recipe {place}: no such Python file")
        return path.resolve()
    if "" not in sys.path:
        sys.path.insert(0, "")  # the working folder, as for `python -m`
    try:
        found = importlib.util.find_spec(place)
    except (ImportError, ValueError):
        found = None
    if found is None or found.origin is None:
        raise ValueError(f"there is no recipe {place}: no such module; a file is named with its path, ./{place}.py")
    return Path(found.origin)


def load(name: str, path: Path) -> Any:
    """Its module. Raises ValueError that names file and line where it fails, and for what a recipe needs and lacks."""
    place = _place(name)
    try:
        module = _run(path) if _is_file(place) else importlib.import_module(place)
    except Exception as error:
        raise ValueError(f"{path}: {_line(error, path)}{type(error).__name__}: {error}") from error
    function = name[len(place) + 1 :] or "task"
    if missing := [part for part in ("Config", function) if not callable(getattr(module, part, None))]:
        raise ValueError(f"{path} is no recipe: it has no {' and no '.join(missing)}; jaxdl new NAME writes one")
    fields = getattr(module.Config, "__dataclass_fields__", {})
    if lacking := [field for field in NEEDED if field not in fields]:
        raise ValueError(f"{path}: Config has no field {lacking[0]}; derive it from jaxdl.tasks.supervised.Config")
    if function == "task":
        return module
    return types.SimpleNamespace(**(vars(module) | {"task": getattr(module, function)}))


def _place(name: str) -> str:
    """The name without `:function`."""
    place, colon, function = name.rpartition(":")
    return place if colon and function.isidentifier() else name


def _is_file(place: str) -> bool:
    return place.endswith(".py") or "/" in place or os.sep in place


def _run(path: Path) -> types.ModuleType:
    """The module of a file, run once; as for a script, its folder is where it finds other modules."""
    name = f"{path.stem}_{hashlib.sha256(str(path).encode()).hexdigest()[:12]}"
    if name in sys.modules:
        return sys.modules[name]
    spec = importlib.util.spec_from_file_location(name, path)
    if spec is None or spec.loader is None:
        raise ImportError("it cannot be imported")
    if str(path.parent) not in sys.path:
        sys.path.insert(0, str(path.parent))
    sys.modules[name] = module = importlib.util.module_from_spec(spec)  # dataclasses look their types up there
    try:
        spec.loader.exec_module(module)
    except BaseException:
        del sys.modules[name]
        raise
    return module


def _line(error: Exception, path: Path) -> str:
    """ "line 3: " for the last line of the recipe's own file that an error came through."""
    lines = [frame.lineno for frame in traceback.extract_tb(error.__traceback__) if frame.filename == str(path)]
    line = error.lineno if isinstance(error, SyntaxError) else lines[-1] if lines else None
    return "" if line is None else f"line {line}: "
