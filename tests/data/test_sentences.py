# ruff: noqa: RUF001 - quotation marks and full-width signs are what this file is about
"""Where sentences end and what their words are: a small corpus of hard cases, "|" where a sentence must end."""

import sys
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jaxdl.data.sentences import split_sentences
from jaxdl.data.words import STOP_WORDS, korean_stem, porter_stemmer, words

ENGLISH = [
    "Dr. Kim met Mr. Lee and Mrs. Park. | They talked for an hour.",
    "Pi is about 3.14. | E is 2.718, not 2.7. | Version 1.2.3 came later.",
    "She moved to the U.S. in May. | He left the U.S. | They met again.",
    "The U.S. Senate voted. | The U.N. Security Council did not.",
    'He said, "I am late." | Nobody answered.',
    '"Are you sure?" she asked. | "Yes!" he cried.',
    "“Stop.” | “Why?” | ‘Because.’",
    "Well... perhaps. | Wait... | What was that? | Nothing…",
    "We use many tools, e.g. a hammer, i.e. a simple one. | See Fig. 3 and Eq. 4.",
    "Smith et al. (2016) found this. | J. R. Smith wrote it. | So did A. Turing.",
    "They sell apples, pears, etc. | The shop opens at 9 a.m. | It closes at 5 p.m. sharp.",
    "Acme Inc. Chairman Jones resigned. | Acme Inc. | The share fell.",
    "The answer is no. | We sent no. 5 back. | It was No. 7 that he liked.",
    "Really?! | Yes!! | (It was true.) | Then he left.",
    "Visit example.com for more. | Files end in .txt or .md there.",
    "So do I. | You know that.",
    "It ended on Dec. 5. | The sun. | Birds sing.",
    "1. Open the box. | 2. Take the book out.",
    "He has a Ph.D. in physics. | He lives on Main St. now.",
    "Costs rose 5%. | 12 people left. | $3 was the price.",
]

KOREAN = [
    "안녕하세요. | 저는 학생입니다. | 만나서 반갑습니다!",
    "원주율은 3.14이다. | 물가가 2.5% 올랐다.",
    "2024. 3. 15. 회의가 열렸다. | 다음 회의는 2024. 4. 2. 열린다.",
    "“내일 비가 올 것이다.”라고 그가 말했다. | 모두 웃었다.",
    '"정말요?" | 그녀가 물었다.',
    "글쎄… | 잘 모르겠어요... | 나중에 알려 줄게요.",
    "회의가 끝났다.|그리고 모두 돌아갔다.|정말 그랬을까?|아무도 몰랐다.",
    "AI는 도구다. | GPU가 필요하다. | 3개면 된다.",
    "정말입니까? | 네! | 그렇군요.",
]


def table() -> list[tuple[str, str, list[str]]]:
    """(kind, text, its sentences) of `tests/files/sentences.txt`."""
    found = []
    for line in (Path(__file__).parents[1] / "files" / "sentences.txt").read_text(encoding="utf-8").splitlines():
        if line and not line.startswith("#"):
            kind, marked = line.split("\t")
            marked = marked.replace("\\n", "\n")
            seen = marked.replace("\u200b", "").replace("\ufeff", "")  # invisible characters vanish
            text = marked.replace(" | ", " ").replace("|", "").replace("\n ", "\n")
            found.append((kind, text, [" ".join(sentence.split()) for sentence in seen.split("|")]))
    return found


@pytest.mark.parametrize("row", table(), ids=lambda row: f"{row[0]}: {row[1][:20]!r}")
def test_the_table_of_sentences(row):
    _, text, expected = row
    assert split_sentences(text) == expected


def test_the_table_has_all_kinds():
    assert sum(len(expected) for _, _, expected in table()) >= 150
    assert len({kind for kind, _, _ in table()}) >= 25


@pytest.mark.parametrize("marked", ENGLISH + KOREAN)
def test_sentences_end_where_a_reader_ends_them(marked):
    expected = [sentence.strip() for sentence in marked.split("|")]
    assert split_sentences(marked.replace(" | ", " ").replace("|", "")) == expected


