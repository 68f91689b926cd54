"""Tokenizers give every text back; padding and buckets keep every token and few shapes."""

import functools
import itertools
import json
import sys

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jaxdl.data import text
from jaxdl.data.padding import bucket_batches, bucket_lengths, pad, token_mask
from jaxdl.data.text import BOS, EOS, N_SPECIAL, PAD, UNK

SAMPLES = [
    "",
    "plain",
    "안녕하세요, 세계!",
    "각 각 \u1100\u1161\u11a8",
    "e\u0301 é",
    "👩‍👩‍👧 𝄞",
    "<pad> </s>",
    "a\r\n\tb  c ",
    "\x00",
]


@functools.cache
def bpe() -> text.Tokenizer:
    pytest.importorskip("tokenizers", reason="byte-pair encoding needs the extra jaxdl[text]")
    return text.bpe_tokenizer(["the cat sat on the mat", "the hat of the cat", "안녕하세요 안녕히"] * 3, 300)


def round_trip(tokenizer: text.Tokenizer, string: str) -> str:
    ids = text.encode(tokenizer, string)
    assert all(N_SPECIAL <= number < text.vocabulary_size(tokenizer) for number in ids)
    return text.decode(tokenizer, [BOS, *ids, EOS, PAD, PAD])


@settings(deadline=None)
@given(st.text())
def test_bytes_give_any_text_back(string):
    assert round_trip(text.byte_tokenizer(), string) == string


@settings(deadline=None)
@given(st.text())
def test_characters_give_back_any_text_of_their_own(string):
    assert round_trip(text.character_tokenizer([string]), string) == string


@settings(deadline=None)
@given(st.text())
def test_subwords_give_any_text_back(string):
    assert round_trip(bpe(), string) == string


@settings(deadline=None)
@given(st.text())
def test_words_give_any_text_back_but_for_white_space(string):
    assert round_trip(text.word_tokenizer([string]), string) == " ".join(string.split())


@pytest.mark.parametrize("string", SAMPLES)
def test_scripts_spaces_and_lookalikes_of_special_tokens_come_back(string):
    for tokenizer in (text.byte_tokenizer(), text.character_tokenizer(SAMPLES), bpe()):
        assert round_trip(tokenizer, string) == string


@settings(deadline=None)
@given(st.lists(st.integers(0, 259)))
def test_any_bytes_decode_to_some_text(ids):
    text.decode(text.byte_tokenizer(), ids).encode()
    assert len(text.pieces(text.byte_tokenizer(), ids)) == len(ids)


def test_what_is_not_in_the_vocabulary_is_unknown():
    characters = text.character_tokenizer(["abc"])
    assert text.encode(characters, "a가c") == [4, UNK, 6]
    assert text.decode(characters, [4, UNK, 6, 99]) == "a\ufffdc\ufffd"
    assert text.decode(text.byte_tokenizer(), [UNK, 101]) == "\ufffda"
    assert text.encode(text.word_tokenizer(["HH AH"]), "HH X") == [5, UNK]


def test_upper_case_is_a_choice():
    assert text.encode(text.character_tokenizer(["ABC"], upper=True), "cab") == [6, 4, 5]
    assert text.encode(text.character_tokenizer(["ABC"]), "cab") == [UNK] * 3


def test_subwords_shorten_the_text_they_were_learned_from():
    assert 260 < text.vocabulary_size(bpe()) <= 300
    assert len(text.encode(bpe(), "the cat")) <= 3 < len(text.encode(text.byte_tokenizer(), "the cat"))
    assert len(text.encode(bpe(), "안녕하세요")) < len("안녕하세요".encode())


def test_pieces_are_what_people_can_look_at():
    ids = text.encode(text.character_tokenizer(["a 가"]), "가 a")
    assert text.pieces(text.character_tokenizer(["a 가"]), [BOS, *ids, EOS, UNK, PAD]) == [
        "⟨",
        "가",
        "␣",
        "a",
        "⟩",
        "\ufffd",
        "",
    ]
    assert "".join(text.pieces(bpe(), text.encode(bpe(), "the cat"))) == "the␣cat"


