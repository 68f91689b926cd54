"""From ratings by name to recommendations by name, each with its reasons: what `jaxdl recommend` does."""

import functools
from collections.abc import Callable
from typing import Any, Literal, NamedTuple, get_args

import jax
import jax.numpy as jnp
import numpy as np

from jaxdl import data, similarity
from jaxdl.data.catalogs import Catalog, attribute_vectors, nearest
from jaxdl.data.ratings import Ratings
from jaxdl.models import factorization, recommender, softmax_factorization
from jaxdl.similar_items import shared_attributes
from jaxdl.validation import require_name, require_positive

Method = Literal["user", "item", "content", "factor"]

_jit = functools.partial(jax.jit, static_argnames="config")
_fit, _apply, _all_users = map(_jit, (recommender.fit, recommender.apply, recommender.all_users))
_from_items, _similarities = map(_jit, (recommender.from_items, recommender.similarities))
_from_neighbors_scores, _contributions = map(_jit, (recommender.from_neighbors, recommender.contributions))

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
    """Who asks: all ratings, what the items are, the user's row (None for one without ratings)."""

    ratings: Ratings
    items: Catalog
    row: int | None

    def own(self) -> tuple[np.ndarray, np.ndarray]:
        """Ratings and what is known, [I]; all unknown for a user without any."""
        values, known = (np.zeros(len(self.ratings.item_names), kind) for kind in (np.float32, bool))
        mine = self.ratings.users == (-1 if self.row is None else self.row)
        values[self.ratings.items[mine]], known[self.ratings.items[mine]] = self.ratings.values[mine], True
        return values, known

    def liked(self, item: int) -> str:
        """An item of the user's, with the rating that they gave it."""
        value = self.own()[0][item]
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
    asker = _Asker(ratings, _titles(ratings, items), _row(ratings, user, users))
    if asker.row is None:
        assert users is not None
        found = _cold_start(asker, users, user, k)
    elif method == "factor":
        found = _by_factors(asker)
    elif method == "user":
        found = _by_users(asker, k)
    else:
        found = _by_items(asker, k, content=method == "content")
    _, known = asker.own()
    enough = min(_SUPPORT, int(found.support[~known].max(initial=0)))
    order = np.argsort(-np.where(known | (found.support < max(enough, 1)), -np.inf, found.scores), kind="stable")
    best = [i for i in order[:count].tolist() if not known[i] and found.support[i] >= max(enough, 1)]
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
    everyone, has = map(jnp.asarray, asker.ratings.matrix())
    values, known = map(jnp.asarray, asker.own())
    params = _all_users(everyone, has, config=config)
    weights = _similarities(
        values[None], params["values"], known[None], params["known"], config=config, weights=params["weights"]
    )[0]
    assert asker.row is not None
    weights = weights.at[asker.row].set(0)  # nobody is their own neighbor
    return _from_neighbors(asker, params, weights, values, known, config, lambda other: "")


def _cold_start(asker: _Asker, users: Catalog, user: str, k: int | None) -> _Scored:
    """A user without ratings stands where users with the same attributes stand."""
    config = _config(asker.ratings, "user", k or 40)
    everyone, has = map(jnp.asarray, asker.ratings.matrix())
    params = _all_users(everyone, has, config=config)
    vectors, names = attribute_vectors(users)
    own = users.ids.index(user)
    near = np.asarray(similarity.cosine_matrix(vectors[own], vectors))[0]
    place = {name: row for row, name in enumerate(users.ids)}
    rows = [place.get(name, -1) for name in asker.ratings.user_names]
    weights = np.array([near[row] if row >= 0 else 0 for row in rows], np.float32)
    if not weights.any():
        raise ValueError(f"nobody with ratings shares an attribute with user {user!r}")
    values, known = map(jnp.asarray, asker.own())
    of = lambda other: "".join(f", {text}" for text in shared_attributes(vectors, names, own, rows[other]))  # noqa: E731
    return _from_neighbors(asker, params, jnp.asarray(weights), values, known, config, of)


def _from_neighbors(
    asker: _Asker,
    params: Any,
    weights: jax.Array,
    values: jax.Array,
    known: jax.Array,
    config: recommender.Config,
    about: Callable[[int], str],
) -> _Scored:
    scores = _from_neighbors_scores(params, weights[None], values[None], known[None], config=config)
    host, ratings = np.asarray(weights), asker.ratings
    support = (host > 0).astype(np.float32) @ np.asarray(params["known"]).astype(np.float32)

    def reasons(item: int) -> tuple[str, ...]:
        parts = _contributions(params, weights, values, known, jnp.array([item]), config=config)
        lines = []
        said, has = np.asarray(params["values"][:, item]), np.asarray(params["known"][:, item])
        typical = said[has].mean()
        for other in _largest(np.asarray(parts)[0], said >= typical if ratings.explicit else None):
            did = f"rated it {said[other]:.3g}" if ratings.explicit else "visited it"
            lines.append(f"user {ratings.user_names[other]} (similarity {host[other]:.2f}{about(other)}) {did}")
        return tuple(lines)

    return _Scored(np.asarray(scores)[0], support, reasons)


