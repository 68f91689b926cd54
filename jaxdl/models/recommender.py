"""Memory-based recommendation (collaborative filtering): what similar users liked, or what is like the items one liked.

With w the similarity, N_k the k nearest and m the mean rating of a user (of an item, item-based):

    visits, by users    s(a, i) = sum over v in N_k(a) of w(a, v) x(v, i)
    visits, by items    s(a, i) = sum over j of w(i, j) x(a, j), where j visited, i in or j in N_k(i)
    ratings, by users   r(a, i) = sum w(a, v) r(v, i) / sum w(a, v)            over the k nearest v that rated i
    ratings, by items   r(a, i) = sum w(i, j) r(a, j) / sum w(i, j)            over the k nearest j that a rated

Only positive similarities count. With the centered cosine the averages are of r - m, and the target's own m is added
(Resnick's formula). Content-based recommendation is item-based with the similarity of the items' attributes
(`from_items`); a cold start is user-based with the similarity of the users' attributes (`from_neighbors`).

Here all users and items are in tables on the device, scored in blocks of users and differentiable; reasons, and one
user among too many for a table, are the business of `jaxdl.applications.recommend.neighborhood`.

U users, I items, B users asked for, M neighbors. `values` are ratings (1 for a visit) and `known` marks where there is
one: 0 may be a rating. References: Resnick et al., "GroupLens", 1994; Breese, Heckerman, Kadie, "Empirical analysis of
predictive algorithms for collaborative filtering", 1998 (inverse user frequency); Herlocker et al., "An algorithmic
framework for performing collaborative filtering", 1999 (significance); Sarwar et al., "Item-based collaborative
filtering", 2001.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import jax
import jax.numpy as jnp

from jaxdl.similarity import center, unit
from jaxdl.similarity.term_weights import inverse_document_frequency
from jaxdl.types import Array, Key, Params
from jaxdl.validation import require_not_negative, require_positive, require_types

TIED = 1e-6  # similarities that differ by no larger share are equal: rounding chooses no neighbors

Similarity = Literal["cosine", "common_cosine", "centered_cosine"]


@dataclass(frozen=True)
class Config:
    """How neighbors are found and asked.

    Attributes:
        by: "user" asks users like this one, "item" items like those that this one liked.
        feedback: "visits" ranks, "ratings" predicts a rating.
        similarity: "cosine" of all ratings, unknown ones as 0; "common_cosine" over what both rated, lengths too;
            "centered_cosine" of ratings less their mean (Pearson with unknown ratings at the mean).
        k: neighbors that count; those tied with the k-th count too. None is all.
        significance: a similarity on n < `significance` common ratings is multiplied by n / significance.
        inverse_frequency: weigh each item by log(U / n_i) in the similarity of users: that both visited the front
            page says little. Item-based: each user by log(I / n_u).
    """

    by: Literal["user", "item"] = "user"
    feedback: Literal["visits", "ratings"] = "visits"
    similarity: Similarity = "cosine"
    k: int | None = None
    significance: int = 0
    inverse_frequency: bool = False

    def __post_init__(self) -> None:
        require_types("recommender", self)
        require_not_negative("recommender", significance=self.significance)
        if self.k is not None:
            require_positive("recommender", k=self.k)


def similarities(
    x: Array, y: Array, x_known: Array, y_known: Array, config: Config, *, weights: Array | None = None
) -> Array:
    """Similarity of every row of x [N, D] with every row of y [M, D], as `config` has it: [N, M].

    Args:
        weights: of the features, [D]; the rows are multiplied by it first.
    Raises: ValueError for shapes that do not belong together.

    >>> x = jnp.array([[1.0, 0.0], [3.0, 4.0]])
    >>> [f"{w:.1f}" for w in similarities(x, x, x > 0, x > 0, Config())[0]]
    ['1.0', '0.6']
    """
    if x.ndim != 2 or y.ndim != 2 or x.shape[1] != y.shape[1] or x.shape != x_known.shape or y.shape != y_known.shape:
        shapes = (x.shape, x_known.shape, y.shape, y_known.shape)
        raise ValueError(f"similarities: x and x_known [N, D], y and y_known [M, D] are needed, got {shapes}")
    x, y = (_prepared(rows, known, config, weights) for rows, known in ((x, x_known), (y, y_known)))
    products = _dot(x, y.T)
    if config.similarity == "common_cosine":
        lengths = _dot(x * x, y_known.T.astype(x.dtype)) * _dot(x_known.astype(x.dtype), (y * y).T)
        products = jnp.where(lengths > 0, products / jnp.sqrt(jnp.where(lengths > 0, lengths, 1)), 0)
    if config.significance:
        common = _dot(x_known.astype(x.dtype), y_known.T.astype(x.dtype))
        products = products * (jnp.minimum(common, config.significance) / config.significance)
    return products


def keep_nearest(weights: Array, k: int | None) -> Array:
    """Positive weights [..., M] of the k largest of each row (and of those tied with the k-th), 0 elsewhere.

    >>> keep_nearest(jnp.array([0.5, -0.9, 0.1, 0.3]), 2).tolist()
    [0.5, 0.0, 0.0, 0.30000001192092896]
    """
    weights = jnp.maximum(weights, 0)
    if k is None or k >= weights.shape[-1]:
        return weights
    least = jax.lax.top_k(weights, k)[0][..., -1:]
    return jnp.where(weights >= (1 - TIED) * least, weights, 0)


def fit(values: Array, known: Array, config: Config) -> Params:
    """What `apply` needs of the ratings [U, I] of all users.

    Item-based, the similarity of the items: {"similarity": [I, I]}. User-based, the ratings themselves; but without a k
    the sum over all users needs them only once, since s = (A X^T) X = A (X^T X): then it is a matrix [I, I] as well,
    and a recommendation costs no more than item-based.

    Raises: ValueError unless both are [U, I].
    """
    if values.ndim != 2 or values.shape != known.shape:
        raise ValueError(f"recommender: values and known must both be [U, I], got {values.shape} and {known.shape}")
    values = jnp.where(known, values, 0)
    if config.by == "item":
        weights = _rarity(known.T) if config.inverse_frequency else None
        similarity = similarities(values.T, values.T, known.T, known.T, config, weights=weights)
        return from_items(similarity, values, known, config)
    params = all_users(values, known, config)
    if not _adds_up(config):
        return params
    weights = params["weights"]
    return {"sums": _dot(_prepared(values, known, config, weights).T, values), "weights": weights}


def all_users(values: Array, known: Array, config: Config) -> Params:
    """User-based parameters that hold all ratings: {"values", "known": [U, I], "weights": [I], "mean": [U]}.

    For a similarity of users from elsewhere (`from_neighbors`), such as their attributes.
    """
    weights = _rarity(known) if config.inverse_frequency else jnp.ones(known.shape[1], jnp.float32)
    values = jnp.where(known, values, 0)
    return {"values": values, "known": known, "weights": weights, "mean": _mean(values, known)}


def from_items(similarity: Array, values: Array, known: Array, config: Config) -> Params:
    """Parameters of item-based recommendation for a similarity of items [I, I] of any origin, such as attributes.

    No item is its own neighbor. `values` and `known` [U, I] give the means that ratings need.
    """
    itself = jnp.eye(len(similarity), dtype=bool)
    similarity = jnp.where(itself, 0, similarity)
    if config.feedback == "visits":
        return {"similarity": keep_nearest(similarity, config.k)}
    overall = _overall(values, known)
    means = jnp.where(known.any(0), _mean(values.T, known.T), jnp.broadcast_to(overall, known.shape[1:]))
    return {"similarity": similarity, "means": means, "mean": overall}


def apply(params: Params, values: Array, known: Array, config: Config) -> Array:
    """Scores [B, I] of all items for users with `values` and `known` [B, I]; the larger, the better.

    Visits: a sum of similarities, which ranks. Ratings: predicted ratings; where no neighbor has one, the mean of all
    ratings (with the centered cosine: the user's own mean, item-based the item's).

    >>> x = jnp.array([[1.0, 1.0, 0.0], [0.0, 1.0, 1.0], [1.0, 0.0, 0.0]])
    >>> [f"{s:.2f}" for s in apply(fit(x, x > 0, Config()), x[2:], x[2:] > 0, Config())[0]]
    ['1.71', '0.71', '0.00']
    """
    values = jnp.where(known, values, 0)
    if config.by == "user" and "sums" in params:
        return _dot(_prepared(values, known, config, params["weights"]), params["sums"])
    if config.by == "user":
        weights = similarities(
            values, params["values"], known, params["known"], config, weights=params["weights"]
        )  # [B, U]
        return from_neighbors(params, weights, values, known, config)
    if config.feedback == "visits":
        return _dot(values, params["similarity"].T)
    return jax.lax.map(lambda user: _rated_by_items(params, user[0], user[1], config), (values, known))


def from_neighbors(params: Params, weights: Array, values: Array, known: Array, config: Config) -> Array:
    """User-based scores [B, I] for given weights [B, U] of the neighbors: the cold start has them from attributes.

    Args:
        params: of `all_users`.
    """
    if config.feedback == "visits":
        return _dot(keep_nearest(weights, config.k), params["values"])
    return jax.lax.map(
        lambda user: _rated_by_users(params, user[0], user[1], user[2], config), (weights, values, known)
    )


def _rated_by_users(params: Params, weights: Array, values: Array, known: Array, config: Config) -> Array:
    """One user's predicted ratings [I]."""
    ratings, has = params["values"].T, params["known"].T  # [I, U]
    overall = _overall(params["values"], params["known"])
    shares = _shares(weights[None, :], has, config.k)
    if config.similarity != "centered_cosine":
        return _average(shares, ratings, overall)
    user_mean = jnp.where(known.any(), _mean(values[None], known[None])[0], overall)
    return user_mean + _average(shares, ratings - params["mean"][None, :], 0)