@pytest.mark.parametrize("make", [text.byte_tokenizer, bpe, lambda: text.character_tokenizer(["한글"], upper=True)])
def test_a_tokenizer_survives_json(make):
    stored = text.dumps(text.to_json(make()))
    assert text.from_json(json.loads(stored)) == make()


@pytest.mark.parametrize(
    "values", [{}, {"tokens": []}, {"kind": "bytes", "tokens": None}, None, {"kind": "x", "tokens": []}]
)
def test_what_is_no_stored_tokenizer_is_refused(values):
    with pytest.raises(ValueError, match=r"not a stored tokenizer|unknown kind"):
        text.from_json(values)


def test_a_damaged_model_of_subwords_is_refused():
    bpe()
    with pytest.raises(ValueError, match="not a stored tokenizer"):
        text.encode(text.Tokenizer("bpe", model="{}"), "a")


def test_mistakes_are_named(monkeypatch):
    with pytest.raises(ValueError, match="260, got 100"):
        text.bpe_tokenizer(["a"], 100)
    with pytest.raises(ValueError, match="stands twice"):
        text.Tokenizer("characters", ("a", "a"))
    monkeypatch.setitem(sys.modules, "tokenizers", None)
    with pytest.raises(ValueError, match=r"pip install 'jaxdl\[text\]'"):
        text.bpe_tokenizer(["a"], 300)


# ---------------------------------------------------------------- padding and buckets

SEQUENCES = st.lists(st.lists(st.integers(4, 9), max_size=12), min_size=1, max_size=12)


@settings(deadline=None)
@given(SEQUENCES)
def test_padding_adds_nothing_but_padding(sequences):
    rows = pad(sequences, 12)
    assert rows.shape == (len(sequences), 12)
    assert [row[mask].tolist() for row, mask in zip(rows, token_mask(rows), strict=True)] == sequences


def test_what_does_not_fit_is_named():
    with pytest.raises(ValueError, match="sequence 1 has 3 tokens, more than length=2"):
        pad([[5], [5, 6, 7]], 2)
    with pytest.raises(ValueError, match="a sequence has 9 tokens, the longest bucket 8"):
        list(bucket_batches([[5] * 9], (4, 8), 2))
    with pytest.raises(ValueError, match="all must be >= 1"):
        bucket_lengths([], 2)


@settings(deadline=None)
@given(st.lists(st.integers(0, 9), min_size=1, max_size=8), st.integers(1, 4), st.sampled_from([1, 4]))
def test_bucket_lengths_pad_the_least(lengths, n_buckets, multiple):
    """Against all choices of lengths."""
    ours = bucket_lengths(lengths, n_buckets, multiple=multiple)
    assert len(ours) <= n_buckets
    assert list(ours) == sorted(set(ours))
    assert all(bound % multiple == 0 for bound in ours)

    def padded(bounds: tuple[int, ...]) -> int:
        return sum(min(bound for bound in bounds if bound >= n) for n in lengths)

    top = max(1, -(-max(lengths) // multiple)) * multiple
    lower = range(multiple, top, multiple)
    choices = itertools.chain.from_iterable(itertools.combinations(lower, k) for k in range(n_buckets))
    assert padded(ours) == min(padded((*choice, top)) for choice in choices)


@settings(deadline=None)
@given(SEQUENCES, st.integers(1, 4), st.integers(1, 3))
def test_every_sequence_comes_once_in_a_shape_of_the_fixed_set(sequences, batch_size, n_buckets):
    bounds = bucket_lengths([len(s) for s in sequences], n_buckets, multiple=2)
    seen: dict[int, list[int]] = {}
    batches = list(bucket_batches(sequences, bounds, batch_size))
    for rows, ids in batches:
        assert ids.shape in {(batch_size, bound) for bound in bounds}
        seen |= {int(row): ids[i][token_mask(ids[i])].tolist() for i, row in enumerate(rows)}
        assert (ids[len(rows) :] == PAD).all()
    assert [seen[i] for i in range(len(sequences))] == sequences
    assert sum(len(rows) for rows, _ in batches) == len(sequences)
    assert {ids.dtype for _, ids in batches} == {np.dtype(np.int32)}
