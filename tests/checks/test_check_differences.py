"""What the gradient check refuses, and the finite differences under it."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxdl.checks import check_gradients, gradient_report
from jaxdl.checks.differences import LEVELS, estimate, extrapolate, steps_of


class TestRefusals:
    @pytest.mark.parametrize(
        "leaf", [jnp.arange(3), 1, True, jnp.array([True]), jnp.ones(2, jnp.complex64), 1j, "text"]
    )
    def test_leaf_without_a_real_gradient(self, leaf):
        with pytest.raises(TypeError, match=r"args\[1\]\['step'\] is .*only real floating leaves"):
            check_gradients(lambda x, p: p["w"], jnp.ones(2), {"w": jnp.ones(2), "step": leaf}, argnums=1)

    def test_complex_output(self):
        with pytest.raises(TypeError, match="complex"):
            check_gradients(jnp.fft.fft, jnp.ones(2))

    def test_no_floating_output(self):
        with pytest.raises(TypeError, match="no floating values"):
            check_gradients(jnp.argmax, jnp.ones(2))

    def test_missing_argument(self):
        with pytest.raises(ValueError, match="argnums names argument 1, but only 1"):
            check_gradients(jnp.sin, jnp.ones(2), argnums=1)

    def test_no_leaves(self):
        with pytest.raises(ValueError, match="nothing to check"):
            check_gradients(lambda p: jnp.ones(1), {})

    def test_value_not_finite(self):
        with pytest.raises(ValueError, match="not finite at this point"):
            check_gradients(jnp.log, jnp.array([1.0, -1.0]))

    @pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
    def test_narrow_computation(self, dtype):
        """Rounding to float32 inside makes differences worthless; the message must say so."""
        x = jax.random.normal(jax.random.key(0), (20,))
        with pytest.raises(AssertionError, match=f"hint: the function computes in {dtype}"):
            check_gradients(lambda x: jnp.sin(x.astype(dtype)), x)
        wrong = gradient_report(lambda x: jax.lax.stop_gradient(jnp.sin(x.astype(dtype))), x)
        assert not wrong.ok

    def test_closed_over_array(self):
        weights = jnp.ones(3)
        with pytest.raises(ValueError) as caught:  # noqa: PT011
            check_gradients(lambda x: x * weights, jnp.ones(3))
        assert any("closes over or makes" in note for note in caught.value.__notes__)


class TestDifferences:
    @pytest.mark.parametrize("order", [1, 2])
    def test_extrapolation_eliminates_powers(self, order):
        t = 0.5 ** np.arange(LEVELS)
        polynomial = sum(c * t ** (order * k) for k, c in enumerate([2.0, -3.0, 5.0, 7.0]))
        assert extrapolate(np.asarray(polynomial), order) == pytest.approx(2.0, abs=1e-12)

    def test_error_covers_the_truth(self):
        """Over many functions and steps, the error estimate is at least the error made."""
        for g, derivative in [(np.sin, 1.0), (np.expm1, 1.0), (np.arctan, 1.0), (np.log1p, 1.0)]:
            step = 2.0 ** -np.arange(2.0, 20.0)
            t = steps_of(step)
            result = estimate(g(t), g(-t), np.abs(g(t[:, 0])), step)
            assert (np.abs(result.value - derivative) <= result.error + result.rounding).all()

    def test_nonfinite_values_have_infinite_error(self):
        t = steps_of(np.array([0.1]))
        assert estimate(t * np.nan, -t, np.ones(1), np.array([0.1])).error == np.inf
