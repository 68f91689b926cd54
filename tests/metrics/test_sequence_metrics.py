"""Edit distance and error rates against their definitions and another library."""

import functools

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jaxdl.metrics.sequence_metrics import edit_distance, error_rates, exact_match

WORDS = st.text("abc", max_size=6)


def by_definition(a: str, b: str) -> int:
    @functools.cache
    def d(i: int, j: int) -> int:
        if not i or not j:
            return i + j
        return min(d(i - 1, j) + 1, d(i, j - 1) + 1, d(i - 1, j - 1) + (a[i - 1] != b[j - 1]))

    return d(len(a), len(b))


@settings(deadline=None)
@given(WORDS, WORDS, WORDS)
def test_edit_distance_is_its_definition_and_a_metric(a, b, c):
    assert edit_distance(a, b) == by_definition(a, b) == edit_distance(b, a)
    assert edit_distance(a, c) <= edit_distance(a, b) + edit_distance(b, c)
    assert (edit_distance(a, b) == 0) == (a == b)


@settings(deadline=None)
@given(WORDS, WORDS)
def test_edit_distance_equals_nltk(a, b):
    nltk = pytest.importorskip("nltk.metrics.distance", reason="nltk (of rouge-score) is not installed")
    assert edit_distance(a, b) == nltk.edit_distance(a, b)


def test_a_word_is_right_if_any_reference_matches_and_the_nearest_counts():
    outputs = [["EY", "B"], ["K", "AE", "T", "S"], []]
    references = [[["AE", "B", "Z"], ["EY", "B"]], [["K", "AE", "T"], ["K"]], [["D", "AO", "G"]]]
    phonemes, words = error_rates(outputs, references)
    assert phonemes == (0 + 1 + 3) / (2 + 3 + 3)
    assert words == 2 / 3
    assert exact_match(outputs, references) == 1 / 3


def test_more_can_be_wrong_than_there_is():
    assert error_rates(["abcd"], [["x"]]) == (4.0, 1.0)
    assert error_rates([""], [[""]]) == (0.0, 0.0)


@pytest.mark.parametrize(("outputs", "references"), [([], []), (["a"], []), (["a"], [[]])])
def test_what_cannot_be_scored_is_refused(outputs, references):
    with pytest.raises(ValueError, match="lists of references"):
        error_rates(outputs, references)
    with pytest.raises(ValueError, match="lists of references"):
        exact_match(outputs, references)