def _rated_by_items(params: Params, values: Array, known: Array, config: Config) -> Array:
    """One user's predicted ratings [I]."""
    similarity = params["similarity"]
    shares = _shares(similarity, known[None, :], config.k)
    if config.similarity != "centered_cosine":
        return _average(shares, values[None, :], params["mean"])
    means = params["means"]
    return means + _average(shares, (values - means)[None, :], 0)


def _shares(weights: Array, known: Array, k: int | None) -> Array:
    """Weights of the k nearest of those known, [..., M], scaled to the sum 1; all 0 where there is none."""
    weights = keep_nearest(jnp.where(known, weights, 0), k)
    total = weights.sum(-1, keepdims=True)
    return jnp.where(total > 0, weights / jnp.where(total > 0, total, 1), 0)


def _average(shares: Array, values: Array, otherwise: Array | float) -> Array:
    average = (shares * values).sum(-1)
    return jnp.where((shares > 0).any(-1), average, otherwise)


def _prepared(rows: Array, known: Array, config: Config, weights: Array | None) -> Array:
    """Rows whose products are the similarities."""
    if config.similarity == "centered_cosine":  # a visit of every page has no mean to speak of: there 0 counts too
        rows = center(rows, where=known if config.feedback == "ratings" else None)
    if weights is not None:
        rows = rows * weights.astype(rows.dtype)[None, :]
    return rows if config.similarity == "common_cosine" else unit(rows)


