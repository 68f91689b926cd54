# ruff: noqa: RUF001 - the apostrophe of print is what this file is about
"""The words of a text, by rules: without stop words, Korean ones without their particles and endings."""

import functools
import re
import unicodedata
from collections.abc import Callable, Iterable
from typing import Any, TypeAlias

from jaxdl.data import stop_words

Stemmer: TypeAlias = Callable[[str], str]

STOP_WORDS = stop_words.ENGLISH | stop_words.KOREAN


def word_set(names: str) -> frozenset[str]:
    """The words of a text as a set."""
    return frozenset(names.split())


# A letter, or one of the signs of vowels and accents that Unicode counts apart (Hindi, Thai, Arabic).
LETTER = (
    r"(?:[^\W\d_]|[\u0300-\u036f\u0591-\u05bd\u0610-\u061a\u064b-\u065f\u0670\u0900-\u0963\u0971-\u0dff\u0e31\u0e34-\u0e3a"
    r"\u0e47-\u0e4e])"
)
WORD = re.compile(
    r"(?:[^\W\d_]\.){2,}"  # U.S.
    r"|\d+(?:[.,]\d+)*(?:%|[가-힣]+)?"  # 3.14, 10,000, 5%, 400명
    rf"|{LETTER}+(?:['’-]{LETTER}+)*"  # words, don't, state-of-the-art
)


def words(
    text: str, *, stop: Iterable[str] = STOP_WORDS, stem: Stemmer | None = None, korean: Stemmer | None = None
) -> list[str]:
    """The words of a text in lower case, without stop words; Korean ones without their particles and endings.

    Args:
        text: a sentence, or more.
        stop: words to leave out; () keeps all.
        stem: word -> stem, such as `porter_stemmer()`; None leaves words as they are.
        korean: the same for Korean words alone: by default `korean_stem`, or `morphemes.kiwi_stemmer()`.

    >>> words("The U.S. economy didn't grow by 3.14%.")
    ['u.s.', 'economy', 'grow', '3.14%']
    >>> words("연구진은 새로운 모델을 발표했다.")
    ['연구진', '새로운', '모델', '발표']
    """
    stop = stop if isinstance(stop, frozenset | set) else frozenset(stop)
    found = (match.replace("’", "'") for match in WORD.findall(unicodedata.normalize("NFC", text).lower()))
    bare = korean or korean_stem
    kept = (bare(word) for word in found if word not in stop)
    kept = (word for word in kept if word not in stop)
    return [word if stem is None else stem(word) for word in kept]


# Particles by what they follow: a syllable with a final consonant, one without, or either. Longest first.
_AFTER_CONSONANT = (
    "으로부터",
    "이라고",
    "이라는",
    "으로써",
    "으로서",
    "이라도",
    "이란",
    "이나",
    "이랑",
    "이며",
    "이고",
    "으로",
)
_AFTER_CONSONANT += ("은", "이", "을", "과")
_AFTER_VOWEL = ("로부터", "라고", "라는", "로써", "로서", "라도", "란", "랑", "나", "며", "로", "는", "가", "를", "와")
_AFTER_ANY = ("에서부터", "에게서", "에서는", "에서도", "에게는", "까지도", "까지는", "만으로", "에서", "에게", "한테")
_AFTER_ANY += (
    "부터",
    "까지",
    "처럼",
    "보다",
    "마다",
    "조차",
    "밖에",
    "에는",
    "에도",
    "들은",
    "들이",
    "들을",
    "들의",
    "들에",
)
_AFTER_ANY += ("의", "에", "도", "만", "들", "이다", "입니다", "이었다", "였다", "이에요", "예요")
# Forms of the verbs that make verbs of nouns: 하다 (do), 되다 (become), 시키다 (let do).
_VERBS = (
    "하였습니다",
    "되었습니다",
    "했습니다",
    "됐습니다",
    "시켰다",
    "시킨다",
    "하였다",
    "되었다",
    "합니다",
    "됩니다",
)
_VERBS += (
    "했다",
    "됐다",
    "한다",
    "된다",
    "하다",
    "되다",
    "하는",
    "되는",
    "하고",
    "되고",
    "하며",
    "되며",
    "하면",
    "되면",
)
_VERBS += (
    "해서",
    "돼서",
    "하여",
    "되어",
    "하지",
    "되지",
    "했던",
    "됐던",
    "했고",
    "됐고",
    "했어요",
    "됐어요",
    "해요",
    "돼요",
)
_VERBS += ("하기", "되기", "함", "됨", "할", "될", "한", "된", "해")
# Common nouns of one syllable, and the particles that alone may be taken from them: 값을 is 값, but 차이 is no 차.
_SHORT_NOUNS = word_set(
    "값 책 집 물 말 글 일 길 돈 눈 손 힘 꽃 새 개 곳 밥 빛 색 시 법 왕 땅 산 강 별 달 해 날 밤 낮 봄 몸 입 귀 코 발 "
    "팔 목 뼈 피 병 약 술 차 배 공 칼 옷 방 문 벽 창 불 흙 돌 쌀 빵 닭 소 벌 뱀 곰 풀 숲 비 암 뇌 뜻 점 선 면 식 수 열 "
    "맛 멋 꿈 삶"
)
_SHORT_PARTICLES = ("을", "를", "은", "는", "이", "가", "에서", "에서는", "으로")
# Common nouns of three and more syllables that end like a noun with a particle.
_NOUNS = word_set(
    "어린이 고양이 호랑이 원숭이 젊은이 늙은이 지팡이 목걸이 귀걸이 손잡이 옷걸이 떡볶이 달팽이 지렁이 정치가"
)
_NOUNS |= word_set("길이 풀이 식이 시가 수가")
_NOUNS |= word_set("만족도 난이도 정확도 완성도 제주도 강원도 경기도 울릉도 민주주의 자본주의 사회주의 개인주의")
_SUFFIXES = sorted(_VERBS + _AFTER_CONSONANT + _AFTER_VOWEL + _AFTER_ANY, key=len, reverse=True)


