"""A trained extractive summarizer: a small network scores every sentence of a text, and a softmax chooses.

    h_i = (1 / T) sum_t table[n-gram t of sentence i]       what the sentence says
    f_i = place, length, likeness to the other sentences    `features`, the evidence of the unsupervised methods
    score_i = MLP([h_i, h_i * mean of h, f_i]),   P(i) = softmax over the sentences of score_i

The n-grams are single words and pairs, hashed to a fixed number of rows (`encode`), so that no vocabulary has to be
kept beside the parameters. Trained with the cross-entropy of the labeled sentence (`jaxdl.recipes.scitldr_ranker`).

References: Cheng and Lapata, "Neural summarization by extracting sentences and words", 2016 (sentences chosen by a
network); Weinberger et al., "Feature hashing for large scale multitask learning", 2009.

B texts, S sentences (padded), T n-grams of a sentence (padded), V rows of the table, E their size, F features.
"""

import dataclasses
import functools
import itertools
import zlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import jax
import jax.numpy as jnp
import numpy as np

from jaxdl.data.words import words
from jaxdl.losses import sparse_categorical_cross_entropy
from jaxdl.models import textrank
from jaxdl.nn.activations import relu
from jaxdl.nn.affine import dense, init_dense
from jaxdl.nn.embeddings import embedding, init_embedding
from jaxdl.nn.initializers import he_normal
from jaxdl.nn.noise import dropout, split_key
from jaxdl.types import Array, Key, Params
from jaxdl.validation import require_positive, require_rate, require_types

N_FEATURES = 12


@dataclass(frozen=True)
class Config:
    """The size of the ranker.

    Attributes:
        n_hash: V, rows of the n-gram table; row 0 is padding.
        n_embedding: E, numbers for an n-gram.
        n_grams: T, n-grams of a sentence that are looked at.
        n_sentences: S, sentences of a text that training looks at.
        width: units of the hidden layer.
        dropout: rate after the n-grams' mean and the hidden layer, in [0, 1).
    """

    n_hash: int = 4096
    n_embedding: int = 16
    n_grams: int = 64
    n_sentences: int = 24
    width: int = 32
    dropout: float = 0.5

    def __post_init__(self) -> None:
        require_types("ranker", self)
        require_positive("ranker", n_hash=self.n_hash - 1, n_embedding=self.n_embedding, n_grams=self.n_grams)
        require_positive("ranker", n_sentences=self.n_sentences, width=self.width)
        require_rate("ranker", dropout=self.dropout)


def features(sentences: Sequence[str]) -> np.ndarray:
    """What can be said of each sentence without knowing words: [N, F] in float32, each about 0 to 1.

    First, second, third sentence; last; relative place; 1 / (1 + place); length; digits; question; and its share in
    TextRank, LexRank and BM25, relative to the text's largest.

    >>> features(["Foxes hunt.", "It rained."]).shape
    (2, 12)
    """
    n = len(sentences)
    index = np.arange(n)
    lists = [words(sentence) for sentence in sentences]
    columns: list[np.ndarray] = [index == i for i in range(3)]
    columns += [index == n - 1, index / max(n - 1, 1), 1 / (1 + index)]
    columns += [np.array([min(len(sentence.split()), 50) / 50 for sentence in sentences])]
    columns += [np.array([any(map(str.isdigit, sentence)) for sentence in sentences])]
    columns += [np.array(["?" in sentence for sentence in sentences])]
    for similarity in ("overlap", "tf_idf", "bm25"):
        ranks = textrank.rank(lists, textrank.Config(similarity=similarity))
        columns.append(ranks / max(float(ranks.max(initial=0.0)), 1e-9))
    return np.stack(columns, axis=1).astype(np.float32)


def encode(sentences: Sequence[str], config: Config) -> dict[str, np.ndarray]:
    """A text for `apply`: {"tokens": [S, T] int32, "features": [S, F] float32, "present": [S] bool}.

    Token 0 is padding; the others are 1 + crc32(n-gram) mod (V - 1), stop words included: "we propose" tells a lot.

    >>> {name: array.shape for name, array in encode(["Foxes hunt."], Config(n_sentences=3, n_grams=5)).items()}
    {'tokens': (3, 5), 'features': (3, 12), 'present': (3,)}
    """
    n = min(len(sentences), config.n_sentences)
    tokens = np.zeros((config.n_sentences, config.n_grams), np.int32)
    for i, sentence in enumerate(sentences[:n]):
        single = words(sentence, stop=())
        grams = [*single, *map(" ".join, itertools.pairwise(single))][: config.n_grams]
        tokens[i, : len(grams)] = [1 + zlib.crc32(gram.encode()) % (config.n_hash - 1) for gram in grams]
    padded = np.zeros((config.n_sentences, N_FEATURES), np.float32)
    padded[:n] = features(sentences)[:n]
    return {"tokens": tokens, "features": padded, "present": np.arange(config.n_sentences) < n}


