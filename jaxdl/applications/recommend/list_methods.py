"""The methods that rank a list, each a function of all likings that gives a function of one user: scores and reasons.

    popular   sum_u x(u, i)                                          the same list for everybody
    user      sum over the k nearest users v of w(u, v) x(v, i)
    item      p_i^0.1 sum_j w(i, j) x(u, j)                          0.1 for ratings, 0 for visits
    content   p_i (sum_j a(i, j) x(u, j)) / (sum_j x(u, j))          with a(i, j) the cosine of the items' attributes
    ease, factor    x B, in closed form: `linear_autoencoders`       visits: the trained `models.softmax_factorization`

with x of `likings`, p_i their sum of an item and w the cosine. Sums, not averages, and some weight for what many know:
each list is at or above popularity's on explicit ratings (`python -m benchmarks.scores.lists`).

U users, I items, n items that the user knows.
"""

from collections.abc import Callable
from typing import Any, Literal, NamedTuple

import jax.numpy as jnp
import numpy as np

from jaxdl import data
from jaxdl.applications.recommend import linear_autoencoders as linear
from jaxdl.applications.recommend import neighborhood
from jaxdl.applications.recommend.likings import popularity
from jaxdl.applications.recommend.similar_items import shared_attributes
from jaxdl.data.catalogs import Catalog, attribute_vectors
from jaxdl.models import softmax_factorization
from jaxdl.models.recommender import Config

_PRIOR = 0.1  # of popularity in item-based lists of ratings
_NEIGHBORS = 80  # users who are asked about ratings


class World(NamedTuple):
    """All that is known: likings CSR [U, I] float64, whether they come from ratings, and what the items are."""

    table: Any
    explicit: bool
    items: Catalog


class Because(NamedTuple):
    """What speaks for an item: a user, or an item that the user knows, its part of the score, and more about it."""

    kind: Literal["user", "like", "because of"]
    number: int
    part: float
    text: str


class Scored(NamedTuple):
    """Scores [I] of one user (0: nothing is known), and item -> what speaks for it, in any order."""

    scores: np.ndarray
    because: Callable[[int], list[Because]]


Ask = Callable[[Any, int | None], Scored]  # the user's likings CSR [1, I] and row (None: not in the table) -> scores


def popular(world: World) -> Ask:
    """What most people like."""
    scores = popularity(world.table)
    return lambda profile, row: Scored(scores, lambda item: [])


def by_users(world: World, k: int | None = None) -> Ask:
    """What similar users like."""
    config = Config(k=k or (_NEIGHBORS if world.explicit else None), inverse_frequency=not world.explicit)

    def ask(profile: Any, row: int | None) -> Scored:
        near = neighborhood.similar_users(world.table, profile, config)
        if row is not None:
            near[row] = 0  # nobody is their own neighbor
        return from_users(world, near, profile, config)

    return ask


def from_users(
    world: World, near: np.ndarray, profile: Any, config: Config, about: Callable[[int], str] = lambda other: ""
) -> Scored:
    """What users like who are as near as `near` [U] says; `about` is what more there is to say of them."""
    scores, parts = neighborhood.by_users(world.table, near, profile, config)

    def because(item: int) -> list[Because]:
        pairs = zip(parts[item].indices.tolist(), parts[item].data.tolist(), strict=True)
        return [Because("user", v, part, f"similarity {near[v]:.2f}{about(v)}") for v, part in pairs]

    return Scored(scores, because)


def by_items(world: World, k: int | None = None) -> Ask:
    """What is liked by those who like the same items."""
    if world.explicit and k is None:
        return _by_all_items(world)
    config = Config("item", k=k, significance=0 if world.explicit else 20)
    weights = popularity(world.table) ** _PRIOR if world.explicit else np.ones(world.table.shape[1])

    def ask(profile: Any, row: int | None) -> Scored:
        near = neighborhood.similar_items(world.table, profile, config)
        return _from_items(world, near, profile, config, weights, lambda item, other: "")

    return ask


