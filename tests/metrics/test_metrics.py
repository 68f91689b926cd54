"""Metrics: any partition gives the whole; scikit-learn's values."""

import functools
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import sklearn.metrics
from hypothesis import given, settings
from hypothesis import strategies as st

from jaxdl import metrics
from jaxdl.types import Metrics

K = 4


def _data(n: int, seed: int) -> tuple[Any, Any]:
    """Logits in quarters, so that ties happen and float32 sums are exact; and labels."""
    rng = np.random.default_rng(seed)
    return rng.integers(-8, 8, (n, K)).astype(np.float32) / 4, rng.integers(0, K, n).astype(np.int32)


def _all(logits, labels, where) -> Metrics:
    return {
        "mean": metrics.mean(logits[:, 0], where=where),
        "accuracy": metrics.accuracy(logits, labels, where=where),
        "binary": metrics.binary_accuracy(logits[:, 0], (labels > 1).astype(jnp.float32), where=where),
        "top 2": metrics.top_k_accuracy(logits, labels, 2, where=where),
        "confusion": metrics.confusion_matrix(logits, labels, where=where),
        "r2": metrics.squared_errors(logits[:, 0], logits[:, 1], center=0.0, where=where),
    }


@given(
    n=st.sampled_from((1, 6, 12)),
    cuts=st.lists(st.sampled_from((0, 3, 6, 9)), max_size=4),
    seed=st.integers(0, 2**16),
    kept=st.lists(st.booleans(), min_size=4, max_size=4),
)
@settings(max_examples=20, deadline=None)
def test_adding_over_any_partition_gives_the_whole(n, cuts, seed, kept):
    """Parts and masks of threes: few shapes, each of which compiles some forty operations."""
    logits, labels = _data(n, seed)
    where = np.random.default_rng(seed).permutation(np.repeat(kept, 3)[:n])
    parts = [p for p in np.split(np.random.default_rng(seed).permutation(n), sorted(min(c, n) for c in cuts)) if len(p)]
    added = metrics.merge_all([_all(logits[p], labels[p], where[p]) for p in parts])
    whole = _all(logits, labels, where)
    assert jax.tree.structure(added) == jax.tree.structure(whole)
    for a, b in zip(jax.tree.leaves(added), jax.tree.leaves(whole), strict=True):
        np.testing.assert_array_equal(a, b)
    alone = _all(logits[where], labels[where], np.ones(where.sum(), bool)) if where.any() else None
    if alone is not None:  # masked rows are as if they were not there
        for a, b in zip(jax.tree.leaves(alone), jax.tree.leaves(whole), strict=True):
            np.testing.assert_array_equal(a, b)


@pytest.fixture(scope="module")
def predictions():
    logits, labels = _data(200, 3)
    labels[labels == 2] = 1  # a class without examples
    logits[:, 3] -= 100.0  # a class that is never predicted
    return logits, labels


def test_confusion_matrix(predictions):
    logits, labels = predictions
    expected = sklearn.metrics.confusion_matrix(labels, logits.argmax(-1), labels=range(K))
    counts, n = metrics.confusion_matrix(logits, labels)
    np.testing.assert_array_equal(counts, expected)
    assert float(n) == 200


@pytest.mark.parametrize("average", ["macro", "weighted", "micro", "none"])
@pytest.mark.parametrize("name", ["precision", "recall", "f1"])
def test_scores_of_a_confusion_matrix(predictions, name, average):
    logits, labels = predictions
    theirs = getattr(sklearn.metrics, f"{name}_score")
    expected = theirs(
        labels, logits.argmax(-1), labels=range(K), average=None if average == "none" else average, zero_division=0
    )
    ours = getattr(metrics, name)(metrics.confusion_matrix(logits, labels)[0], average=average)
    np.testing.assert_allclose(ours, expected, rtol=1e-6)


