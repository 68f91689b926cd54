"""From ratings by name to recommendations by name, each with its reasons: what `jaxdl recommend` does."""

from collections.abc import Sequence
from typing import Literal, NamedTuple, get_args

import numpy as np

from jaxdl import similarity
from jaxdl.applications.recommend import list_methods, predictions
from jaxdl.applications.recommend.likings import Scale, likings, popularity
from jaxdl.applications.recommend.list_methods import Because, Scored, World
from jaxdl.applications.recommend.similar_items import shared_attributes
from jaxdl.data.catalogs import Catalog, attribute_vectors, nearest
from jaxdl.data.ratings import Ratings
from jaxdl.models.recommender import Config
from jaxdl.validation import require_name, require_positive

Method = Literal["ease", "item", "user", "factor", "content", "popular"]

_REASONS = 3
_K = 80  # users with similar attributes who are asked


class Recommendation(NamedTuple):
    """An item of a list.

    Attributes:
        item: its title, or its id where there is none.
        score: what the list is ranked by: a sum, in units of its own.
        reasons: why, the weightiest first.
        rating: what the user will rate it, on the scale of the ratings; None for visits.
        popular: nothing is known of what this user thinks of it; many like it.
    """

    item: str
    score: float
    reasons: tuple[str, ...]
    rating: float | None = None
    popular: bool = False


def recommend(
    ratings: Ratings,
    user: str,
    *,
    count: int = 10,
    method: Method = "ease",
    items: Catalog | None = None,
    users: Catalog | None = None,
    k: int | None = None,
    scale: Scale | None = None,
    candidates: Sequence[str] | None = None,
    include_seen: bool = False,
) -> list[Recommendation]:
    """The best items for one user, by default of those that the user has not rated or visited.

    Where nothing speaks for any item (a user like nobody, a new one without attributes) the popular ones follow.

    Args:
        ratings: everybody's.
        user: a name in `ratings`, or (a cold start) in `users`: then users with similar attributes are asked.
        count: how many, at most.
        method: see `list_methods`. "popular" needs to know nobody.
        items: titles and attributes of items; ids that it lacks keep their id as title.
        users: attributes of users.
        k: neighbors that count, for "user", "item" and "content"; 80 users of ratings, else all by default.
        scale: the lowest and the highest rating; those of `ratings` by default.
        candidates: ids or titles of the only items to choose from.
        include_seen: rank what the user knows too.
    Raises: ValueError with the nearest name for an unknown user; for a method without the attributes that it needs.

    >>> from jaxdl.data.ratings import from_rows
    >>> visits = from_rows([("Ann", "a", None), ("Ann", "b", None), ("Bob", "a", None), ("Cy", "c", None)])
    >>> recommend(visits, "Bob", count=1, method="item")[0].reasons
    ('like a (similarity 0.04)',)
    """
    require_name("recommend", "method", method, get_args(Method))
    require_positive("recommend", count=count, **({} if k is None else {"k": k}))
    world = World(likings(ratings, scale), ratings.explicit, titled(ratings, items))
    row = None if method == "popular" and user not in ratings.user_names else _row(ratings, user, users)
    profile = type(world.table)((1, world.table.shape[1])) if row is None else world.table[row]
    if row is None and method != "popular":
        assert users is not None
        scored = _cold_start(world, ratings, users, user, k)
    else:
        scored = asker(world, method, k)(profile, row)
    allowed = _allowed(world.items, candidates)
    if not include_seen:
        allowed[profile.indices] = False
        allowed[ratings.unrated[ratings.unrated[:, 0] == (-1 if row is None else row), 1]] = False
    by_popularity = popularity(world.table)
    order = np.lexsort((-by_popularity, -scored.scores))  # by score; of equal ones the more popular first
    best = order[allowed[order]][:count].tolist()
    predicted = predictions.predict(ratings, row, scale=scale) if ratings.explicit else None
    return [
        Recommendation(
            world.items.label(i),
            float(scored.scores[i]),
            _reasons(world, ratings, row, i, scored),
            None if predicted is None else float(predicted[i]),
            method == "popular" or bool(scored.scores[i] == 0),
        )
        for i in best
    ]


