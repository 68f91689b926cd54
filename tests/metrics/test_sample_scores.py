"""Scores of samples against other implementations and cases whose answer is known."""

import math

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import scipy.linalg

from jaxdl.metrics import sample_scores


@pytest.mark.parametrize("n", [1, 100, 103])
def test_parzen_blocks_leave_no_row_out(n):
    """A single sample: the estimate is that Gaussian itself."""
    x = jax.random.normal(jax.random.key(0), (n, 4))
    expected = -0.5 * (x**2).sum(1) / 0.25 - 2 * math.log(2 * math.pi * 0.25)
    np.testing.assert_allclose(sample_scores.parzen_log_likelihood(jnp.zeros((1, 4)), x, 0.5), expected, rtol=1e-5)


def test_parzen_chooses_the_width_on_validation_alone():
    """Validation lies 0.46 from the samples in each coordinate, the test part much farther."""
    rng = np.random.default_rng(0)
    samples = jnp.asarray(rng.normal(size=(1, 50)) * 0.0, jnp.float32)
    validation, test = (jnp.asarray(s * rng.normal(size=(200, 50)), jnp.float32) for s in (0.46, 3.0))
    scores = sample_scores.parzen_scores(samples, validation, test)
    assert scores["parzen_sigma"] == pytest.approx(10 ** (-3 / 9))  # 0.464, the nearest of the ten
    each = sample_scores.parzen_log_likelihood(samples, test, scores["parzen_sigma"])
    assert scores["parzen"] == pytest.approx(float(each.mean()), rel=1e-6)
    assert scores["parzen_error"] == pytest.approx(float(each.std()) / math.sqrt(200), rel=1e-4)


def test_the_ten_published_widths():
    assert len(sample_scores.SIGMAS) == 10
    np.testing.assert_allclose(sample_scores.SIGMAS, np.logspace(-1, 0, num=10))


def test_frechet_distance_equals_the_one_with_a_matrix_root():
    rng = np.random.default_rng(0)
    a, b = rng.normal(size=(50, 6)) @ rng.normal(size=(6, 6)), rng.normal(size=(40, 6)) + 0.5
    c_a, c_b = np.cov(a.T), np.cov(b.T)
    root = np.real(np.asarray(scipy.linalg.sqrtm(c_a @ c_b)))
    expected = ((a.mean(0) - b.mean(0)) ** 2).sum() + np.trace(c_a + c_b - 2 * root)
    assert sample_scores.frechet_distance(a, b) == pytest.approx(expected, rel=1e-9)
    assert sample_scores.frechet_distance(a, a) == pytest.approx(0.0, abs=1e-9)


def test_frechet_distance_of_features_that_do_not_vary():
    """Fewer rows than features, and a feature that is always 0: the covariances have no inverse."""
    rng = np.random.default_rng(0)
    a = np.concatenate([rng.normal(size=(4, 5)), np.zeros((4, 1))], axis=1)
    assert sample_scores.frechet_distance(a, a + 1.0) == pytest.approx(6.0, rel=1e-6)
    with pytest.raises(ValueError, match=r"\(4, 6\) and \(4, 5\)"):
        sample_scores.frechet_distance(a, a[:, :5])


def test_class_entropy_tells_even_from_sure():
    eye = 50 * jnp.eye(4)
    for logits, of_all, of_one in [
        (eye, math.log(4), 0.0),
        (jnp.zeros((3, 4)), math.log(4), math.log(4)),
        (jnp.repeat(eye[:1], 5, axis=0), 0.0, 0.0),
    ]:
        np.testing.assert_allclose(sample_scores.class_entropy(logits), (of_all, of_one), atol=1e-6)


def test_coverage_of_the_same_distribution_and_of_a_collapsed_one():
    keys = jax.random.split(jax.random.key(0), 3)
    centers = 20 * jax.random.normal(keys[2], (8, 5))
    draw = lambda key, modes: centers[jnp.arange(400) % modes] + jax.random.normal(key, (400, 5))  # noqa: E731
    data = draw(keys[0], 8)
    share = lambda samples, **options: float(sample_scores.coverage(data, samples, **options)[0]) / 400  # noqa: E731
    assert share(draw(keys[1], 8)) == pytest.approx(1 - 2**-5, abs=0.03)
    assert share(draw(keys[1], 4)) == pytest.approx(0.5, abs=0.03)
    assert share(jnp.broadcast_to(centers[:1], (400, 5))) <= 1 / 8
    assert share(data + 1e4) == 0.0


def test_rows_that_only_fill_a_batch_change_nothing():
    keys = jax.random.split(jax.random.key(0), 2)
    data, samples = (jax.random.normal(key, (20, 3)) for key in keys)
    mask = jnp.arange(20) < 13
    for fill in (0.0, 100.0):
        padded = [jnp.where(mask[:, None], x, fill) for x in (data, samples)]
        masked = sample_scores.coverage(*padded, where=mask)
        assert [float(v) for v in masked] == [float(v) for v in sample_scores.coverage(data[:13], samples[:13])]


def test_modes_are_found_from_a_tenth_of_their_share_on():
    centers, step = jnp.array([[0.0, 0.0], [4.0, 0.0]]), jnp.array([0.1, 0.0])
    for strays, modes in [(4, 1), (5, 2)]:  # of 100 samples; a fair share is 50
        samples = jnp.concatenate([jnp.zeros((100 - strays, 2)), jnp.broadcast_to(centers[1] + step, (strays, 2))])
        found, good = sample_scores.mode_coverage(samples, centers, 0.05)
        assert (int(found), float(good)) == (modes, 1.0)
    assert float(sample_scores.mode_coverage(samples, centers, 0.03)[1]) == pytest.approx(0.95)  # 0.1 is above 3 x 0.03
