"""ROUGE: how much of a reference summary a summary has in common with it. ROUGE-1, ROUGE-2, ROUGE-L.

With c(g) the number of times that an n-gram g stands in a text,

    ROUGE-N   hits = sum over g of min(c_summary(g), c_reference(g))
    ROUGE-L   hits = length of the longest common subsequence of words
    precision = hits / n-grams of the summary,  recall = hits / n-grams of the reference,  F = 2 P R / (P + R)

(for ROUGE-L, words instead of n-grams). Of several references the one with the largest F counts, for each kind alone.
These are the conventions of the package `rouge-score`, against which the numbers are tested.

Reference: Lin, "ROUGE: a package for automatic evaluation of summaries", 2004.
"""

import re
from collections import Counter
from collections.abc import Callable, Sequence
from typing import NamedTuple, TypeAlias

Tokenizer: TypeAlias = Callable[[str], list[str]]


class Score(NamedTuple):
    """Precision, recall and their harmonic mean, each in [0, 1]."""

    precision: float
    recall: float
    f: float


def tokenize(text: str, *, stem: Callable[[str], str] | None = None) -> list[str]:
    """Words of a-z and 0-9 in lower case; with `stem`, those longer than three letters are stemmed.

    The published figures use Porter's stemmer (`jaxdl.data.sentences.porter_stemmer`). For other alphabets than Latin
    give `rouge` another tokenizer, such as `jaxdl.data.sentences.words`.

    >>> tokenize("Don't panic: 42!")
    ['don', 't', 'panic', '42']
    """
    found = re.findall(r"[a-z0-9]+", text.lower())
    return found if stem is None else [stem(word) if len(word) > 3 else word for word in found]


def rouge_n(summary: Sequence[str], reference: Sequence[str], n: int) -> Score:
    """ROUGE-N of two lists of words; 0 where either has no n-gram.

    Raises: ValueError for n below 1.

    >>> rouge_n("the cat sat".split(), "the cat slept well".split(), 1)
    Score(precision=0.6666666666666666, recall=0.5, f=0.5714285714285715)
    """
    if n < 1:
        raise ValueError(f"rouge_n: n must be at least 1, got {n}")
    ours, theirs = (Counter(zip(*(words[i:] for i in range(n)), strict=False)) for words in (summary, reference))
    return _score((ours & theirs).total(), ours.total(), theirs.total())


def rouge_l(summary: Sequence[str], reference: Sequence[str]) -> Score:
    """ROUGE-L of two lists of words: the longest common subsequence, in order but with gaps.

    >>> f"{rouge_l('a b c d'.split(), 'a c x d'.split()).f:.2f}"
    '0.75'
    """
    return _score(longest_common_subsequence(summary, reference), len(summary), len(reference))


def longest_common_subsequence(a: Sequence[str], b: Sequence[str]) -> int:
    """Its length, one integer operation per word of `b`.

    The table of the usual dynamic program grows by 0 or 1 from cell to cell, so that a row fits into the bits of an
    integer: bit i of `row` is 0 where the row grows at a[i].
    Reference: Hyyrö, "Bit-parallel LCS-length computation revisited", 2004.

    >>> longest_common_subsequence("ABCBDAB", "BDCABA")
    4
    """
    places: dict[str, int] = {}
    for i, word in enumerate(a):
        places[word] = places.get(word, 0) | 1 << i
    everywhere = (1 << len(a)) - 1
    row = everywhere
    for word in b:
        matches = row & places.get(word, 0)
        row = ((row + matches) | (row - matches)) & everywhere
    return len(a) - row.bit_count()


def rouge(summary: str, references: str | Sequence[str], *, tokenizer: Tokenizer = tokenize) -> dict[str, Score]:
    """ROUGE-1, ROUGE-2 and ROUGE-L of a summary; of several references the one with the largest F, for each kind.

    Args:
        summary: a text.
        references: one text, or several.
        tokenizer: text -> words.
    Returns: {"rouge1": Score, "rouge2": Score, "rougeL": Score}.
    Raises: ValueError without a reference.

    >>> {name: round(score.f, 2) for name, score in rouge("the cat sat", ["a dog", "the cat slept"]).items()}
    {'rouge1': 0.67, 'rouge2': 0.5, 'rougeL': 0.67}
    """
    references = [references] if isinstance(references, str) else references
    if not references:
        raise ValueError("rouge: at least one reference is needed")
    words = tokenizer(summary)
    each = [_all_kinds(words, tokenizer(reference)) for reference in references]
    return {kind: max((scores[kind] for scores in each), key=lambda score: score.f) for kind in each[0]}


def _all_kinds(summary: Sequence[str], reference: Sequence[str]) -> dict[str, Score]:
    return {
        "rouge1": rouge_n(summary, reference, 1),
        "rouge2": rouge_n(summary, reference, 2),
        "rougeL": rouge_l(summary, reference),
    }


def _score(hits: int, ours: int, theirs: int) -> Score:
    precision, recall = hits / max(ours, 1), hits / max(theirs, 1)
    return Score(precision, recall, 2 * precision * recall / (precision + recall) if hits else 0.0)
