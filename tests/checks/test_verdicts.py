"""Wrong is what is wrong, undecided what values cannot know; kinks, noise, chance and NumPy in functions."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxdl.checks import check_derivatives, check_gradients, derivative_report, gradient_report


def verdict(f, x) -> str:
    return gradient_report(f, x).leaves[0].verdict


def sloped(value_at_kink: float):
    """relu with any slope at 0."""
    f = jax.custom_vjp(jax.nn.relu)
    f.defvjp(
        lambda x: (jax.nn.relu(x), x),
        lambda x, dy: (dy * jnp.where(x == 0, value_at_kink, jnp.where(x > 0, 1.0, 0.0)),),
    )
    return f


class TestKinks:
    @pytest.mark.parametrize(("slope", "expected"), [(-0.1, "wrong"), (0, "ok"), (0.5, "ok"), (1, "ok"), (5, "wrong")])
    def test_slope_lies_between_both_sides(self, slope, expected):
        assert verdict(sloped(slope), jnp.array([0.0, 1.0, -2.0])) == expected

    def test_outputs_that_lean_to_different_sides(self):
        """The weights of the outputs have different signs: both sides of their sum say less than those of each."""
        assert verdict(lambda x: (jax.nn.relu(x), jnp.maximum(x, 2 * x), jnp.abs(x)), jnp.zeros(6)) == "ok"
        assert verdict(lambda x: (jax.nn.relu(x), sloped(5)(x)), jnp.zeros(6)) == "wrong"


class TestNoise:
    @pytest.mark.parametrize(
        ("f", "x"),
        [
            (lambda x: x**1.5, [1e-12, 1.0]),
            (lambda x: jnp.sum(x**1.5), [1e-12, 1.0]),
            (lambda x: jnp.sin(1e4 * x), [0.3, 1.0, 2.5]),
            (lambda x: jnp.sin(1e4 * x), [100.0, 1000.0, 12345.0]),
            (jax.nn.log_softmax, [20.0, 0.0, -20.0]),
            (lambda x: jax.nn.log_softmax(x)[0], [20.0, 0.0, 1.0]),
            (lambda x: jax.nn.log_softmax(x)[0], [30.0, 0.0]),
            (lambda x: jax.nn.log_softmax(x)[0], [20.0, 0.0, -20.0]),  # the last changes nothing by any step
            (lambda x: jax.nn.log_softmax(x)[0], [18.0, 0.0, -18.0, 3.0]),
            (lambda x: jax.nn.log_softmax(x)[0], [30.0, 0.0, -30.0]),
            (lambda x: jax.nn.log_softmax(x)[0], [40.0, 0.0, -5.0]),  # nothing does: the value is 0
            (lambda x: jax.nn.softmax(x)[0], [30.0, 0.0, -30.0]),
            (lambda x: (1e8 + x) - 1e8, [0.3, 1.0]),
        ],
    )
    def test_a_right_gradient_is_never_called_wrong(self, f, x):
        assert verdict(f, jnp.array(x)) in ("ok", "undecided")

    @pytest.mark.parametrize("x", [[20.0, 0.0, -20.0], [30.0, 0.0, -30.0], [40.0, 0.0, -5.0]])
    def test_a_share_below_the_rounding_of_the_others_is_no_error(self, x):
        assert verdict(jax.nn.logsumexp, jnp.array(x)) == "ok"

    @pytest.mark.parametrize("scale", [1.0, 1e-6])
    def test_a_slope_where_no_value_changes_is_wrong(self, scale):
        leaks = jax.custom_vjp(jax.nn.relu)
        leaks.defvjp(lambda x: (jax.nn.relu(x), x), lambda x, dy: (dy * jnp.where(x > 0, 1.0, 1e-3),))
        assert verdict(lambda x: scale * leaks(x), jnp.array([-1.0, 2.0, -1e-3])) == "wrong"

    @pytest.mark.parametrize("factor", [1 + 1e-4, -1.0, 0.0])
    def test_a_wrong_gradient_is(self, factor):
        f = jax.custom_vjp(jnp.sin)
        f.defvjp(lambda x: (jnp.sin(x), x), lambda x, dy: (factor * dy * jnp.cos(x),))
        assert verdict(lambda x: f(100 * x), jnp.array([0.3, 1.0, 2.5])) == "wrong"


class TestFunctionsThatAreNone:
    def test_random_numbers(self):
        rng = np.random.default_rng(0)
        with pytest.raises(ValueError, match=r"not deterministic.*numpy\.random"):
            check_gradients(lambda x: x * rng.uniform(0.5, 1.5, 3), jnp.ones(3))

    def test_a_callback_that_counts(self):
        calls = []

        @jax.custom_vjp
        def f(x):
            calls.append(1)
            return jax.pure_callback(lambda x: x + np.random.default_rng().uniform(), x, x, vmap_method="sequential")

        f.defvjp(lambda x: (f(x), None), lambda _, dy: (dy,))
        with pytest.raises(ValueError, match="not deterministic"):
            check_gradients(f, jnp.ones(3))

    def test_numpy_gets_a_line_on_how_to_wrap_it(self):
        with pytest.raises(jax.errors.TracerArrayConversionError) as caught:
            check_gradients(lambda x: np.tanh(np.asarray(x)), jnp.ones(3))
        assert any("jax.pure_callback" in note for note in caught.value.__notes__)

    @pytest.mark.parametrize(("factor", "expected"), [(1.0, "ok"), (1.001, "wrong")])
    def test_numpy_wrapped_as_the_line_says(self, factor, expected):
        def call(f, *xs):
            return jax.pure_callback(f, jax.ShapeDtypeStruct(xs[0].shape, xs[0].dtype), *xs, vmap_method="sequential")

        layer = jax.custom_vjp(lambda x: call(np.tanh, x))
        layer.defvjp(
            lambda x: (call(np.tanh, x), x),
            lambda x, dy: (call(lambda x, dy: np.asarray(factor * dy / np.cosh(x) ** 2), x, dy),),
        )
        assert verdict(layer, jnp.linspace(-1.0, 1.0, 3)) == expected


class TestDerivatives:
    def test_a_kink_of_the_gradient_is_stepped_round(self):
        report = check_derivatives(lambda x: jax.nn.relu(x) ** 2 + jnp.abs(x), jnp.array([0.0, 1e-6, 1.0]))
        assert report.second < 1e-6

    def test_kinks_everywhere_are_undecided(self):
        report = derivative_report(lambda x: jnp.abs(jnp.sin(1e12 * x)), jnp.array([0.1, 0.7]))
        assert np.isnan(report.second)
        assert "second" in report.failures

    def test_forward_mode_that_lost_a_sign(self):
        f = jax.custom_jvp(lambda x: jnp.sin(x))
        f.defjvp(lambda x, v: (jnp.sin(x[0]), jnp.cos(x[0]) * v[0]))
        g = jax.custom_jvp(lambda x: f(x) * jnp.array([1.0, 2.0, 3.0], x.dtype))
        g.defjvp(lambda x, v: (g(x[0]), jnp.cos(x[0]) * v[0] * jnp.array([1.0, -2.0, 3.0], x[0].dtype)))
        assert derivative_report(g, jnp.arange(3.0)).ok  # reverse mode is made of it: `check_gradients` sees that
        assert verdict(g, jnp.arange(3.0)) == "wrong"

    def test_message(self):
        slope = jax.custom_jvp(jnp.cos)
        slope.defjvp(lambda x, v: (jnp.cos(x[0]), jnp.sin(x[0]) * v[0]))
        wrong = jax.custom_jvp(jnp.sin)
        wrong.defjvp(lambda x, v: (jnp.sin(x[0]), slope(x[0]) * v[0]))
        with pytest.raises(AssertionError, match=r"disagree with the gradient: second \(relative error 2"):
            check_derivatives(wrong, 1.0)
