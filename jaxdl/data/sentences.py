# ruff: noqa: RUF001 - quotation marks and full-width signs are what this file is about
"""Sentences of English and Korean text as people write it, by rules.

A sentence ends at . ! ? or an ellipsis (and closing quotes, brackets, reference marks like [1] after it) if white
space follows and what comes next can begin a sentence: no small Latin letter, unless it begins a brand (iPhone), stands
after a plain word, or the text has no capitals at all. Full stops that belong to a word do not end one: titles
("Dr."), initials, "e.g.", "U.S.", numbers ("3.14"), dates ("2024. 3. 15."), the number of a list item. Some of them can
also stand last ("in the U.S."): there the next word decides. Korean sentences also end in "~", "^^" or "ㅋㅋ" after a
final ending, and go on after a quotation with a particle ("..."라고). A blank line always ends a sentence; which other
ends of lines do: `jaxdl.data.line_ends`. The rules are the same for both languages: a mixed text needs no switch.
"""

import re
from collections.abc import Iterator

from jaxdl.data.line_ends import paragraphs
from jaxdl.data.words import STOP_WORDS, WORD, word_set

# What a full stop means after these depends on what follows.
_NEVER_LAST = word_set(
    "mr mrs ms dr prof gen col lt sgt capt rev hon gov e.g i.e cf vs viz approx resp al dept govt assn incl excl misc "
    "intl natl univ mfg"
)
_BEFORE_NUMBER = word_set("no nos fig figs eq eqs sec ch vol p pp ed eds")
_PERHAPS_LAST = word_set("etc inc ltd co corp jr sr st ph.d m.d b.c a.d dept ave blvd")
_CALENDAR = word_set("Jan Feb Mar Apr Jun Jul Aug Sep Sept Oct Nov Dec Mon Tue Wed Thu Fri Sat Sun")
# Words that begin a sentence in a text without capitals; others of the stop words (is, of, and) go on.
_BEGINNINGS = word_set(
    "the a an this that these those he she it they we you i my his her its their our there here but so"
)
_SPOKEN = re.compile(
    r"(?:i|he|she|it|they|we|you|\w+) (?:said|says|asked|asks|wrote|cried|replied|shouted|whispered)\b"
)
_MOMENT = re.compile(r"(?i:at|by|around|before|after|until|since|from|about)(?: about)? \d{1,2}(?::\d\d)? [ap]\.m")
_AFTER_HOURS = re.compile(
    r"(?:(?:Mon|Tues|Wednes|Thurs|Fri|Satur|Sun)day|[A-Z]{2,4}\b|(?:Jan|Febr)uary|March|April|May|June|July|August"
    r"|(?:Septem|Octo|Novem|Decem)ber|Eastern|Pacific|Central)"
)

_CLOSERS = "\"'”’»)\\]」』"
_REFERENCES = r"(?:\[[^\[\]\n]{1,20}\]|\(\d{1,3}\)|\([가-힣 ]{1,10}\)|[¹²³⁰-⁹](?:,?[¹²³⁰-⁹])*|[†‡*](?=\s|$))*"
_EMOJI = "[\u2600-\u27bf\u2b50\U0001f1e6-\U0001faff][\ufe0f\u200d\u2600-\u27bf\U0001f1e6-\U0001faff]*"
# What people put after a sentence.
_SIGNS = rf"(?:\s(?:[:;=]-?[()DPp]|\*{{3,}}|\^\^|(?:ㅎㅎ|ㅋㅋ|ㅠㅠ|ㅜㅜ)[ㅎㅋㅠㅜ]*)(?=\s|$)|\s?{_EMOJI})*"
_END = re.compile(
    rf"(?:(?:\.(?:\s\.)+|[.!?…]+)[{_CLOSERS}]*{_REFERENCES}{_SIGNS}(?=\s|$)"
    r"|(?<=[a-z]{4})\.\d{1,2}(?=\s+[A-Z])"  # a number of a note, raised in print
    rf"|[。！？।॥؟۔][{_CLOSERS}]*"
    r"|(?<=[다요죠까])[.!?](?=[가-힣])"
    r"|(?<=[요다죠까네용당음함임됨야어지])(?:[~!?.]|\^\^|ㅎㅎ|ㅋㅋ|[ㅎㅋㅠㅜ♡♥])+(?=\s|$)"
    rf"|(?<=[요다죠까네용당])(?:\s?{_EMOJI}|\s(?:ㅎㅎ|ㅋㅋ|ㅠㅠ|ㅜㅜ|\^\^)[ㅎㅋㅠㅜ]*)+(?=\s|$))"
)
_NUMBER_OF_ITEM = r"\d{1,3}(?:\.\d{1,2})*|[A-Za-z]|[ivxIVX]{1,5}|[가나다라마바사아자차카타파하]"
_DATE = re.compile(r"\d{4}\. ?\d{1,2}\.(?: ?\d{1,2}\.)?")
_OPENERS = re.compile(r"[\s\"'“‘«(\[「『*_]+")
# A quotation inside a Korean sentence: a particle stands after it, without a space if it is written by the rules.
_PARTICLE = r"(?=[가-힣]|\s(?:이?라고|이?라는|이?라며|이?라면서|고|는|며|면서|하고)\s)"
_QUOTED = re.compile(rf"(?:“[^”]*”|‘[^’]*’|「[^」]*」|『[^』]*』|\"[^\"]*\"|(?<!\S)'[^']*'){_PARTICLE}")
_BRAND = re.compile(r"[a-z]{1,3}[A-Z]\w|(?:adidas|npm|pandas|numpy|pip|git|nginx|systemd|macOS)\b")
_PLAIN_WORD = re.compile(r"[a-z]*[aeiouy][a-z]*")
_INVISIBLE = re.compile(r"[\u200b\u2060\ufeff\u00ad]")


