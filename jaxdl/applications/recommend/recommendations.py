"""From ratings by name to recommendations by name, each with its reasons: what `jaxdl recommend` does."""

from collections.abc import Callable
from typing import Any, Literal, NamedTuple, get_args

import jax.numpy as jnp
import numpy as np

from jaxdl import data, similarity
from jaxdl.applications.recommend import neighborhood
from jaxdl.applications.recommend.similar_items import shared_attributes
from jaxdl.data.catalogs import Catalog, attribute_vectors, nearest
from jaxdl.data.ratings import Ratings
from jaxdl.models import factorization, recommender, softmax_factorization
from jaxdl.validation import require_name, require_positive

Method = Literal["user", "item", "content", "factor"]

_REASONS = 3
_SUPPORT = 3  # neighbors that must have rated an item before their average is worth a place in a list


class Recommendation(NamedTuple):
    """An item, its score (a predicted rating, or what visits are ranked by), and why, the weightiest reason first."""

    item: str
    score: float
    reasons: tuple[str, ...]


class _Scored(NamedTuple):
    """Scores [I] of one user, how many neighbors stand behind each [I], and item -> its reasons."""

    scores: np.ndarray
    support: np.ndarray
    reasons: Callable[[int], tuple[str, ...]]


class _Asker(NamedTuple):
    """Who asks: all ratings, as CSR [U, I] too, what the items are, the user's row (None for one without ratings)."""

    ratings: Ratings
    table: Any
    items: Catalog
    row: int | None

    @property
    def own(self) -> Any:
        """The user's ratings, CSR [1, I]; none for a user without any."""
        return type(self.table)((1, self.table.shape[1])) if self.row is None else self.table[self.row]

    def liked(self, item: int, value: float) -> str:
        """An item of the user's, with the rating that they gave it."""
        return f"{self.items.names[item]}{f', rated {value:.3g}' if self.ratings.explicit else ''}"


def recommend(
    ratings: Ratings,
    user: str,
    *,
    count: int = 10,
    method: Method = "item",
    items: Catalog | None = None,
    users: Catalog | None = None,
    k: int | None = None,
) -> list[Recommendation]:
    """The best items for one user that the user has not rated or visited.

    Args:
        ratings: everybody's.
        user: a name in `ratings`, or (a cold start) in `users`: then users with similar attributes are asked.
        count: how many, at most.
        method: "user" and "item" ask neighbors (`models.recommender`), "content" compares attributes of items, "factor"
            trains a factorization first.
        items: titles and attributes of items; ids that it lacks keep their id as title.
        users: attributes of users.
        k: neighbors that count; by default 40 for ratings, all for visits.
    Raises: ValueError with the nearest name for an unknown user; for a method without the attributes that it needs.

    >>> from jaxdl.data.ratings import from_rows
    >>> visits = from_rows([("Ann", "a", None), ("Ann", "b", None), ("Bob", "a", None), ("Cy", "c", None)])
    >>> recommend(visits, "Bob", count=1)[0].reasons
    ('like a (similarity 0.04)',)
    """
    require_name("recommend", "method", method, get_args(Method))
    require_positive("recommend", count=count, **({} if k is None else {"k": k}))
    asker = _Asker(ratings, ratings.sparse(), _titles(ratings, items), _row(ratings, user, users))
    if asker.row is None:
        assert users is not None
        found = _cold_start(asker, users, user, k)
    elif method == "factor":
        found = _by_factors(asker)
    elif method == "user":
        found = _by_users(asker, k)
    else:
        found = _by_items(asker, k, content=method == "content")
    new = np.ones(len(ratings.item_names), bool)
    new[asker.own.indices] = False
    enough = max(1, min(_SUPPORT, int(found.support[new].max(initial=0))))
    candidates = np.flatnonzero(new & (found.support >= enough))
    best = candidates[np.argsort(-found.scores[candidates], kind="stable")][:count].tolist()
    return [Recommendation(asker.items.names[i], float(found.scores[i]), found.reasons(i)) for i in best]


