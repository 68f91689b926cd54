"""Initializers: moments, limits, fans, orthogonality; either library's can stand in for the other's."""

import math

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy import stats

from jaxdl.nn import init_dense, initializers

SHAPE = (300, 200)


@pytest.mark.parametrize(
    ("name", "variance"),
    [
        ("lecun_normal", 1 / 300),
        ("glorot_normal", 2 / 500),
        ("glorot_uniform", 2 / 500),
        ("he_normal", 2 / 300),
        ("he_uniform", 2 / 300),
        ("normal", 1e-4),
        ("uniform", 1e-4 / 3),
        ("truncated_normal", 1e-4),
    ],
)
def test_mean_and_variance(key, name, variance):
    w = np.asarray(initializers.BY_NAME[name](key, SHAPE), np.float64)
    n = w.size
    assert abs(w.mean()) < 5 * math.sqrt(variance / n)
    assert w.var() == pytest.approx(variance, rel=5 * math.sqrt(2 / n))


@pytest.mark.parametrize(
    ("ours", "law"),
    [
        (initializers.he_normal, stats.norm(scale=math.sqrt(2 / 300))),
        (initializers.glorot_uniform, stats.uniform(-math.sqrt(6 / 500), 2 * math.sqrt(6 / 500))),
        (initializers.uniform(0.3), stats.uniform(-0.3, 0.6)),
        (initializers.truncated_normal(0.5), stats.truncnorm(-2, 2, scale=0.5 / 0.87962566103423978)),
    ],
)
def test_distribution(key, ours, law):
    assert stats.kstest(np.asarray(ours(key, SHAPE), np.float64).reshape(-1), law.cdf).pvalue > 1e-3


@pytest.mark.parametrize(
    ("shape", "fans"), [((7, 5), (7, 5)), ((3, 3, 4, 8), (36, 72)), ((5, 2, 6), (10, 30)), ((1, 1, 1, 2, 3), (2, 3))]
)
def test_fans(shape, fans):
    assert initializers.fan_in_fan_out(shape) == fans


@pytest.mark.parametrize("shape", [(), (3,)])
@pytest.mark.parametrize("name", ["lecun_normal", "glorot_normal", "glorot_uniform", "he_normal", "he_uniform"])
def test_shapes_without_fans_are_refused(key, name, shape):
    with pytest.raises(ValueError, match="has no fan_in and fan_out"):
        initializers.BY_NAME[name](key, shape)


@pytest.mark.parametrize("shape", [(6, 6), (8, 3), (3, 8), (3, 3, 2, 5), (1, 2, 2, 9)])
def test_orthogonal(key, shape, x64):
    w = np.asarray(initializers.orthogonal(key, shape, jnp.float64)).reshape(-1, shape[-1])
    product = w.T @ w if w.shape[0] >= w.shape[1] else w @ w.T
    np.testing.assert_allclose(product, np.eye(min(w.shape)), atol=1e-14)


def test_orthogonal_is_uniform_over_rotations_and_reflections():
    """The signs of LAPACK's factors alone would make the diagonal's mean positive or negative; Haar's is zero."""
    draws = jax.vmap(lambda key: initializers.orthogonal(key, (3, 3)))(jax.random.split(jax.random.key(1), 2000))
    assert np.abs(np.asarray(draws.mean(0))).max() < 5 * math.sqrt(1 / 3 / 2000)
    assert np.asarray(draws**2).mean(0) == pytest.approx(np.full((3, 3), 1 / 3), abs=0.03)


def test_orthogonal_needs_a_matrix(key):
    with pytest.raises(ValueError, match="cannot be orthogonal"):
        initializers.orthogonal(key, (3,))


@pytest.mark.parametrize("dtype", ["float16", "bfloat16", "float32", "float64"])
@pytest.mark.parametrize("name", initializers.BY_NAME)
def test_dtype_shape_and_key(name, dtype, x64):
    draw = initializers.BY_NAME[name]
    w, again, other = (draw(jax.random.key(seed), (6, 4), jnp.dtype(dtype)) for seed in (0, 0, 1))
    assert (w.shape, w.dtype) == ((6, 4), jnp.dtype(dtype))
    assert bool(jnp.isfinite(w).all())
    np.testing.assert_array_equal(w, again)
    assert (name in ("zeros", "ones")) == bool((w == other).all())


def test_constants(key):
    assert initializers.constant(0.25)(key, (2, 2)).tolist() == [[0.25, 0.25]] * 2
    assert initializers.zeros(key, (2,)).tolist() == [0.0, 0.0]
    assert initializers.ones(key, (2,), jnp.bfloat16).dtype == jnp.bfloat16


def test_either_library_can_stand_in_for_the_other(key):
    """jax.nn's in our layer; ours against jax.nn's by their moments (not the same stream of numbers)."""
    assert init_dense(key, 3, 2, initializer=jax.nn.initializers.he_normal())["w"].shape == (3, 2)
    for ours, theirs in [
        (initializers.lecun_normal, jax.nn.initializers.lecun_normal()),
        (initializers.glorot_uniform, jax.nn.initializers.glorot_uniform()),
    ]:
        for shape in [SHAPE, (3, 3, 40, 50)]:
            assert ours(key, shape).std() == pytest.approx(float(theirs(key, shape, jnp.float32).std()), rel=0.03)
