"""A check that cannot fail proves nothing: planted errors must be caught in every case."""

import functools
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from cases import Case, all_cases, arguments, as_numpy, assert_close, cast, missing_library, run_reference

from jaxdl.checks import GradientReport, gradient_report

PLANTED = 1e-4


@jax.custom_vjp
def too_steep(x: jax.Array) -> jax.Array:
    """The identity, whose gradient is 1e-4 too large."""
    return x


too_steep.defvjp(lambda x: (x, None), lambda _, dy: (dy * (1 + PLANTED),))


@jax.custom_vjp
def ghost(x: jax.Array) -> jax.Array:
    """Zero, with a gradient of 1e-4 that nothing explains."""
    return jnp.zeros_like(x)


ghost.defvjp(lambda x: (jnp.zeros_like(x), None), lambda _, dy: (dy * PLANTED,))


def _check_with_steep_inputs(case: Case) -> GradientReport:
    def mutant(*args):
        return case.function(*(jax.tree.map(too_steep, a) if i in case.wrt else a for i, a in enumerate(args)))

    return gradient_report(mutant, *arguments(case), argnums=case.wrt)


def _check_with_ghosts(case: Case) -> GradientReport:
    def mutant(*args):
        return case.function(*args), [jax.tree.map(ghost, args[i]) for i in case.wrt]

    return gradient_report(mutant, *arguments(case), argnums=case.wrt)


@pytest.mark.parametrize("case", [c for c in all_cases() if c.wrt], ids=lambda c: c.name)
def test_planted_gradient_error_is_caught_in_every_leaf(case: Case):
    """Leaves are judged one by one (test_checks), so one run with an error in each proves every single one."""
    report = _check_with_steep_inputs(case)
    zero = {leaf.path for leaf in report.leaves if leaf.error == 0.0}  # 1e-4 of a zero gradient is no error
    for leaf in report.leaves:
        if leaf.path not in zero:
            assert leaf.verdict == "wrong", f"{leaf.path}: the planted error passed\n{report}"
            assert leaf.error == pytest.approx(PLANTED, rel=0.05)
    if zero:
        verdicts = {leaf.path: leaf.verdict for leaf in _check_with_ghosts(case).leaves}
        assert {verdicts[path] for path in zero} == {"wrong"}


def _mutate(leaf: Any, tolerance: float) -> np.ndarray:
    """Values off by four tolerances; integers and bools off by one."""
    leaf = as_numpy(leaf)
    if not jnp.issubdtype(leaf.dtype, jnp.floating):
        return ~leaf if leaf.dtype == bool else leaf + 1
    wide = leaf.astype(np.float64)
    return wide + 4 * tolerance * np.where(wide < 0, -1.0, 1.0) * np.maximum(1.0, np.abs(wide))


PAIRS = [(case, next(iter(case.references))) for case in all_cases() if case.references]


@pytest.mark.parametrize(("case", "name"), PAIRS, ids=[f"{case.name}-{name}" for case, name in PAIRS])
def test_slightly_wrong_value_is_caught_by_parity(case: Case, name: str):
    if library := missing_library(name):
        pytest.skip(f"{library} is not installed")
    theirs = run_reference(name, case.references[name], cast(arguments(case), jnp.float32))
    leaves, structure = jax.tree.flatten(case.function(*arguments(case)))
    for i in range(len(leaves)):
        mutated = [_mutate(leaf, case.tolerance) if i == j else leaf for j, leaf in enumerate(leaves)]
        with pytest.raises(AssertionError):
            assert_close(jax.tree.unflatten(structure, mutated), theirs, case.tolerance)


@pytest.mark.parametrize("planted", [functools.partial(np.transpose), lambda x: x[:, :1], lambda x: x[None]])
def test_wrong_shape_is_caught_by_parity(planted):
    x = np.ones((3, 2), np.float32)
    with pytest.raises(AssertionError, match="shapes differ"):
        assert_close(planted(x), [x], 1e-6)
