"""TextRank of a long text: 2,000 sentences (quick: 500) of random words, frequent ones and rare ones as in a language.

textrank            from lists of words to the scores of the sentences: graph and PageRank
textrank-pagerank   PageRank alone, on the same graph as a dense matrix

jaxdl               `jaxdl.models.textrank`
scikit-learn        TF-IDF by `TfidfVectorizer`, whose conventions are ours; scores by scipy's sparse products
networkx            the same graph; scores by `networkx.pagerank`
"""

from collections.abc import Sequence
from typing import Any

import jax
import numpy as np

from benchmarks.measuring import contest
from benchmarks.measuring.contest import Entry, Work
from benchmarks.reports.records import Record
from jaxdl.models import textrank

WORDS, LENGTH = 5000, 12
DAMPING, TOLERANCE = 0.85, 1e-6
CONFIG = textrank.Config("tf_idf", damping=DAMPING, tolerance=TOLERANCE)


def text(n: int) -> list[list[str]]:
    """Sentences of `LENGTH` words, the k-th most frequent with a probability in proportion to 1 / k (Zipf)."""
    rng = np.random.default_rng(0)
    frequency = 1 / np.arange(1, WORDS + 1)
    drawn = rng.choice(WORDS, (n, LENGTH), p=frequency / frequency.sum())
    return [[f"word{i}" for i in row] for row in drawn]


def run(rounds: int, n: int) -> list[Record]:
    """Records of both workloads."""
    sentences, facts = text(n), {"sentences": n}
    whole = Work("textrank", "jaxdl", tolerance=1e-3, facts=facts)
    entries = {
        "jaxdl": Entry(lambda: lambda: textrank.rank(sentences, CONFIG)),
        "scikit-learn": Entry(lambda: _of_sentences(_with_scipy, sentences)),
        "networkx": Entry(lambda: _of_sentences(_with_networkx, sentences)),
    }
    found = contest.run(whole, entries, rounds, ())
    graph = textrank.sentence_graph(sentences, "tf_idf")
    alone = Work("textrank-pagerank", "jaxdl", tolerance=1e-3, facts=facts)
    ours = jax.jit(lambda graph: textrank.pagerank(graph, damping=DAMPING, tolerance=TOLERANCE))
    entries = {
        "jaxdl": Entry(lambda: lambda: np.asarray(ours(graph))),
        "scipy": Entry(lambda: lambda: _with_scipy(_sparse(graph))),
        "networkx": Entry(lambda: _networkx_of_graph(graph)),
    }
    return found + contest.run(alone, entries, rounds, ())


def _of_sentences(rank: Any, sentences: Sequence[Sequence[str]]) -> Any:
    if rank is _with_networkx:
        import networkx  # noqa: F401  # absent or not is told before anything is timed

    from sklearn.feature_extraction.text import TfidfVectorizer

    options: Any = {"analyzer": lambda words: words, "dtype": np.float32}  # typed as if these were not accepted

    def thunk() -> np.ndarray:
        weights: Any = TfidfVectorizer(**options).fit_transform(sentences)
        graph = weights @ weights.T
        graph.setdiag(0)
        graph.eliminate_zeros()
        return rank(graph)

    return thunk


def _networkx_of_graph(graph: np.ndarray) -> Any:
    import networkx

    nodes = networkx.from_numpy_array(graph)

    def thunk() -> np.ndarray:
        return _values(networkx.pagerank(nodes, alpha=DAMPING, tol=TOLERANCE / len(graph), weight="weight"))

    return thunk


def _with_networkx(graph: Any) -> np.ndarray:
    import networkx

    nodes = networkx.from_scipy_sparse_array(graph)  # networkx's tolerance is for each node
    return _values(networkx.pagerank(nodes, alpha=DAMPING, tol=TOLERANCE / graph.shape[0], weight="weight"))


def _values(ranks: dict[int, float]) -> np.ndarray:
    return np.array([ranks[i] for i in range(len(ranks))])


def _sparse(graph: np.ndarray) -> Any:
    from scipy import sparse

    return sparse.csr_matrix(graph)


def _with_scipy(graph: Any) -> np.ndarray:
    """Power iteration with a sparse product; what a dangling sentence sends goes to all alike."""
    from scipy import sparse

    n = graph.shape[0]
    degree = np.asarray(graph.sum(axis=1)).ravel()
    inverse = np.divide(1, degree, out=np.zeros_like(degree), where=degree > 0)
    back = (sparse.diags(inverse) @ graph).T.tocsr()
    ranks = np.full(n, 1 / n)
    while True:
        moved = DAMPING * (back @ ranks + ranks[degree == 0].sum() / n) + (1 - DAMPING) / n
        change, ranks = np.abs(moved - ranks).sum(), moved
        if change < TOLERANCE:
            return ranks
