"""Similarities of all rows with all rows, and the k nearest rows in blocks, which are never all pairs at once.

Rows are dense arrays or `scipy.sparse` matrices (counts); those stay on the host and are never made dense as a whole.
What a similarity is: `jaxdl.similarity.vectors`.

N, M rows, D features.
"""

import functools
from collections.abc import Callable
from typing import Any, Literal, TypeAlias, get_args

import jax
import jax.numpy as jnp
import numpy as np

from jaxdl.similarity.vectors import as_floats, center, float_dtype, is_sparse, members, unit
from jaxdl.types import Array
from jaxdl.validation import require_arrays, require_name

Measure: TypeAlias = Literal["cosine", "centered_cosine", "jaccard"]
Rows: TypeAlias = Any  # [N, D]: a JAX or numpy array, or a scipy.sparse matrix

_BLOCK = 1 << 24  # similarities held at once, at most: 64 MB in float32
_ROWS = 128  # of a block: enough for a fast product, few enough that the similarities stay in the cache
_GROUP = 32  # similarities of which `_largest` first looks at the largest alone


def cosine_matrix(x: Rows, y: Rows | None = None) -> Array:
    """`cosine` of every row of `x` with every row of `y` (with those of `x` itself by default).

    Args:
        x: [N, D], dense or scipy.sparse.
        y: [M, D], of the same kind.
    Returns: [N, M]; all of it is in memory: `top_k` is for many rows.
    Raises: ValueError for another rank or unequal D.

    >>> cosine_matrix(jnp.array([[1.0, 0.0], [0.0, 2.0]])).tolist()
    [[1.0, 0.0], [0.0, 1.0]]
    """
    return _matrix(x, y, "cosine")


def centered_cosine_matrix(x: Rows, y: Rows | None = None) -> Array:
    """`centered_cosine` of all rows with all rows; arguments as in `cosine_matrix`."""
    return _matrix(x, y, "centered_cosine")


def jaccard_matrix(x: Rows, y: Rows | None = None) -> Array:
    """`jaccard` of all rows with all rows; arguments as in `cosine_matrix`."""
    return _matrix(x, y, "jaccard")


