"""Extractive summaries: the sentences of a text that stand for the whole of it, in their own order and words.

A method gives every sentence a score; the n best are kept. The baselines are what any other method has to beat:

    lead       the first sentences
    random     any sentences
    centroid   those nearest to the mean of all TF-IDF vectors (Radev et al., 2004)
    textrank, lexrank, bm25   PageRank on graphs of similar sentences: `jaxdl.models.textrank`
    lexrank-lead              the same with a reader who prefers early sentences

`oracle` knows the reference and says how far any choice of sentences can get. `jaxdl.models.ranker` is trained.
"""

import functools
import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import NamedTuple

import numpy as np

from jaxdl import similarity
from jaxdl.data.sentences import split_sentences
from jaxdl.data.stop_words import stop_words_of
from jaxdl.data.words import Stemmer, words
from jaxdl.metrics.summaries import rouge
from jaxdl.models import textrank
from jaxdl.similarity import term_weights
from jaxdl.validation import require_name

Ranking = Callable[[Sequence[str]], np.ndarray]  # the sentences of a text -> their scores [N]
WordRanking = Callable[[Sequence[Sequence[str]]], np.ndarray]  # the same from the words of each sentence


@dataclass(frozen=True)
class Sentence:
    """A sentence of a summary: its number in the text (from 0), its score, its text."""

    index: int
    score: float
    text: str


class Summary(NamedTuple):
    """Sentences in the order of the text, and key words, best first, with their scores."""

    sentences: tuple[Sentence, ...]
    keywords: tuple[tuple[str, float], ...]


def lead(sentences: Sequence[Sequence[str]]) -> np.ndarray:
    """Earlier is better: score 1 / (1 + i)."""
    return 1 / np.arange(1, len(sentences) + 1, dtype=np.float32)


def random(sentences: Sequence[Sequence[str]], *, seed: int = 0) -> np.ndarray:
    """Uniform scores, the same for the same seed and number of sentences."""
    return np.random.default_rng(seed).random(len(sentences), np.float32)


def centroid(sentences: Sequence[Sequence[str]]) -> np.ndarray:
    """Cosine of each sentence's TF-IDF weights with their mean.

    >>> int(centroid([["red", "fox"], ["red", "fox", "runs"], ["blue", "sky"]]).argmax())
    0
    """
    if not len(sentences):
        return np.zeros(0, np.float32)
    weights = term_weights.tf_idf(term_weights.count_terms(sentences)[0])
    return np.asarray(similarity.cosine_matrix(weights, type(weights)(weights.mean(axis=0))))[:, 0]


def _graph(**options: object) -> WordRanking:
    return functools.partial(textrank.rank, config=textrank.Config(**options))  # type: ignore[arg-type]


METHODS: Mapping[str, WordRanking] = MappingProxyType(
    {
        "textrank": _graph(similarity="overlap"),
        "lexrank": _graph(similarity="tf_idf"),
        "lexrank-lead": _graph(similarity="tf_idf", position_bias=1.0),
        "bm25": _graph(similarity="bm25"),
        "centroid": centroid,
        "lead": lead,
        "random": random,
    }
)


def rank(
    sentences: Sequence[str],
    method: str | Ranking = "textrank",
    *,
    stem: Stemmer | None = None,
    stop: Iterable[str] | None = None,
    korean: Stemmer | None = None,
) -> np.ndarray:
    """The score [N] of each sentence of a text.

    Args:
        sentences: texts.
        method: one of `METHODS`, or a function of the sentences such as `jaxdl.models.ranker.rank` with its parameters.
        stem, korean: see `jaxdl.data.words.words`; for `METHODS`.
        stop: words that do not count; by default those of English, Korean and the language of the text.
    Raises: ValueError for an unknown method, with the nearest name.
    """
    if not isinstance(method, str):
        return method(sentences)
    require_name("summarize", "method", method, METHODS)
    stop = stop_words_of(" ".join(sentences)) if stop is None else frozenset(stop)
    return METHODS[method]([words(sentence, stop=stop, stem=stem, korean=korean) for sentence in sentences])


