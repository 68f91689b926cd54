"""Every case's value against independent libraries, in float32 and in float64."""

import jax
import jax.numpy as jnp
import pytest
from cases import Case, all_cases, arguments, assert_close, cast, missing_library, run_reference

PAIRS = [(case, name) for case in all_cases() for name in case.references]
DEFAULT = Case("default", abs, lambda key: ())


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize(("case", "name"), PAIRS, ids=[f"{case.name}-{name}" for case, name in PAIRS])
def test_parity(case: Case, name: str, dtype: str):
    if library := missing_library(name):
        pytest.skip(f"{library} is not installed")
    tolerance = case.tolerance if dtype == "float32" else case.tolerance64
    if tolerance is None:
        pytest.skip(f"float32 only: {case.why}")
    args = arguments(case)
    with jax.enable_x64(dtype == "float64"):
        args = cast(args, jnp.dtype(dtype))
        assert_close(case.function(*args), run_reference(name, case.references[name], args), tolerance)


def test_names_are_unique():
    names = [case.name for case in all_cases()]
    assert sorted(names) == sorted(set(names))


@pytest.mark.parametrize("case", all_cases(), ids=lambda c: c.name)
def test_looser_tolerances_have_a_reason(case: Case):
    loose = case.tolerance > DEFAULT.tolerance or case.tolerance64 is None or case.tolerance64 > 1e-12
    assert case.why or not loose, "a tolerance looser than the default needs a `why`"