def top_k(x: Rows, k: int, items: Rows | None = None, *, measure: Measure = "cosine") -> tuple[Array, Array]:
    """The k most similar rows of `items` for each row of `x`, best first; equal ones in the order of their rows.

    Works through blocks of rows of `x`, so that at most 2^24 similarities exist at a time, never all N x M.

    Args:
        x: [N, D], dense or scipy.sparse.
        k: neighbors of each row.
        items: [M, D] of the same kind; left out, the rows of `x` are compared with each other, none with itself.
        measure: "cosine", "centered_cosine" or "jaccard".
    Returns: (similarities [N, k], row numbers [N, k] int32).
    Raises: ValueError for another rank, unequal D, or k larger than the number of candidates.

    >>> similarities, rows = top_k(jnp.array([[1.0, 0.0], [1.0, 1.0], [0.0, 1.0]]), 1)
    >>> rows.tolist()
    [[1], [0], [1]]
    """
    require_name("top_k", "measure", measure, get_args(Measure))
    among_itself = items is None
    others: Rows = x if items is None else items
    _check_rows(x, others)
    candidates = others.shape[0] - among_itself
    if not 1 <= k <= candidates:
        raise ValueError(f"top_k: k must be between 1 and the {candidates} candidates, got {k}")
    block = min(max(1, _BLOCK // others.shape[0]), _ROWS, x.shape[0])
    find = _sparse_top_k if is_sparse(x) else _dense_top_k
    return find(x, others, k=k, measure=measure, among_itself=among_itself, block=block)


@functools.partial(jax.jit, static_argnames=("k", "measure", "among_itself", "block"))
def _dense_top_k(
    x: Array, items: Array, *, k: int, measure: Measure, among_itself: bool, block: int
) -> tuple[Array, Array]:
    prepare, score = _DENSE[measure]
    n = len(items)
    prepared = jnp.pad(prepare(as_floats(items)), ((0, -n % _GROUP), (0, 0)))
    candidate = jnp.arange(len(prepared))

    def neighbors(row: tuple[Array, Array]) -> tuple[Array, Array]:
        number, vector = row
        scores = score(vector[None], prepared)[0]
        allowed = (candidate < n) & (candidate != number) if among_itself else candidate < n
        return _largest(jnp.where(allowed, scores, -jnp.inf), k)

    scores, rows = jax.lax.map(neighbors, (jnp.arange(len(x)), prepare(as_floats(x))), batch_size=block)
    return scores.astype(float_dtype(x)), rows


def _largest(scores: Array, k: int) -> tuple[Array, Array]:
    """`jax.lax.top_k` of scores [M], M a multiple of 32; for few of many faster, with the same order of equal ones.

    The k largest lie in the k groups of 32 neighboring scores whose largest are the k largest, so that only these
    groups are sorted. They are looked at in the order in which they stand, hence equal scores come in theirs.
    """
    groups = scores.reshape(-1, _GROUP)
    if len(groups) <= 2 * k:
        return jax.lax.top_k(scores, k)
    chosen = jnp.sort(jax.lax.top_k(groups.max(1), k)[1])  # [k]
    scores_of_k, at = jax.lax.top_k(groups[chosen].reshape(-1), k)
    return scores_of_k, chosen[at // _GROUP] * _GROUP + at % _GROUP


def _sparse_top_k(
    x: Any, items: Any, *, k: int, measure: Measure, among_itself: bool, block: int
) -> tuple[Array, Array]:
    x, items, parts = x.tocsr(), items.tocsr(), []
    for start in range(0, x.shape[0], block):
        scores = _sparse_scores(x[start : start + block], items, measure)
        if among_itself:
            here = np.arange(len(scores))
            scores[here, start + here] = -np.inf
        parts.append(jax.lax.top_k(jnp.asarray(scores), k))
    scores, rows = zip(*parts, strict=True)
    return jnp.concatenate(scores), jnp.concatenate(rows)


def _matrix(x: Rows, y: Rows | None, measure: Measure) -> Array:
    others: Rows = x if y is None else y
    _check_rows(x, others)
    if is_sparse(x):
        return jnp.asarray(_sparse_scores(x.tocsr(), others.tocsr(), measure))
    prepare, score = _DENSE[measure]
    return score(prepare(as_floats(x)), prepare(as_floats(others))).astype(float_dtype(x))


def _dot(x: Array, y: Array) -> Array:
    return jnp.matmul(x, y.T, precision="highest")  # a GPU would round the factors to 10 bits


def _overlap(x: Array, y: Array) -> Array:
    both = _dot(x, y)
    either = x.sum(-1)[:, None] + y.sum(-1)[None, :] - both
    return both / jnp.maximum(either, 1)


# measure -> (what to do with each row once, how prepared rows [N, D] and [M, D] become similarities [N, M])
_DENSE: dict[str, tuple[Callable[[Array], Array], Callable[[Array, Array], Array]]] = {
    "cosine": (unit, _dot),
    "centered_cosine": (lambda x: unit(center(x)), _dot),
    "jaccard": (members, _overlap),
}


def _sparse_scores(x: Any, y: Any, measure: Measure) -> np.ndarray:
    """Similarities [N, M] in float64 of CSR rows: only products of nonzero entries are computed."""
    if measure == "jaccard":
        x, y = _sparse_members(x), _sparse_members(y)
        both = (x @ y.T).toarray()
        either = _row_sums(x)[:, None] + _row_sums(y)[None, :] - both
        return both / np.maximum(either, 1)
    x, y = x.astype(np.float64), y.astype(np.float64)
    products = (x @ y.T).toarray()
    x_squares, y_squares = _row_sums(x.multiply(x)), _row_sums(y.multiply(y))
    if measure == "centered_cosine":  # sum (x - m)(y - n) = sum x y - D m n: the zeros need not be stored
        d = x.shape[1]
        x_mean, y_mean = _row_sums(x) / d, _row_sums(y) / d
        products -= d * x_mean[:, None] * y_mean[None, :]
        x_squares, y_squares = (
            np.where(centered <= 1e-12 * squares, 0.0, centered)  # a difference below rounding: a constant row
            for squares, centered in ((x_squares, x_squares - d * x_mean**2), (y_squares, y_squares - d * y_mean**2))
        )
    lengths = np.sqrt(x_squares)[:, None] * np.sqrt(y_squares)[None, :]
    return np.divide(products, lengths, out=np.zeros_like(products), where=lengths != 0)  # NaN stays


def _sparse_members(x: Any) -> Any:
    members = x.astype(np.float64)
    members.data = np.where(np.isnan(members.data), np.nan, members.data != 0)
    return members


def _row_sums(x: Any) -> np.ndarray:
    return np.asarray(x.sum(axis=1), np.float64).ravel()


def _check_rows(x: Any, y: Any) -> None:
    require_arrays("similarity", x=x, y=y)
    if is_sparse(x) != is_sparse(y):
        raise ValueError("similarity: both sides must be dense, or both scipy.sparse")
    if len(x.shape) != 2 or len(y.shape) != 2 or x.shape[1] != y.shape[1]:
        raise ValueError(f"similarity: rows must be [N, D] and [M, D] with one D, got {x.shape} and {y.shape}")
