# ruff: noqa: RUF001 - letters of other alphabets are what this file is about
"""ROUGE against the package `rouge-score` on thousands of pairs, and what it must be by definition."""

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jaxdl.data.words import porter_stemmer
from jaxdl.data.words import words as korean_words
from jaxdl.metrics import summaries

KINDS = ["rouge1", "rouge2", "rougeL"]
WORDS = "the model models learns learning of a data networks network U.S. 3.14 don't We, propose? an (new) be"
VOCABULARY = WORDS.split()


def texts(n, seed, longest=25):
    rng = random.Random(seed)
    return [" ".join(rng.choices(VOCABULARY, k=rng.randint(0, longest))) for _ in range(n)]


def assert_equal(ours, theirs):
    for kind in KINDS:
        assert ours[kind] == pytest.approx(tuple(theirs[kind]), abs=1e-12), kind


@pytest.mark.parametrize("stemmed", [False, True])
def test_equals_rouge_score_on_thousands_of_pairs(stemmed):
    scorer = pytest.importorskip("rouge_score.rouge_scorer").RougeScorer(KINDS, use_stemmer=stemmed)
    stem = porter_stemmer() if stemmed else None
    tokenizer = lambda text: summaries.tokenize(text, stem=stem)  # noqa: E731
    for summary, reference in zip(texts(2000, 0), texts(2000, 1), strict=True):
        assert_equal(summaries.rouge(summary, reference, tokenizer=tokenizer), scorer.score(reference, summary))


def test_the_best_of_several_references_counts_as_in_rouge_score():
    scorer = pytest.importorskip("rouge_score.rouge_scorer").RougeScorer(KINDS)
    references = iter(texts(1500, 2))
    for summary in texts(500, 3):
        three = [next(references) for _ in range(3)]
        assert_equal(summaries.rouge(summary, three), scorer.score_multi(three, summary))


def by_table(a, b):
    table = [[0] * (len(b) + 1) for _ in range(len(a) + 1)]
    for i, x in enumerate(a):
        for j, y in enumerate(b):
            table[i + 1][j + 1] = table[i][j] + 1 if x == y else max(table[i][j + 1], table[i + 1][j])
    return table[-1][-1]


@settings(max_examples=300, deadline=None)
@given(st.text("abcd", max_size=90), st.text("abcde", max_size=90))
def test_longest_common_subsequence_equals_the_table(a, b):
    assert summaries.longest_common_subsequence(a, b) == by_table(a, b)


@settings(max_examples=100, deadline=None)
@given(st.lists(st.sampled_from("abcdef"), max_size=20), st.lists(st.sampled_from("abcdef"), max_size=20))
def test_swapping_texts_swaps_precision_and_recall(a, b):
    for score, swapped in (
        (summaries.rouge_n(a, b, 1), summaries.rouge_n(b, a, 1)),
        (summaries.rouge_n(a, b, 3), summaries.rouge_n(b, a, 3)),
        (summaries.rouge_l(a, b), summaries.rouge_l(b, a)),
    ):
        assert (score.precision, score.recall) == (swapped.recall, swapped.precision)
        assert score.f == pytest.approx(swapped.f)
        assert 0 <= min(score) <= max(score) <= 1


def test_a_text_is_its_own_best_summary():
    assert summaries.rouge("one two three", ["four", "one two three"])["rouge2"] == (1.0, 1.0, 1.0)


@pytest.mark.parametrize(("summary", "reference"), [("", "a b"), ("a b", ""), ("", ""), ("...", "a")])
def test_nothing_scores_zero(summary, reference):
    assert set(summaries.rouge(summary, reference).values()) == {(0.0, 0.0, 0.0)}


@pytest.mark.parametrize("seed", range(3))
def test_lsum_equals_rouge_score(seed):
    scorer = pytest.importorskip("rouge_score.rouge_scorer").RougeScorer(["rougeLsum"])
    rng = random.Random(seed)
    break_up = lambda text: "".join(rng.choice(("\n", " ", " ")) if c == " " else c for c in text)  # noqa: E731
    for summary, reference in zip(texts(150, seed), texts(150, seed + 9), strict=True):
        summary, reference = break_up(summary), break_up(reference)
        ours = summaries.rouge(summary, reference, kinds=["rougeLsum"])["rougeLsum"]
        assert ours == pytest.approx(tuple(scorer.score(reference, summary)["rougeLsum"]), abs=1e-12)


ENGLISH = [
    "The café’s 3.14 µm lens — “good”, α > β?",
    "naïve coöperation; 5 €",
    "A_b state-of-the-art don’t x² ½",
    "σ-algebra",
]


@pytest.mark.parametrize("text", ENGLISH)
def test_tokens_of_english_are_those_of_rouge_score(text):
    tokenizers = pytest.importorskip("rouge_score.tokenizers")
    assert summaries.tokenize(text) == tokenizers.DefaultTokenizer(use_stemmer=False).tokenize(text)


@pytest.mark.parametrize(
    ("text", "tokens"),
    [
        ("모델을 학습했다.", ["모델을", "학습했다"]),
        ("映画を見た。", ["映", "画", "を", "見", "た"]),
        ("Я читаю книгу, да!", ["читаю", "книгу", "да"]),
        ("نموذج اللغة، جيد", ["نموذج", "اللغة", "جيد"]),
        ("भाषा मॉडल।", ["भाषा", "मॉडल"]),
    ],
)
def test_other_scripts_have_tokens(text, tokens):
    assert summaries.tokenize(text) == tokens
    found = summaries.rouge(text, text, kinds=["rouge1", "rouge2", "rougeL", "rougeLsum"])
    assert all(score.f == 1 for score in found.values())


def test_korean_words_without_particles_agree_more():
    assert summaries.rouge("모델을 학습했다", "모델을 학습했다")["rouge1"].f == 1.0
    assert summaries.rouge("모델을 학습했다", "모델이 학습한다")["rouge1"].f == 0.0
    assert summaries.rouge("모델을 학습했다", "모델이 학습한다", tokenizer=korean_words)["rouge1"].f == 1.0


def test_mistakes_are_named():
    with pytest.raises(ValueError, match="at least one reference"):
        summaries.rouge("a", [])
    with pytest.raises(ValueError, match="unknown kind 'rouge-l'"):
        summaries.rouge("a", "a", kinds=["rouge-l"])
    with pytest.raises(ValueError, match="n must be at least 1, got 0"):
        summaries.rouge_n(["a"], ["a"], 0)
