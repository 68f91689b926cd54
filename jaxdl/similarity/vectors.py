"""Similarity of vectors: of two, of all rows with all rows, and the k nearest rows in blocks.

    cosine            x . y / (|x| |y|)
    centered cosine   the cosine of x - mean(x) and y - mean(y): Pearson's correlation
    Jaccard           |A and B| / |A or B| of the sets of nonzero entries

What has no direction is similar to nothing: a zero vector (a constant one when centered, an empty set) gives 0, not
NaN, and a zero gradient; NaN in a vector makes its similarities NaN. Rows are dense arrays or `scipy.sparse` matrices
(counts); those stay on the host and are never made dense as a whole. The weights of words that one usually compares
lie in `jaxdl.similarity.term_weights`.

N, M rows, D features.
"""

import functools
from collections.abc import Callable
from typing import Any, Literal, TypeAlias, get_args

import jax
import jax.numpy as jnp
import numpy as np

from jaxdl.types import Array, at_least_float32
from jaxdl.validation import require_name

Measure: TypeAlias = Literal["cosine", "centered_cosine", "jaccard"]
Rows: TypeAlias = Any  # [N, D]: a JAX or numpy array, or a scipy.sparse matrix

_BLOCK = 1 << 24  # similarities held at once, at most: 64 MB in float32
_ROWS = 128  # of a block: enough for a fast product, few enough that the similarities stay in the cache
_GROUP = 32  # similarities of which `_largest` first looks at the largest alone


def unit(x: Array) -> Array:
    """Scale vectors to length 1 along the last axis: x / |x|, and 0 for the zero vector.

    >>> [f"{v:.2f}" for v in unit(jnp.array([3.0, 4.0]))]
    ['0.60', '0.80']
    """
    wide = _vectors("unit", x)
    # The result does not depend on the scale, so the largest entry may go first: squares neither overflow nor vanish.
    largest = jax.lax.stop_gradient(jnp.abs(wide).max(-1, keepdims=True, initial=0.0))
    zero = largest == 0  # not so of NaN, which stays
    wide = wide / jnp.where(zero, 1, largest)
    length = jnp.sqrt(jnp.where(zero, 1, (wide * wide).sum(-1, keepdims=True)))
    return jnp.where(zero, 0, wide / length).astype(float_dtype(x))


def center(x: Array, *, where: Array | None = None) -> Array:
    """Subtract the mean of each vector (last axis); with `where`, of its known entries, and 0 at the unknown ones.

    >>> center(jnp.array([1.0, 3.0, 9.0]), where=jnp.array([True, True, False])).tolist()
    [-1.0, 1.0, 0.0]
    """
    wide = _vectors("center", x)
    known = jnp.ones(wide.shape, bool) if where is None else jnp.asarray(where)
    if known.shape != wide.shape:
        raise ValueError(f"center: where {known.shape} must have the shape {wide.shape} of x")
    # Shifted by an entry of its own first, a constant vector becomes exactly zero, whatever the rounding of the mean.
    largest = jnp.where(known, wide, -jnp.inf).max(-1, keepdims=True, initial=-jnp.inf)
    shift = jax.lax.stop_gradient(jnp.where(jnp.isfinite(largest), largest, 0))
    shifted = jnp.where(known, wide - shift, 0)
    n = jnp.maximum(known.sum(-1, keepdims=True), 1).astype(wide.dtype)
    mean = shifted.sum(-1, keepdims=True) / n
    return jnp.where(known, shifted - mean, 0).astype(float_dtype(x))


def cosine(x: Array, y: Array) -> Array:
    """Cosine of the angle between vectors: cos(x, y) = x . y / (|x| |y|), and 0 if either is zero.

        d cos / dx = (y / |y| - cos x / |x|) / |x|

    Args:
        x, y: [..., D], equal shapes.
    Returns: [...] in [-1, 1] up to rounding, dtype of `x` (float32 for integers).
    Raises: ValueError for unequal shapes.

    >>> cosine(jnp.array([[1.0, 0.0], [0.0, 0.0]]), jnp.array([[3.0, 0.0], [1.0, 2.0]])).tolist()
    [1.0, 0.0]
    """
    _check_same_shape("cosine", x, y)
    return (unit(as_floats(x)) * unit(as_floats(y))).sum(-1).astype(float_dtype(x))


