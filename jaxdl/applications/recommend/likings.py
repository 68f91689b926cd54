"""From ratings to what a list is ranked by: how much each user likes what they know, between 0 and 1.

    x(u, i) = 0.1 + 0.9 (r(u, i) - lowest) / (highest - lowest)    for known ratings;    x = 1 for a visit, 0 if unknown

Predicted ratings alone make poor lists: a film that two people love comes before one that a thousand like. That people
rated an item at all says what they choose, and what a list should hold: even the lowest rating counts a tenth, and
scores are sums over what the user knows, never averages.
Reference: Cremonesi, Koren and Turrin, "Performance of recommender algorithms on top-N recommendation tasks", 2010.

U users, I items.
"""

from typing import Any

import numpy as np

from jaxdl.data.ratings import Ratings

Scale = tuple[float, float]
_LEAST = 0.1


def rating_scale(ratings: Ratings, scale: Scale | None = None) -> Scale:
    """The lowest and the highest possible rating: the given ones, or those of the file.

    Raises: ValueError for ratings outside of the given scale.
    """
    found = float(ratings.values.min()), float(ratings.values.max())
    if scale is None:
        return found
    low, high = scale
    if not low < high:
        raise ValueError(f"a scale needs its lowest rating first, such as 1-5, got {low:g}-{high:g}")
    if found[0] < low or found[1] > high:
        raise ValueError(f"the ratings go from {found[0]:g} to {found[1]:g}, outside of the scale {low:g}-{high:g}")
    return low, high


def likings(ratings: Ratings, scale: Scale | None = None) -> Any:
    """x as a scipy.sparse CSR matrix [U, I] float64.

    >>> from jaxdl.data.ratings import from_rows
    >>> likings(from_rows([("Ann", "Alien", 5.0), ("Ann", "Up", 1.0), ("Bob", "Up", 3.0)])).toarray().tolist()
    [[1.0, 0.1], [0.0, 0.55]]
    """
    table = ratings.sparse().astype(np.float64)
    if ratings.explicit:
        low, high = rating_scale(ratings, scale)
        table.data = _LEAST + (1 - _LEAST) * (table.data - low) / (high - low) if high > low else np.ones(table.nnz)
    return table


def popularity(table: Any) -> np.ndarray:
    """The sum of all likings of each item, [I]: how many know it, and how well it was liked.

    >>> from jaxdl.data.ratings import from_rows
    >>> popularity(likings(from_rows([("Ann", "a", None), ("Bob", "a", None), ("Bob", "b", None)]))).tolist()
    [2.0, 1.0]
    """
    return np.bincount(table.indices, table.data, table.shape[1])
