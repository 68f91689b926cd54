"""Weights of words: counts, term frequency, inverse document frequency, TF-IDF and BM25.

A document is a list of words; a collection is a matrix of counts [N, V], dense or scipy.sparse (CSR), and every
function returns the kind that it is given. What is compared afterwards is `jaxdl.similarity`'s business.

N documents, V words of the vocabulary, df_t the number of documents with word t.
"""

import math
from collections.abc import Iterable, Sequence
from typing import Any, Literal, TypeAlias, get_args

import jax.numpy as jnp
import numpy as np

from jaxdl.similarity import as_floats, float_dtype, is_sparse, unit
from jaxdl.types import Array
from jaxdl.validation import require_name, require_not_negative

Counts: TypeAlias = Any  # [N, V]: a JAX or numpy array, or a scipy.sparse matrix
Scheme: TypeAlias = Literal["count", "relative", "log"]
IdfScheme: TypeAlias = Literal["smooth", "plain", "bm25"]


def count_terms(
    documents: Iterable[Sequence[str]], vocabulary: Sequence[str] | None = None
) -> tuple[Any, tuple[str, ...]]:
    """Bag of words: how often each word of the vocabulary stands in each document.

    Args:
        documents: N lists of words.
        vocabulary: V words, one column each; other words are left out. By default all words, sorted.
    Returns: (scipy.sparse CSR matrix [N, V] of int32, the vocabulary).

    >>> counts, words = count_terms([["to", "be", "or", "not", "to", "be"], ["be", "quick"]])
    >>> words, counts.toarray().tolist()
    (('be', 'not', 'or', 'quick', 'to'), [[2, 1, 1, 0, 2], [1, 0, 0, 1, 0]])
    """
    from scipy import sparse  # takes a fifth of a second: only who counts waits for it

    documents = [list(document) for document in documents]
    words = tuple(sorted({word for document in documents for word in document}) if vocabulary is None else vocabulary)
    column = {word: i for i, word in enumerate(words)}
    rows = [i for i, document in enumerate(documents) for word in document if word in column]
    columns = [column[word] for document in documents for word in document if word in column]
    shape = (len(documents), len(words))
    counts = sparse.csr_matrix((np.ones(len(rows), np.int32), (rows, columns)), shape=shape)
    counts.sum_duplicates()
    return counts, words


def term_frequency(counts: Counts, *, scheme: Scheme = "count") -> Counts:
    """How much a word weighs inside its document.

        count     f                 as it is (scikit-learn's default)
        relative  f / sum of f      a share of the document; 0 for an empty one
        log       1 + ln f          and 0 where f = 0: the tenth mention says less than the first

    Args:
        counts: [N, V], not negative.
        scheme: one of the above.
    Returns: [N, V] floats (float32 for integer counts, float64 for scipy.sparse).
    Reference: Luhn, "A statistical approach to mechanized encoding and searching", 1957.

    >>> [f"{v:.2f}" for v in term_frequency(jnp.array([[3.0, 1.0]]), scheme="relative")[0]]
    ['0.75', '0.25']
    """
    require_name("term_frequency", "scheme", scheme, get_args(Scheme))
    if is_sparse(counts):
        tf = counts.tocsr().astype(np.float64)
        tf.eliminate_zeros()
        if scheme == "log":
            tf.data = 1 + np.log(tf.data)
        elif scheme == "relative":
            lengths = np.asarray(tf.sum(axis=1)).ravel()
            tf.data /= np.repeat(lengths, np.diff(tf.indptr))
        return tf
    f = as_floats(counts)
    if scheme == "log":
        absent = f == 0
        f = jnp.where(absent, 0, 1 + jnp.log(jnp.where(absent, 1, f)))
    elif scheme == "relative":
        lengths = f.sum(-1, keepdims=True)
        f = f / jnp.where(lengths == 0, 1, lengths)
    return f.astype(float_dtype(counts))


def inverse_document_frequency(counts: Counts, *, scheme: IdfScheme = "smooth") -> Array:
    """How much a word tells documents apart: much if few of them have it.

        smooth  ln((1 + N) / (1 + df)) + 1               as if one more document had every word (scikit-learn's default)
        plain   ln(N / df)                               0 for a word in every document, and for one in none
        bm25    ln(1 + (N - df + 1/2) / (df + 1/2))      never negative

    Args:
        counts: [N, V]; a word is in a document where its count is not 0. Users for documents and items for words make
            "plain" the inverse user frequency of collaborative filtering.
        scheme: one of the above.
    Returns: [V] (float32 for integer counts, float64 for scipy.sparse).
    Reference: Sparck Jones, "A statistical interpretation of term specificity", 1972.

    >>> [f"{v:.4f}" for v in inverse_document_frequency(jnp.array([[1, 2], [0, 1]]), scheme="plain")]
    ['0.6931', '0.0000']
    """
    require_name("inverse_document_frequency", "scheme", scheme, get_args(IdfScheme))
    n = counts.shape[0]
    if is_sparse(counts):
        present = np.asarray((counts.tocsr() != 0).sum(axis=0)).ravel()
        return _idf(np, present.astype(np.float64), n, scheme)
    f = as_floats(counts)
    df = jnp.where(jnp.isnan(f), f, (f != 0).astype(f.dtype)).sum(0)  # NaN stays
    return _idf(jnp, df, n, scheme).astype(float_dtype(counts))


