"""Summaries: which sentences and key words are chosen."""

import numpy as np
import pytest
from texts import HARBOR, LIBRARY

from jaxdl.applications.summarization import METHODS, Sentence, choose, oracle, rank, summarize
from jaxdl.data.sentences import split_sentences


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("text", [HARBOR, LIBRARY], ids=["english", "korean"])
def test_every_method_keeps_order_and_wording(text, method):
    sentences = split_sentences(text)
    summary = summarize(text, sentences=4, method=method).sentences
    assert [sentence.text for sentence in summary] == [sentences[sentence.index] for sentence in summary]
    numbers = [sentence.index for sentence in summary]
    assert numbers == sorted(numbers)
    scores = rank(sentences, method)
    assert min(scores[numbers]) >= max(np.delete(scores, numbers))
    assert summary == summarize(text, sentences=4, method=method).sentences


def test_the_most_central_sentences_are_summas():
    """summa 1.2.0 chooses these three from the same text, with words of its own."""
    chosen = summarize(HARBOR, sentences=3).sentences
    assert [sentence.index for sentence in chosen] == [2, 13, 16]


def test_keywords_say_what_a_text_is_about():
    assert summarize(HARBOR, keywords=3).keywords[0][0] == "harbor walls"
    assert {word for word, _ in summarize(LIBRARY, keywords=3).keywords} >= {"도서관", "주민"}


def test_baselines():
    assert [s.index for s in summarize(HARBOR, sentences=2, method="lead").sentences] == [0, 1]
    assert rank(["a b", "a b c", "z"], "centroid").argmin() == 2
    assert (rank(["a"] * 9, "random") == rank(["b"] * 9, "random")).all()


@pytest.mark.parametrize("method", METHODS)
def test_one_sentence_none_and_identical_ones(method):
    (only,) = summarize("Only one", sentences=3, method=method).sentences
    assert (only.index, only.text) == (0, "Only one")
    with pytest.raises(ValueError, match="no sentence in this text"):
        summarize(" \n", method=method)
    twice = summarize("Foxes hunt mice. Foxes hunt mice. It rained.", sentences=2, method=method)
    assert len({sentence.text for sentence in twice.sentences}) == 2
    assert np.isfinite(rank(["The of and.", "...", "!"], method)).all()


@pytest.mark.parametrize(("ratio", "n"), [(0.01, 1), (0.5, 9), (1.0, 17)])
def test_a_share_of_the_sentences(ratio, n):
    assert len(summarize(HARBOR, ratio=ratio, method="lead").sentences) == n


def test_equal_scores_go_to_the_earlier():
    assert choose(np.ones(4), 2) == [0, 1]
    assert choose(np.array([0.1, 0.9, 0.9]), 2, ["a", "b", "b"]) == [0, 1]
    assert choose(np.array([0.1, 0.9, 0.9]), 3, ["a", "b", "b"]) == [0, 1, 2]


def test_a_function_can_be_the_method():
    chosen = summarize("Aaa. Bbbb. Cc.", sentences=1, method=lambda sentences: np.array([len(s) for s in sentences]))
    assert chosen.sentences == (Sentence(1, 5.0, "Bbbb."),)


def test_oracle_stops_when_nothing_is_gained():
    sentences = ["Foxes hunt mice.", "It rained.", "Birds sing songs."]
    assert oracle(sentences, ["Foxes hunt mice and birds sing songs"], 3) == [0, 2]
    assert oracle(sentences, ["nothing in common"]) == [0]
    assert oracle([], ["a"]) == []


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"sentences": 0}, "at least 1, got 0"),
        ({"ratio": 0.0}, r"in \(0, 1\], got 0.0"),
        ({"ratio": 1.5}, r"in \(0, 1\], got 1.5"),
        ({"ratio": 0.5, "sentences": 2}, "not both"),
        ({"keywords": -1}, "at least 0, got -1"),
        ({"method": "texrank"}, "did you mean 'textrank'"),
    ],
)
def test_mistakes_are_named(options, message):
    with pytest.raises(ValueError, match=message):
        summarize(HARBOR, **options)