def _titles(ratings: Ratings, items: Catalog | None) -> Catalog:
    """The catalog in the order of the ratings' items."""
    if items is None:
        return Catalog(ratings.item_names, ratings.item_names, {})
    place = {name: row for row, name in enumerate(items.ids)}
    place |= {name: row for row, name in enumerate(items.names) if name not in place}
    rows = [place.get(name) for name in ratings.item_names]
    if all(row is None for row in rows):
        raise ValueError(
            f"no item of the ratings is in the catalog: the ratings say {ratings.item_names[0]!r}, "
            f"the catalog {items.ids[0]!r}"
        )
    names = tuple(id if row is None else items.names[row] for id, row in zip(ratings.item_names, rows, strict=True))
    attributes = {
        name: tuple(() if row is None else values[row] for row in rows) for name, values in items.attributes.items()
    }
    return Catalog(ratings.item_names, names, attributes)


def _row(ratings: Ratings, user: str, users: Catalog | None) -> int | None:
    if user in ratings.user_names:
        return ratings.user_names.index(user)
    if users is not None and user in users.ids:
        return None
    names = (*ratings.user_names, *(users.ids if users else ()))
    raise ValueError(f"there is no user {user!r}{nearest(user, names)} {len(names):,} users are known")


def _config(ratings: Ratings, by: Literal["user", "item"], k: int | None) -> recommender.Config:
    if ratings.explicit:
        return recommender.Config(by, "ratings", "centered_cosine", k=k or 40, significance=20)
    return recommender.Config(by, "visits", k=k, inverse_frequency=by == "user", significance=20 if by == "item" else 0)


def _by_users(asker: _Asker, k: int | None) -> _Scored:
    config = _config(asker.ratings, "user", k)
    near = neighborhood.similar_users(asker.table, asker.own, config)
    near[asker.row] = 0  # nobody is their own neighbor
    return _from_users(asker, near, config, lambda other: "")


def _cold_start(asker: _Asker, users: Catalog, user: str, k: int | None) -> _Scored:
    """A user without ratings stands where users with the same attributes stand."""
    vectors, names = attribute_vectors(users)
    own = users.ids.index(user)
    close = np.asarray(similarity.cosine_matrix(vectors[own], vectors))[0]
    place = {name: row for row, name in enumerate(users.ids)}
    rows = [place.get(name, -1) for name in asker.ratings.user_names]
    near = np.array([close[row] if row >= 0 else 0 for row in rows])
    if not near.any():
        raise ValueError(f"nobody with ratings shares an attribute with user {user!r}")
    of = lambda other: "".join(f", {text}" for text in shared_attributes(vectors, names, own, rows[other]))  # noqa: E731
    return _from_users(asker, near, _config(asker.ratings, "user", k or 40), of)


def _from_users(asker: _Asker, near: np.ndarray, config: recommender.Config, about: Callable[[int], str]) -> _Scored:
    """Scores by users as near as `near` [U], who are introduced by what `about` says of them."""
    ratings, (scores, parts) = asker.ratings, neighborhood.by_users(asker.table, near, asker.own, config)

    def reasons(item: int) -> tuple[str, ...]:
        said = asker.table[:, item].tocoo()
        rated = dict(zip(said.row.tolist(), said.data.tolist(), strict=True))
        others, shares = parts[item].indices, parts[item].data
        favorable = np.array([rated[other] for other in others.tolist()]) >= said.data.mean()
        lines = []
        for i in _largest(shares, favorable if ratings.explicit else None):
            other = int(others[i])
            did = f"rated it {rated[other]:.3g}" if ratings.explicit else "visited it"
            lines.append(f"user {ratings.user_names[other]} (similarity {near[other]:.2f}{about(other)}) {did}")
        return tuple(lines)

    return _Scored(scores, np.diff(parts.indptr), reasons)


