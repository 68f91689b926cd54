"""The API's pages: one for each package, a section for each file, every function with its prose and its code."""

import ast
import functools
import importlib
import inspect
import pkgutil
import sys
from pathlib import Path
from typing import Any

import experiments
from docstrings import convert

PACKAGES = (
    *("nn", "losses", "metrics", "optim", "models", "training", "data", "decoding", "similarity", "checks", "interop"),
    *("tasks", "runs", "applications", "kernels", "ewma", "tree", "validation"),
)


LIBRARIES = {name: name for name in ("jax.nn", "optax", "flax")} | {
    "torch": "PyTorch",
    "numpy": "NumPy",
    "scipy": "SciPy",
    "sklearn": "scikit-learn",
}


def modules(package: str) -> list[str]:
    """The public modules of a package, itself first.

    >>> modules("ewma"), "jaxdl.optim.schedules" in modules("optim")
    (['jaxdl.ewma'], True)
    """
    root = importlib.import_module(f"jaxdl.{package}")
    found = [m.name for m in pkgutil.walk_packages(getattr(root, "__path__", []), f"jaxdl.{package}.")]
    return [root.__name__, *(name for name in found if not any(part.startswith("_") for part in name.split(".")))]


def page(package: str) -> str:
    """The page of a package, in reStructuredText."""
    parts = [heading(f"jaxdl.{package}", "=")]
    for name in modules(package):
        if name != f"jaxdl.{package}":
            parts.append(heading(name, "-"))
        parts.append(f".. automodule:: {name}\n   :members:\n")
    return "\n".join(parts)


def heading(text: str, line: str) -> str:
    return f"{text}\n{line * len(text)}\n"


def write_pages(app: Any) -> None:
    """All pages, into `docs/api`, which git ignores; an unchanged page keeps its time and is not read again."""
    folder = Path(app.srcdir, "api")
    folder.mkdir(exist_ok=True)
    pages = {name: page(name) for name in PACKAGES}
    entries = "".join(f"   {name}\n" for name in PACKAGES)
    about = "Every public function with its equation, shapes, errors, an example that the tests run, and its code.\n"
    pages["index"] = f"{heading('Reference', '=')}\n{about}\n.. toctree::\n   :maxdepth: 1\n\n{entries}"
    for name, text in pages.items():
        path = folder / f"{name}.rst"
        if not path.is_file() or path.read_text() != text:
            path.write_text(text)


def source(thing: Any) -> str:
    """A function's code without its docstring.

    >>> source(heading)
    'def heading(text: str, line: str) -> str:\\n    return f"{text}\\\\n{line * len(text)}\\\\n"'
    """
    text = inspect.cleandoc("\n" + inspect.getsource(thing))
    function = ast.parse(text).body[0]
    lines = text.splitlines()
    if isinstance(function, ast.FunctionDef) and ast.get_docstring(function) is not None and len(function.body) > 1:
        first = function.body[0]
        del lines[first.lineno - 1 : first.end_lineno]
    return "\n".join(lines)


@functools.cache
def proofs() -> dict[Any, tuple[bool, set[str]]]:
    """What the table of cases in `tests/` proves of each function: its gradient, and the libraries it agrees with."""
    sys.path.append(str(Path(__file__).parents[2] / "tests"))
    all_cases = importlib.import_module("cases").all_cases
    found: dict[Any, tuple[bool, set[str]]] = {}
    for case in all_cases():
        function = resolve(case.name.split("/")[0])
        if function is not None:
            gradient, peers = found.get(function, (False, set()))
            names = {LIBRARIES[name] for name in case.references if name in LIBRARIES}
            found[function] = (gradient or bool(case.wrt), peers | names)
    return found


def resolve(name: str) -> Any:
    """The function of a case: `nn.dense` is `jaxdl.nn.dense`; None where it has no name of its own.

    >>> resolve("nn.dense").__name__, resolve("no.such")
    ('dense', None)
    """
    for package in ("", ".nn", ".losses", ".data", ".metrics", ".similarity"):
        try:
            return functools.reduce(getattr, name.split("."), importlib.import_module(f"jaxdl{package}"))
        except AttributeError:
            continue
    return None


def badges(thing: Any) -> list[str]:
    """A line of badges: what the tests hold a function to."""
    gradient, peers = proofs().get(thing, (False, set()))
    words = [":bdg-success:`gradient checked`"] * gradient
    words += [f":bdg-primary:`agrees with {peer}`" for peer in sorted(peers)]
    return [" ".join(words), ""] if words else []


def write_docstring(app: Any, what: str, name: str, thing: Any, options: Any, lines: list[str]) -> None:
    """A docstring as the site shows it, and below it the code, folded."""
    lines[:] = convert(lines)
    if what == "function" and inspect.isfunction(inspect.unwrap(thing)):
        code = [f"      {line}" for line in source(inspect.unwrap(thing)).splitlines()]
        lines += [*badges(thing), *experiments.badges(thing)]
        lines += [".. dropdown:: Code", "", "   .. code-block:: python", "", *code, ""]


def skip(app: Any, what: str, name: str, thing: Any, is_skipped: bool, options: Any) -> bool | None:
    """What other libraries define, and a named tuple's fields, which say nothing of their own."""
    is_foreign = not str(getattr(thing, "__module__", None) or "jaxdl").startswith("jaxdl")
    is_field = "Alias for field number" in (getattr(thing, "__doc__", "") or "")
    return True if is_foreign or is_field else None


def setup(app: Any) -> dict[str, bool]:
    app.connect("builder-inited", write_pages)
    app.connect("autodoc-process-docstring", write_docstring)
    app.connect("autodoc-skip-member", skip)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
