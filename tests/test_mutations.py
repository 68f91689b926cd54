"""A check that cannot fail proves nothing: planted errors must be caught in every case."""

import functools
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from cases import Case, all_cases, arguments, as_numpy, assert_close, cast, missing_library, run_reference


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
