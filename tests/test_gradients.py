"""Every case's gradient is the derivative of its value: finite differences in float64, every leaf."""

import pytest
from cases import Case, all_cases, arguments

from jaxdl.checks import check_gradients


@pytest.mark.parametrize("case", [c for c in all_cases() if c.wrt], ids=lambda c: c.name)
def test_gradient(case: Case):
    check_gradients(case.function, *arguments(case), argnums=case.wrt)
