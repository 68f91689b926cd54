"""Gradient checks: is what `jax.grad` returns the derivative of what the function computes?

    from jaxdl.checks import check_gradients

    def test_my_layer():
        check_gradients(my_layer, params, x, argnums=(0, 1))

`check_gradients` raises an AssertionError that names the leaf and prints both values; `gradient_report` returns the
report either way. `check_derivatives` (`derivative_report`) holds forward mode, Hessian-vector products, their batches
and recomputation (`jax.checkpoint`) against that gradient.
"""

from jaxdl.checks.derivatives import DerivativeReport as DerivativeReport
from jaxdl.checks.derivatives import check_derivatives as check_derivatives
from jaxdl.checks.derivatives import derivative_report as derivative_report
from jaxdl.checks.gradients import check_gradients as check_gradients
from jaxdl.checks.gradients import gradient_report as gradient_report
from jaxdl.checks.report import GradientReport as GradientReport
from jaxdl.checks.report import LeafReport as LeafReport
