"""How good a ranking is: ranked score with a half-life, precision and recall at k, NDCG; and how much it ever shows.

All take scores [B, I] of all items, `relevant` [B, I] bool (what should be found) and `candidates` [B, I] bool (what
may be shown: not what the user has already); they return (sum, count) pairs as `jaxdl.metrics`, a mean over users with
anything relevant. Equal scores are ranked in the order of the items. Scores may be integers (counts). A user with a
NaN among the scores of the candidates makes the result NaN.
"""

import jax.numpy as jnp
import numpy as np

from jaxdl.metrics.pairs import mean
from jaxdl.types import Array, Pair


def hits_in_order(scores: Array, relevant: Array, candidates: Array) -> Array:
    """`relevant` in the order of the ranking, best first: [B, I] bool; what is no candidate comes last, as False.

    Raises: ValueError for unequal shapes.

    >>> hits_in_order(jnp.array([[0.1, 0.9, 0.5]]), jnp.array([[True, False, False]]), jnp.ones((1, 3), bool)).tolist()
    [[False, False, True]]
    """
    _check(scores, relevant, candidates)
    return jnp.take_along_axis(jnp.asarray(relevant) & jnp.asarray(candidates), _order(scores, candidates), axis=-1)


def ranked_score(scores: Array, relevant: Array, candidates: Array, *, half_life: float = 5.0) -> Pair:
    """Breese, Heckerman and Kadie's expected utility of a ranked list, of the best that could be reached.

        R_a = sum over relevant items of 2^(-(rank - 1) / (half_life - 1)),    R = sum of R_a / sum of max R_a

    The item at rank `half_life` is looked at by half of the users. The pair is (sum of R_a, sum of max R_a): over any
    batches its value is the paper's R / 100.

    Reference: "Empirical analysis of predictive algorithms for collaborative filtering", 1998, section 3.

    >>> from jaxdl.metrics import value
    >>> pair = ranked_score(jnp.array([[0.9, 0.5, 0.1]]), jnp.array([[False, True, False]]), jnp.ones((1, 3), bool))
    >>> f"{value(pair):.3f}"
    '0.841'
    """
    if half_life <= 1:
        raise ValueError(f"ranked_score: half_life must be more than 1, got {half_life}")
    hits = _hits(scores, relevant, candidates)
    weights = 2.0 ** (-jnp.arange(hits.shape[-1], dtype=jnp.float32) / (half_life - 1))
    best = -jnp.sort(-hits, axis=-1)  # all hits first
    return (hits * weights[None, :]).sum(), (best * weights[None, :]).sum()


def precision_at_k(scores: Array, relevant: Array, candidates: Array, k: int) -> Pair:
    """Share of the first k places that hold a relevant item: |relevant in top k| / k.

    >>> from jaxdl.metrics import value
    >>> relevant, everything = jnp.array([[True, False, False, True]]), jnp.ones((1, 4), bool)
    >>> value(precision_at_k(jnp.arange(4.0)[None], relevant, everything, 2)).item()
    0.5
    """
    hits, n = _top(scores, relevant, candidates, k)
    return mean(hits.sum(-1) / k, where=n > 0)


def recall_at_k(scores: Array, relevant: Array, candidates: Array, k: int) -> Pair:
    """Share of the relevant items that are among the first k: |relevant in top k| / |relevant|."""
    hits, n = _top(scores, relevant, candidates, k)
    return mean(hits.sum(-1) / jnp.maximum(n, 1), where=n > 0)


def ndcg_at_k(scores: Array, relevant: Array, candidates: Array, k: int) -> Pair:
    """Discounted gain of the first k places, of the best possible: DCG = sum over hits of 1 / log2(rank + 1).

    Reference: Järvelin and Kekäläinen, "Cumulated gain-based evaluation of IR techniques", 2002.
    """
    hits, n = _top(scores, relevant, candidates, k)
    discount = 1 / jnp.log2(jnp.arange(hits.shape[-1], dtype=jnp.float32) + 2)
    best = jnp.cumsum(discount)[jnp.clip(jnp.minimum(n, k).astype(jnp.int32) - 1, 0)]
    return mean((hits * discount[None, :]).sum(-1) / best, where=n > 0)


def coverage(scores: Array, candidates: Array, k: int) -> Array:
    """Catalog coverage: the share of all items that stand among the first k of at least one user.

    Not a pair: batches overlap, so it needs all users at once.

    >>> coverage(jnp.array([[3.0, 1.0], [2.0, 0.0]]), jnp.ones((2, 2), bool), 1).item()
    0.5
    """
    _check(scores, candidates)
    n_items = np.shape(scores)[-1]
    _check_k(k, n_items)
    scores, candidates = jnp.asarray(scores), jnp.asarray(candidates)
    items = _order(scores, candidates)[:, :k]
    is_shown = jnp.take_along_axis(candidates, items, axis=-1)
    seen = jnp.zeros(n_items, bool).at[items.reshape(-1)].max(is_shown.reshape(-1))
    return jnp.where(_has_nan(scores, candidates).any(), jnp.nan, seen.mean(dtype=jnp.float32))


def _top(scores: Array, relevant: Array, candidates: Array, k: int) -> tuple[Array, Array]:
    """The hits of the first k places [B, k] and the number of relevant items [B], as floats."""
    _check_k(k, np.shape(scores)[-1])
    hits = _hits(scores, relevant, candidates)
    return hits[..., :k], (jnp.asarray(relevant) & jnp.asarray(candidates)).sum(-1).astype(hits.dtype)


def _hits(scores: Array, relevant: Array, candidates: Array) -> Array:
    """`hits_in_order` as floats, NaN for a user whose ranking a NaN has no place in."""
    hits = hits_in_order(scores, relevant, candidates).astype(jnp.float32)
    return jnp.where(_has_nan(scores, candidates)[:, None], jnp.nan, hits)


def _order(scores: Array, candidates: Array) -> Array:
    """The items [B, I], best first; those that may not be shown last, whatever the lowest score of a candidate."""
    scores, candidates = jnp.asarray(scores), jnp.asarray(candidates)
    order = jnp.argsort(scores, axis=-1, stable=True, descending=True)
    hidden = ~jnp.take_along_axis(candidates, order, axis=-1)
    return jnp.take_along_axis(order, jnp.argsort(hidden, axis=-1, stable=True), axis=-1)


def _has_nan(scores: Array, candidates: Array) -> Array:
    return (jnp.asarray(candidates) & jnp.isnan(jnp.asarray(scores))).any(-1)


def _check(scores: Array, *sets: Array) -> None:
    shapes = [np.shape(array) for array in (scores, *sets)]
    if len(set(shapes)) > 1:
        raise ValueError(f"ranking: shapes differ: {', '.join(map(str, shapes))}")
    if len(shapes[0]) != 2:
        raise ValueError(f"ranking: scores {shapes[0]} must be [B, I]: a row for each user")
    if jnp.issubdtype(jnp.result_type(scores), jnp.complexfloating):
        raise ValueError(
            f"ranking: scores must be real, got {jnp.result_type(scores)}; take scores.real or abs(scores)"
        )
    for array in sets:
        if not jnp.issubdtype(jnp.result_type(array), jnp.bool_):
            raise ValueError(
                f"ranking: what is relevant, and what may be shown, are bools, got {jnp.result_type(array)}"
            )


def _check_k(k: int, n_items: int) -> None:
    if not 1 <= k <= n_items:
        raise ValueError(f"ranking: k must be between 1 and the {n_items} items, got {k}")
