# ruff: noqa: RUF001 - bullets and full-width signs are what this file is about
"""Which line breaks of a text end a sentence: those of paragraphs, lists, headings and notes, not of a wrapped text.

Between the lines of a block without blank lines a sentence ends

    where the next line begins with a bullet or a number,
    after a final ending of a Korean verb (다, 요, 죠, 까) or of a note (함, 됨, 예정, 완료),
    where a line was left early: the first word of the next line would have had room, as wide as the text is,
    and where all lines of the block are short and none has a full stop.

A line that begins with a small letter goes on with the sentence before it, where the text has capitals at all, and so
does one after a comma.
"""

import re
from collections.abc import Iterator

from jaxdl.data.stop_words import ENGLISH

_BLANK = re.compile(r"\n[^\S\n]*\n")
_ITEM = re.compile(
    r"(?:[-*+•‣▪▶►●○◦□■◆◇※·✓✔☑☐]|\d{1,3}(?:\.\d{1,2})*[.)]|\d{1,2}(?:\.\d{1,2})+|\(\d{1,2}\)|[①-⑳]|[a-zA-Z][)]"
    r"|\([a-z]\)|[ivxIVX]{1,5}[.)]|\[[ xX]?\]|[가-하][.)])\s"
)
_NOTE = re.compile(r"(?:[함됨임냄남옴]|[했었았있없같좋많높낮]음|예정|완료|필요|요망|바람|드림|불가|가능|진행 중)\s*$")
_KOREAN_FINAL = re.compile(r"[다요죠까]\s*$")
_STOPPED = re.compile(r"[.!?…。！？।॥؟۔~][\"'”’»)\]」』]*$")
_LEAST_WIDTH, _SLACK = 40, 0.1


def paragraphs(text: str) -> Iterator[str]:
    """The runs of lines that belong together, each with its white space made single spaces; no empty ones.

    >>> list(paragraphs("Shopping\\n- milk\\n- bread and\\n  butter\\n\\nThe text goes\\non here."))
    ['Shopping', '- milk', '- bread and butter', 'The text goes on here.']
    """
    text = text.replace("\r\n", "\n").replace("\r", "\n").replace("\u2028", "\n").replace("\u2029", "\n\n")
    lines = [line.strip() for line in text.split("\n")]
    width = max([_LEAST_WIDTH, *(len(line) for line in lines)])
    cased = any("A" <= letter <= "Z" for letter in text)
    wrapped = any(_STOPPED.search(line) for line in lines)
    for block in _BLANK.split(text):
        run: list[str] = []
        block_lines = [joined for line in block.split("\n") if (joined := " ".join(line.split()))]
        listed = _is_list(block_lines)
        for line in block_lines:
            if run and (listed or _breaks(run[-1], line, width, cased=cased, wrapped=wrapped)):
                yield " ".join(run)
                run = []
            run.append(line)
        if run:
            yield " ".join(run)


def _is_list(block: list[str]) -> bool:
    """Whether every line of a block is an entry: three or more, short, no full stop, no function word at the start."""
    short = all(len(line) <= _LEAST_WIDTH / 2 for line in block)
    goes_on = any(line.split()[0] in ENGLISH for line in block[1:])
    marked = any(_STOPPED.search(line) or _ITEM.match(line) or line.endswith(",") for line in block)
    return len(block) >= 3 and short and not goes_on and not marked


def _breaks(line: str, following: str, width: int, *, cased: bool, wrapped: bool) -> bool:
    """Whether a sentence ends between two lines of a block."""
    if _ITEM.match(following) or _KOREAN_FINAL.search(line) or _NOTE.search(line):
        return True
    if _STOPPED.search(line) or line.endswith((",", "，", "、", ";", "-", "–", "—", "(")):
        return False  # a full stop is judged by what follows
    if "a" <= following[0] <= "z" and (cased or wrapped):
        return False
    room = width - len(line) - 1 - len(following.split()[0])
    return room >= _SLACK * width