def test_blank_lines_and_endings_of_korean_lines_end_sentences():
    assert split_sentences("A heading\n\nThe text goes\non here. And\n  there.\n") == [
        "A heading",
        "The text goes on here.",
        "And there.",
    ]
    assert split_sentences("오늘은 날씨가 좋다\n산책을 갔어요\n그리고 집에") == [
        "오늘은 날씨가 좋다",
        "산책을 갔어요",
        "그리고 집에",
    ]
    assert split_sentences("今日は晴れ。明日は雨！") == ["今日は晴れ。", "明日は雨！"]


@pytest.mark.parametrize("text", ["", "   \n\n \t", "\n"])
def test_nothing_has_no_sentences(text):
    assert split_sentences(text) == []
    assert words(text) == []


@settings(max_examples=200, deadline=None)
@given(st.text(alphabet="aB.?!… \n\"'’)1다요가,U.S", max_size=60))
def test_no_character_is_lost_or_made(text):
    """Whatever the text: the sentences, put together, are the text without its white space."""
    found = split_sentences(text)
    words_at_all = any(letter.isalnum() for letter in text)
    assert "".join("".join(found).split()) == ("".join(text.split()) if words_at_all else "")
    assert all(any(letter.isalnum() for letter in sentence) for sentence in found)  # no piece without a word
    assert all(sentence == " ".join(sentence.split()) != "" for sentence in found)


def test_a_long_text_takes_time_in_proportion():
    text = "This is sentence number 3.14 of a U.S. text, e.g. one of many. " * 5000
    assert len(split_sentences(text)) == 5000


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Dogs don't like the 3.14% of U.S. cats.", ["dogs", "like", "3.14%", "u.s.", "cats"]),
        ("State-of-the-art models, 10,000 of them", ["state-of-the-art", "models", "10,000"]),
        ("It’s café_time", ["café", "time"]),
        ("그리고 학생들은 학교에서 수학을 공부한다", ["학생", "학교", "수학", "공부"]),
        ("AI가 GPU로 3배를 계산했습니다", ["ai", "gpu", "3배", "계산"]),
    ],
)
def test_words(text, expected):
    assert words(text) == expected


def test_words_keep_what_they_are_told_to_keep():
    assert words("To be or not", stop=()) == ["to", "be", "or", "not"]
    assert words("the cat sat", stop=["sat"]) == ["the", "cat"]
    assert {"the", "of", "그리고"} <= STOP_WORDS
    assert words("running runs", stem=lambda word: word[:3]) == ["run", "run"]


@pytest.mark.parametrize(
    ("forms", "stem"),
    [
        (
            ["학교", "학교는", "학교가", "학교를", "학교에", "학교에서", "학교에서는", "학교로", "학교의", "학교까지"],
            "학교",
        ),
        (["책상은", "책상이", "책상을", "책상과", "책상으로", "책상도", "책상부터"], "책상"),
        (["연구했다", "연구한다", "연구하는", "연구하고", "연구합니다", "연구하였다", "연구할"], "연구"),
        (["개발됐다", "개발된다", "개발되었다", "개발됩니다"], "개발"),
        (["비가", "비는", "비를"], "비"),
        (["물이", "물은", "물을"], "물"),
        (["물가"], "물가"),  # 가 follows no consonant
        (["차이"], "차이"),
        (["길이"], "길이"),
        (["사과"], "사과"),  # 과 would leave one syllable
        (["나이"], "나이"),
        (["바다가"], "바다"),
        (["고양이", "고양이가", "고양이는", "고양이들은"], "고양이"),  # 이 is no particle here
        (["정확도", "정확도를"], "정확도"),
        (["dogs", ""], None),
    ],
)
def test_korean_particles_and_endings(forms, stem):
    assert [korean_stem(form) for form in forms] == [form if stem is None else stem for form in forms]


def test_porter_stemmer_is_nltks():
    pytest.importorskip("nltk")
    stem = porter_stemmer()
    assert [stem(word) for word in ("running", "ponies", "relational", "sky")] == ["run", "poni", "relat", "sky"]
    assert words("Connected connections", stem=stem) == ["connect", "connect"]


def test_without_nltk_stemming_says_what_to_install(monkeypatch):
    porter_stemmer.cache_clear()
    monkeypatch.setitem(sys.modules, "nltk", None)
    monkeypatch.setitem(sys.modules, "nltk.stem", None)
    with pytest.raises(ValueError, match="pip install nltk"):
        porter_stemmer()