def test_unknown_average():
    with pytest.raises(ValueError, match='average must be "macro", "weighted", "micro" or "none", got \'mean\''):
        metrics.precision(jnp.eye(2), average="mean")


def test_accuracy(predictions):
    logits, labels = predictions
    expected = sklearn.metrics.accuracy_score(labels, logits.argmax(-1))
    assert float(metrics.value(metrics.accuracy(logits, labels))) == pytest.approx(expected)
    targets = (labels > 0).astype(np.float32)
    expected = sklearn.metrics.accuracy_score(targets, logits[:, 0] > 0)
    assert float(metrics.value(metrics.binary_accuracy(logits[:, 0], targets))) == pytest.approx(expected)


@pytest.mark.parametrize("k", [1, 2, 3, 4])
def test_top_k_accuracy(k):
    rng = np.random.default_rng(0)
    logits, labels = jnp.asarray(rng.normal(size=(100, K)), jnp.float32), jnp.asarray(rng.integers(0, K, 100))
    expected = 1.0
    if k < K:  # scikit-learn warns where every row is right
        expected = sklearn.metrics.top_k_accuracy_score(labels, logits, k=k, labels=range(K))
    assert float(metrics.value(metrics.top_k_accuracy(logits, labels, k))) == pytest.approx(expected)


def test_r2():
    rng = np.random.default_rng(0)
    t = rng.normal(size=50).astype(np.float32)
    p = (t + 0.5 * rng.normal(size=50)).astype(np.float32)
    halves = [
        metrics.squared_errors(jnp.asarray(p[s]), jnp.asarray(t[s]), center=0.0) for s in (slice(0, 20), slice(20, 50))
    ]
    assert float(metrics.r2(functools.reduce(metrics.merge, halves))) == pytest.approx(
        sklearn.metrics.r2_score(t, p), rel=1e-5
    )


@pytest.mark.parametrize(
    ("p", "t"), [([1.0], [2.0]), ([2.0], [2.0]), ([1.0, 2.0], [3.0, 3.0]), ([3.0, 3.0], [3.0, 3.0])]
)
def test_r2_without_spread_is_finite(p, t):
    """A batch of one row is no reason to stop a run."""
    ours = metrics.scalars({"r2": metrics.squared_errors(jnp.asarray(p), jnp.asarray(t), center=0.0)})["r2"]
    assert ours == (1.0 if p == t else 0.0)
    if len(t) > 1:
        assert ours == sklearn.metrics.r2_score(t, p)


def test_perplexity():
    assert float(metrics.perplexity(metrics.mean(jnp.full((2, 3), np.log(7.0))))) == pytest.approx(7.0, rel=1e-5)


def test_scalars_leave_matrices_out_and_are_python_floats():
    numbers = metrics.scalars(_all(*_data(8, 0), None))
    assert set(numbers) == {"mean", "accuracy", "binary", "top 2", "r2"}
    assert all(type(value) is float for value in numbers.values())


def test_nothing_counted_is_zero_not_nan():
    pair = metrics.mean(jnp.array([jnp.nan]), where=jnp.array([False]))
    assert float(metrics.value(pair)) == 0.0
    assert metrics.scalars({"loss": pair}) == {"loss": 0.0}


def test_nan_is_not_hidden():
    assert np.isnan(metrics.scalars({"loss": metrics.mean(jnp.array([1.0, jnp.nan]))})["loss"])
    t = jnp.array([1.0, 2.0])
    assert np.isnan(metrics.scalars({"r2": metrics.squared_errors(t * jnp.nan, t, center=0.0)})["r2"])


@pytest.mark.parametrize("dtype", ["float16", "bfloat16"])
def test_half_precision_sums_are_wide(dtype):
    total, n = metrics.mean(jnp.full(4096, 100.0, jnp.dtype(dtype)))
    assert (total.dtype, n.dtype) == (jnp.float32, jnp.int32)
    assert (float(total), float(n)) == (409600.0, 4096.0)
