"""Popularity gives everyone the same list. Neighbors give a list to each: what those visited who visit what you do.

    popularity      s(i)    = sum_v x(v, i)
    by users        s(a, i) = sum_v cos(x_a, x_v) x(v, i)
    by items        s(a, i) = sum_j cos(x_i, x_j) x(a, j)
    new users       s(a, i) = sum_v cos(attributes of a, attributes of v) x(v, i)        nothing is known of x_a

The data are made, so that the truth is known: 400 people of four tastes among 120 films, few of which draw most visits.
Someone visits a film of their own taste PREFERENCE times as readily as another, and four of five have the occupation
that goes with their taste.
"""

from typing import Any

import jax
import jax.numpy as jnp

from jaxdl import metrics
from jaxdl.artifacts import pictures
from jaxdl.claims._drawing import dots
from jaxdl.claims._evidence import Budget, Result, measured, surely_above
from jaxdl.metrics import ranking
from jaxdl.models import recommender
from jaxdl.types import Array, Key

STATEMENT = (
    "Cosine neighbors recommend better than popularity; for a new user neighbors by attributes do, where there is "
    "nothing else to go by."
)
SOURCE = "Breese, Heckerman, Kadie, 1998, table 2; Schein and others, 2002 (cold start)"
RULE = (
    "Half of the visits of 200 other people are shown, the rest is to be found. The expected utility of the list "
    "(Breese's R, a half-life of 5) is surely higher by users, and by items, than by popularity; for people of whom "
    "only the occupation is known it is surely higher by attributes than by popularity."
)
SEEDS, SECONDS = 16, 2

PEOPLE, ASKED, FILMS, TASTES = 400, 200, 120, 4
PREFERENCE, VISITS, FAITHFUL = 5.0, 12.0, 0.8
METHODS = ("popularity", "by users", "by items", "new users: popularity", "new users: by attributes")
BY_USERS, BY_ITEMS = recommender.Config("user"), recommender.Config("item")


def run(key: Key, budget: Budget) -> Result:
    """Score five lists for new worlds, one for each seed."""
    budget.stage("making worlds, ranking films")
    by_method = jax.jit(lambda keys: jax.lax.map(utilities, keys))(jax.random.split(key, budget.seeds))
    scores = {name: by_method[name] for name in METHODS}
    better = {name: scores[name] - scores["popularity"] for name in ("by users", "by items")}
    cold = scores["new users: by attributes"] - scores["new users: popularity"]
    return Result(
        figures=tuple(measured(f"utility of the list: {name}", 100 * values, "%") for name, values in scores.items()),
        checks={
            "by users better than popularity": surely_above(better["by users"]),
            "by items better than popularity": surely_above(better["by items"]),
            "by attributes better for new users": surely_above(cold),
        },
        drawn=scores,
    )


def world(key: Key) -> tuple[Array, Array]:
    """Visits [PEOPLE + ASKED, FILMS], 0 or 1, and occupations as one-hot rows [PEOPLE + ASKED, TASTES]."""
    taste_key, visit_key, faith_key, other_key = jax.random.split(key, 4)
    taste = jax.random.randint(taste_key, (PEOPLE + ASKED,), 0, TASTES)
    popularity = (1.0 + jnp.arange(FILMS, dtype=jnp.float32)) ** -0.7
    liking = jnp.where(taste[:, None] == jnp.arange(FILMS)[None] % TASTES, PREFERENCE, 1.0) * popularity[None]
    chance = jnp.minimum(1.0, VISITS * liking / liking.sum(1, keepdims=True))
    visits = jax.random.bernoulli(visit_key, chance).astype(jnp.float32)
    faithful = jax.random.bernoulli(faith_key, FAITHFUL, taste.shape)
    occupation = jnp.where(faithful, taste, jax.random.randint(other_key, taste.shape, 0, TASTES))
    return visits, jax.nn.one_hot(occupation, TASTES)


def utilities(key: Key) -> dict[str, Array]:
    """The utility of each method's lists in one world."""
    world_key, half_key = jax.random.split(key)
    visits, occupation = world(world_key)
    known, asked = visits[:PEOPLE], visits[PEOPLE:]
    shown = jnp.where(jax.random.bernoulli(half_key, 0.5, asked.shape), asked, 0.0)
    popular = jnp.tile(known.sum(0, keepdims=True), (ASKED, 1))

    def by(config: recommender.Config) -> Array:
        return recommender.apply(recommender.fit(known, known > 0, config), shown, shown > 0, config)

    nothing = jnp.zeros_like(asked)
    alike = recommender.similarities(
        occupation[PEOPLE:], occupation[:PEOPLE], occupation[PEOPLE:] > 0, occupation[:PEOPLE] > 0, BY_USERS
    )
    everyone = recommender.all_users(known, known > 0, BY_USERS)
    by_attributes = recommender.from_neighbors(everyone, alike, nothing, nothing > 0, BY_USERS)

    def utility(scores: Array, seen: Array) -> Array:
        return metrics.value(ranking.ranked_score(scores, (asked > 0) & (seen == 0), seen == 0))

    known_users = [utility(scores, shown) for scores in (popular, by(BY_USERS), by(BY_ITEMS))]
    new_users = [utility(scores, nothing) for scores in (popular, by_attributes)]
    return dict(zip(METHODS, known_users + new_users, strict=True))


def picture(result: Result) -> Any:
    """The utility of each method's lists, a point for each world."""
    figure, (ax,) = pictures.subplots(1, 1, width=6.2, height=3.2)
    names = list(reversed(result.drawn))
    for row, name in enumerate(names):
        dots(ax, row, 100 * result.drawn[name], sideways=True)
    ax.axhline(1.5, color="0.7", linewidth=0.8)
    ax.set_yticks(range(len(names)), names)
    ax.set_xlabel("expected utility of the list (% of the best possible)")
    return figure
