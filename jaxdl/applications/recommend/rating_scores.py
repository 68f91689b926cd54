"""How well ratings are predicted and ranked: k folds of all ratings, each predicted from the other k - 1.

U users, I items.
"""

from collections.abc import Callable
from typing import TypeAlias

import jax
import jax.numpy as jnp
import numpy as np

from jaxdl import data, metrics
from jaxdl.data.ratings import Ratings
from jaxdl.metrics import ranking
from jaxdl.models import factorization, recommender
from jaxdl.tasks import factorization as factorization_tasks
from jaxdl.tasks import supervised
from jaxdl.training import fit

Predict: TypeAlias = Callable[[Ratings], np.ndarray]  # training ratings -> predicted ratings [U, I]


def cross_validate(
    ratings: Ratings, predict: Predict, *, folds: int = 5, count: int = 10, liked: float | None = None, seed: int = 0
) -> dict[str, list[float]]:
    """Scores of each fold: errors of the held-out ratings, and the ranking of all items that a user has not rated.

        rmse, mae                       of the held-out ratings
        precision, recall, ndcg         of the first `count` items; relevant are held-out ratings of at least `liked`
        coverage                        share of the items that are among anybody's first `count`

    Args:
        predict: learns from the ratings that it is given, which name all users and items.
        liked: by default the mean of all ratings.
    Raises: ValueError for ratings that are visits.

    >>> from jaxdl.data.ratings import generate
    >>> scores = cross_validate(generate(30, 12).ratings, predict_item_means, folds=2, count=3)
    >>> sorted(scores), len(scores["rmse"])
    (['coverage', 'mae', 'ndcg', 'precision', 'recall', 'rmse'], 2)
    """
    if not ratings.explicit:
        raise ValueError("cross_validate: visits have no ratings to predict; see jaxdl.data.ratings.withhold")
    threshold = float(ratings.values.mean()) if liked is None else liked
    found: dict[str, list[float]] = {}
    for fold in data.k_fold({"rows": np.arange(len(ratings.values))}, folds, seed=seed):
        train, held = ratings.take(fold.train["rows"]), ratings.take(fold.validation["rows"])
        predicted = predict(train)
        error = predicted[held.users, held.items] - held.values
        scores = {"rmse": float(np.sqrt((error**2).mean())), "mae": float(np.abs(error).mean())}
        values, known = held.matrix()
        relevant, candidates = jnp.asarray(known & (values >= threshold)), jnp.asarray(~train.matrix()[1])
        for name, score in _rank(jnp.asarray(predicted), relevant, candidates, k=count).items():
            scores[name] = float(score)
        for name, score in scores.items():
            found.setdefault(name, []).append(score)
    return found


def predict_item_means(ratings: Ratings) -> np.ndarray:
    """What everybody thinks of an item: the baseline. Items without a rating get the mean of all."""
    values, known = ratings.matrix()
    n = known.sum(0)
    means = np.where(n > 0, values.sum(0) / np.maximum(n, 1), ratings.values.mean())
    return np.broadcast_to(means[None, :], values.shape)


def predict_by_neighbors(config: recommender.Config) -> Predict:
    """The memory-based methods of `models.recommender`."""

    def predict(ratings: Ratings) -> np.ndarray:
        values, known = map(jnp.asarray, ratings.matrix())
        return np.asarray(_neighbors(values, known, config=config))

    return predict


def predict_by_factors(n_factors: int = 8, *, settings: supervised.Config, seed: int = 0) -> Predict:
    """`models.factorization`, trained on the ratings."""

    def predict(ratings: Ratings) -> np.ndarray:
        shape = len(ratings.user_names), len(ratings.item_names)
        model = factorization.Config(*shape, n_factors, mean=float(ratings.values.mean()))
        task = factorization_tasks.ratings_task(
            model, settings, data.Splits(factorization_tasks.pairs(ratings), {}, {})
        )
        state = fit(task, epochs=settings.epochs, batch_size=settings.batch_size, seed=seed).state
        everyone = jnp.asarray(np.indices(shape, np.int32).reshape(2, -1).T)
        return np.asarray(factorization.apply(state.params, everyone, model)).reshape(shape)

    return predict


def _neighbors_of(values: jax.Array, known: jax.Array, config: recommender.Config) -> jax.Array:
    return recommender.apply(recommender.fit(values, known, config), values, known, config)


_neighbors = jax.jit(_neighbors_of, static_argnames="config")


def _ranking_scores(scores: jax.Array, relevant: jax.Array, candidates: jax.Array, k: int) -> dict[str, jax.Array]:
    return {
        "precision": metrics.value(ranking.precision_at_k(scores, relevant, candidates, k)),
        "recall": metrics.value(ranking.recall_at_k(scores, relevant, candidates, k)),
        "ndcg": metrics.value(ranking.ndcg_at_k(scores, relevant, candidates, k)),
        "coverage": ranking.coverage(scores, candidates, k),
    }


_rank = jax.jit(_ranking_scores, static_argnames="k")
