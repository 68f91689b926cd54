"""Which mutants the table of cases kills: each case's value against its references, run without jit."""

import contextlib
import functools
import importlib
import inspect
import sys
import types
from collections.abc import Iterator

import jax
import jax.numpy as jnp
import numpy as np
from cases import Case, all_cases, arguments, assert_close, cast, missing_library, run_reference

from mutants.mutations import Mutant, mutants

FLOORS = tuple(f"jaxdl.{floor}." for floor in ("nn", "losses", "optim", "models", "metrics", "kernels"))


def _function(module: str, name: str) -> types.FunctionType | None:
    """A module's plain function; None for the methods and the wrapped ones, whose traces JAX would keep."""
    function = getattr(importlib.import_module(module), name, None)
    return function if inspect.isfunction(function) and not hasattr(function, "__wrapped__") else None


@functools.cache
def _expected(case: Case) -> tuple[np.ndarray, ...]:
    name = next(iter(case.references))
    return tuple(run_reference(name, case.references[name], cast(arguments(case), jnp.float32)))


def _agrees(case: Case) -> None:
    assert_close(case.function(*arguments(case)), list(_expected(case)), case.tolerance)


@functools.cache
def reached() -> dict[tuple[str, str], list[Case]]:
    """The cases with references, by the functions (module, name) that they run through."""
    by_function: dict[tuple[str, str], list[Case]] = {}
    for case in all_cases():
        if not case.references or missing_library(next(iter(case.references))):
            continue
        _expected(case)
        seen: set[tuple[str, str]] = set()

        def note(frame: types.FrameType, event: str, _: object, seen: set[tuple[str, str]] = seen) -> None:
            module = frame.f_globals.get("__name__", "")
            if event == "call" and module.startswith(FLOORS):
                seen.add((module, frame.f_code.co_name))

        sys.setprofile(note)
        try:
            value = case.function(*arguments(case))
        finally:
            sys.setprofile(None)
        assert_close(value, list(_expected(case)), case.tolerance)  # what fails without a fault kills nothing
        for key in seen:
            by_function.setdefault(key, []).append(case)
    return by_function


def all_mutants() -> Iterator[Mutant]:
    """Every mutant of every function that a case with references runs through."""
    for module in sorted({module for module, _ in reached()}):
        source = inspect.getsource(importlib.import_module(module))
        for mutant in mutants(module, source):
            if (module, mutant.function) in reached() and _function(module, mutant.function):
                yield mutant


@contextlib.contextmanager
def planted(mutant: Mutant) -> Iterator[None]:
    """The fault is in the running module's function, under all names that hold it.

    JAX keeps the traces of scans, conditionals and custom rules by their function: caches are cleared at both ends, or
    a fault would stay unseen, or outlive its mutant.
    """
    function = _function(mutant.module, mutant.function)
    assert function
    code = compile(mutant.tree, "<mutant>", "exec")
    body = next(c for c in code.co_consts if isinstance(c, types.CodeType) and c.co_name == mutant.function)
    before, function.__code__ = function.__code__, body
    jax.clear_caches()
    try:
        yield
    finally:
        function.__code__ = before
        jax.clear_caches()


def killer(mutant: Mutant) -> str | None:
    """The case that catches the mutant, by a wrong value or by an error; None if it survives."""
    with planted(mutant):
        for case in reached()[mutant.module, mutant.function]:
            try:
                _agrees(case)
            except Exception:
                return case.name
    return None
