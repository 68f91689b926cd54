"""TextRank and LexRank: sentences recommend those that resemble them, and PageRank counts the recommendations.

The graph: a node for each sentence, w_ij how much sentence i resembles sentence j, by

    overlap   |words of i and of j| / (ln |i| + ln |j|)          TextRank
    tf_idf    cosine of the TF-IDF weights                       LexRank
    bm25      BM25 score of sentence j for the words of i        not symmetric

and w_ii = 0. PageRank: the share of its time that a reader spends at each node who follows an edge with probability d
(in proportion to w) and else jumps anywhere, by the probabilities v. With P_ij = w_ij / sum_k w_ik:

    s = d P^T s + (1 - d) v

A node without edges (dangling) sends its reader to v. Key words are found on the graph of words that stand close
together. There is nothing to learn here; `jaxdl.models.ranker` is trained for the same task.

Given the same words, the overlap ranking is that of the package `summa`; it differs from ours in where a sentence ends,
its stop words, and that it always stems. LexRank's threshold (0.1) is left out, as in its continuous form.

References: Mihalcea and Tarau, "TextRank: bringing order into text", 2004; Erkan and Radev, "LexRank", 2004; Barrios et
al., "Variations of the similarity function of TextRank", 2016; Page et al., "The PageRank citation ranking", 1999.

N nodes.
"""

import functools
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias, get_args

import jax
import jax.numpy as jnp
import numpy as np

from jaxdl.data.stop_words import stop_words_of
from jaxdl.data.words import Stemmer, is_topic, words
from jaxdl.similarity import term_weights
from jaxdl.types import Array, Key
from jaxdl.validation import (
    is_traced,
    require_name,
    require_not_negative,
    require_positive,
    require_rate,
    require_types,
)

Similarity: TypeAlias = Literal["overlap", "tf_idf", "bm25"]


@dataclass(frozen=True)
class Config:
    """A ranking of sentences.

    Attributes:
        similarity: what the weight of an edge is.
        damping: d, the probability to follow an edge.
        tolerance: PageRank stops when a step changes the scores by less than this in sum (they sum to 1).
        position_bias: the reader jumps to sentence i (from 0) with a probability in proportion to (1 + i)^-bias; 0 is
            anywhere alike, more prefers early sentences.
    """

    similarity: Similarity = "overlap"
    damping: float = 0.85
    tolerance: float = 1e-6
    position_bias: float = 0.0

    def __post_init__(self) -> None:
        require_types("textrank", self)
        require_rate("textrank", damping=self.damping)
        require_positive("textrank", tolerance=self.tolerance)
        require_not_negative("textrank", position_bias=self.position_bias)


def pagerank(
    weights: Array,
    *,
    damping: float = 0.85,
    restart: Array | None = None,
    tolerance: float = 1e-6,
    max_iterations: int = 1000,
) -> Array:
    """The stationary distribution of the reader above, by power iteration in one compiled loop.

        s <- d P^T s + (1 - d) v    until |change| < tolerance, |.| the sum of absolute values

    Then the error of s is at most tolerance d / (1 - d). The gradient with respect to the weights is that of the
    solution itself (one more such iteration), not of the loop's steps.

    Args:
        weights: [N, N], w_ij >= 0 the weight of the edge from i to j.
        damping: d in [0, 1).
        restart: v [N], not negative, in any scale; uniform by default. What a dangling node sends goes there too.
        tolerance: see above; in float32 nothing below 1e-7 is reached.
        max_iterations: an upper limit.
    Returns: [N], sums to 1, dtype of `weights`.
    Raises: ValueError for weights that are not square, a restart of another length, and, unless they are traced, for a
        restart that is negative or 0 everywhere and a damping outside [0, 1): these would give NaN.

    >>> star = jnp.array([[0.0, 1.0, 1.0], [1.0, 0.0, 0.0], [1.0, 0.0, 0.0]])
    >>> [f"{s:.4f}" for s in pagerank(star)]
    ['0.4865', '0.2568', '0.2568']
    """
    weights = jnp.asarray(weights)
    n = weights.shape[0]
    if weights.ndim != 2 or weights.shape != (n, n):
        raise ValueError(f"pagerank: weights {weights.shape} must be square, [N, N]")
    v = jnp.ones(n, weights.dtype) if restart is None else jnp.asarray(restart).astype(weights.dtype)
    if v.shape != (n,):
        raise ValueError(f"pagerank: restart {v.shape} must be ({n},), as weights are {weights.shape}")
    if not is_traced(damping):
        require_rate("pagerank", damping=damping)
    if n == 0:
        return v
    if not is_traced(v) and not (v.min() >= 0 and 0 < v.sum() < jnp.inf):
        raise ValueError("pagerank: restart must be finite, at least 0 and somewhere positive: the reader starts there")
    v = v / v.sum()
    degree = weights.sum(1)
    dangling = degree == 0
    per_edge = 1 / jnp.where(dangling, 1, degree)

    def rest(s: Array) -> Array:  # (I - d P^T) s: what following the edges does not explain
        followed = jnp.matmul(s * per_edge, weights, precision="highest")
        sent = jnp.where(dangling, s, 0).sum()
        return s - damping * (followed + sent * v)

    solve = functools.partial(_iterate, damping=damping, tolerance=tolerance, max_iterations=max_iterations)
    return jax.lax.custom_linear_solve(rest, (1 - damping) * v, solve, solve)