def _idf(xp: Any, df: Any, n: int, scheme: IdfScheme) -> Any:
    if scheme == "smooth":
        return math.log(1 + n) - xp.log(1 + df) + 1
    if scheme == "bm25":
        return xp.log(1 + (n - df + 0.5) / (df + 0.5))
    return xp.where(df == 0, 0, math.log(max(n, 1)) - xp.log(xp.maximum(df, 1)))


def tf_idf(counts: Counts, *, idf: Array | None = None, tf: Scheme = "count", normalize: bool = True) -> Counts:
    """Weights of the words of each document: w_dt = tf_dt idf_t, each row scaled to length 1.

    Args:
        counts: [N, V].
        idf: [V]: of the collection that the weights were made for; of these documents by default ("smooth").
        tf: scheme of `term_frequency`.
        normalize: divide each row by its length, so that products of rows are cosines; an empty row stays 0.
    Returns: [N, V], of the kind of `counts`.
    Raises: ValueError if `idf` has not V entries.
    Reference: Salton and Buckley, "Term-weighting approaches in automatic text retrieval", 1988.

    >>> [[f"{v:.2f}" for v in row] for row in tf_idf(jnp.array([[1.0, 1.0], [0.0, 1.0]]))]
    [['0.81', '0.58'], ['0.00', '1.00']]
    """
    idf = inverse_document_frequency(counts) if idf is None else idf
    _check_idf("tf_idf", counts, idf)
    weights = term_frequency(counts, scheme=tf)
    if is_sparse(counts):
        weights.data *= np.asarray(idf, np.float64)[weights.indices]
        if normalize:
            squares = np.asarray(weights.multiply(weights).sum(axis=1)).ravel()
            weights.data /= np.sqrt(np.repeat(squares, np.diff(weights.indptr)))
        return weights
    wide = as_floats(weights)
    wide = wide * jnp.asarray(idf).astype(wide.dtype)[None, :]
    return (unit(wide) if normalize else wide).astype(float_dtype(counts))


def bm25(counts: Counts, *, idf: Array | None = None, k1: float = 1.5, b: float = 0.75) -> Counts:
    """Okapi BM25 weights: many mentions saturate, and long documents need more of them.

        w_dt = idf_t f_dt (k1 + 1) / (f_dt + k1 (1 - b + b |d| / mean |d|))

    The score of a query for a document is the sum of the weights of its words: `queries @ bm25(counts).T`.

    Args:
        counts: [N, V].
        idf: [V]; of these documents by default ("bm25", never negative: a common word does not repel).
        k1: how late mentions saturate; 0 counts presence alone.
        b: how much length matters, 0 to 1.
    Returns: [N, V], of the kind of `counts`.
    Raises: ValueError for a negative k1 or b, or an `idf` without V entries.
    Reference: Robertson and Zaragoza, "The probabilistic relevance framework: BM25 and beyond", 2009.

    >>> [f"{v:.4f}" for v in bm25(jnp.array([[2.0, 0.0], [0.0, 2.0]]))[0]]
    ['0.9902', '0.0000']
    """
    require_not_negative("bm25", k1=k1, b=b)
    idf = inverse_document_frequency(counts, scheme="bm25") if idf is None else idf
    _check_idf("bm25", counts, idf)
    if is_sparse(counts):
        weights = counts.tocsr().astype(np.float64)
        weights.eliminate_zeros()
        lengths = np.asarray(weights.sum(axis=1)).ravel()
        norm = k1 * (1 - b + b * lengths / max(float(lengths.mean()), 1e-30))
        per_entry = np.repeat(norm, np.diff(weights.indptr))
        weights.data = np.asarray(idf)[weights.indices] * weights.data * (k1 + 1) / (weights.data + per_entry)
        return weights
    f = as_floats(counts)
    lengths = f.sum(-1, keepdims=True)  # [N, 1]
    mean = lengths.mean()
    norm = k1 * (1 - b + b * lengths / jnp.where(mean == 0, 1, mean))
    absent = f == 0  # k1 = 0 would divide 0 by 0 there
    saturated = f * (k1 + 1) / jnp.where(absent, 1, f + norm)
    weighted = saturated * jnp.asarray(idf).astype(f.dtype)[None, :]
    return jnp.where(absent, 0, weighted).astype(float_dtype(counts))


def _check_idf(name: str, counts: Counts, idf: Any) -> None:
    if len(counts.shape) != 2 or np.shape(idf) != (counts.shape[1],):
        raise ValueError(f"{name}: counts {counts.shape} must be [N, V], and idf {np.shape(idf)} must be [V]")