def _adds_up(config: Config) -> bool:
    """Whether user-based scores are a plain product: every user counts, with a weight that is never negative."""
    return config.feedback == "visits" and config.similarity == "cosine" and not (config.k or config.significance)


def _rarity(known: Array) -> Array:
    """Inverse user frequency: log(N / n_d) for the features d of rows [N, D]."""
    return inverse_document_frequency(known.astype(jnp.float32), scheme="plain")


def _mean(values: Array, known: Array) -> Array:
    """The mean of each row's known values, 0 where there is none."""
    n = known.sum(-1).astype(values.dtype)
    return jnp.where(known, values, 0).sum(-1) / jnp.maximum(n, 1)


def _overall(values: Array, known: Array) -> Array:
    return _mean(values.reshape(1, -1), known.reshape(1, -1))[0]


def _dot(x: Array, y: Array) -> Array:
    return jnp.matmul(x, y, precision="highest")  # a GPU would round the factors to 10 bits


def example(key: Key) -> tuple[Callable[[Params], Array], Params]:
    """A small loss of the ratings: how each rating of a neighbor moves what is predicted."""
    values_key, known_key = jax.random.split(key)
    known = jax.random.bernoulli(known_key, 0.7, (6, 5))
    params = {"ratings": 1 + 4 * jax.random.uniform(values_key, (6, 5))}

    def loss(params: Params) -> Array:
        values = params["ratings"]
        total = jnp.zeros((), values.dtype)
        for by in ("user", "item"):
            for feedback in ("visits", "ratings"):
                config = Config(by=by, feedback=feedback, significance=3, inverse_frequency=feedback == "visits")
                scores = apply(fit(values, known, config), values[:2], known[:2], config)
                total = total + (scores * scores).mean()
        return total

    return loss, params