@functools.lru_cache(maxsize=1 << 16)
def korean_stem(word: str) -> str:
    """A Korean word without its particle or ending; other words as they are. By rules, without a dictionary.

    The longest ending goes that fits the sound before it (은 이 을 과 follow a final consonant, 는 가 를 와 a vowel)
    and leaves at least two syllables, or a word in Latin letters or digits. A noun whose last syllable looks like a
    particle is only known if it is one of a few common ones: the price of having no dictionary.

    >>> korean_stem("학교에서는"), korean_stem("사과"), korean_stem("AI가"), korean_stem("발표합니다")
    ('학교', '사과', 'AI', '발표')
    """
    if not _is_hangul(word[-1:]) or word in _NOUNS:
        return word
    if word[0] in _SHORT_NOUNS and word[1:] in _SHORT_PARTICLES and _fits(word[0], word[1:]):
        return word[0]
    for suffix in _SUFFIXES:
        rest = word.removesuffix(suffix)
        if rest == word or not rest:
            continue
        if not _is_hangul(rest[-1]):
            return rest
        if _fits(rest, suffix) and len(rest) >= 2:
            return rest
    return word


def _fits(rest: str, suffix: str) -> bool:
    """Whether a particle or ending may follow the last sound of `rest`."""
    if suffix in _AFTER_ANY or suffix in _VERBS:
        return True
    consonant = (ord(rest[-1]) - 0xAC00) % 28 > 0  # 28 finals, the first of which is none
    return suffix in (_AFTER_CONSONANT if consonant else _AFTER_VOWEL)


_NO_TOPIC = re.compile(
    r"\d+(?:[.,]\d+)*%?"
    r"|[가-힣]*(?:[어아해에예이워와라려네세여까]요|니다|는데|지만|지만은|[았었였했됐갔왔켰졌]다|면서|려고|도록|[어아여]야|[어아]서"
    r"|[았었였했됐갔왔켰졌]음)"
)


def is_topic(word: str) -> bool:
    """Whether a word may say what a text is about: no number alone, no form of a Korean verb.

    >>> [word for word in ("harbor", "1,000", "3%", "gpt-4", "필요", "시켰는데", "빨라요") if is_topic(word)]
    ['harbor', 'gpt-4', '필요']
    """
    return not _NO_TOPIC.fullmatch(word)


def _is_hangul(character: str) -> bool:
    return "가" <= character <= "힣"


@functools.cache
def porter_stemmer() -> Stemmer:
    """Porter's English stemmer from nltk, with a memory of words ("running" -> "run").

    Raises: ValueError if nltk is not installed.
    Reference: Porter, "An algorithm for suffix stripping", 1980.
    """
    try:
        from nltk.stem import porter
    except ImportError:
        raise ValueError("stemming needs nltk: pip install nltk (or jaxdl[text])") from None
    stemmer: Any = porter.PorterStemmer()
    return functools.lru_cache(maxsize=1 << 16)(stemmer.stem)
