"""k folds of ratings: every rating is predicted once, from the others; errors and rankings against plain numpy."""

import numpy as np
import pytest

from jaxdl.applications.recommend import rating_scores
from jaxdl.data.ratings import from_rows, generate
from jaxdl.models import recommender
from jaxdl.tasks import supervised

MADE = generate(40, 16, density=0.5)


def test_every_rating_is_held_out_once_and_never_shown():
    seen = []

    def predict(train):
        seen.append(set(zip(train.users.tolist(), train.items.tolist(), strict=True)))
        return np.full(MADE.truth.shape, 3.0, np.float32)

    found = rating_scores.cross_validate(MADE.ratings, predict, folds=4)
    every = set(zip(MADE.ratings.users.tolist(), MADE.ratings.items.tolist(), strict=True))
    held = [every - train for train in seen]
    assert set.union(*held) == every
    assert sum(map(len, held)) == len(every)
    sizes, errors = np.array([len(part) for part in held]), MADE.ratings.values - 3.0
    squares = (np.array(found["rmse"]) ** 2 * sizes).sum() / sizes.sum()
    assert squares == pytest.approx((errors**2).mean(), rel=1e-5)
    assert (np.array(found["mae"]) * sizes).sum() / sizes.sum() == pytest.approx(np.abs(errors).mean(), rel=1e-5)


def test_who_knows_the_truth_ranks_best():
    truth = rating_scores.cross_validate(MADE.ratings, lambda train: MADE.truth, folds=3, count=3)
    worst = rating_scores.cross_validate(MADE.ratings, lambda train: -MADE.truth, folds=3, count=3)
    for name in ("precision", "recall", "ndcg"):
        assert np.mean(truth[name]) > np.mean(worst[name]) + 0.05, name
    assert all(0 < value <= 1 for value in truth["coverage"])


def test_precision_is_that_of_a_plain_loop():
    found = rating_scores.cross_validate(MADE.ratings, lambda train: MADE.truth, folds=2, count=3, liked=4.0)
    shown, expected = [], []

    def remember(train):
        shown.append(train.matrix()[1])
        return MADE.truth

    rating_scores.cross_validate(MADE.ratings, remember, folds=2, count=3, liked=4.0)
    values, known = MADE.ratings.matrix()
    for train in shown:
        hits = []
        for user in range(40):
            relevant = known[user] & ~train[user] & (values[user] >= 4.0)
            order = np.argsort(-np.where(train[user], -np.inf, MADE.truth[user]), kind="stable")[:3]
            hits += [relevant[order].mean()] if relevant.any() else []
        expected.append(np.mean(hits))
    np.testing.assert_allclose(found["precision"], expected, rtol=1e-5)


def test_learners_beat_the_means_of_items():
    config = recommender.Config("item", "ratings", "centered_cosine", k=20, significance=5)
    settings = supervised.Config(epochs=25, batch_size=16, learning_rate=0.02, schedule="cosine", l2=0.002)
    methods = {
        "means": rating_scores.predict_item_means,
        "neighbors": rating_scores.predict_by_neighbors(config),
        "factors": rating_scores.predict_by_factors(4, settings=settings),
    }
    made = generate(120, 30, density=0.5, seed=3).ratings
    error = {n: np.mean(rating_scores.cross_validate(made, m, folds=2)["rmse"]) for n, m in methods.items()}
    assert max(error["neighbors"], error["factors"]) < 0.95 * error["means"]


def test_visits_are_refused():
    with pytest.raises(ValueError, match="visits have no ratings to predict"):
        rating_scores.cross_validate(from_rows([("a", "b", None)]), rating_scores.predict_item_means)