def centered_cosine(x: Array, y: Array) -> Array:
    """Pearson's correlation: the cosine of x - mean(x) and y - mean(y), and 0 if either is constant.

    Args and returns: as `cosine`.

    >>> f"{centered_cosine(jnp.array([1.0, 2.0, 3.0]), jnp.array([5.0, 4.0, 3.0])):.4f}"
    '-1.0000'
    """
    _check_same_shape("centered_cosine", x, y)
    return cosine(center(as_floats(x)), center(as_floats(y))).astype(float_dtype(x))


def jaccard(x: Array, y: Array) -> Array:
    """Overlap of the sets of nonzero entries: |A and B| / |A or B|, and 0 if both are empty. No gradient.

    Args and returns: as `cosine`.
    Reference: Jaccard, "Étude comparative de la distribution florale", 1901.

    >>> f"{jaccard(jnp.array([1, 1, 0, 2]), jnp.array([0, 1, 0, 1])):.4f}"
    '0.6667'
    """
    _check_same_shape("jaccard", x, y)
    a, b = _members(_vectors("jaccard", x)), _members(_vectors("jaccard", y))
    both = (a * b).sum(-1)
    return (both / jnp.maximum(a.sum(-1) + b.sum(-1) - both, 1)).astype(float_dtype(x))


def _members(x: Array) -> Array:
    """1 where x is not 0, 0 where it is, NaN where nobody knows."""
    return jnp.where(jnp.isnan(x), x, (x != 0).astype(x.dtype))


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
    found, place = jax.lax.top_k(groups[chosen].reshape(-1), k)
    return found, chosen[place // _GROUP] * _GROUP + place % _GROUP


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
    "jaccard": (_members, _overlap),
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


def is_sparse(x: Any) -> bool:
    """Whether `x` is a scipy.sparse matrix; does not import scipy."""
    return hasattr(x, "tocsr")


def float_dtype(x: Any) -> Any:
    """The dtype of results: that of `x` if it is floating, else float32. Complex numbers are refused."""
    dtype = jax.dtypes.canonicalize_dtype(x.dtype if hasattr(x, "dtype") else np.asarray(x).dtype)
    if jnp.issubdtype(dtype, jnp.complexfloating):
        raise ValueError(f"similarity: vectors must be real, got {dtype}")
    return dtype if jnp.issubdtype(dtype, jnp.floating) else jnp.dtype(jnp.float32)


def as_floats(x: Any) -> Array:
    """`x` as an array of at least float32, in which sums are computed."""
    dtype = float_dtype(x)
    return at_least_float32(x.astype(dtype) if isinstance(x, jax.Array) else jnp.asarray(np.asarray(x).astype(dtype)))


def _vectors(name: str, x: Any) -> Array:
    if jnp.ndim(x) == 0:
        raise ValueError(f"{name}: x must be a vector, or vectors along the last axis, got a number")
    return as_floats(x)


def _check_same_shape(name: str, x: Any, y: Any) -> None:
    if jnp.shape(x) != jnp.shape(y):
        raise ValueError(f"{name}: x {jnp.shape(x)} and y {jnp.shape(y)} differ in shape; for all pairs: {name}_matrix")


def _check_rows(x: Any, y: Any) -> None:
    if is_sparse(x) != is_sparse(y):
        raise ValueError("similarity: both sides must be dense, or both scipy.sparse")
    if len(x.shape) != 2 or len(y.shape) != 2 or x.shape[1] != y.shape[1]:
        raise ValueError(f"similarity: rows must be [N, D] and [M, D] with one D, got {x.shape} and {y.shape}")
