"""The one table that every cross-cutting test runs over: gradients, parity, properties, mutations.

A row is a `Case`; the rows of a floor of the house lie in `tests/case_rows/<floor>.py` as a list named `CASES`.
"""

import importlib
import pkgutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import case_rows  # type: ignore[import-not-found]

from jaxdl.types import Key


@dataclass(frozen=True)
class Case:
    """One public function at one set of arguments.

    Attributes:
        name: "losses.huber" or "nn.dense/no-bias"; unique.
        function: called as `function(*args)`; options and keys are bound with a lambda or functools.partial.
        make: key -> float32 (or integer) arguments, arrays or trees of arrays. Cast to other dtypes by the tests.
        wrt: the arguments that the gradient check differentiates; () where the function has no gradient.
        batched: the arguments whose leading axis is the batch (row i of the output depends on row i only); () skips.
        dtypes: the dtypes in which the output keeps the dtype of the first floating argument.
        references: library name ("jax.nn", "optax", "flax", "torch") -> function of the same arguments.
        tolerance: relative and absolute, in float32; 1e-12 in float64 unless `tolerance64` says otherwise.
        why: the reason beside any tolerance that is looser than the defaults.
    """

    name: str
    function: Callable[..., Any]
    make: Callable[[Key], tuple[Any, ...]]
    wrt: tuple[int, ...] = (0,)
    batched: tuple[int, ...] = ()
    dtypes: tuple[str, ...] = ("float16", "bfloat16", "float32", "float64")
    references: Mapping[str, Callable[..., Any]] = field(default_factory=dict)
    tolerance: float = 1e-6
    tolerance64: float = 1e-12
    why: str = ""


def all_cases() -> list[Case]:
    """Every row of every module in `tests/case_rows`."""
    modules = sorted(m.name for m in pkgutil.iter_modules(case_rows.__path__))
    return [case for name in modules for case in importlib.import_module(f"case_rows.{name}").CASES]
