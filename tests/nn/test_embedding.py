"""Embeddings and positions: what the case rows do not show."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxdl import nn


def test_repeated_tokens_add_their_gradients():
    params = {"table": jnp.zeros((3, 2))}
    gradient = jax.grad(lambda p: nn.embedding(p, jnp.array([1, 1, 2])).sum())(params)
    np.testing.assert_array_equal(gradient["table"], [[0, 0], [2, 2], [1, 1]])


@pytest.mark.parametrize("token", [-1, 3, 250])
def test_unknown_tokens_are_nan_in_value_and_gradient(token):
    params, tokens = {"table": jnp.ones((3, 2))}, jnp.array([0, token])
    y, slope = jax.value_and_grad(lambda p: nn.embedding(p, tokens)[1].sum())(params)
    assert bool(jnp.isnan(y)), "a plausible row hides the mistake"
    assert bool(jnp.isnan(slope["table"]).any())
    np.testing.assert_array_equal(nn.embedding(params, tokens)[0], 1)


def test_tokens_of_eight_bits_reach_a_large_table():
    params = {"table": jnp.arange(300.0)[:, None]}
    np.testing.assert_array_equal(nn.embedding(params, jnp.array([0, 255], jnp.uint8))[:, 0], [0, 255])


def test_half_precision_logits_are_summed_and_kept_in_float32(key):
    """Whole numbers below 256 are exact in bfloat16, their products' sum of 512 * 255 is not."""
    x, table = jnp.ones((1, 512), jnp.bfloat16), jnp.full((2, 512), 255.0)
    y = nn.unembedding({"table": table}, x)
    assert y.dtype == jnp.float32
    np.testing.assert_array_equal(y, 512 * 255)


def test_sinusoids_of_a_shift_are_a_rotation():
    """The paper's reason for them: the vector at p + k is a fixed linear function of the vector at p."""
    y = np.asarray(nn.sinusoidal_positions(jnp.arange(12), 8)).astype(float)
    shift, *_ = np.linalg.lstsq(y[:-3], y[3:], rcond=None)
    np.testing.assert_allclose(y[:-3] @ shift, y[3:], atol=1e-5)


def test_rotary_products_depend_on_the_distance_alone(key):
    q, k = jax.random.normal(key, (2, 1, 1, 1, 8))

    def product(i, j):
        return float((nn.rotary(q, jnp.array([i])) * nn.rotary(k, jnp.array([j]))).sum())

    assert product(3, 1) == pytest.approx(product(9, 7), rel=1e-5)
    assert product(3, 1) != pytest.approx(product(3, 2), rel=1e-2)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: nn.embedding({"table": jnp.zeros((3, 2))}, jnp.zeros(2)), "must be integers, got float32"),
        (
            lambda: nn.unembedding({"table": jnp.zeros((3, 2))}, jnp.zeros((1, 4))),
            r"x \(1, 4\) must end in .* \(3, 2\): 2",
        ),
        (lambda: nn.sinusoidal_positions(jnp.arange(3), 5), "features come in pairs, got 5"),
        (lambda: nn.rotary(jnp.zeros((2, 3, 1, 4)), jnp.arange(4)), r"positions \(4,\) must be"),
    ],
)
def test_mistakes_are_named(call, message):
    with pytest.raises(ValueError, match=message):
        call()
