"""ROUGE: how much of a reference summary a summary has in common with it. ROUGE-N, ROUGE-L, ROUGE-Lsum.

With c(g) the number of times that an n-gram g stands in a text,

    ROUGE-N   hits = sum over g of min(c_summary(g), c_reference(g))
    ROUGE-L   hits = length of the longest common subsequence of words
    precision = hits / n-grams of the summary,  recall = hits / n-grams of the reference,  F = 2 P R / (P + R)

(for ROUGE-L, words instead of n-grams). Of several references the one with the largest F counts, for each kind alone.
These are the conventions of the package `rouge-score`, against which the numbers are tested.

Reference: Lin, "ROUGE: a package for automatic evaluation of summaries", 2004.
"""

import functools
import re
import unicodedata
from collections import Counter
from collections.abc import Callable, Sequence
from typing import NamedTuple, TypeAlias

Tokenizer: TypeAlias = Callable[[str], list[str]]


class Score(NamedTuple):
    """Precision, recall and their harmonic mean, each in [0, 1]."""

    precision: float
    recall: float
    f: float


_TOKENS = re.compile(
    r"[a-z0-9]+"
    r"|[\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff]"  # each character of Chinese and Japanese
    r"|[\uac00-\ud7a3\u1100-\u11ff\u3130-\u318f]+"  # Korean words
    r"|[\u0370-\u1dff\u1f00-\u1fff\ua000-\uabff\ufb1d-\ufdff\ufe70-\ufeff]{2,}"  # words of other alphabets
)
_SIGNS = re.compile(r"[\u060c\u061b\u061f\u0964\u0965\u066a-\u066d\u06d4\u055a-\u055f\u05be\u05c0\u05c3\u1360-\u1368]")


def tokenize(text: str, *, stem: Callable[[str], str] | None = None) -> list[str]:
    """Words in lower case, by the script of each letter; with `stem`, Latin ones longer than three letters are stemmed.

    Latin letters are a-z and 0-9 alone, as in the package `rouge-score`, whose tokens these are for English. Korean and
    other alphabets give their words, Chinese and Japanese their characters.

    The published figures use Porter's stemmer (`jaxdl.data.words.porter_stemmer`). For Korean words without their
    particles give `rouge` the tokenizer `jaxdl.data.words.words`. A lone letter of another alphabet (α) is no word.

    >>> tokenize("Don't panic: 42!"), tokenize("모델을 AI가 映画")
    (['don', 't', 'panic', '42'], ['모델을', 'ai', '가', '映', '画'])
    """
    text = text.lower()
    if not text.isascii():
        text = _SIGNS.sub(" ", unicodedata.normalize("NFC", text))
    tokens = _TOKENS.findall(text)
    return tokens if stem is None else [stem(word) if len(word) > 3 and word.isascii() else word for word in tokens]


def rouge_n(summary: Sequence[str], reference: Sequence[str], n: int) -> Score:
    """ROUGE-N of two lists of words; 0 where either has no n-gram.

    Raises: ValueError for n below 1.

    >>> rouge_n("the cat sat".split(), "the cat slept well".split(), 1)
    Score(precision=0.6666666666666666, recall=0.5, f=0.5714285714285715)
    """
    if n < 1:
        raise ValueError(f"rouge_n: n must be at least 1, got {n}")
    written, expected = (Counter(zip(*(words[i:] for i in range(n)), strict=False)) for words in (summary, reference))
    return _score((written & expected).total(), written.total(), expected.total())


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


def rouge_lsum(summary: Sequence[Sequence[str]], reference: Sequence[Sequence[str]]) -> Score:
    """ROUGE-L of two lists of sentences, each a list of words: the union of the longest common subsequences.

    Of each sentence of the reference, the words that lie on a longest common subsequence with any sentence of the
    summary are hits, each word as often as it occurs in both texts.
    Reference: Lin, "ROUGE: a package for automatic evaluation of summaries", 2004, section 3.2.

    >>> f"{rouge_lsum([['w1', 'w2'], ['w1', 'w3']], [['w1', 'w2', 'w3']]).recall:.2f}"
    '1.00'
    """
    left = Counter(word for sentence in summary for word in sentence)
    hits = 0
    for sentence in reference:
        union = sorted({i for their_sentence in summary for i in _common_places(sentence, their_sentence)})
        for word in (sentence[i] for i in union):
            if left[word] > 0:
                left[word] -= 1
                hits += 1
    return _score(hits, sum(map(len, summary)), sum(map(len, reference)))


def _common_places(a: Sequence[str], b: Sequence[str]) -> list[int]:
    """The places in `a` of one longest common subsequence with `b`: of equal ones that which `rouge-score` takes."""
    table = [[0] * (len(b) + 1) for _ in range(len(a) + 1)]
    for i, word in enumerate(a):
        for j, theirs in enumerate(b):
            table[i + 1][j + 1] = table[i][j] + 1 if word == theirs else max(table[i][j + 1], table[i + 1][j])
    i, j, places = len(a), len(b), []
    while i and j:
        if a[i - 1] == b[j - 1]:
            i, j = i - 1, j - 1
            places.append(i)
        elif table[i][j - 1] > table[i - 1][j]:
            j -= 1
        else:
            i -= 1
    return places


def rouge(
    summary: str,
    references: str | Sequence[str],
    *,
    tokenizer: Tokenizer = tokenize,
    kinds: Sequence[str] = ("rouge1", "rouge2", "rougeL"),
) -> dict[str, Score]:
    """ROUGE of a summary; of several references the one with the largest F, for each kind.

    Args:
        summary: a text.
        references: one text, or several.
        tokenizer: text -> words.
        kinds: "rouge1", "rouge2", ...; "rougeL" of the whole texts; "rougeLsum" of their lines, a sentence each.
    Returns: {"rouge1": Score, "rouge2": Score, "rougeL": Score}.
    Raises: ValueError without a reference, for an unknown kind.

    >>> {name: round(score.f, 2) for name, score in rouge("the cat sat", ["a dog", "the cat slept"]).items()}
    {'rouge1': 0.67, 'rouge2': 0.5, 'rougeL': 0.67}
    >>> rouge("모델을 배운다", "모델을 배운다", kinds=["rougeLsum"])["rougeLsum"].f
    1.0
    """
    references = [references] if isinstance(references, str) else references
    if not references:
        raise ValueError("rouge: at least one reference is needed")
    if unknown := [kind for kind in kinds if not re.fullmatch(r"rouge(?:[1-9]|L|Lsum)", kind)]:
        raise ValueError(f"rouge: unknown kind {unknown[0]!r}; one of rouge1, rouge2, ..., rougeL, rougeLsum")
    tokens = functools.cache(tokenizer)
    return {
        kind: max((_score_of(kind, summary, reference, tokens) for reference in references), key=lambda score: score.f)
        for kind in kinds
    }


def _score_of(kind: str, summary: str, reference: str, tokenizer: Tokenizer) -> Score:
    if kind == "rougeLsum":
        written, expected = ([tokenizer(line) for line in text.split("\n")] for text in (summary, reference))
        return rouge_lsum(written, expected)
    written, expected = tokenizer(summary), tokenizer(reference)
    return rouge_l(written, expected) if kind == "rougeL" else rouge_n(written, expected, int(kind[5:]))


def _score(hits: int, written: int, expected: int) -> Score:
    precision, recall = hits / max(written, 1), hits / max(expected, 1)
    return Score(precision, recall, 2 * precision * recall / (precision + recall) if hits else 0.0)
