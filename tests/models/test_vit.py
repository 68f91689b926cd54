"""The vision Transformer: its patches are a strided convolution, and places matter by the learned positions alone."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxdl import nn, optim
from jaxdl.losses import sparse_categorical_cross_entropy
from jaxdl.models import vit

CONFIG = vit.Config(size=(4, 6), n_in=3, n_out=4, patch=2, d_model=8, n_heads=2, n_layers=2, d_hidden=16, dropout=0.3)


@pytest.fixture(scope="module")
def params():
    return vit.init(jax.random.key(0), CONFIG)


def images(n: int = 2):
    return jax.random.normal(jax.random.key(1), (n, 4, 6, 3))


def test_patches_and_their_product_are_a_convolution_that_strides(params):
    kernel = {"w": params["patch"]["w"].reshape(2, 2, 3, 8), "b": params["patch"]["b"]}
    maps = nn.conv2d(kernel, images(), strides=2, padding="VALID")
    ours = nn.dense(params["patch"], vit.patches(images(), 2))
    np.testing.assert_allclose(ours, maps.reshape(2, 6, 8), rtol=1e-5, atol=1e-5)


def test_places_matter_by_the_positions_alone(params):
    x = images()
    swapped = jnp.concatenate([x[:, :, 2:4], x[:, :, :2], x[:, :, 4:]], axis=2)  # two columns of patches change places
    differs = lambda p: float(jnp.abs(vit.apply(p, x, CONFIG) - vit.apply(p, swapped, CONFIG)).max())  # noqa: E731
    nowhere = params | {"positions": jax.tree.map(jnp.zeros_like, params["positions"])}
    somewhere = params | {"positions": jax.tree.map(lambda t: 50 * t, params["positions"])}
    assert differs(nowhere) < 1e-5
    assert differs(somewhere) > 1e-3


def test_dropout_wants_a_key(params):
    one, other = (vit.apply(params, images(), CONFIG, key=jax.random.key(i)) for i in range(2))
    assert bool((one != other).any())
    np.testing.assert_array_equal(vit.apply(params, images(), CONFIG), vit.apply(params, images(), CONFIG))


def test_it_overfits_one_batch(params):
    x, y, optimizer = images(8), jnp.arange(8) % 4, optim.adam(1e-2)
    loss = lambda p: sparse_categorical_cross_entropy(vit.apply(p, x, CONFIG), y).mean()  # noqa: E731

    @jax.jit
    def run(p):
        def body(_, carry):
            p, state = carry
            updates, state = optimizer.update(jax.grad(loss)(p), state, p)
            return jax.tree.map(jnp.add, p, updates), state

        return jax.lax.fori_loop(0, 100, body, (p, optimizer.init(p)))[0]

    assert loss(run(params)) < 0.02 < loss(params)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"size": (8, 9), "patch": 2}, r"patches of 2 x 2 pixels must fill the image of \(8, 9\)"),
        ({"d_model": 10, "n_heads": 4}, "4 heads must divide d_model 10"),
    ],
)
def test_what_does_not_fit_is_refused(options, message):
    with pytest.raises(ValueError, match=message):
        vit.Config(**options)
