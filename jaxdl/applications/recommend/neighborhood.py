"""Memory-based recommendation for one user among very many, from the known ratings alone.

The equations are those of `jaxdl.models.recommender`, which compares whole tables on the device. Here ratings are a
scipy.sparse matrix on the host, of which every stored entry is known (0 may be a rating), and only products of known
entries are computed: nothing of the size users x items or items x items is ever made, so millions of ratings fit.

U users, I items, D features, n items that the user knows, M neighbors.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from jaxdl.models.recommender import TIED, Config
from jaxdl.similarity.term_weights import inverse_document_frequency

_BLOCK = 1 << 22  # similarities held at once: 32 MB in float64


class Scored(NamedTuple):
    """What one user may think of every item, and why.

    Attributes:
        scores: [I], as those of `models.recommender.apply`.
        parts: scipy.sparse CSR [I, M], what each neighbor has to do with each score. Visits: terms whose sum is the
            score. Ratings: shares in the average, which add up to 1, or none where no neighbor knows the item.
    """

    scores: np.ndarray
    parts: Any


def compare(rows: Any, config: Config, *, weights: Any = None) -> Callable[[Any], np.ndarray]:
    """`models.recommender.similarities` for sparse rows: a function of CSR rows [N, D] that gives [N, M] float64.

    Args:
        rows: CSR [M, D] with which all others are compared.
        weights: of the features, [D]; the rows are multiplied by it first.
    Raises: ValueError for the centered cosine of visits, whose unknown entries would count as 0.

    >>> from scipy import sparse
    >>> rows = sparse.csr_matrix([[1.0, 0.0], [3.0, 4.0]])
    >>> compare(rows, Config())(rows).round(1).tolist()
    [[1.0, 0.6], [0.6, 1.0]]
    """
    if config.similarity == "centered_cosine" and config.feedback == "visits":
        raise ValueError("neighborhood: visits have no mean to subtract; use the cosine, or jaxdl.models.recommender")
    y, known = _prepared(rows, config, weights), _known(rows)
    transposed, squares, known = (matrix.T.tocsr() for matrix in (y, y.multiply(y), known))

    def similarities(x: Any) -> np.ndarray:
        x_known, x = _known(x), _prepared(x, config, weights)
        found = (x @ transposed).toarray()
        if config.similarity == "common_cosine":
            lengths = np.sqrt((x.multiply(x) @ known).toarray() * (x_known @ squares).toarray())
            found = np.divide(found, lengths, out=np.zeros_like(found), where=lengths > 0)
        if config.significance:
            common = (x_known @ known).toarray()
            found *= np.minimum(common, config.significance) / config.significance
        return found

    return similarities


def similar_users(ratings: Any, profile: Any, config: Config) -> np.ndarray:
    """The similarity [U] of all users, CSR [U, I], with the one of the row `profile`, CSR [1, I]."""
    weights = inverse_document_frequency(_known(ratings), scheme="plain") if config.inverse_frequency else None
    return compare(profile, config, weights=weights)(ratings)[:, 0]


def by_users(ratings: Any, near: np.ndarray, profile: Any, config: Config) -> Scored:
    """User-based scores for one user, given the similarity of all users, of ratings or, in a cold start, of attributes.

    Args:
        ratings: CSR [U, I].
        near: [U].
        profile: CSR [1, I], what the user knows; its mean is where predicted ratings start.

    >>> from scipy import sparse
    >>> ratings = sparse.csr_matrix([[1.0, 1.0, 0.0], [0.0, 1.0, 1.0]])
    >>> by_users(ratings, np.array([0.7, 0.7]), ratings[:1], Config()).scores.tolist()
    [0.7, 1.4, 0.7]
    """
    n_items = ratings.shape[1]
    near = keep_nearest(near, config.k if config.feedback == "visits" else None)
    users = np.argsort(-near, kind="stable")[: np.count_nonzero(near)]
    columns = ratings[users].tocsc()  # of every item, those who know it, the nearest first
    users, items = users[columns.indices], np.repeat(np.arange(n_items), np.diff(columns.indptr))
    parts, values = near[users], columns.data.astype(np.float64)
    if config.feedback == "visits":
        parts = parts * values
        scores = np.bincount(items, parts, n_items)
    else:
        parts = _shares(parts, columns.indptr, config.k)
        start, otherwise = 0.0, ratings.data.mean()
        if config.similarity == "centered_cosine":
            values -= _means(ratings)[users]
            start = otherwise = profile.data.mean() if profile.nnz else otherwise
        scores = np.where(np.diff(columns.indptr) > 0, start + np.bincount(items, parts * values, n_items), otherwise)
    found = type(ratings)((parts, users, columns.indptr), shape=(n_items, ratings.shape[0]))
    found.eliminate_zeros()
    return Scored(scores, found)


def similar_items(ratings: Any, profile: Any, config: Config, *, attributes: Any = None) -> Any:
    """The similarity, CSR [I, n], of all items with the n items of the row `profile`; computed in blocks of items.

    Only the k nearest are kept, of ratings among the n, of visits among all items. No item is its own neighbor.

    Args:
        ratings: CSR [U, I].
        profile: CSR [1, I].
        attributes: CSR [I, D]; items are compared by these (content-based) instead of by their ratings.
    """
    from scipy import sparse

    rows, by = (ratings.T.tocsr(), config) if attributes is None else (attributes, Config())
    among_all = config.feedback == "visits" and config.k is not None
    numbers = np.arange(rows.shape[0]) if among_all else profile.indices
    weights = inverse_document_frequency(_known(rows), scheme="plain") if by.inverse_frequency else None
    similarities = compare(rows[numbers], by, weights=weights)
    size, blocks = max(1, _BLOCK // max(len(numbers), 1)), []
    for first in range(0, rows.shape[0], size):
        near = similarities(rows[first : first + size])
        near[first + np.arange(len(near))[:, None] == numbers[None, :]] = 0
        near = keep_nearest(near, config.k)
        blocks.append(sparse.csr_matrix(near[:, profile.indices] if among_all else near))
    return sparse.vstack(blocks, format="csr")


def by_items(ratings: Any, near: Any, profile: Any, config: Config) -> Scored:
    """Item-based scores for one user, given the similarity of all items with those of the user.

    Args:
        ratings: CSR [U, I].
        near: CSR [I, n] of `similar_items`.
        profile: CSR [1, I], the n items that the user knows.

    >>> from scipy import sparse
    >>> ratings, config = sparse.csr_matrix([[1.0, 1.0, 0.0], [0.0, 1.0, 1.0]]), Config("item")
    >>> by_items(ratings, similar_items(ratings, ratings[:1], config), ratings[:1], config).scores.round(2).tolist()
    [0.71, 0.71, 0.71]
    """
    values, parts, counts = profile.data.astype(np.float64), near.copy(), np.diff(near.indptr)
    if config.feedback == "visits":
        parts.data *= values[parts.indices]
        return Scored(_row_sums(parts), parts)
    parts.data /= np.repeat(_row_sums(parts), counts)
    overall = ratings.data.mean()
    if config.similarity != "centered_cosine":
        return Scored(np.where(counts > 0, parts @ values, overall), parts)
    items = ratings.T.tocsr()
    means = np.where(np.diff(items.indptr) > 0, _means(items), overall)
    return Scored(means + parts @ (values - means[profile.indices]), parts)


def keep_nearest(weights: np.ndarray, k: int | None) -> np.ndarray:
    """`models.recommender.keep_nearest` on the host.

    >>> keep_nearest(np.array([0.5, -0.9, 0.1, 0.3]), 2).tolist()
    [0.5, 0.0, 0.0, 0.3]
    """
    weights = np.maximum(weights, 0)
    if k is None or k >= weights.shape[-1]:
        return weights
    least = -np.partition(-weights, k - 1, axis=-1)[..., k - 1 : k]
    return np.where(weights >= (1 - TIED) * least, weights, 0)


def _shares(weights: np.ndarray, starts: np.ndarray, k: int | None) -> np.ndarray:
    """Of runs of falling weights, the k first of each (and those tied with the k-th), scaled to the sum 1."""
    counts = np.diff(starts)
    full, counts = starts[:-1][counts > 0], counts[counts > 0]
    last = full + np.minimum(counts, counts if k is None else k) - 1
    kept = np.where(weights >= (1 - TIED) * np.repeat(weights[last], counts), weights, 0)
    return kept / np.repeat(np.add.reduceat(kept, full), counts)


def _prepared(rows: Any, config: Config, weights: Any) -> Any:
    """CSR rows whose products are the similarities."""
    numbers, data = _numbers(rows), rows.data.astype(np.float64)
    if config.similarity == "centered_cosine":
        squares = np.bincount(numbers, data * data, rows.shape[0])
        data = data - _means(rows)[numbers]
        rest = np.bincount(numbers, data * data, rows.shape[0])
        data[(rest <= 1e-12 * squares)[numbers]] = 0  # a constant row has no direction, whatever rounding leaves of it
    if weights is not None:
        data = data * np.asarray(weights)[rows.indices]
    if config.similarity != "common_cosine":
        lengths = np.sqrt(np.bincount(numbers, data * data, rows.shape[0]))
        data = data / np.where(lengths > 0, lengths, 1)[numbers]
    return type(rows)((data, rows.indices, rows.indptr), shape=rows.shape)


def _known(rows: Any) -> Any:
    return type(rows)((np.ones(rows.nnz), rows.indices, rows.indptr), shape=rows.shape)


def _numbers(rows: Any) -> np.ndarray:
    """The row of every stored entry."""
    return np.repeat(np.arange(rows.shape[0]), np.diff(rows.indptr))


def _row_sums(rows: Any) -> np.ndarray:
    return np.bincount(_numbers(rows), rows.data, rows.shape[0])


def _means(rows: Any) -> np.ndarray:
    """The mean of the known entries of each row, 0 where there is none."""
    return _row_sums(rows) / np.maximum(np.diff(rows.indptr), 1)
