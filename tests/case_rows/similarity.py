"""Rows for jaxdl.similarity: dense rows; scipy.sparse ones are in tests/similarity/test_similarity.py."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
from cases import Case

from jaxdl import similarity
from jaxdl.similarity import term_weights


def _pair(key):
    x_key, y_key = jax.random.split(key)
    return jax.random.normal(x_key, (5, 4)), jax.random.normal(y_key, (5, 4))


def _rows(key):
    x_key, y_key = jax.random.split(key)
    return jax.random.normal(x_key, (5, 4)), jax.random.normal(y_key, (3, 4))


def _sets(key):
    x_key, y_key = jax.random.split(key)
    return tuple(jax.random.bernoulli(k, 0.5, (6, 7)).astype(jnp.float32) for k in (x_key, y_key))


def _counts(key):
    """Whole numbers from 0 to 3, and an empty document."""
    return (jnp.floor(4 * jax.random.uniform(key, (6, 5))).at[2].set(0.0),)


def _weights(key):
    """Positive, so that no step of the gradient check changes which words a document has."""
    return (jax.random.uniform(key, (6, 5), minval=0.5, maxval=2.0),)


IDF = jnp.array([1.0, 2.0, 0.5, 1.5, 3.0])


def _cosine_matrix(x, y):
    from sklearn.metrics.pairwise import cosine_similarity

    return cosine_similarity(x, y)


def _pearson(x, y):
    return np.corrcoef(x, y)[: len(x), len(x) :]


def _jaccard_matrix(x, y):
    from scipy.spatial.distance import cdist

    return 1 - cdist(x > 0, y > 0, "jaccard")


def _bm25(counts):
    n, lengths, df = len(counts), counts.sum(1), (counts > 0).sum(0)
    weights = np.zeros_like(counts)
    for d, t in zip(*np.nonzero(counts), strict=True):
        rarity = np.log(1 + (n - df[t] + 0.5) / (df[t] + 0.5))
        f = counts[d, t]
        weights[d, t] = rarity * f * 2.5 / (f + 1.5 * (0.25 + 0.75 * lengths[d] / lengths.mean()))
    return weights


KEEPS = ("float32", "float64")

CASES = [
    Case(
        "similarity.cosine",
        similarity.cosine,
        _pair,
        wrt=(0, 1),
        batched=(0, 1),
        references={"sklearn": lambda x, y: np.diagonal(_cosine_matrix(x, y))},
    ),
    Case(
        "similarity.centered_cosine",
        similarity.centered_cosine,
        _pair,
        wrt=(0, 1),
        references={"numpy": lambda x, y: np.diagonal(_pearson(x, y))},
    ),
    Case(
        "similarity.cosine_matrix",
        similarity.cosine_matrix,
        _rows,
        wrt=(0, 1),
        references={"sklearn": _cosine_matrix},
    ),
    Case(
        "similarity.jaccard",
        similarity.jaccard,
        _sets,
        wrt=(),
        references={"scipy": lambda x, y: np.diagonal(_jaccard_matrix(x, y))},
    ),
    Case(
        "similarity.jaccard_matrix",
        similarity.jaccard_matrix,
        _sets,
        wrt=(),
        references={"scipy": _jaccard_matrix},
    ),
    Case(
        "term_weights.tf_idf",
        functools.partial(term_weights.tf_idf, idf=IDF, tf="log"),
        _weights,
        references={"formula": lambda x: similarity.unit((1 + jnp.log(x)) * IDF)},
    ),
    Case("term_weights.bm25/counts", term_weights.bm25, _counts, wrt=(), references={"numpy": _bm25}),
    Case("term_weights.bm25", functools.partial(term_weights.bm25, idf=IDF), _weights, dtypes=KEEPS),
]
