"""Claims: the textbooks' statements as experiments with a verdict, a module each, found by their file names.

Every module has

    STATEMENT   what is said, in a sentence;  SOURCE  by whom
    RULE        what must be measured for it to hold, written before the run
    SEEDS, SECONDS   how many repetitions by default, and how long these take on two cores
    run(key, budget) -> Result      the experiment, on the library's own functions
    picture(result)                 a matplotlib figure of what was measured

A claim holds if all checks of its rule pass, in part if some do. One that does not hold is a finding, not a failure.
"""

import ast
import importlib
import pkgutil
from pathlib import Path
from typing import Any

from jaxdl.validation import require_name


def names() -> list[str]:
    """Every claim's name.

    >>> "xor_needs_two_layers" in names()
    True
    """
    return sorted(module.name for module in pkgutil.iter_modules(__path__) if not module.name.startswith("_"))


def statement(name: str) -> str:
    """What a claim says, read without importing it (and jax).

    >>> statement("xor_needs_two_layers")
    'A single layer cannot learn exclusive or (XOR), two layers can; AND and OR need only one.'
    """
    tree = ast.parse(Path(__path__[0], f"{name}.py").read_text(encoding="utf-8"))
    for node in tree.body:
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "STATEMENT":
            return ast.literal_eval(node.value)
    raise ValueError(f"claim {name!r} has no STATEMENT")


def load(name: str) -> Any:
    """The module of a claim. Raises ValueError that suggests the nearest name."""
    require_name("claim", "claim", name, names())
    return importlib.import_module(f"{__name__}.{name}")
