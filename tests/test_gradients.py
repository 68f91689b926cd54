"""Every case's gradient is the derivative of its value: finite differences in float64, every leaf.

A check that cannot fail proves nothing: an error of 1e-4 that is planted in the gradient must be caught in every leaf.
"""

import functools
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from cases import Case, all_cases, arguments

from jaxdl.checks import gradient_report, gradients
from jaxdl.checks.problem import Problem, make_problem

PLANTED = 1e-4


def _remembered(function: Callable[..., Any]) -> Callable[..., Any]:
    """The function of arrays, computed once for equal arrays: finite differences serve every report on a case."""
    results: dict[tuple[bytes, ...], Any] = {}

    @functools.wraps(function)
    def lookup(*arrays: np.ndarray) -> Any:
        name = tuple(a.tobytes() for a in arrays)
        if name not in results:
            results[name] = function(*arrays)
        return results[name]

    return lookup


@pytest.mark.parametrize("case", [c for c in all_cases() if c.wrt], ids=lambda c: c.name)
def test_gradient(case: Case, monkeypatch):
    """Leaves are judged one by one (test_checks), so one run with an error in each proves every single one."""
    problems: list[Problem] = []

    def make(*args: Any) -> Problem:
        if not problems:
            problem = make_problem(*args)
            changes, gradient = _remembered(problem.changes), _remembered(problem.gradient)
            problem = problem._replace(changed_by_tracing=lambda: False)  # known, and a trace takes a while
            problems.append(problem._replace(changes=changes, gradient=gradient))
        return problems[0]

    monkeypatch.setattr(gradients, "make_problem", make)
    report = gradient_report(case.function, *arguments(case), argnums=case.wrt)
    assert report.ok, report.message()

    right = problems[0].gradient
    problems[0] = problems[0]._replace(gradient=lambda x: right(x) * (1 + PLANTED))
    steep = gradient_report(case.function, *arguments(case), argnums=case.wrt)
    for leaf in steep.leaves:
        if leaf.error != 0.0:
            assert leaf.verdict == "wrong", f"{leaf.path}: the planted error passed\n{steep}"
            assert leaf.error == pytest.approx(PLANTED, rel=0.05)
    zero = {leaf.path for leaf in steep.leaves if leaf.error == 0.0}  # 1e-4 of a zero gradient is no error
    if zero:
        problems[0] = problems[0]._replace(gradient=lambda x: right(x) + PLANTED)
        ghosts = gradient_report(case.function, *arguments(case), argnums=case.wrt)
        assert {leaf.verdict for leaf in ghosts.leaves if leaf.path in zero} == {"wrong"}