def init(key: Key, config: Config) -> Params:
    """{"grams": {"table": [V, E]}, "hidden": {"w", "b"}, "score": {"w"}}."""
    grams_key, hidden_key, score_key = jax.random.split(key, 3)
    n_in = 2 * config.n_embedding + N_FEATURES
    return {
        "grams": init_embedding(grams_key, config.n_hash, config.n_embedding),
        "hidden": init_dense(hidden_key, n_in, config.width, initializer=he_normal),
        "score": init_dense(score_key, config.width, 1, bias=False),  # which a softmax would not notice
    }


def apply(params: Params, x: dict[str, Array], config: Config, *, key: Key | None = None) -> Array:
    """The score of every sentence; softmax makes them probabilities. Padding scores the dtype's lowest number.

    Args:
        x: {"tokens": [B, S, T], "features": [B, S, F], "present": [B, S]}, stacked results of `encode`.
        key: for dropout; None is without.
    Returns: [B, S], dtype of the features.

    >>> config = Config(n_sentences=3)
    >>> x = {name: jnp.asarray(array)[None] for name, array in encode(["Foxes hunt.", "It rained."], config).items()}
    >>> apply(init(jax.random.key(0), config), x, config).shape
    (1, 3)
    """
    tokens, features, present = x["tokens"], x["features"], x["present"]
    gram_key, hidden_key = split_key(key, 2)
    h = _masked_mean(embedding(params["grams"], tokens).astype(features.dtype), tokens > 0)  # [B, S, E]
    h = dropout(h, config.dropout, key=gram_key)
    text = _masked_mean(h, present)[:, None]  # [B, 1, E]: what the whole text says
    hidden = relu(dense(params["hidden"], jnp.concatenate([h, h * text, features], axis=-1)))  # [B, S, width]
    scores = dense(params["score"], dropout(hidden, config.dropout, key=hidden_key))[..., 0]  # [B, S]
    return jnp.where(present, scores, jnp.finfo(scores.dtype).min)


def _masked_mean(x: Array, keep: Array) -> Array:
    """Mean over the second to last axis of what `keep` keeps: [..., n, E], [..., n] -> [..., E]."""
    kept = jnp.where(keep[..., None], x, 0)
    n = jnp.maximum(keep.sum(-1), 1).astype(x.dtype)
    return kept.sum(-2) / n[..., None]


def rank(params: Params, sentences: Sequence[str], config: Config) -> np.ndarray:
    """The probability [N] of each sentence of one text, however long, to be chosen."""
    size = config.n_sentences
    while size < len(sentences):  # a few sizes for all texts: each is a compilation
        size *= 2
    whole = dataclasses.replace(config, n_sentences=size)
    x = {name: array[None] for name, array in encode(sentences, whole).items()}
    return np.asarray(_probabilities(params, x, config=whole)[0])[: len(sentences)]


@functools.partial(jax.jit, static_argnames="config")
def _probabilities(params: Params, x: dict[str, Array], *, config: Config) -> Array:
    return jax.nn.softmax(apply(params, x, config))


def example(key: Key) -> tuple[Callable[[Params], Array], Params]:
    """The cross-entropy of two labeled texts of three and two sentences."""
    params_key, tokens_key, features_key, dropout_key = jax.random.split(key, 4)
    config = Config(n_hash=8, n_embedding=3, n_grams=4, n_sentences=3, width=4, dropout=0.2)
    tokens = jax.random.randint(tokens_key, (2, 3, 4), 0, 8)
    values = jax.random.normal(features_key, (2, 3, N_FEATURES))
    present = jnp.array([[True, True, True], [True, True, False]])

    def loss(params: Params) -> Array:
        x = {"tokens": tokens, "features": values.astype(params["score"]["w"].dtype), "present": present}
        scores = apply(params, x, config, key=dropout_key)
        return sparse_categorical_cross_entropy(scores, jnp.array([2, 0])).mean()

    return loss, init(params_key, config)