def _iterate(
    rest: Callable[[Array], Array], b: Array, *, damping: float, tolerance: float, max_iterations: int
) -> Array:
    """Solve rest(s) = b by s <- s + b - rest(s), which is the power iteration s <- d P^T s + b, from s = v."""

    def go_on(carry: tuple[Array, Array, Array]) -> Array:
        s, change, i = carry
        return (change > tolerance * jnp.abs(s).sum()) & (i < max_iterations)

    def step(carry: tuple[Array, Array, Array]) -> tuple[Array, Array, Array]:
        s, _, i = carry
        change = b - rest(s)
        return s + change, jnp.abs(change).sum(), i + 1

    start = (b / (1 - damping), jnp.full((), jnp.inf, b.dtype), jnp.zeros((), jnp.int32))
    return jax.lax.while_loop(go_on, step, start)[0]


def sentence_graph(sentences: Sequence[Sequence[str]], similarity: Similarity = "overlap") -> np.ndarray:
    """The weights [N, N] in float32 between sentences, each a list of words; see the top of this file.

    >>> [f"{w:.3f}" for w in sentence_graph([["red", "fox"], ["red", "dog"], []])[0]]
    ['0.000', '0.721', '0.000']
    """
    require_name("sentence_graph", "similarity", similarity, get_args(Similarity))
    counts, _ = term_weights.count_terms(sentences)
    present = (counts != 0).astype(np.float32)
    if similarity == "overlap":
        graph = (present @ present.T).toarray()
        logs = np.log(np.maximum([len(sentence) for sentence in sentences], 1)).astype(np.float32)
        scale = logs[:, None] + logs[None, :]
        graph = np.divide(graph, scale, out=np.zeros_like(graph), where=scale > 0)  # two single words: no evidence
    elif similarity == "tf_idf":
        weights = term_weights.tf_idf(counts).astype(np.float32)
        graph = (weights @ weights.T).toarray()
    else:
        graph = (present @ term_weights.bm25(counts).astype(np.float32).T).toarray()
    np.fill_diagonal(graph, 0.0)
    return graph


def rank(sentences: Sequence[Sequence[str]], config: Config | None = None) -> np.ndarray:
    """The PageRank of each sentence, a list of words, in the graph of all: [N], sums to 1.

    Raises: ValueError for more than 20,000 sentences, whose graph would fill the memory.

    >>> scores = rank([["red", "fox"], ["fox", "runs", "red"], ["blue", "sky"]])
    >>> int(scores.argmin())
    2
    """
    config = Config() if config is None else config
    n = len(sentences)
    if n == 0:
        return np.zeros(0, np.float32)
    if n > _LARGEST:
        raise ValueError(
            f"rank: a graph of {n} sentences is too large, at most {_LARGEST}; rank the chapters one by one"
        )
    size = max(n, _COMMON_SIZE)
    graph = np.zeros((size, size), np.float32)
    graph[:n, :n] = sentence_graph(sentences, config.similarity)
    restart = np.zeros(size, np.float32)  # a reader never comes to the nodes that only fill up
    restart[:n] = np.arange(1, n + 1, dtype=np.float32) ** -config.position_bias
    return np.asarray(_pagerank(graph, restart, config.damping, config.tolerance))[:n]


_COMMON_SIZE = 64  # shorter texts share one compilation
_LARGEST = 20_000  # sentences: 1.6 GB
_MOST_WORDS = 4096  # of the graph of words: 64 MB