def asker(world: World, method: Method, k: int | None = None) -> list_methods.Ask:
    """The function that scores all items for any user; what it needs of all users is computed here, once."""
    if method in ("ease", "factor", "popular"):
        closed = {"ease": list_methods.by_ease, "factor": list_methods.by_factors, "popular": list_methods.popular}
        return closed[method](world)
    asked = {"user": list_methods.by_users, "item": list_methods.by_items, "content": list_methods.by_attributes}
    return asked[method](world, k)


def titled(ratings: Ratings, items: Catalog | None) -> Catalog:
    """The catalog in the order of the ratings' items, each under the id that the ratings give it.

    Raises: ValueError if the catalog knows none of them.
    """
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
    raise ValueError(
        f"there is no user {user!r}{nearest(user, names)} {len(names):,} users are known; "
        "what a new one may like: --method popular"
    )


def unknown_candidates(ratings: Ratings, items: Catalog | None, candidates: Sequence[str]) -> list[str]:
    """Those that are neither the id nor the title of an item of the ratings.

    >>> from jaxdl.data.ratings import from_rows
    >>> unknown_candidates(from_rows([("Ann", "Alien", 4.0)]), None, ["alien", "Alein"])
    ['Alein']
    """
    catalog = titled(ratings, items)
    known = {name.lower() for name in (*catalog.ids, *catalog.names)}
    return [name for name in candidates if name.strip().lower() not in known]


def _allowed(items: Catalog, candidates: Sequence[str] | None) -> np.ndarray:
    """Which items [I] may be shown. Raises ValueError if none of the candidates is known."""
    if candidates is None:
        return np.ones(len(items.ids), bool)
    wanted = {name.strip().lower() for name in candidates}
    found = np.array([i.lower() in wanted or n.lower() in wanted for i, n in zip(items.ids, items.names, strict=True)])
    if not found.any():
        raise ValueError(f"none of the {len(wanted)} candidates is an item of the ratings, such as {items.ids[0]!r}")
    return found


def _cold_start(world: World, ratings: Ratings, users: Catalog, user: str, k: int | None) -> Scored:
    """A user without ratings stands where users with the same attributes stand; one without attributes nowhere."""
    nothing = Scored(np.zeros(len(world.items.ids)), lambda item: [])
    if not any(values[users.ids.index(user)] for values in users.attributes.values()):
        return nothing
    vectors, names = attribute_vectors(users)
    asking = users.ids.index(user)
    close = np.asarray(similarity.cosine_matrix(vectors[asking], vectors))[0]
    place = {name: row for row, name in enumerate(users.ids)}
    rows = [place.get(name, -1) for name in ratings.user_names]
    near = np.array([close[row] if row >= 0 else 0 for row in rows])
    shared = shared_attributes(vectors, names)
    about = lambda other: "".join(f", {text}" for text in shared(asking, rows[other]))  # noqa: E731
    empty = type(world.table)((1, world.table.shape[1]))
    return list_methods.from_users(world, near, empty, Config(k=k or _K), about)


def _reasons(world: World, ratings: Ratings, row: int | None, item: int, scored: Scored) -> tuple[str, ...]:
    """At most three things that speak for an item; of ratings those that are favorable, if there are any."""
    because = sorted((each for each in scored.because(item) if each.part > 0), key=lambda each: -each.part)
    if not because:
        n = int((ratings.items == item).sum())
        return (f"popular: {n:,} user(s) {'rated' if ratings.explicit else 'visited'} it",)
    by_users = because[0].kind == "user"
    known = ratings.items == item if by_users else ratings.users == row
    numbers, values = (ratings.users if by_users else ratings.items)[known], ratings.values[known]
    rated = dict(zip(numbers.tolist(), values.tolist(), strict=True))
    favorable = [each for each in because if rated[each.number] >= values.mean() - 1e-6]
    return tuple(_text(world, ratings, each, rated[each.number]) for each in (favorable or because)[:_REASONS])


def _text(world: World, ratings: Ratings, each: Because, value: float) -> str:
    """One reason in words, with the rating that the user gave, or that the other one gave."""
    if each.kind == "user":
        did = f"rated it {value:.3g}" if ratings.explicit else "visited it"
        return f"user {ratings.user_names[each.number]} ({each.text}) {did}"
    rated = f", rated {value:.3g}" if ratings.explicit else ""
    return f"{each.kind} {world.items.label(each.number)}{rated} ({each.text})"
