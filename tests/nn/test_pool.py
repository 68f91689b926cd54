"""Pooling's ties and NaN, its fast form against `lax`, parity with flax and torch; upsampling."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from near import assert_near, draw

from jaxdl.nn.pool import avg_pool2d, global_avg_pool2d, max_pool2d, upsample2d

POOLS = [
    ((2, 2), None, "VALID"),
    ((3, 2), (2, 3), "SAME"),
    ((3, 3), (1, 1), ((2, 0), (1, 1))),
    ((2, 3), (3, 4), "VALID"),
]


@pytest.mark.parametrize("values", ["distinct", "ties"])
@pytest.mark.parametrize(("window", "strides", "padding"), POOLS)
def test_max_pool_equals_lax_in_value_and_gradient_with_ties(window, strides, padding, values):
    x = draw(1, (2, 9, 11, 3))
    if values == "ties":
        x = jnp.round(x)  # about half of the windows hold their maximum twice

    @functools.partial(jax.jit, static_argnums=0)
    def run(method):
        y, vjp = jax.vjp(lambda x: max_pool2d(x, window, strides=strides, padding=padding, method=method), x)
        return y, vjp(draw(3, y.shape))[0]

    got, want = run("pairs"), run("lax")
    np.testing.assert_array_equal(got[0], want[0])
    np.testing.assert_allclose(got[1], want[1], rtol=1e-6, atol=1e-6)


def test_max_pool_gives_the_whole_gradient_to_the_first_of_equal_values_as_torch():
    torch = pytest.importorskip("torch")
    x = jnp.array([[0.0, 1.0, 2.0, 2.0], [1.0, 0.0, 2.0, 2.0]])[None, :, :, None]
    dx = jax.grad(lambda x: jnp.sum(max_pool2d(x, (2, 2))))(x)
    assert dx[0, :, :, 0].tolist() == [[0, 1, 1, 0], [0, 0, 0, 0]]
    t = torch.tensor(np.asarray(x)).permute(0, 3, 1, 2).requires_grad_()
    torch.nn.functional.max_pool2d(t, 2).sum().backward()
    np.testing.assert_array_equal(dx[0, :, :, 0], t.grad[0, 0].numpy())


def test_max_pool_passes_nan_on():
    x = jnp.zeros((1, 4, 4, 1)).at[0, 1, 2, 0].set(jnp.nan)
    assert np.isnan(max_pool2d(x, (2, 2))).sum() == 1


@pytest.mark.parametrize(("window", "strides", "padding"), POOLS)
def test_pools_against_flax(window, strides, padding):
    linen = pytest.importorskip("flax.linen")
    x = draw(1, (2, 9, 11, 3))
    moves = strides or window
    with jax.numpy_dtype_promotion("standard"):
        mean, largest = (f(x, window, moves, padding) for f in (linen.avg_pool, linen.max_pool))
    assert_near(avg_pool2d(x, window, strides=strides, padding=padding), mean, 1e-6)
    assert_near(max_pool2d(x, window, strides=strides, padding=padding), largest, 0.0)


def test_upsample_and_global_mean_are_inverse_in_the_mean():
    x = draw(1, (2, 3, 5, 4))
    assert_near(avg_pool2d(upsample2d(x, (2, 3)), (2, 3)), x, 1e-6)
    assert_near(global_avg_pool2d(upsample2d(x, (2, 3))), jnp.mean(x, (1, 2)), 1e-6)
