"""Which claims use a function of the library: names in the code of `jaxdl/claims`, beside what `concepts.toml` says."""

import ast
import functools
import importlib
import inspect
import tomllib
from pathlib import Path
from typing import Any

from jaxdl import claims
from jaxdl.claims import _shelf

ROOT = Path(__file__).parents[2]
CONCEPTS = ROOT / "docs" / "concepts.toml"
SHOWN = 4  # of a function that more claims use, the badges are folded


@functools.cache
def uses() -> dict[Any, list[str]]:
    """Function -> the claims whose code names it, and those that are about it."""
    found: dict[Any, list[str]] = {}
    for name in claims.names():
        for function in functions_in(claims.load(name)):
            found.setdefault(function, []).append(name)
    for concept in tomllib.loads(CONCEPTS.read_text(encoding="utf-8"))["concept"]:
        module, _, name = concept["function"].rpartition(".")
        function = getattr(importlib.import_module(module), name, None)
        if inspect.isroutine(function):
            known = found.setdefault(function, [])
            known += [claim for claim in concept.get("claims", ()) if claim not in known]
    return found


def badges(thing: Any) -> list[str]:
    """A badge for each claim that uses a function, to its page in English and to the Korean one beside it."""
    lines = [badge(name) for name in uses().get(thing, ())]
    if len(lines) <= SHOWN:
        return [*lines, ""] if lines else []
    return [f".. dropdown:: Used in {len(lines)} claims", "", *(f"   {line}" for line in lines), ""]


def badge(name: str) -> str:
    """A claim's verdict and name as a link, and its Korean page.

    >>> badge("xor_needs_two_layers").split("` ")[0]
    ':bdg-ref-success:`xor needs two layers: holds </claims/en/xor_needs_two_layers>'
    """
    verdict = verdicts().get(name, "not run yet")
    color = {"holds": "success", "does not hold": "danger"}.get(verdict, "warning")
    text = f":bdg-ref-{color}:`{name.replace('_', ' ')}: {verdict} </claims/en/{name}>`"
    return f"{text} :bdg-ref-light:`한국어 </claims/ko/{name}>`"


@functools.cache
def verdicts() -> dict[str, str]:
    return {record.name: record.verdict for record in _shelf.records(_shelf.results(ROOT))}


def functions_in(module: Any) -> list[Any]:
    """The functions of the library that a module's code names, each once.

    >>> from jaxdl.claims import sparse_equals_categorical
    >>> "sparse_categorical_cross_entropy" in [thing.__name__ for thing in functions_in(sparse_equals_categorical)]
    True
    """
    names = [
        node for node in ast.walk(ast.parse(inspect.getsource(module))) if isinstance(node, ast.Attribute | ast.Name)
    ]
    things = [named(module, ast.unparse(node)) for node in names]
    return list(dict.fromkeys(thing for thing in things if is_ours(thing)))


def named(module: Any, dotted: str) -> Any:
    """What a dotted name means in a module; None for what only exists while it runs."""
    try:
        return functools.reduce(getattr, dotted.split("."), module)
    except AttributeError:
        return None


def is_ours(thing: Any) -> bool:
    """A function of the library that is no part of a claim's own machinery."""
    home = getattr(thing, "__module__", None) or ""
    return callable(thing) and not inspect.isclass(thing) and home.startswith("jaxdl.") and "claims" not in home
