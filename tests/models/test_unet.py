"""The U-Net: the same network in flax, what it starts as, and what it refuses."""

import dataclasses
from typing import Any

import flax.linen as fnn
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxdl.models import unet
from jaxdl.nn import sinusoidal_positions

TINY = unet.Config(size=(8, 8, 1), channels=(4, 8), groups=2, n_embedding=4, n_classes=10)


class FlaxBlock(fnn.Module):
    n_out: int
    groups: int

    @fnn.compact
    def __call__(self, h, e):
        r = fnn.silu(fnn.GroupNorm(self.groups, epsilon=1e-5, name="norm")(h))
        r = fnn.Conv(self.n_out, (3, 3), name="first")(r)
        r = r + fnn.Dense(self.n_out, name="embedding")(fnn.silu(e))[:, None, None]
        r = fnn.silu(fnn.GroupNorm(self.groups, epsilon=1e-5, name="second_norm")(r))
        r = fnn.Conv(self.n_out, (3, 3), name="second")(r)
        return r + (h if h.shape[-1] == self.n_out else fnn.Conv(self.n_out, (1, 1), name="shortcut")(h))


class FlaxUnet(fnn.Module):
    """Two levels of one block each, from the picture in the paper."""

    config: unet.Config

    @fnn.compact
    def __call__(self, x, positions, labels):
        (wide, deep), groups = self.config.channels, self.config.groups
        n = self.config.n_embedding
        e = fnn.Dense(n, name="out")(fnn.silu(fnn.Dense(n, name="hidden")(positions)))
        e = e + fnn.Embed(self.config.n_classes, n, name="label")(labels)
        kept = FlaxBlock(wide, groups, name="down_0_0")(fnn.Conv(wide, (3, 3), name="input")(x), e)
        h = fnn.Conv(wide, (3, 3), strides=2, name="halve_0")(kept)
        low = FlaxBlock(deep, groups, name="down_1_0")(h, e)
        h = FlaxBlock(deep, groups, name="middle")(low, e)
        h = FlaxBlock(deep, groups, name="up_1_0")(jnp.concatenate([h, low], -1), e)
        b, height, width, _ = h.shape
        h = jax.image.resize(h, (b, 2 * height, 2 * width, deep), "nearest")
        h = fnn.Conv(wide, (3, 3), name="double_0")(h)
        h = FlaxBlock(wide, groups, name="up_0_0")(jnp.concatenate([h, kept], -1), e)
        h = fnn.silu(fnn.GroupNorm(groups, epsilon=1e-5, name="last_norm")(h))
        return fnn.Conv(1, (3, 3), name="last_conv")(h)


def renamed(params):
    """Our parameters under flax's names."""
    names = {"w": "kernel", "b": "bias", "table": "embedding"}
    return {names.get(k, k): renamed(v) if isinstance(v, dict) else v for k, v in params.items()}


def moved(params, key=9):
    """Nothing is 0 any more."""
    leaves, tree = jax.tree.flatten(params)
    keys = jax.random.split(jax.random.key(key), len(leaves))
    return tree.unflatten([p + 0.3 * jax.random.normal(k, p.shape) for p, k in zip(leaves, keys, strict=True)])


@pytest.fixture(scope="module")
def params():
    return moved(unet.init(jax.random.key(0), TINY))


@pytest.fixture(scope="module")
def outputs(params):
    """The network compiled once, for two examples."""
    program = jax.jit(lambda x, t, y, key: unet.apply(params, x, t, TINY, labels=y, key=key))
    return lambda x, t, y, key=None: program(x, t, y, key)


X, T, Y = jax.random.normal(jax.random.key(1), (2, 8, 8, 1)), jnp.array([3, 70]), jnp.array([0, 7])


def test_it_is_flax_s_network(params, outputs):
    theirs = {name: value for name, value in params.items() if name not in ("time", "output")} | params["time"]
    theirs |= {"last_norm": params["output"]["norm"], "last_conv": params["output"]["conv"]}
    with jax.numpy_dtype_promotion("standard"):
        variables: Any = {"params": renamed(theirs)}
        expected: Any = FlaxUnet(TINY).apply(variables, X, sinusoidal_positions(T, 4), Y)
    np.testing.assert_allclose(outputs(X, T, Y), expected, rtol=1e-4, atol=1e-5)


def test_time_and_class_matter_and_other_examples_do_not(outputs):
    y = outputs(X, T, Y)
    swapped = outputs(X[::-1], T[::-1], Y[::-1])[::-1]
    np.testing.assert_allclose(swapped, y, rtol=1e-5, atol=1e-6)
    alone = outputs(jnp.stack([X[0], 9 * X[1]]), jnp.array([3, 1]), jnp.array([0, 2]))
    np.testing.assert_allclose(alone[0], y[0], rtol=1e-5, atol=1e-6)
    for other in (outputs(X, T + 1, Y), outputs(X, T, Y + 1)):
        assert np.abs(other - y).max() > 1e-3


def test_it_starts_at_zero_and_every_block_as_its_shortcut():
    params = unet.init(jax.random.key(0), TINY)
    assert not np.asarray(params["output"]["conv"]["w"]).any()
    h = jax.random.normal(jax.random.key(2), (2, 4, 4, 4))
    same = unet.init_residual_block(jax.random.key(3), 4, 4, 4)
    np.testing.assert_array_equal(unet.residual_block(same, h, jnp.ones((2, 4)), groups=2), h)


def test_dropout_needs_a_key_and_a_rate(params):
    block, h, e = params["down_0_0"], jax.random.normal(jax.random.key(2), (2, 4, 4, 4)), jnp.ones((2, 4))
    plain = unet.residual_block(block, h, e, groups=2, rate=0.5)
    dropped = unet.residual_block(block, h, e, groups=2, rate=0.5, key=jax.random.key(0))
    assert np.abs(plain - dropped).max() > 1e-3


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"channels": (8, 8, 8), "size": (10, 8, 1)}, "4 must divide both of size"),
        ({"channels": (8, 12)}, "8 groups must divide all channels"),
        ({"channels": ()}, "must divide"),
        ({"n_embedding": 5}, "n_embedding is even"),
    ],
)
def test_impossible_networks_are_refused(options, message):
    with pytest.raises(ValueError, match=message):
        unet.Config(**options)


def test_labels_are_taken_by_those_who_know_classes(params):
    with pytest.raises(ValueError, match="no labels were given"):
        unet.apply(params, X, T, TINY)
    with pytest.raises(ValueError, match=r"labels \(2,\) were given"):
        unet.apply(params, X, T, dataclasses.replace(TINY, n_classes=0), labels=Y)
    with pytest.raises(ValueError, match="t must be"):
        unet.apply(params, X, T.astype(jnp.float32), TINY, labels=Y)