@jax.jit
def _pagerank(graph: Array, restart: Array, damping: Any, tolerance: Any) -> Array:
    return pagerank(graph, restart=restart, damping=damping, tolerance=tolerance)


def keywords(
    sentences: Sequence[str],
    k: int,
    *,
    window: int = 2,
    config: Config | None = None,
    stop: Iterable[str] | None = None,
    korean: Stemmer | None = None,
) -> list[tuple[str, float]]:
    """The k most central words and phrases of a text, best first.

    Words are nodes, but no stop words, numbers and forms of Korean verbs; two of them are joined each time they stand
    within `window` words of one sentence. The best third by PageRank are key words; those that stand side by side at
    least twice, and a third of the times that each of them occurs, become a phrase, whose score is the sum of its
    words'. Of a long text only the 4,096 most frequent words are nodes.

    Args:
        sentences: texts.
        k: how many; fewer come back from a short text.
        window: largest distance; 2 joins neighbors only.
        stop: words that are no key words; by default those of English, Korean and the language of the text.
        korean: see `jaxdl.data.words.words`.
    Returns: (word or phrase, score) pairs.

    >>> text = ["Deep networks learn.", "Deep networks need data.", "We train deep networks."]
    >>> [word for word, _ in keywords(text, 1)]
    ['deep networks']
    """
    require_positive("keywords", k=k, window=window - 1)
    config = Config() if config is None else config
    stop = stop_words_of(" ".join(sentences)) if stop is None else frozenset(stop)
    lists = [[w for w in words(sentence, stop=stop, korean=korean) if is_topic(w)] for sentence in sentences]
    frequency = Counter(word for sentence in lists for word in sentence)
    nodes = sorted(word for word, _ in frequency.most_common(_MOST_WORDS))
    if not nodes:
        return []
    number = {word: i for i, word in enumerate(nodes)}
    size = max(len(nodes), _COMMON_SIZE)
    graph = np.zeros((size, size), np.float32)
    for sentence in lists:
        for i, word in enumerate(sentence):
            for neighbor in sentence[i + 1 : i + window]:
                if neighbor != word and word in number and neighbor in number:
                    graph[number[word], number[neighbor]] += 1
                    graph[number[neighbor], number[word]] += 1
    restart = (np.arange(size) < len(nodes)).astype(np.float32)
    ranks = np.asarray(_pagerank(graph, restart, config.damping, config.tolerance))
    scores = {word: float(ranks[i]) for word, i in number.items()}
    best = sorted(scores, key=lambda word: -scores[word])[: max(k, -(-len(nodes) // 3))]
    phrases = _phrases(sentences, {word: frequency[word] for word in best}, korean)
    for phrase in sorted(phrases, key=len, reverse=True):
        if all(word in scores for word in phrase):  # its words stand in no longer phrase
            scores[" ".join(phrase)] = sum(scores.pop(word) for word in phrase)
    return sorted(scores.items(), key=lambda pair: -pair[1])[:k]


def _phrases(
    sentences: Sequence[str], keys: dict[str, int], korean: Stemmer | None, longest: int = 3
) -> list[tuple[str, ...]]:
    """Runs of different key words that belong together, from how often each of these occurs."""
    runs = Counter[tuple[str, ...]]()
    for sentence in sentences:
        full = words(sentence, stop=(), korean=korean)
        for n in range(2, longest + 1):
            runs.update(zip(*(full[i:] for i in range(n)), strict=False))
    known = [(run, n) for run, n in runs.items() if n > 1 and len(set(run)) == len(run) and keys.keys() >= set(run)]
    return [run for run, n in known if 3 * n >= max(keys[word] for word in run)]


def example(key: Key) -> tuple[Callable[[Any], Array], Any]:
    """A sum of the PageRanks of a small graph with a dangling node, as a function of its weights."""
    weights_key, target_key = jax.random.split(key)
    weights = {"edges": jax.random.uniform(weights_key, (5, 4), minval=0.5)}  # nobody leaves the fifth node's row
    target = jax.random.normal(target_key, (5,))

    def loss(params: Any) -> Array:
        edges = params["edges"]
        graph = jnp.zeros((5, 5), edges.dtype).at[:4].set(edges.T)
        ranks = pagerank(graph, tolerance=1e-15 if edges.dtype == jnp.float64 else 1e-7)
        return (ranks * target.astype(edges.dtype)).sum()

    return loss, weights