def split_sentences(text: str) -> list[str]:
    """The sentences of a text, in order, in their own words; white space and line breaks become single spaces.

    Signs without a word stay with the sentence before them; a text without a word has no sentence.

    >>> split_sentences('Dr. Kim lives in the U.S. now. "Is pi 3.14?" she asked. Well... Yes.')
    ['Dr. Kim lives in the U.S. now.', '"Is pi 3.14?" she asked.', 'Well...', 'Yes.']
    >>> split_sentences("값은 3.5%다. 2024. 3. 15. 발표했어요!그렇죠?")
    ['값은 3.5%다.', '2024. 3. 15. 발표했어요!', '그렇죠?']
    """
    text = _INVISIBLE.sub("", text)
    uncased = not any("A" <= letter <= "Z" for letter in text)
    pieces: list[str] = []
    lonely = ""  # signs at the beginning, before the first word
    for paragraph in paragraphs(text):
        for piece in _pieces(paragraph, uncased=uncased):
            if any(letter.isalnum() for letter in piece):
                pieces.append(f"{lonely} {piece}".strip())
                lonely = ""
            elif pieces:
                pieces[-1] += f" {piece}"
            else:
                lonely = f"{lonely} {piece}".strip()
    return pieces


def _pieces(paragraph: str, *, uncased: bool) -> Iterator[str]:
    """A paragraph, in which white space is single spaces, cut at the ends of its sentences."""
    inside = {i for date in _DATE.finditer(paragraph) for i in range(date.start(), date.end())}
    inside |= {i for quoted in _QUOTED.finditer(paragraph) for i in range(quoted.start(), quoted.end())}
    start = 0
    for end in _END.finditer(paragraph):
        before, after = paragraph[start : end.start()], paragraph[end.end() : end.end() + 80]
        if end.start() not in inside and _ends(before, end[0], after, uncased=uncased):
            yield paragraph[start : end.end()].strip()
            start = end.end()
    if rest := paragraph[start:].strip():
        yield rest


def _ends(before: str, mark: str, after: str, *, uncased: bool) -> bool:
    """Whether the sentence `before` ends at `mark`, with `after` after it."""
    following = _OPENERS.sub("", after, count=1)
    if not following:
        return True
    word = before.rsplit(maxsplit=1)[-1].lstrip("\"'“‘([") if before.strip() else ""
    if "a" <= following[0] <= "z" and not _begins_small(word, mark, following, uncased=uncased):
        return False
    if uncased and mark[-1] in _CLOSERS and _SPOKEN.match(following):
        return False
    if not mark.startswith(".") or mark.replace(" ", "").startswith(".."):
        return True
    if before.strip() == word and re.fullmatch(_NUMBER_OF_ITEM, word):
        return False  # the number of a list item
    if word.lower() in _NEVER_LAST:  # a title
        return False
    if word.lower() in _BEFORE_NUMBER:
        return not following[0].isdigit()
    if word.lower() in ("a.m", "p.m") and not uncased:
        return not _AFTER_HOURS.match(following) and not _MOMENT.fullmatch(before.strip())
    initials = re.fullmatch(r"[A-HJ-Zv]|(?:[^\W\d_]\.)+[^\W\d_]", word)  # a lone "I" is the pronoun
    if word.lower() in _PERHAPS_LAST or (word.capitalize() if uncased else word) in _CALENDAR or initials:
        first = WORD.match(following)
        return first is not None and first[0].lower() in (_BEGINNINGS if uncased else STOP_WORDS)
    return True


def _begins_small(word: str, mark: str, following: str, *, uncased: bool) -> bool:
    """Whether a sentence may begin with a small letter: a brand, any in a text without capitals, else after a word."""
    if uncased or _BRAND.match(following):
        return True
    return mark == "." and len(word) > 3 and word.lower() not in _NEVER_LAST and bool(_PLAIN_WORD.fullmatch(word))
