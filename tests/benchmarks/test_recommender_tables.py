"""The recommenders' benchmark scripts: the peers find what ours finds, the table says the means."""

import numpy as np
import pytest

from benchmarks import neighbors, recommenders

VISITS = (np.random.default_rng(0).random((80, 30)) < np.linspace(0.6, 0.05, 30)).astype(np.float32)
VISITS[:, 0] = 1  # nobody without a visit


@pytest.mark.parametrize("peer", [neighbors.with_scipy, neighbors.with_scipy_regrouped])
def test_scipy_finds_the_scores_of_ours(peer):
    assert neighbors.disagreement(neighbors.ours(VISITS)[0], peer(VISITS)[0]) < 1e-5


@pytest.mark.parametrize("dense", [True, False])
def test_scikit_learn_finds_the_neighbors_of_ours(dense):
    near, areas = neighbors.ours_nearest(VISITS)
    theirs, others = neighbors.with_scikit_learn(VISITS, dense=dense)
    assert neighbors.disagreement(near, theirs) < 1e-5
    assert areas.shape == others.shape == (80, neighbors.COUNT)
    assert not np.take_along_axis(VISITS, areas, axis=1)[VISITS.sum(1) <= 20].any()  # nothing they have already


def test_a_wrong_answer_disagrees():
    scores = neighbors.ours(VISITS)[0]
    assert neighbors.disagreement(scores, scores * 1.01) > 1e-3


def test_summary_prints_means_and_intervals():
    text = recommenders.summary({"popularity": {"all but 1": [46.0, 48.0]}}, 1)
    assert text.splitlines()[0].split() == ["all", "but", "1"]
    assert text.splitlines()[1].split() == ["popularity", "47.0", "±", "12.7"]