def choose(scores: np.ndarray, n: int, sentences: Sequence[str] | None = None) -> list[int]:
    """The numbers of the n best sentences, in the order of the text; of equal ones the earlier.

    With `sentences`, one that repeats another word for word is only taken when no other is left.

    >>> choose(np.array([0.2, 0.5, 0.5, 0.1]), 2, ["a", "b", "b", "c"])
    [0, 1]
    """
    order = np.argsort(-np.asarray(scores), kind="stable").tolist()
    if sentences is not None:
        first = {sentences[i]: i for i in reversed(order)}
        order.sort(key=lambda i: first[sentences[i]] != i)
    return sorted(order[:n])


def summarize(
    text: str,
    *,
    sentences: int | None = None,
    ratio: float | None = None,
    method: str | Ranking = "textrank",
    keywords: int = 0,
    stem: Stemmer | None = None,
    stop: Iterable[str] = (),
    korean: Stemmer | None = None,
) -> Summary:
    """Summarize a text by some of its sentences.

    Args:
        text: English, Korean, or both.
        sentences: how many to keep, at least 1; 3 if neither this nor `ratio` is given.
        ratio: or which share of them, in (0, 1], at least one sentence.
        method: one of `METHODS`, or a function that scores sentences.
        keywords: how many key words to find.
        stem, korean: see `jaxdl.data.words.words`.
        stop: more words that do not count, beside those of English, Korean and the language of the text.
    Raises: ValueError for a text without a sentence, an impossible number or share, an unknown method.

    >>> text = "Foxes hunt mice. Foxes also hunt birds and mice. It rained."
    >>> [sentence.text for sentence in summarize(text, sentences=2).sentences]
    ['Foxes hunt mice.', 'Foxes also hunt birds and mice.']
    """
    if sentences is not None and ratio is not None:
        raise ValueError("summarize: give a number of sentences or a ratio, not both")
    if sentences is not None and sentences < 1:
        raise ValueError(f"summarize: sentences must be at least 1, got {sentences}")
    if ratio is not None and not 0 < ratio <= 1:
        raise ValueError(f"summarize: ratio must be in (0, 1], got {ratio}")
    if keywords < 0:
        raise ValueError(f"summarize: keywords must be at least 0, got {keywords}")
    parts = split_sentences(text)
    if not parts:
        raise ValueError("summarize: there is no sentence in this text")
    n = math.ceil(ratio * len(parts)) if ratio is not None else 3 if sentences is None else sentences
    stopped = stop_words_of(text) | frozenset(word.lower() for word in stop)
    scores = rank(parts, method, stem=stem, stop=stopped, korean=korean)
    kept = tuple(Sentence(i, float(scores[i]), parts[i]) for i in choose(scores, n, parts))
    found = textrank.keywords(parts, keywords, stop=stopped, korean=korean) if keywords else ()
    return Summary(kept, tuple(found))


def oracle(sentences: Sequence[str], references: Sequence[str], n: int = 1) -> list[int]:
    """The sentences that a summarizer would choose who knows the references: the limit of any choice.

    Greedy: one after the other, the sentence that raises ROUGE-1 + ROUGE-2 (F) most, while one does.
    Reference: Nallapati, Zhai and Zhou, "SummaRuNNer", 2017.

    >>> oracle(["It rained.", "Foxes hunt mice.", "They eat."], ["Foxes hunt."])
    [1]
    """
    chosen: list[int] = []
    best = 0.0
    while len(chosen) < min(n, len(sentences)):
        gains = {}
        for i in set(range(len(sentences))) - set(chosen):
            scores = rouge(" ".join(sentences[j] for j in sorted([*chosen, i])), references)
            gains[i] = scores["rouge1"].f + scores["rouge2"].f
        i = max(sorted(gains), key=lambda i: gains[i])
        if gains[i] <= best and chosen:
            break
        best = gains[i]
        chosen.append(i)
    return sorted(chosen)