def _by_items(asker: _Asker, k: int | None, *, content: bool) -> _Scored:
    config = _config(asker.ratings, "item", k)
    n = len(asker.items.ids)
    if n * n > 1 << 28:
        raise ValueError(f"{n:,} items are too many for the similarities of all pairs: use --method factor")
    everyone, has = map(jnp.asarray, asker.ratings.matrix())
    vectors, names = attribute_vectors(asker.items) if content else (None, ())
    if content:
        near = jnp.asarray(similarity.cosine_matrix(vectors), jnp.float32)
        params = _from_items(near, everyone, has, config=config)
    else:
        params = _fit(everyone, has, config=config)
    values, known = map(jnp.asarray, asker.own())
    scores = _apply(params, values[None], known[None], config=config)
    host = np.asarray(params["similarity"])
    liked = np.asarray(values >= values[known].mean()) if config.feedback == "ratings" and known.any() else None
    support = (host > 0).astype(np.float32) @ np.asarray(known).astype(np.float32)

    def reasons(item: int) -> tuple[str, ...]:
        parts = _contributions(params, None, values, known, jnp.array([item]), config=config)
        lines = []
        for other in _largest(np.asarray(parts)[0], liked):
            shared = "".join(f", {text}" for text in shared_attributes(vectors, names, item, other)) if content else ""
            lines.append(f"like {asker.liked(other)} (similarity {host[item, other]:.2f}{shared})")
        return tuple(lines)

    return _Scored(np.asarray(scores)[0], support, reasons)


def _by_factors(asker: _Asker) -> _Scored:
    """Train a factorization of all ratings, then score with the user's own ones."""
    from jaxdl.recipes import _factors
    from jaxdl.training import fit, supervised

    ratings, (values, known) = asker.ratings, asker.own()
    n = len(ratings.values) if ratings.explicit else len(ratings.user_names)
    batch = int(np.clip(n // 60, 1, 1024))
    settings = supervised.Config(
        epochs=30, batch_size=batch, learning_rate=0.01, schedule="cosine", l2=1 / n if ratings.explicit else 0.0
    )
    everyone = np.ones(len(known), np.float32)
    if ratings.explicit:
        mean = float(ratings.values.mean())
        model = factorization.Config(len(ratings.user_names), len(known), mean=mean)
        splits = data.Splits(_factors.pairs(ratings), {}, {})
        params = fit(
            _factors.ratings_task(model, settings, splits), epochs=settings.epochs, batch_size=batch
        ).state.params
        own = np.flatnonzero(known)
        scores, parts = factorization.fold_in(params, jnp.asarray(own), jnp.asarray(values[own]), model, ridge=1.0)
        terms = np.zeros((len(known), len(known)), np.float32)
        terms[:, own] = np.asarray(parts)
    else:
        x = ratings.matrix()[1].astype(np.uint8)
        tied = softmax_factorization.Config(len(known), n_factors=min(64, len(known)), dropout=0.3, hide_many=0.25)
        splits = data.Splits({"x": x, "shown": x}, {}, {})
        params = fit(
            _factors.visits_task(tied, settings, splits), epochs=settings.epochs, batch_size=batch
        ).state.params
        shown = jnp.asarray(values)
        scores = softmax_factorization.apply(params, shown[None], tied)[0]
        terms = np.stack([np.asarray(softmax_factorization.contributions(params, shown, i)) for i in range(len(known))])

    def reasons(item: int) -> tuple[str, ...]:
        return tuple(f"because of {asker.liked(other)} ({terms[item, other]:+.2f})" for other in _largest(terms[item]))

    return _Scored(np.asarray(scores), _SUPPORT * everyone, reasons)


def _largest(parts: np.ndarray, favorable: np.ndarray | None = None) -> list[int]:
    """The neighbors with the largest positive parts, at most three; those that speak for the item, if there are any."""
    if favorable is not None and (parts[favorable] > 0).any():
        parts = np.where(favorable, parts, 0)
    order = np.argsort(-parts, kind="stable")[:_REASONS]
    return [int(i) for i in order if parts[i] > 0]
