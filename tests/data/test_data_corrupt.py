"""Corruptions: how much they change, what they leave, that a key decides, that a row does not depend on the others."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxdl.data import corrupt

X = jnp.asarray(np.random.default_rng(0).uniform(0.2, 0.8, (40, 10, 10, 1)), jnp.float32)
ALL = {"masking": 0.3, "gaussian": 0.3, "salt_and_pepper": 0.3}


def test_masking_zeroes_a_share_and_leaves_the_rest(key):
    noisy = corrupt.masking(X, 0.3, key=key)
    masked = noisy == 0
    assert float(masked.mean()) == pytest.approx(0.3, abs=0.03)  # 7 standard errors of 4,000 draws are 0.05
    np.testing.assert_array_equal(noisy[~masked], X[~masked])


def test_salt_and_pepper_are_equally_likely(key):
    noisy = corrupt.salt_and_pepper(X, 0.4, low=-1.0, high=2.0, key=key)
    shares = [float((noisy == value).mean()) for value in (-1.0, 2.0)]
    assert shares == pytest.approx([0.2, 0.2], abs=0.03)
    np.testing.assert_array_equal(jnp.where((noisy == -1) | (noisy == 2), X, noisy), X)


def test_gaussian_noise_has_the_stated_deviation_and_is_not_clipped(key):
    noise = corrupt.gaussian(X, 0.5, key=key) - X
    assert (float(noise.mean()), float(noise.std())) == pytest.approx((0.0, 0.5), abs=0.03)
    assert float(jnp.abs(jnp.corrcoef(noise.reshape(40, -1)) - jnp.eye(40)).max()) < 0.5  # each row has its own


@pytest.mark.parametrize("name", ALL)
def test_a_key_decides(name, key):
    one, again = (corrupt.BY_NAME[name](X, ALL[name], key=key) for _ in range(2))
    np.testing.assert_array_equal(one, again)
    assert not np.array_equal(one, corrupt.BY_NAME[name](X, ALL[name], key=jax.random.key(1)))


@pytest.mark.parametrize("name", ALL)
def test_rows_do_not_depend_on_the_size_of_the_batch(name, key):
    """What fills up the last batch of an epoch changes nothing for the others."""
    whole, part = (corrupt.BY_NAME[name](x, ALL[name], key=key) for x in (X, X[:7]))
    np.testing.assert_array_equal(whole[:7], part)


@pytest.mark.parametrize("name", ALL)
@pytest.mark.parametrize("shape", [(4, 3), (4, 3, 2), (4, 2, 2, 3)])
def test_any_rank_and_dtype(name, shape, key):
    for dtype in (jnp.bfloat16, jnp.float32):
        noisy = corrupt.BY_NAME[name](jnp.ones(shape, dtype), 0.5, key=key)
        assert (noisy.shape, noisy.dtype) == (shape, dtype)


@pytest.mark.parametrize("name", ALL)
def test_level_zero_changes_nothing(name, key):
    np.testing.assert_array_equal(corrupt.BY_NAME[name](X, 0.0, key=key), X)


def test_rate_one_changes_everything(key):
    assert not corrupt.masking(X, 1.0, key=key).any()
    assert set(np.unique(corrupt.salt_and_pepper(X, 1.0, key=key))) == {0.0, 1.0}


@pytest.mark.parametrize("name", ALL)
def test_mistakes(name, key):
    with pytest.raises(ValueError, match=r"x must be floating, got uint8 \(2, 3\)"):
        corrupt.BY_NAME[name](jnp.zeros((2, 3), jnp.uint8), 0.5, key=key)
    with pytest.raises(ValueError, match=r"-0\.1"):
        corrupt.BY_NAME[name](X, -0.1, key=key)
