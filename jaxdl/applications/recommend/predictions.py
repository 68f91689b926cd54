"""Predicted ratings of one user: a damped baseline, and what items that are rated alike say beyond it.

    b(u, i) = m + b_u + b_i,    b_i = sum_u (r - m - b_u) / (n_i + 10),    b_u = sum_i (r - m - b_i) / (n_u + 15)
    r(u, i) = b(u, i) + sum over j of w(i, j) (r(u, j) - b(u, j)) / (sum over j of w(i, j) + c),    kept in the scale

over the k nearest items j that u rated, with w the cosine of the residuals r - b of those who rated both, times
min(n, s) / s for n of them. Nothing of two ratings weighs like that of two hundred: n_i + 10, s and c see to it.

U users, I items. Reference: Koren, "Factor in the neighbors: scalable and accurate collaborative filtering", 2010.
"""

from typing import Any, NamedTuple

import numpy as np

from jaxdl.applications.recommend import neighborhood
from jaxdl.applications.recommend.likings import Scale, rating_scale
from jaxdl.data.ratings import Ratings
from jaxdl.models.recommender import Config

NEIGHBORS = Config("item", "ratings", "common_cosine", k=40, significance=100)
_SHRINKAGE = 1.0
_PAIRS = 10_000  # predicted at once
_ITEM_DAMPING, _USER_DAMPING, _SWEEPS = 10, 15, 10


class Baseline(NamedTuple):
    """m, b_u [U], b_i [I]."""

    mean: float
    users: np.ndarray
    items: np.ndarray


def baseline(ratings: Ratings) -> Baseline:
    """The damped baseline, by alternating between users and items.

    >>> from jaxdl.data.ratings import from_rows
    >>> found = baseline(from_rows([("Ann", "Alien", 5.0), ("Bob", "Alien", 5.0), ("Bob", "Up", 2.0)]))
    >>> found.mean, bool(0 < found.items[0] < 0.2)
    (4.0, True)
    """
    mean = float(ratings.values.mean(dtype=np.float64))
    error = ratings.values - mean
    b_u, b_i = np.zeros(len(ratings.user_names)), np.zeros(len(ratings.item_names))
    n_u, n_i = (np.bincount(rows, minlength=len(b)) for rows, b in ((ratings.users, b_u), (ratings.items, b_i)))
    for _ in range(_SWEEPS):
        b_i = np.bincount(ratings.items, error - b_u[ratings.users], len(b_i)) / (n_i + _ITEM_DAMPING)
        b_u = np.bincount(ratings.users, error - b_i[ratings.items], len(b_u)) / (n_u + _USER_DAMPING)
    return Baseline(mean, b_u, b_i)


def residuals(ratings: Ratings, known: Baseline) -> Any:
    """r - b as a scipy.sparse CSR matrix [U, I]."""
    expected = known.mean + known.users[ratings.users] + known.items[ratings.items]
    return ratings._replace(values=(ratings.values - expected).astype(np.float32)).sparse()


def predict(ratings: Ratings, row: int | None, *, scale: Scale | None = None) -> np.ndarray:
    """The predicted ratings [I] of the user in this row; of a user without ratings (None) the baseline of the items.

    Raises: ValueError for ratings outside of the scale, which is by default from their least to their largest.

    >>> from jaxdl.data.ratings import from_rows
    >>> rated = [("Ann", "Alien", 5.0), ("Bob", "Alien", 5.0), ("Bob", "Up", 2.0)]
    >>> predict(from_rows(rated), 0).round(1).tolist()
    [4.2, 3.9]
    """
    known = baseline(ratings)
    return predict_from(residuals(ratings, known), known, row, rating_scale(ratings, scale))


def predict_from(residual: Any, known: Baseline, row: int | None, scale: Scale) -> np.ndarray:
    """`predict`, from what needs to be computed once for all users."""
    expected = known.mean + known.items + (0.0 if row is None else known.users[row])
    if row is not None:
        profile = residual[row]
        near = neighborhood.similar_items(residual, profile, NEIGHBORS)
        sums = np.asarray(near.sum(axis=1)).ravel()
        expected = expected + near @ profile.data / (sums + _SHRINKAGE)
    return np.clip(expected, *scale)


def predict_pairs(residual: Any, known: Baseline, users: np.ndarray, items: np.ndarray, scale: Scale) -> np.ndarray:
    """The predicted ratings [N] of pairs of rows of users and items, N of each."""
    rows = residual.T.tocsr()
    similarities = neighborhood.compare(rows, NEIGHBORS)
    expected = known.mean + known.users[users] + known.items[items]
    order = np.argsort(items, kind="stable")
    for first in range(0, len(order), _PAIRS):
        block = order[first : first + _PAIRS]
        asked, place = np.unique(items[block], return_inverse=True)
        near = similarities(rows[asked])
        near[np.arange(len(asked)), asked] = 0
        for n, i in zip(block.tolist(), place.tolist(), strict=True):
            profile = residual[int(users[n])]
            weights = neighborhood.keep_nearest(near[i, profile.indices], NEIGHBORS.k)
            expected[n] += weights @ profile.data / (weights.sum() + _SHRINKAGE)
    return np.clip(expected, *scale)
