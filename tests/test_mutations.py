"""A check that cannot fail proves nothing: planted errors must be caught in every case."""

import functools
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from cases import Case, all_cases, arguments, as_numpy, assert_close, cast, missing_library, run_reference

from jaxdl.checks import gradient_report

PLANTED = 1e-4


@jax.custom_vjp
def slightly_wrong(x: jax.Array) -> jax.Array:
    """The identity, whose gradient is 1e-4 too large."""
    return x


slightly_wrong.defvjp(lambda x: (x, None), lambda _, dy: (dy * (1 + PLANTED),))


@pytest.mark.parametrize("case", [c for c in all_cases() if c.wrt], ids=lambda c: c.name)
def test_planted_gradient_error_is_caught_in_every_leaf(case: Case):
    """Leaves are judged one by one (test_checks), so one run with an error in each proves every single one."""

    def mutant(*args):
        return case.function(*(jax.tree.map(slightly_wrong, a) if i in case.wrt else a for i, a in enumerate(args)))

    report = gradient_report(mutant, *arguments(case), argnums=case.wrt)
    assert report.leaves
    for leaf in report.leaves:
        assert leaf.verdict == "wrong", f"{leaf.path}: the planted error passed\n{report}"
        assert leaf.error == pytest.approx(PLANTED, rel=0.05)


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
