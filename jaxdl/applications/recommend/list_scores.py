"""How good the lists are: a fifth of what each user likes is hidden; each method ranks all that a user has not seen.

Liked is a rating of at least the mean of all. A method is fitted to what is left (popularity too, the bar for all), and
every user with at least five liked items counts once, by precision and NDCG of the first ten. Users are what varies, so
intervals are over users, of the difference to popularity user by user.

U users, I items.
"""

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from jaxdl.applications.recommend.likings import likings
from jaxdl.applications.recommend.list_methods import Ask, World
from jaxdl.applications.recommend.recommendations import titled
from jaxdl.data.catalogs import Catalog
from jaxdl.data.ratings import Ratings


def hide_liked(ratings: Ratings, *, share: float = 0.2, seed: int = 0) -> tuple[Ratings, Ratings]:
    """(what is left, what is hidden): of each user's n liked items floor(share n), at random.

    >>> from jaxdl.data.ratings import from_rows
    >>> rated = from_rows([("Ann", name, 5.0) for name in "abcde"] + [("Ann", "f", 1.0)])
    >>> shown, hidden = hide_liked(rated)
    >>> len(shown.values), hidden.values.tolist()
    (5, [5.0])
    """
    liked = np.flatnonzero(ratings.values >= ratings.values.mean())
    liked = np.random.default_rng(seed).permutation(liked)
    liked = liked[np.argsort(ratings.users[liked], kind="stable")]  # by user, at random within
    n = np.bincount(ratings.users[liked], minlength=len(ratings.user_names))
    first = np.cumsum(n) - n
    rank = np.arange(len(liked)) - first[ratings.users[liked]]
    hidden = np.zeros(len(ratings.values), bool)
    hidden[liked[rank < np.floor(share * n + 1e-9)[ratings.users[liked]]]] = True
    return ratings.take(np.flatnonzero(~hidden)), ratings.take(np.flatnonzero(hidden))


def score_lists(
    ratings: Ratings,
    methods: Mapping[str, Callable[[World], Ask]],
    *,
    items: Catalog | None = None,
    count: int = 10,
    seed: int = 0,
    most_users: int | None = None,
) -> dict[str, dict[str, np.ndarray]]:
    """Method -> {"precision", "ndcg"} of its lists: [M], one value for each user from whom something is hidden.

    Args:
        methods: name -> function of `list_methods`.
        items: attributes, for the methods that need them.
        count: the length of a list.
        most_users: score a random choice of this many users, the same for every seed.

    >>> from jaxdl.applications.recommend import list_methods
    >>> from jaxdl.data.ratings import generate
    >>> found = score_lists(generate(30, 12).ratings, {"popular": list_methods.popular}, count=3)
    >>> bool(0 < found["popular"]["precision"].mean() < 1)
    True
    """
    shown, hidden = hide_liked(ratings, seed=seed)
    world = World(likings(shown), ratings.explicit, titled(ratings, items))
    relevant = hidden.sparse()
    rows = np.flatnonzero(np.diff(relevant.indptr))
    if most_users is not None and most_users < len(rows):
        rows = np.sort(np.random.default_rng(0).choice(rows, most_users, replace=False))
    found = {}
    for name, method in methods.items():
        ask = method(world)
        pairs = [_list_score(ask, world.table, relevant, row, count) for row in rows.tolist()]
        found[name] = {
            kind: np.array(values) for kind, values in zip(("precision", "ndcg"), zip(*pairs, strict=True), strict=True)
        }
    return found


def _list_score(ask: Ask, table: Any, relevant: Any, row: int, count: int) -> tuple[float, float]:
    profile = table[row]
    scores = ask(profile, row).scores.astype(np.float64).copy()
    scores[profile.indices] = -np.inf
    hits = np.isin(np.argsort(-scores, kind="stable")[:count], relevant[row].indices)
    discounts = 1 / np.log2(np.arange(count) + 2)
    best = discounts[: relevant[row].nnz].sum()
    return float(hits.mean()), float((hits * discounts[: len(hits)]).sum() / best)
