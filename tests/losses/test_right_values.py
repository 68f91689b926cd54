"""Values that are known: integers, infinities, a common offset, wrong labels, weights."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import sklearn.metrics

from jaxdl import losses, metrics
from jaxdl.data import standardize


def test_integers_are_numbers():
    lists: Any = ([0, 1], [1, 1])
    assert float(losses.mean_squared_error(*lists)) == 0.5
    assert float(losses.mean_squared_error(jnp.array([1, 2]), jnp.array([0, 4]))) == 2.5
    assert float(losses.categorical_cross_entropy(jnp.array([0, 0]), jnp.array([1, 0]))) == pytest.approx(0.693147)
    stamps = np.array([[1_700_000_000_000_000_000], [1_700_000_002_000_000_000]])  # nanoseconds, two seconds apart
    np.testing.assert_allclose(standardize().apply(standardize().fit(stamps), stamps), [[-1.0], [1.0]], rtol=1e-6)
    everything = jnp.ones((1, 3), bool)
    relevant = jnp.array([[True, False, False]])
    for dtype in ("int32", "uint8"):
        found = metrics.ranking.precision_at_k(jnp.array([[5, 3, 0]], dtype), relevant, everything, 1)
        assert float(metrics.value(found)) == 1.0
    with pytest.raises(ValueError, match="predictions must be real, got complex64"):
        losses.mean_squared_error(jnp.ones(2, jnp.complex64), jnp.ones(2))


def test_infinities_have_their_limits():
    x, t = jnp.array([jnp.inf, -jnp.inf]), jnp.array([1.0, 0.0])
    value, slope = jax.value_and_grad(lambda x: losses.binary_cross_entropy(x, t).sum())(x)
    assert float(value) == 0.0
    assert slope.tolist() == [0.0, 0.0]
    assert losses.binary_cross_entropy(x, 1 - t).tolist() == [np.inf, np.inf]
    log_q, hard = jnp.array([-jnp.inf, 0.0]), jnp.array([0.0, 1.0])
    for loss in (losses.categorical_cross_entropy, losses.kl_divergence):
        value, slope = jax.value_and_grad(loss)(log_q, hard)
        assert float(value) == 0.0
        assert np.isfinite(slope).all()


def test_a_common_offset_costs_no_digits():
    assert float(losses.sparse_categorical_cross_entropy(jnp.full(3, 1e6), jnp.array(0))) == pytest.approx(np.log(3))
    soft = losses.categorical_cross_entropy(jnp.full(2, 1e4), jnp.array([0.5, 0.5]))
    assert float(soft) == pytest.approx(np.log(2), rel=1e-6)
    t: Any = np.array([9999.0, 10000.0, 10001.0], np.float32)
    p: Any = t + np.array([0.1, -0.1, 0.1], np.float32)
    found = metrics.r2(metrics.squared_errors(p, t, center=10000.0))
    assert float(found) == pytest.approx(sklearn.metrics.r2_score(t.astype(float), p.astype(float)), rel=1e-5)


@pytest.mark.parametrize("label", [-1, 3])
def test_a_label_that_is_no_class_gives_nan_in_value_and_gradient(label):
    loss = losses.sparse_categorical_cross_entropy
    value, slope = jax.value_and_grad(lambda x: loss(x, jnp.array([label])).sum())(jnp.zeros((1, 3)))
    assert np.isnan(value)
    assert np.isnan(slope).all()
    value, slope = jax.value_and_grad(lambda x: loss(x, jnp.array([label]), ignore_index=label).sum())(
        jnp.zeros((1, 3))
    )
    assert float(value) == 0.0
    assert not slope.any()


def test_nan_is_never_right_and_ties_follow_one_rule():
    nan, labels = jnp.full((2, 3), jnp.nan), jnp.array([0, 1])
    for pair in (
        metrics.accuracy(nan, labels),
        metrics.top_k_accuracy(nan, labels, 3),
        metrics.binary_accuracy(nan[:, 0], jnp.zeros(2)),
        metrics.accuracy(jnp.zeros((1, 3)), jnp.array([1])),
        metrics.top_k_accuracy(jnp.zeros((1, 3)), jnp.array([2]), 2),
    ):
        assert float(metrics.value(pair)) == 0.0
    assert np.isnan(losses.root_mean_squared_error(jnp.array([jnp.nan, 1.0]), jnp.ones(2)))
    with pytest.raises(ValueError, match="differ in shape"):
        metrics.mean(jnp.ones(2), where=jnp.ones((2, 3), bool))


def test_counts_go_past_2_to_the_24():
    pair = metrics.mean(jnp.ones(1, bool))
    total = jax.tree.map(lambda n: n * 2**24, pair)
    assert [int(n) for n in metrics.merge({"a": total}, {"a": pair})["a"]] == [2**24 + 1] * 2


def test_weights_equal_those_of_scikit_learn():
    rng = np.random.default_rng(0)
    arrays: Any = (rng.integers(0, 9, 50) / 4, rng.integers(0, 2, 50), rng.random(50))
    scores, t, w = arrays
    expected = sklearn.metrics.roc_auc_score(t, scores, sample_weight=w)
    assert float(metrics.roc_auc(scores, t, weights=w)) == pytest.approx(expected, rel=1e-5)
    expected = sklearn.metrics.mean_squared_error(t, scores, sample_weight=w)
    assert float(losses.mean_squared_error(scores, t, weights=w)) == pytest.approx(expected, rel=1e-5)
