"""Tables in text files as people have them: the one reader under ratings, catalogs and visits.

The separator is the one that gives most lines the same number of fields. A first line `sep=;` and comments at the top
are no data. Lines of JSON objects are a table too, whose header is their keys.
"""

import csv
import json
import re
import unicodedata
from collections import Counter
from collections.abc import Iterator
from itertools import chain, islice

from jaxdl.data.text_files import lines

MISSING = frozenset(("", "na", "n/a", "nan", "null", "none", "nil", "\\n", "?", "-"))
SEPARATORS = ("\t", "::", "|", ";", ",", " ")  # of equally good ones the first
_NAMES = {"tab": "\t", "\\t": "\t", "space": " ", "comma": ",", "semicolon": ";", "pipe": "|"}
_SAMPLE = 200
_ESCAPED = re.compile(r'\\"')
_WHOLE = re.compile(r"(-?\d+)\.0+")

Line = tuple[int, list[str]]  # its number and its fields


def read_lines(text: str, *, sep: str | None = None, multiline: bool = False) -> Iterator[Line]:
    """(line number, fields) of every line of a table that is not blank.

    Args:
        sep: the separator, or its name (tab, space, comma, semicolon, pipe); found by default.
        multiline: a quoted field may go on in the next line, and one that never ends is a csv.Error; without, an open
            quote spoils its own line, not all others.

    >>> list(read_lines('sep=;\\nAnn;"Up; up";4,5\\n'))
    [(2, ['Ann', 'Up; up', '4,5'])]
    >>> list(read_lines('{"user": "Ann", "item": 7}'))
    [(0, ['user', 'item']), (1, ['Ann', '7'])]
    """
    if text.lstrip()[:1] == "{":
        yield from _json_lines(text)
        return
    numbered = _without_preamble(text)
    sample = list(islice(numbered, _SAMPLE))
    mark = separator([line for _, line in sample]) if sep is None else _NAMES.get(sep, sep)
    if not mark:
        raise ValueError('the separator is empty: --sep ";" or --sep tab, say')
    if multiline and mark in (",", ";") and sample:
        first = sample[0][0] - 1  # lines before the table
        body = (_ESCAPED.sub('""', line) + "\n" for _, line in chain(sample, numbered))
        reader = csv.reader(body, delimiter=mark, strict=True)
        rows = ((first + reader.line_num, row) for row in reader)
    else:
        rows = ((number, _fields(line, mark)) for number, line in chain(sample, numbered))
    yield from ((number, row) for number, row in rows if any(field.strip() for field in row))


def separator(sample: list[str]) -> str:
    """The separator that gives most of the lines the same number of fields, at least two; a comma if none does.

    >>> separator(["Ann\\tGood, bad, ugly\\t5", "Bob\\tUp\\t4"]), separator(["u;i;r", "a;b;4,5", "a;c;3,5"])
    ('\\t', ';')
    """
    sample = [line for line in sample if line.strip()]
    best, mark = 0.0, ","
    for candidate in SEPARATORS:
        counts = Counter(len(_fields(line, candidate)) for line in sample)
        agree = max((n for fields, n in counts.items() if fields > 1), default=0) / max(len(sample), 1)
        if agree > best + (0.1 if candidate == " " else 1e-9):  # words have spaces between them
            best, mark = agree, candidate
    return mark


def normalized(name: str) -> str:
    """A column's name as it is compared: `User-ID`, `userId` and `user_id` are one.

    >>> normalized("Book-Rating"), normalized("사용자 ID")
    ('bookrating', '사용자id')
    """
    return "".join(letter for letter in unicodedata.normalize("NFC", name).casefold() if letter.isalnum())


def identifier(field: str) -> str:
    """An id as it is compared: without outer white space, 7.0 as 7, accents and Korean syllables composed.

    >>> identifier(" 7.0"), identifier("Ame\\u0301lie") == identifier("Am\\u00e9lie")
    ('7', True)
    """
    field = field.strip()
    if not field.isascii():
        return unicodedata.normalize("NFC", field).strip("\ufeff\u200b")
    whole = _WHOLE.fullmatch(field) if field.endswith("0") else None
    return whole[1] if whole else field


def number(field: str) -> float:
    """A number with a decimal point or comma. Raises ValueError.

    >>> number("4,5"), number(" 4.5")
    (4.5, 4.5)
    """
    return float(field.replace(",", ".") if "." not in field else field)


def is_missing(field: str) -> bool:
    r"""Whether a cell says that nothing is known: empty, NA, nan, null, none, \N, ?, -."""
    return field.strip().lower() in MISSING


def _without_preamble(text: str) -> Iterator[tuple[int, str]]:
    """The lines with their numbers, without `sep=;` and comments at the top."""
    top = True
    for n, line in enumerate(lines(text), 1):
        start = line.lstrip("\ufeff \t")
        if top and (not start or start.startswith(("#", "//", "%")) or re.fullmatch(r'"?sep=.{1,2}"?', start.rstrip())):
            continue
        top = False
        yield n, line.lstrip("\ufeff") if n == 1 else line


def _fields(line: str, mark: str) -> list[str]:
    if mark == " ":
        line = " ".join(line.split())
    if '"' in line and mark in (",", ";", " "):  # u.item has quotes inside its titles
        return next(csv.reader([_ESCAPED.sub('""', line)], delimiter=mark), [])
    return line.split(mark)


def _json_lines(text: str) -> Iterator[Line]:
    """A header of all keys of the first lines, then the values of each line; a line that is no object has one field."""
    parsed = ((n, _json_object(line)) for n, line in enumerate(lines(text), 1) if line.strip())
    sample = list(islice(parsed, _SAMPLE))
    keys = list(dict.fromkeys(key for _, row in sample if isinstance(row, dict) for key in row))
    yield 0, keys
    for n, row in chain(sample, parsed):
        yield n, [_cell(row.get(key)) for key in keys] if isinstance(row, dict) else [row]


def _json_object(line: str) -> dict[str, object] | str:
    try:
        row = json.loads(line)
    except ValueError:
        return line
    return row if isinstance(row, dict) else line


def _cell(value: object) -> str:
    return "" if value is None else value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
