"""Scalers: what they promise on the training part, the inverse, and independence from the other parts."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from jaxdl.data.scaling import min_max, standardize, whiten

SCALERS = {
    "standardize": standardize(),
    "min_max": min_max(-2.0, 3.0),
    "pca": whiten("pca"),
    "zca": whiten("zca"),
    "zca/eps": whiten("zca", eps=0.1),
}
matrices = arrays(
    np.float64, st.tuples(st.integers(2, 12), st.integers(1, 5)), elements=st.integers(-50, 50).map(float)
)


def correlated(n=200, d=4, seed=0):
    rng = np.random.default_rng(seed)
    return rng.normal(size=(n, d)) @ rng.normal(size=(d, d)) + rng.normal(size=d) * 5


@pytest.mark.parametrize("name", SCALERS)
@given(x=matrices)
@settings(deadline=None, max_examples=60)
def test_inverse_is_identity(name, x):
    """Also for constant and redundant features, of which small integer matrices have many."""
    scaler = SCALERS[name]
    statistics = scaler.fit(x)
    y = scaler.apply(statistics, x)
    assert np.isfinite(y).all()
    np.testing.assert_allclose(scaler.inverse(statistics, y), x, atol=1e-9)


@pytest.mark.parametrize("name", SCALERS)
def test_jax_and_numpy_agree_and_keep_type_shape_and_dtype(name):
    scaler = SCALERS[name]
    x = correlated().astype(np.float32)
    statistics = scaler.fit(x)
    y = scaler.apply(statistics, x)
    assert isinstance(y, np.ndarray)
    assert y.dtype == np.float32
    for apply in (scaler.apply, jax.jit(scaler.apply)):
        traced = apply(statistics, jnp.asarray(x))
        assert isinstance(traced, jax.Array)
        assert traced.dtype == jnp.float32
        np.testing.assert_allclose(traced, y, atol=2e-5)
    np.testing.assert_allclose(jax.jit(scaler.inverse)(statistics, jnp.asarray(y)), x, atol=1e-4)
    np.testing.assert_allclose(scaler.apply(statistics, x[3:4]), y[3:4], atol=2e-6)  # a row does not see the others


@pytest.mark.parametrize("name", SCALERS)
def test_other_dtypes(name, x64):
    scaler = SCALERS[name]
    x = np.round(correlated())
    statistics = scaler.fit(x)
    y = scaler.apply(statistics, x)
    assert y.dtype == np.float64
    np.testing.assert_allclose(scaler.apply(statistics, jnp.asarray(x)), y, atol=1e-12)
    assert scaler.apply(statistics, x.astype(np.int32)).dtype == np.float32
    for dtype in (jnp.float16, jnp.bfloat16):
        half = scaler.apply(statistics, jnp.asarray(x, dtype))
        assert half.dtype == dtype
        np.testing.assert_allclose(half.astype(jnp.float64), y, atol=0.1)


def test_standardize():
    x = correlated()
    scaler = standardize()
    y = scaler.apply(scaler.fit(x), x)
    np.testing.assert_allclose(y.mean(axis=0), 0, atol=1e-12)
    np.testing.assert_allclose(y.std(axis=0), 1, atol=1e-12)


def test_standardize_uses_the_training_part_only():
    scaler = standardize()
    statistics = scaler.fit(np.array([[0.0], [2.0]]))
    assert scaler.apply(statistics, np.array([[11.0], [1.0]])).tolist() == [[10.0], [0.0]]


def test_standardize_constant_feature():
    x = np.full((7, 2), 0.1)  # whose mean is not exactly 0.1 in floating point
    x[:, 1] = np.arange(7)
    y = standardize().apply(standardize().fit(x), x)
    assert (y[:, 0] == 0).all()
    assert np.isfinite(y).all()


def test_standardize_channels_of_images():
    images = np.random.default_rng(0).integers(0, 256, (5, 4, 3, 2), np.uint8)
    scaler = standardize(axis=(0, 1, 2))
    statistics = scaler.fit(images)
    assert statistics["shift"].shape == (1, 1, 1, 2)
    y = scaler.apply(statistics, jnp.asarray(images))
    np.testing.assert_allclose(y.mean(axis=(0, 1, 2)), 0, atol=1e-6)
    np.testing.assert_allclose(y.std(axis=(0, 1, 2)), 1, atol=1e-6)


def test_min_max():
    x = correlated()
    x[:, 2] = 4.5
    scaler = min_max(-2.0, 3.0)
    y = scaler.apply(scaler.fit(x), x)
    np.testing.assert_allclose(y.min(axis=0), -2, atol=1e-12)
    np.testing.assert_allclose(y.max(axis=0)[[0, 1, 3]], 3, atol=1e-12)
    unit = min_max()
    z = unit.apply(unit.fit(x), x)
    assert (z.min(axis=0) == 0).all()  # exactly
    np.testing.assert_allclose(z[:, 2], 0)


@pytest.mark.parametrize("method", ["pca", "zca"])
def test_whitened_covariance_is_the_identity(method):
    x = correlated()
    scaler = whiten(method)
    y = scaler.apply(scaler.fit(x), x)
    np.testing.assert_allclose(y.mean(axis=0), 0, atol=1e-12)
    np.testing.assert_allclose(y.T @ y / len(y), np.eye(4), atol=1e-9)


def test_pca_equals_scikit_learn():
    from sklearn.decomposition import PCA

    x = correlated()
    n = len(x)
    ours = whiten("pca").apply(whiten("pca").fit(x), x)
    theirs = PCA(whiten=True).fit_transform(x) * np.sqrt(n / (n - 1))  # it divides by N - 1
    signs = np.sign((ours * theirs).sum(axis=0))  # an axis has no direction
    np.testing.assert_allclose(ours, theirs * signs[None], atol=1e-9)


def test_zca_is_symmetric_and_the_closest_whitening():
    x = correlated()
    statistics = whiten("zca").fit(x)
    np.testing.assert_allclose(statistics["forward"], statistics["forward"].T, atol=1e-12)
    distances = [((whiten(m).apply(whiten(m).fit(x), x) - (x - x.mean(axis=0))) ** 2).sum() for m in ("zca", "pca")]
    assert distances[0] < distances[1]


def test_whiten_without_variance_and_with_eps():
    x = correlated()
    x = np.concatenate([x, x[:, :1], np.ones((len(x), 1))], axis=1)  # a redundant and a constant feature
    scaler = whiten("pca")
    y = scaler.apply(scaler.fit(x), x)
    np.testing.assert_allclose(y.T @ y / len(y), np.diag([1, 1, 1, 1, 0, 0]), atol=1e-9)
    eps = 0.5
    variances = np.linalg.eigvalsh(np.cov(x.T, bias=True))[::-1].clip(0)
    y = whiten("pca", eps=eps).apply(whiten("pca", eps=eps).fit(x), x)
    np.testing.assert_allclose(y.var(axis=0), variances / (variances + eps), atol=1e-9)


def test_whiten_keeps_the_shape_of_images():
    images = np.random.default_rng(0).random((40, 3, 3, 2)).astype(np.float32)
    scaler = whiten("zca", eps=0.01)
    statistics = scaler.fit(images)
    assert statistics["forward"].shape == (18, 18)
    assert jax.jit(scaler.apply)(statistics, images).shape == images.shape


def test_wrong_arguments():
    with pytest.raises(ValueError, match=r"low must be below high, got low=1\.0, high=1\.0"):
        min_max(1.0, 1.0)
    with pytest.raises(ValueError, match="'pca' or 'zca', got 'ica'"):
        whiten("ica")
    with pytest.raises(ValueError, match="eps"):
        whiten(eps=-1.0)
    for scaler in SCALERS.values():
        with pytest.raises(ValueError, match="not finite"):
            scaler.fit(np.array([[1.0], [np.nan]]))
        with pytest.raises(ValueError, match=r"got shape \(0, 3\)"):
            scaler.fit(np.zeros((0, 3)))
