# ruff: noqa: RUF001 - quotation marks and full-width signs are what this file is about
"""Sentences and words of English and Korean text, by rules.

A sentence ends at . ! ? or an ellipsis (and closing quotes or brackets behind it) if white space follows and what comes
next can begin a sentence: no small Latin letter. Full stops that belong to a word do not end one: titles ("Dr."),
initials, "e.g.", "U.S.", numbers ("3.14"), dates ("2024. 3. 15."), the number of a list item. Some of them can also
stand last ("in the U.S."): there the next word decides. A blank line always ends a sentence, and so does the end of a
line behind a final ending of a Korean verb. The rules are the same for both languages, so a mixed text needs no switch.
"""

import functools
import re
from collections.abc import Callable, Iterable
from typing import Any, TypeAlias

from jaxdl.data import stop_words

Stemmer: TypeAlias = Callable[[str], str]

STOP_WORDS = stop_words.ENGLISH | stop_words.KOREAN


def _set(names: str) -> frozenset[str]:
    return frozenset(names.split())


# What a full stop means behind these depends on what follows.
_NEVER_LAST = _set("mr mrs ms dr prof gen lt sgt capt rev hon gov e.g i.e cf vs viz approx resp al")
_BEFORE_NUMBER = _set("no nos fig figs eq eqs sec ch vol p pp ed eds")
_PERHAPS_LAST = _set("etc inc ltd co corp jr sr st a.m p.m ph.d m.d b.c a.d dept est ave blvd")
_CALENDAR = _set("Jan Feb Mar Apr Jun Jul Aug Sep Sept Oct Nov Dec Mon Tue Wed Thu Fri Sat Sun")

_CLOSERS = "\"'”’»)\\]」』"
_END = re.compile(rf"(?:[.!?…]+[{_CLOSERS}]*(?=\s|$)|[。！？][{_CLOSERS}]*|(?<=[다요죠까])[.!?](?=[가-힣]))")
_PARAGRAPH = re.compile(r"\n\s*\n|(?<=[다요죠까])[ \t]*\n")
_DATE = re.compile(r"\d{4}\. ?\d{1,2}\.(?: ?\d{1,2}\.)?")
_OPENERS = re.compile(r"[\s\"'“‘«(\[「『]+")

_WORD = re.compile(
    r"(?:[^\W\d_]\.){2,}"  # U.S.
    r"|\d+(?:[.,]\d+)*(?:%|[가-힣]+)?"  # 3.14, 10,000, 5%, 400명
    r"|[^\W\d_]+(?:['’-][^\W\d_]+)*"  # words, don't, state-of-the-art
)


def split_sentences(text: str) -> list[str]:
    """The sentences of a text, in order, in their own words; white space and line breaks become single spaces.

    >>> split_sentences('Dr. Kim lives in the U.S. now. "Is pi 3.14?" she asked. Well... Yes.')
    ['Dr. Kim lives in the U.S. now.', '"Is pi 3.14?" she asked.', 'Well...', 'Yes.']
    >>> split_sentences("값은 3.5%다. 2024. 3. 15. 발표했어요!그렇죠?")
    ['값은 3.5%다.', '2024. 3. 15. 발표했어요!', '그렇죠?']
    """
    sentences = []
    for lines in _PARAGRAPH.split(text):
        paragraph = " ".join(lines.split())
        in_dates = {i for date in _DATE.finditer(paragraph) for i in range(date.start(), date.end())}
        start = 0
        for end in _END.finditer(paragraph):
            before, after = paragraph[start : end.start()], paragraph[end.end() : end.end() + 80]
            if end.start() not in in_dates and _ends(before, end[0], after):
                sentences.append(paragraph[start : end.end()])
                start = end.end()
        sentences.append(paragraph[start:])
    return [sentence.strip() for sentence in sentences if sentence.strip()]


def _ends(before: str, mark: str, after: str) -> bool:
    """Whether the sentence `before` ends at `mark`, with `after` behind it."""
    following = _OPENERS.sub("", after, count=1)
    if not following:
        return True
    if "a" <= following[0] <= "z":
        return False
    if not mark.startswith(".") or mark.startswith(".."):
        return True
    word = before.rsplit(maxsplit=1)[-1].lstrip("\"'“‘([") if before.strip() else ""
    if word.lower() in _NEVER_LAST or (before.strip() == word and re.fullmatch(r"\d{1,3}|[A-Za-z]", word)):
        return False  # a title, or the number of a list item
    if word.lower() in _BEFORE_NUMBER:
        return not following[0].isdigit()
    initials = re.fullmatch(r"[A-HJ-Z]|(?:[^\W\d_]\.)+[^\W\d_]", word)  # a lone "I" is the pronoun
    if word.lower() in _PERHAPS_LAST or word in _CALENDAR or initials:
        return (first := _WORD.match(following)) is not None and first[0].lower() in STOP_WORDS
    return True


def words(text: str, *, stop: Iterable[str] = STOP_WORDS, stem: Stemmer | None = None) -> list[str]:
    """The words of a text in lower case, without stop words; Korean ones without their particles and endings.

    Args:
        text: a sentence, or more.
        stop: words to leave out; () keeps all.
        stem: word -> stem, such as `porter_stemmer()`; None leaves words as they are.

    >>> words("The U.S. economy didn't grow by 3.14%.")
    ['u.s.', 'economy', 'grow', '3.14%']
    >>> words("연구진은 새로운 모델을 발표했다.")
    ['연구진', '새로운', '모델', '발표']
    """
    stop = stop if isinstance(stop, frozenset | set) else frozenset(stop)
    found = (match.replace("’", "'") for match in _WORD.findall(text.lower()))
    kept = (korean_stem(word) for word in found if word not in stop)
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
    "이며",
    "이고",
    "으로",
)
_AFTER_CONSONANT += ("은", "이", "을", "과")
_AFTER_VOWEL = ("로부터", "라고", "라는", "로써", "로서", "라도", "란", "나", "며", "로", "는", "가", "를", "와")
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
# Common nouns of three and more syllables that end like a noun with a particle.
_NOUNS = _set(
    "어린이 고양이 호랑이 원숭이 젊은이 늙은이 지팡이 목걸이 귀걸이 손잡이 옷걸이 떡볶이 달팽이 지렁이 정치가"
)
_NOUNS |= _set("만족도 난이도 정확도 완성도 제주도 강원도 경기도 울릉도 민주주의 자본주의 사회주의 개인주의")
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
    for suffix in _SUFFIXES:
        rest = word.removesuffix(suffix)
        if rest == word or not rest:
            continue
        if not _is_hangul(rest[-1]):
            return rest
        consonant = (ord(rest[-1]) - 0xAC00) % 28 > 0  # 28 finals, the first of which is none
        ambiguous = suffix in _AFTER_ANY or suffix in _VERBS
        fits = ambiguous or (suffix in _AFTER_CONSONANT if consonant else suffix in _AFTER_VOWEL)
        if fits and len(rest) >= 2:
            return rest
    return word


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
