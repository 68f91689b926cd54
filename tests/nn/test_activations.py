"""Activations: finite at +-1e4 in every dtype, hand-written derivatives, jax.nn."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxdl.nn import activations

DTYPES = ["float16", "bfloat16", "float32", "float64"]
LARGE = np.array([-1e4, -300.0, -88.0, -41.0, -1.0, -0.0, 0.0, 1.0, 41.0, 88.0, 300.0, 1e4])
JAX_NN = {
    "sigmoid": jax.nn.sigmoid,
    "tanh": jnp.tanh,
    "relu": jax.nn.relu,
    "leaky_relu": jax.nn.leaky_relu,
    "elu": jax.nn.elu,
    "gelu": lambda x: jax.nn.gelu(x, approximate=False),
    "gelu_tanh": lambda x: jax.nn.gelu(x, approximate=True),
    "silu": jax.nn.silu,
    "softplus": jax.nn.softplus,
    "softsign": jax.nn.soft_sign,
    "softmax": jax.nn.softmax,
    "log_softmax": jax.nn.log_softmax,
}


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", activations.BY_NAME)
def test_finite_far_out(name, dtype, x64):
    """The values, and the gradients of the single values and of a vector-Jacobian product."""
    f, x = activations.BY_NAME[name], jnp.asarray(LARGE, jnp.dtype(dtype))
    y, pull = jax.vjp(f, x)
    (slope,) = pull(jnp.ones_like(y))
    assert y.dtype == slope.dtype == x.dtype
    assert bool(jnp.isfinite(y).all()), y
    assert bool(jnp.isfinite(slope).all()), slope


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", [name for name in activations.BY_NAME if "softmax" not in name])
def test_far_out_values_are_the_limits(name, dtype, x64):
    """Finite is not enough: they are within rounding of what float64 gives."""
    f = activations.BY_NAME[name]
    x = jnp.asarray(LARGE, jnp.dtype(dtype))
    assert float(jnp.abs(x[0])) > 9000
    exact = np.asarray(f(x.astype(jnp.float64)), np.float64)
    eps = float(jnp.finfo(x.dtype).eps)
    np.testing.assert_allclose(np.asarray(f(x), np.float64), exact, rtol=4 * eps, atol=4 * eps)


@pytest.mark.parametrize("name", activations.DERIVATIVES)
def test_derivative_by_hand_equals_autodiff(name, x64):
    rng = np.random.default_rng(0)
    x = jnp.asarray(np.concatenate([rng.normal(scale=3, size=200), rng.normal(scale=50, size=50), LARGE]))
    x = x[x != 0] if name in ("relu", "leaky_relu", "elu", "step") else x  # kinks: stated below
    by_hand = activations.DERIVATIVES[name](x)
    by_autodiff = jax.vmap(jax.grad(activations.BY_NAME[name]))(x)
    np.testing.assert_allclose(by_hand, by_autodiff, rtol=1e-12, atol=1e-13)


def test_every_elementwise_activation_has_its_derivative():
    assert activations.BY_NAME.keys() - activations.DERIVATIVES.keys() == {"softmax", "log_softmax"}


@pytest.mark.parametrize("name", activations.DERIVATIVES)
def test_derivative_at_zero_equals_the_gradient_there(name, x64):
    """At a kink the convention of the formula and of autodiff must be one, or backpropagation by hand would differ."""
    zero = jnp.zeros(())
    assert float(activations.DERIVATIVES[name](zero)) == pytest.approx(float(jax.grad(activations.BY_NAME[name])(zero)))


@pytest.mark.parametrize("name", JAX_NN)
def test_equals_jax_nn(name, x64):
    x = jnp.asarray(np.random.default_rng(0).normal(scale=4, size=(6, 7)))
    f = activations.BY_NAME[name]
    theirs = JAX_NN[name]
    np.testing.assert_allclose(f(x), theirs(x), rtol=1e-12, atol=1e-14)
    ours = jax.grad(lambda x: (f(x) * jnp.sin(x)).sum())(x)
    np.testing.assert_allclose(ours, jax.grad(lambda x: (theirs(x) * jnp.sin(x)).sum())(x), rtol=1e-11, atol=1e-13)


LIMITS = {  # f(-inf), f(inf), f'(-inf), f'(inf)
    "identity": (-np.inf, np.inf, 1, 1),
    "step": (0, 1, 0, 0),
    "sigmoid": (0, 1, 0, 0),
    "tanh": (-1, 1, 0, 0),
    "relu": (0, np.inf, 0, 1),
    "leaky_relu": (-np.inf, np.inf, 0.01, 1),
    "elu": (-1, np.inf, 0, 1),
    "gelu": (0, np.inf, 0, 1),
    "gelu_tanh": (0, np.inf, 0, 1),
    "silu": (0, np.inf, 0, 1),
    "softplus": (0, np.inf, 0, 1),
    "softsign": (-1, 1, 0, 0),
}


@pytest.mark.parametrize("name", activations.DERIVATIVES)
def test_limits_at_infinity(name):
    f, x = activations.BY_NAME[name], jnp.array([-jnp.inf, jnp.inf])
    found = [*f(x), *jax.vmap(jax.grad(f))(x)]
    np.testing.assert_allclose(found, LIMITS[name], rtol=1e-6)
    np.testing.assert_allclose(activations.DERIVATIVES[name](x), LIMITS[name][2:], rtol=1e-6)


@pytest.mark.parametrize("name", activations.BY_NAME)
def test_lists_and_numbers_are_arrays_and_integers_are_refused(name):
    f: Any = activations.BY_NAME[name]  # arrays by its type; numbers and lists are taken as well
    np.testing.assert_array_equal(f([1.0, -2.0]), f(jnp.array([1.0, -2.0])))
    if "softmax" not in name:
        np.testing.assert_array_equal(f(1.0), f(jnp.array(1.0)))
    for x in (jnp.array([1, 2]), np.array([1, 2], np.uint8), jnp.array([True]), jnp.array([1j])):
        with pytest.raises(ValueError, match=f"{name}: x must be floating, got {x.dtype}"):
            f(x)


@pytest.mark.parametrize("f", [activations.softmax, activations.log_softmax])
def test_softmax_of_nothing_and_of_what_is_impossible(f):
    assert f(jnp.zeros((5, 0))).shape == (5, 0)
    assert f(jnp.zeros((0, 5))).shape == (0, 5)
    np.testing.assert_allclose(f(jnp.array([-jnp.inf, 0.0])), [0, 1] if f is activations.softmax else [-np.inf, 0])
    assert bool(jnp.isnan(f(jnp.array([jnp.nan, 0.0]))).all())


@pytest.mark.parametrize("f", [activations.softmax, activations.log_softmax])
@pytest.mark.parametrize("axis", [0, 1, -1])
def test_softmax_along_any_axis(f, axis):
    x = jnp.asarray(np.random.default_rng(0).normal(size=(3, 4)), jnp.float32)
    y = f(x, axis=axis)
    total = (y if f is activations.softmax else jnp.exp(y)).sum(axis)
    np.testing.assert_allclose(total, np.ones_like(total), rtol=1e-6)
    np.testing.assert_allclose(f(x + 100.0, axis=axis), y, atol=2e-5)  # a common shift changes nothing


def test_options():
    x = jnp.array([-2.0, 3.0])
    np.testing.assert_allclose(activations.leaky_relu(x, slope=0.2), [-0.4, 3.0], rtol=1e-6)
    np.testing.assert_allclose(activations.elu(x, alpha=2.0), [2 * np.expm1(-2.0), 3.0], rtol=1e-6)


@pytest.mark.parametrize("name", activations.DERIVATIVES)
def test_nan_stays_nan(name):
    assert bool(jnp.isnan(activations.BY_NAME[name](jnp.array(jnp.nan))))


def test_softplus_and_gelu_keep_their_small_tails(x64):
    """log(1 + exp(x)) written plainly is 0 below -37; 1 + erf(x) is 0 below -6: both lose all digits of the tail."""
    x = jnp.asarray(-40.0)
    assert float(activations.softplus(x)) == pytest.approx(np.exp(-40.0), rel=1e-12)
    from scipy.stats import norm

    assert float(activations.gelu(jnp.asarray(-10.0))) == pytest.approx(-10 * norm.cdf(-10.0), rel=1e-12)
