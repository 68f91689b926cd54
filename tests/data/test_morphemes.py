"""Korean words by kiwipiepy's dictionary: what is kept of an analyzed word, and the command's option."""

import sys
from types import SimpleNamespace

import pytest
from refusal import refused

from jaxdl import cli
from jaxdl.data import morphemes
from jaxdl.data.words import korean_stem, words
from jaxdl.models import textrank

# (form, tag, lemma) as kiwipiepy 0.24 gives them
ANALYZED = {
    "우리나라는": [("우리나라", "NNG", "우리나라"), ("는", "JX", "는")],
    "갔어요": [("가", "VV", "가다"), ("었", "EP", "었"), ("어요", "EF", "어요")],
    "발표했습니다": [("발표", "NNG", "발표"), ("하", "XSV", "하"), ("었", "EP", "었"), ("습니다", "EF", "습니다")],
    "주민들이": [("주민", "NNG", "주민"), ("들", "XSN", "들"), ("이", "JKS", "이")],
    "새로운": [("새롭", "VA-I", "새롭다"), ("은", "ETM", "은")],
    "인공지능이": [("인공", "NNG", "인공"), ("지능", "NNG", "지능"), ("이", "JKS", "이")],
    "ai가": [("ai", "SL", "ai"), ("가", "JKS", "가")],
    "400명이": [("400", "SN", "400"), ("명", "NNB", "명"), ("이", "JKS", "이")],
    "학생이었다": [("학생", "NNG", "학생"), ("이", "VCP", "이다"), ("었", "EP", "었"), ("다", "EF", "다")],
    "은": [("은", "JX", "은")],
}
STEMS = ["우리나라", "가다", "발표", "주민", "새롭다", "인공지능", "ai", "400명", "학생", "은"]


class Kiwi:
    """What kiwipiepy says of the words above."""

    def tokenize(self, word):
        return [SimpleNamespace(form=form, tag=tag, lemma=lemma) for form, tag, lemma in ANALYZED[word]]


@pytest.fixture
def kiwi(monkeypatch):
    morphemes.kiwi_stemmer.cache_clear()
    monkeypatch.setitem(sys.modules, "kiwipiepy", SimpleNamespace(Kiwi=Kiwi))
    yield
    morphemes.kiwi_stemmer.cache_clear()


def test_what_stands_before_particles_and_endings(kiwi):
    stem = morphemes.kiwi_stemmer()
    assert [stem(word) for word in ANALYZED] == STEMS
    assert stem("dogs") == "dogs"  # no Korean word is not asked


def test_the_package_says_the_same():
    pytest.importorskip("kiwipiepy", reason="the extra jaxdl[korean]")
    morphemes.kiwi_stemmer.cache_clear()
    assert [morphemes.kiwi_stemmer()(word) for word in ANALYZED] == STEMS


def test_words_and_key_words_by_the_dictionary(kiwi):
    stem = morphemes.kiwi_stemmer()
    assert words("우리나라는 발표했습니다", korean=stem) == ["우리나라", "발표"]
    assert korean_stem("우리나라는") == "우리나"  # what the rules cannot know
    found = textrank.keywords(["인공지능이 우리나라는", "주민들이 인공지능이"], 3, korean=stem)
    assert {"인공지능", "우리나라", "주민"} == {part for word, _ in found for part in word.split()}


def test_the_command_asks_it_by_name(kiwi, tmp_path, monkeypatch, capsys, own_caches):
    (tmp_path / "a.txt").write_text("우리나라는 인공지능이 발표했습니다.\n", encoding="utf-8")
    line = ["summarize", "--morphemes", str(tmp_path / "a.txt"), "--keywords", "5"]
    assert cli.main(line) == 0
    assert "우리나라 (" in capsys.readouterr().out
    morphemes.kiwi_stemmer.cache_clear()
    monkeypatch.setitem(sys.modules, "kiwipiepy", None)
    assert "pip install kiwipiepy" in refused(capsys, *line)