def _by_items(asker: _Asker, k: int | None, *, content: bool) -> _Scored:
    config = _config(asker.ratings, "item", k)
    vectors, names = attribute_vectors(asker.items) if content else (None, ())
    own = asker.own
    near = neighborhood.similar_items(asker.table, own, config, attributes=vectors)
    scores, parts = neighborhood.by_items(asker.table, near, own, config)
    favorable = own.data >= own.data.mean()

    def reasons(item: int) -> tuple[str, ...]:
        of, shares, close = near[item].indices, parts[item].data, near[item].data
        lines = []
        for i in _largest(shares, favorable[of] if asker.ratings.explicit else None):
            other = int(own.indices[of[i]])
            shared = "".join(f", {text}" for text in shared_attributes(vectors, names, item, other)) if content else ""
            lines.append(f"like {asker.liked(other, own.data[of[i]])} (similarity {close[i]:.2f}{shared})")
        return tuple(lines)

    return _Scored(scores, np.diff(parts.indptr), reasons)


def _by_factors(asker: _Asker) -> _Scored:
    """Train a factorization of all ratings, then score with the user's own ones."""
    scores, terms = (_by_rated_factors if asker.ratings.explicit else _by_visited_factors)(asker)
    own = asker.own
    favorable = own.data >= own.data.mean() if asker.ratings.explicit else None

    def reasons(item: int) -> tuple[str, ...]:
        parts = terms(item)
        liked = ((asker.liked(int(own.indices[i]), own.data[i]), parts[i]) for i in _largest(parts, favorable))
        return tuple(f"because of {text} ({part:+.2f})" for text, part in liked)

    return _Scored(scores, np.full(len(scores), _SUPPORT), reasons)


def _by_rated_factors(asker: _Asker) -> tuple[np.ndarray, Callable[[int], np.ndarray]]:
    """Predicted ratings [I], and what each of the user's own ratings contributes to an item's, [n]."""
    from jaxdl.tasks import factorization as factorization_tasks
    from jaxdl.training import fit

    ratings, own = asker.ratings, asker.own
    model = factorization.Config(*asker.table.shape, mean=float(ratings.values.mean()))
    settings = _settings(len(ratings.values), l2=1 / len(ratings.values))
    task = factorization_tasks.ratings_task(model, settings, data.Splits(factorization_tasks.pairs(ratings), {}, {}))
    params = fit(task, epochs=settings.epochs, batch_size=settings.batch_size).state.params
    scores, parts = factorization.fold_in(params, jnp.asarray(own.indices), jnp.asarray(own.data), model, ridge=1.0)
    return np.asarray(scores), np.asarray(parts).__getitem__


def _by_visited_factors(asker: _Asker) -> tuple[np.ndarray, Callable[[int], np.ndarray]]:
    """Logits [I], and what each of the user's own visits contributes to an item's, [n]."""
    from jaxdl.tasks import factorization as factorization_tasks
    from jaxdl.training import fit

    n_users, n_items = asker.table.shape
    if n_users * n_items > 1 << 28:
        raise ValueError(
            f"the factorization of visits needs a table of all {n_users:,} users x {n_items:,} items, "
            "which is too large: use --method item or user"
        )
    x = asker.ratings.matrix()[1].astype(np.uint8)
    model = softmax_factorization.Config(n_items, n_factors=min(64, n_items), dropout=0.3, hide_many=0.25)
    settings = _settings(n_users)
    task = factorization_tasks.visits_task(model, settings, data.Splits({"x": x, "shown": x}, {}, {}))
    params = fit(task, epochs=settings.epochs, batch_size=settings.batch_size).state.params
    own, shown = asker.own.indices, jnp.asarray(asker.own.toarray()[0])
    scores = softmax_factorization.apply(params, shown[None], model)[0]
    return np.asarray(scores), lambda item: np.asarray(softmax_factorization.contributions(params, shown, item))[own]


def _settings(n: int, *, l2: float = 0.0) -> Any:
    """How a factorization of n examples is trained."""
    from jaxdl.tasks import supervised

    batch = int(np.clip(n // 60, 1, 1024))
    return supervised.Config(epochs=30, batch_size=batch, learning_rate=0.01, schedule="cosine", l2=l2)


def _largest(parts: np.ndarray, favorable: np.ndarray | None = None) -> list[int]:
    """The neighbors with the largest positive parts, at most three; those that speak for the item, if there are any."""
    if favorable is not None and (parts[favorable] > 0).any():
        parts = np.where(favorable, parts, 0)
    order = np.argsort(-parts, kind="stable")[:_REASONS]
    return [int(i) for i in order if parts[i] > 0]
