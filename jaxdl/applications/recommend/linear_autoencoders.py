"""Item-item models made for ranking: B so that likings X [U, I] predict themselves, X ~ X B, each in closed form.

EASE, the best lists of all that are measured here: no item may predict itself.

    min |X - X B|^2 + l2 |B|^2  with diag B = 0:      B = I - P diag(1 / P_ii),    P = (X^T X + l2 I)^-1

Where users are fewer than items, P is never made: by Woodbury's identity P = (I - X^T K^-1 X) / l2, K = X X^T + l2 I.

Spectral: ridge regression that keeps the first D singular directions of X = U S V^T.

    min |X - X B|^2 + l2 |B|^2  with rank B <= D:     B = V_D diag(s^2 / (s^2 + l2)) V_D^T

A user x has the scores x B, and x_j B_ji is what j contributes to the score of i: the reason that a list gives.

U users, I items. References: Steck, "Embarrassingly shallow autoencoders for sparse data", 2019; Cremonesi, Koren and
Turrin, "Performance of recommender algorithms on top-N recommendation tasks", 2010 (the plain singular directions).
"""

from typing import Any, NamedTuple

import numpy as np
from scipy import linalg
from scipy.sparse.linalg import svds

LARGEST = 4096  # rows of a matrix that is inverted: 128 MB, some seconds
_BLOCK = 512


class Ease(NamedTuple):
    """What EASE needs to score a user.

    Attributes:
        x: CSR [U, J], the likings of the J items that are scored.
        items: [J], their numbers: all I, or the 4,096 best known where users and items are more than that.
        inverse: P [J, J], or K^-1 [U, U] where users are fewer.
        diagonal: P_ii [J].
        l2: the penalty.
    """

    x: Any
    items: np.ndarray
    inverse: np.ndarray
    diagonal: np.ndarray
    l2: float


def fit_ease(table: Any, *, l2: float = 100.0, largest: int = LARGEST) -> Ease:
    """Solve for EASE; `table` is a scipy.sparse matrix [U, I] of likings.

    >>> from scipy import sparse
    >>> x = sparse.csr_matrix([[1.0, 1.0, 0.0], [1.0, 1.0, 0.0], [0.0, 0.0, 1.0]])
    >>> ease_scores(fit_ease(x, l2=1.0), sparse.csr_matrix([[1.0, 0.0, 0.0]])).round(2).tolist()
    [0.0, 0.67, 0.0]
    """
    n_users, n_items = table.shape
    items = np.arange(n_items)
    if min(n_users, n_items) > largest:
        known = np.bincount(table.indices, minlength=n_items)
        items = np.sort(np.argsort(-known, kind="stable")[:largest])
    x = table[:, items].tocsr().astype(np.float64)
    by_users = n_users < len(items)
    gram = (x @ x.T if by_users else x.T @ x).toarray()
    gram[np.diag_indices_from(gram)] += l2
    inverse = _inverse(gram)
    diagonal = np.diag(inverse).copy()
    if by_users:  # P_ii = (1 - x_i^T K^-1 x_i) / l2, x_i the i-th column
        columns = x.tocsc()
        blocks = (columns[:, first : first + _BLOCK] for first in range(0, len(items), _BLOCK))
        diagonal = (1 - np.concatenate([np.asarray(b.multiply(inverse @ b).sum(0)).ravel() for b in blocks])) / l2
    return Ease(x, items, inverse, diagonal, l2)


def ease_scores(model: Ease, profile: Any) -> np.ndarray:
    """x B [I] of one user, CSR [1, I]; 0 for items that are not scored."""
    x = profile[:, model.items].toarray()[0].astype(np.float64)
    if _by_users(model):
        projected = (x - model.x.T @ (model.inverse @ (model.x @ x))) / model.l2  # x P
    else:
        projected = x @ model.inverse
    scores = np.zeros(profile.shape[1])
    scores[model.items] = x - projected / model.diagonal
    return scores


def ease_parts(model: Ease, profile: Any, item: int) -> np.ndarray:
    """x_j B_ji for the n items j that the user knows, in the order of CSR `profile` [1, I]: their sum is the score."""
    place = np.full(profile.shape[1], -1)
    place[model.items] = np.arange(len(model.items))
    i, known = place[item], place[profile.indices]
    if i < 0:
        return np.zeros(profile.nnz)
    if _by_users(model):
        one = np.zeros(len(model.items))
        one[i] = 1
        column = (one - model.x.T @ (model.inverse @ model.x[:, i].toarray().ravel())) / model.l2
    else:
        column = model.inverse[:, i]
    b = np.where((known >= 0) & (known != i), -column[known] / model.diagonal[i], 0)
    return profile.data * b


class Spectral(NamedTuple):
    """V_D [I, D] and s^2 / (s^2 + l2) [D]."""

    directions: np.ndarray
    weights: np.ndarray


def fit_spectral(table: Any, *, n_factors: int = 50, l2: float = 1000.0) -> Spectral:
    """The first singular directions of the likings, a scipy.sparse matrix [U, I].

    >>> from scipy import sparse
    >>> model = fit_spectral(sparse.csr_matrix([[1.0, 1.0, 0.0], [1.0, 1.0, 0.0]]), n_factors=1, l2=4.0)
    >>> spectral_scores(model, sparse.csr_matrix([[1.0, 0.0, 0.0]])).round(2).tolist()
    [0.25, 0.25, 0.0]
    """
    n = min(n_factors, *table.shape)
    if 2 * n >= min(table.shape):
        _, s, vt = np.linalg.svd(table.toarray(), full_matrices=False)
        s, vt = s[:n], vt[:n]
    else:
        found: Any = svds(table.astype(np.float64), k=n, v0=np.ones(min(table.shape)))
        _, s, vt = found
    return Spectral(vt.T, s * s / (s * s + l2))


def spectral_scores(model: Spectral, profile: Any) -> np.ndarray:
    """x B [I] of one user, CSR [1, I]."""
    scores = model.directions @ (model.weights * (profile @ model.directions)[0])
    return np.where(abs(scores) > 1e-12, scores, 0.0)  # a user with nobody's items is nowhere, whatever rounding leaves


def spectral_parts(model: Spectral, profile: Any, item: int) -> np.ndarray:
    """x_j B_ji for the items j that the user knows, in the order of CSR `profile` [1, I]: their sum is the score."""
    return profile.data * (model.directions[profile.indices] @ (model.weights * model.directions[item]))


def _by_users(model: Ease) -> bool:
    return model.x.shape[0] < model.x.shape[1]


def _inverse(matrix: np.ndarray) -> np.ndarray:
    """The inverse of a symmetric positive definite matrix, by Cholesky, in its own memory."""
    factor, _ = linalg.cho_factor(matrix.T, lower=False, overwrite_a=True, check_finite=False)
    lapack: Any = linalg.lapack
    upper, _ = lapack.dpotri(factor, lower=0, overwrite_c=1)
    rows = np.arange(len(upper))
    for first in range(0, len(upper), _BLOCK):  # dpotri leaves the other triangle as it was
        block = slice(first, first + _BLOCK)
        upper[block] = np.where(rows[block, None] > rows[None, :], upper[:, block].T, upper[block])
    return upper