def _by_all_items(world: World) -> Ask:
    """Without a k the sum over j goes through the users, W x = N^T (N x) with columns N of length 1: never all W."""
    table, n_items = world.table, world.table.shape[1]
    lengths = np.sqrt(np.bincount(table.indices, table.data**2, n_items))
    unit = type(table)((table.data / lengths[table.indices], table.indices, table.indptr), shape=table.shape)
    columns, weights = unit.tocsc(), popularity(table) ** _PRIOR

    def ask(profile: Any, row: int | None) -> Scored:
        scores = unit.T @ (unit @ profile.toarray()[0])
        scores[profile.indices] -= profile.data  # no item is its own neighbor

        def because(item: int) -> list[Because]:
            near = (columns[:, profile.indices].T @ columns[:, item]).toarray().ravel()
            near[profile.indices == item] = 0
            parts = zip(
                profile.indices.tolist(), (weights[item] * near * profile.data).tolist(), near.tolist(), strict=True
            )
            return [Because("like", j, part, f"similarity {w:.2f}") for j, part, w in parts]

        return Scored(weights * np.where(scores > 1e-12, scores, 0), because)

    return ask


def by_attributes(world: World, k: int | None = None) -> Ask:
    """What has the attributes of what the user likes, and is popular."""
    vectors, names = attribute_vectors(world.items)
    config, counts, both = Config("item", k=k), popularity(world.table), shared_attributes(vectors, names)

    def ask(profile: Any, row: int | None) -> Scored:
        near = neighborhood.similar_items(world.table, profile, config, attributes=vectors)
        shared = lambda item, other: "".join(f", {text}" for text in both(item, other))  # noqa: E731
        return _from_items(world, near, profile, config, counts / max(profile.data.sum(), 1e-30), shared)

    return ask


def _from_items(
    world: World, near: Any, profile: Any, config: Config, weights: np.ndarray, shared: Callable[[int, int], str]
) -> Scored:
    scores, parts = neighborhood.by_items(world.table, near, profile, config)

    def because(item: int) -> list[Because]:
        of, close = near[item].indices, near[item].data
        others, values = profile.indices[of].tolist(), (weights[item] * parts[item].data).tolist()
        return [
            Because("like", j, part, f"similarity {w:.2f}{shared(item, j)}")
            for j, part, w in zip(others, values, close.tolist(), strict=True)
        ]

    return Scored(weights * scores, because)


def by_ease(world: World) -> Ask:
    """EASE: each item explained by all others at once."""
    model = linear.fit_ease(world.table)
    return lambda profile, row: _linear(
        profile, linear.ease_scores(model, profile), lambda i: linear.ease_parts(model, profile, i)
    )


def by_factors(world: World) -> Ask:
    """A few directions in which users differ: of ratings in closed form, of visits trained."""
    if not world.explicit:
        return _by_visited_factors(world)
    model = linear.fit_spectral(world.table)
    return lambda profile, row: _linear(
        profile, linear.spectral_scores(model, profile), lambda i: linear.spectral_parts(model, profile, i)
    )


def _linear(profile: Any, scores: np.ndarray, parts: Callable[[int], np.ndarray]) -> Scored:
    def because(item: int) -> list[Because]:
        return [
            Because("because of", j, part, f"{part:+.2g}")
            for j, part in zip(profile.indices.tolist(), parts(item).tolist(), strict=True)
        ]

    return Scored(scores, because)


def _by_visited_factors(world: World) -> Ask:
    """Logits, and what each of the user's visits contributes to them."""
    from jaxdl.tasks import factorization, supervised
    from jaxdl.training import fit

    n_users, n_items = world.table.shape
    if n_users * n_items > 1 << 28:
        raise ValueError(
            f"the factorization of visits needs a table of all {n_users:,} users x {n_items:,} items, "
            "which is too large: use --method ease, item or user"
        )
    x = (world.table.toarray() > 0).astype(np.uint8)
    model = softmax_factorization.Config(n_items, n_factors=min(64, n_items), dropout=0.3, hide_many=0.25)
    batch = int(np.clip(n_users // 60, 1, 1024))
    settings = supervised.Config(epochs=30, batch_size=batch, learning_rate=0.01, schedule="cosine")
    task = factorization.visits_task(model, settings, data.Splits({"x": x, "shown": x}, {}, {}))
    params = fit(task, epochs=settings.epochs, batch_size=settings.batch_size).state.params

    def ask(profile: Any, row: int | None) -> Scored:
        shown = jnp.asarray(profile.toarray()[0], jnp.float32)
        scores = np.asarray(softmax_factorization.apply(params, shown[None], model)[0])
        parts = lambda i: np.asarray(softmax_factorization.contributions(params, shown, i))[profile.indices]  # noqa: E731
        return _linear(profile, scores - scores.min() + 1, parts)  # a logit has no zero of its own

    return ask
