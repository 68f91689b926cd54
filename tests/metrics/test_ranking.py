"""Metrics of rankings against worked examples, scikit-learn and plain loops."""

import jax.numpy as jnp
import numpy as np
import pytest
from sklearn.metrics import ndcg_score

from jaxdl import metrics
from jaxdl.metrics import ranking

RNG = np.random.default_rng(0)
SCORES = RNG.normal(size=(20, 12)).astype(np.float32)
RELEVANT = RNG.random((20, 12)) < 0.3
RELEVANT[0] = False  # nothing to find: this user does not count
EVERYTHING = np.ones_like(RELEVANT)


def value(pair) -> float:
    return float(metrics.value(pair))


def test_ranked_score_is_breeses_equation():
    candidates = RNG.random((20, 12)) < 0.8
    top = bottom = 0.0
    for scores, relevant, may in zip(SCORES, RELEVANT, candidates, strict=True):
        order = [i for i in np.argsort(-scores, kind="stable") if may[i]]
        top += sum(2 ** (-rank / 4) for rank, i in enumerate(order) if relevant[i])
        bottom += sum(2 ** (-rank / 4) for rank in range(int((relevant & may).sum())))
    found = ranking.ranked_score(jnp.asarray(SCORES), jnp.asarray(RELEVANT), jnp.asarray(candidates))
    np.testing.assert_allclose([float(x) for x in found], [top, bottom], rtol=1e-5)


def test_ranked_score_of_the_fifth_place_is_a_half():
    relevant = jnp.zeros((1, 9), bool).at[0, 4].set(True)
    found = ranking.ranked_score(-jnp.arange(9.0)[None], relevant, jnp.ones((1, 9), bool))
    assert value(found) == pytest.approx(0.5)
    with pytest.raises(ValueError, match="half_life"):
        ranking.ranked_score(-jnp.arange(9.0)[None], relevant, jnp.ones((1, 9), bool), half_life=1)


def test_batches_add_up():
    whole = ranking.ranked_score(jnp.asarray(SCORES), jnp.asarray(RELEVANT), jnp.asarray(EVERYTHING))
    parts = [
        ranking.ranked_score(jnp.asarray(SCORES[i : i + 5]), jnp.asarray(RELEVANT[i : i + 5]), jnp.ones((5, 12), bool))
        for i in range(0, 20, 5)
    ]
    assert value((sum(p[0] for p in parts), sum(p[1] for p in parts))) == pytest.approx(value(whole), rel=1e-6)


@pytest.mark.parametrize("k", [1, 3, 12])
def test_precision_recall_ndcg(k):
    args = jnp.asarray(SCORES), jnp.asarray(RELEVANT), jnp.asarray(EVERYTHING), k
    best = np.argsort(-SCORES, axis=1)[1:, :k]
    hits = np.take_along_axis(RELEVANT[1:], best, axis=1).sum(1)
    assert value(ranking.precision_at_k(*args)) == pytest.approx((hits / k).mean(), rel=1e-5)
    assert value(ranking.recall_at_k(*args)) == pytest.approx((hits / RELEVANT[1:].sum(1)).mean(), rel=1e-5)
    assert value(ranking.ndcg_at_k(*args)) == pytest.approx(ndcg_score(RELEVANT[1:], SCORES[1:], k=k), rel=1e-5)


def test_what_the_user_has_is_never_a_hit():
    scores, relevant = jnp.array([[3.0, 2.0, 1.0]]), jnp.array([[True, True, False]])
    candidates = jnp.array([[False, True, True]])
    assert value(ranking.precision_at_k(scores, relevant, candidates, 1)) == 1
    assert value(ranking.recall_at_k(scores, relevant, candidates, 1)) == 1


@pytest.mark.parametrize("least", [jnp.float32(-jnp.inf), jnp.int32(jnp.iinfo(jnp.int32).min), jnp.uint8(0), False])
def test_the_lowest_score_comes_before_what_is_hidden(least):
    scores = jnp.broadcast_to(jnp.asarray(least), (1, 3))
    may_be_shown, relevant = jnp.array([[False, True, True]]), jnp.array([[False, False, True]])
    assert ranking.hits_in_order(scores, relevant, may_be_shown).tolist() == [[False, True, False]]
    assert float(ranking.coverage(scores, may_be_shown, 1)) == pytest.approx(1 / 3)


def test_equal_scores_are_ranked_in_order():
    hits = ranking.hits_in_order(jnp.zeros((1, 4)), jnp.array([[True, False, False, True]]), jnp.ones((1, 4), bool))
    assert hits.tolist() == [[True, False, False, True]]


def test_coverage_counts_what_is_shown_to_anybody():
    scores = jnp.array([[3.0, 2.0, 1.0, 0.0], [3.0, 2.0, 1.0, 0.0]])
    candidates = jnp.array([[True, True, True, True], [False, False, False, True]])
    assert ranking.coverage(scores, candidates, 2).item() == pytest.approx(3 / 4)  # the second user has one left
    with pytest.raises(ValueError, match="between 1 and the 4 items, got 5"):
        ranking.coverage(scores, candidates, 5)


def test_what_is_no_ranking_is_refused():
    with pytest.raises(ValueError, match=r"shapes differ: \(2, 3\), \(2, 3\), \(1, 3\)"):
        ranking.hits_in_order(jnp.zeros((2, 3)), jnp.zeros((2, 3), bool), jnp.zeros((1, 3), bool))
    with pytest.raises(ValueError, match="scores must be real, got complex64"):
        ranking.hits_in_order(jnp.zeros((2, 3), jnp.complex64), *[jnp.ones((2, 3), bool)] * 2)
