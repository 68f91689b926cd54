"""Tables in text files as people have them: the one reader under ratings, catalogs and visits.

The separator is the one that gives most lines the same number of fields. A first line `sep=;` and comments are no data,
but a comment that names the columns is their header. Rows that R numbers have one name too few there. JSON is a
table too: `jaxdl.data.json_tables`.
"""

import csv
import re
import unicodedata
from collections import Counter
from collections.abc import Iterable, Iterator
from itertools import chain, islice

from jaxdl.data.json_tables import is_json, json_rows
from jaxdl.data.text_files import lines

MISSING = frozenset(
    ("", "na", "n/a", "#n/a", "<na>", "nan", "null", "none", "nil", "\\n", "?", "-", "--", ".", "없음", "미상")
)
SEPARATORS = ("\t", "::", "|", ";", ",", " ")  # of equally good ones the first
_NAMES = {"tab": "\t", "\\t": "\t", "space": " ", "comma": ",", "semicolon": ";", "pipe": "|"}
_SAMPLE = 200
_ESCAPED = re.compile(r'\\"')
_WHOLE = re.compile(r"(-?\d+)\.0+")
_COMMENT = re.compile(r"[ \t]*(?:#|//|%)")
_SEP = re.compile(r'"?sep=(?:.{1,2}?|\\t)"?[ ]*')  # Excel's first line
_THOUSANDS = re.compile(r"[+-]?[1-9]\d{0,2}(?:,\d{3})+")
_RATED = re.compile(r"([+-]?\d+(?:[.,]\d+)?)\s*(?:점|별|stars?|★|(?:/|out of|of)\s*\d+(?:\s*(?:점|stars?))?)", re.I)

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
    if is_json(text):
        yield from json_rows(text)
        return
    numbered = _without_sep(text)
    sample = list(islice(numbered, _SAMPLE))
    plain = [line for _, line in sample if not _COMMENT.match(line)] or [line for _, line in sample]
    mark = separator(plain) if sep is None else _NAMES.get(sep, sep)
    if not mark:
        raise ValueError('the separator is empty: --sep ";" or --sep tab, say')
    kept = _without_comments(chain(sample, numbered), plain, mark, everywhere=not multiline)
    if multiline and mark in (",", ";"):
        rows = _multiline(kept, mark)
    else:
        rows = ((number, _fields(line, mark)) for number, line in kept)
    yield from _with_row_names((number, row) for number, row in rows if any(field.strip() for field in row))


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

    >>> number("4,5"), number(" 4.5"), number("1.234,5"), number("1,234.5")
    (4.5, 4.5, 1234.5, 1234.5)
    """
    try:
        return float(field)
    except ValueError:
        pass
    if "." in field and "," in field:  # the last one is the decimal sign
        groups, decimals = (",", ".") if field.rfind(".") > field.rfind(",") else (".", ",")
        return float(field.replace(groups, "").replace(decimals, "."))
    return float(field.replace(",", "."))


def rating(field: str) -> float:
    """One person's rating: a number, also with its unit, or stars, counted. Raises ValueError.

    A comma before three digits divides thousands here: nobody rates to a thousandth, but people count what they play.

    >>> rating("4,5"), rating("4.5 out of 5 stars"), rating("4/5"), rating("5점"), rating("★★★☆☆"), rating("1,000")
    (4.5, 4.5, 4.0, 5.0, 3.0, 1000.0)
    """
    try:
        return float(field)
    except ValueError:
        field = field.strip()
    if field.startswith(("★", "⭐")) and not field.strip("★⭐☆\ufe0f "):
        return float(field.count("★") + field.count("⭐"))
    if rated := _RATED.fullmatch(field):
        field = rated[1]
    return number(field.replace(",", "") if _THOUSANDS.fullmatch(field) else field)


def is_missing(field: str) -> bool:
    r"""Whether a cell says that nothing is known: empty, NA, nan, null, none, \N, ?, -."""
    return field.strip().lower() in MISSING


def is_number(cell: str) -> bool:
    """Whether Python reads a cell as a number."""
    try:
        float(cell)
    except ValueError:
        return False
    return True


def is_no_id(field: str) -> bool:
    r"""Whether a cell is what programs write where an id is missing: empty, NaN, NULL, None, \N. "none" may be one."""
    return field.strip() in ("", "nan", "NaN", "<NA>", "null", "NULL", "None", "\\N")


def _without_sep(text: str) -> Iterator[tuple[int, str]]:
    """The lines with their numbers, without blank ones at the top and `sep=;`."""
    top = True
    for n, line in enumerate(lines(text), 1):
        line = line.lstrip("\ufeff") if n == 1 else line
        if top and (not line.strip() or _SEP.fullmatch(line)):
            continue
        top = False
        yield n, line


def _without_comments(
    numbered: Iterable[tuple[int, str]], plain: list[str], mark: str, *, everywhere: bool
) -> Iterator[tuple[int, str]]:
    """The lines that are no comments, at the top alone or `everywhere`; ids may begin with a comment's sign.

    A comment with as many fields as most lines is a header where it has no number and the line below has one.
    """
    counts = Counter(len(_fields(line, mark)) for line in plain)
    width = counts.most_common(1)[0][0] if counts else 1
    below = _has_number(_fields(plain[0], mark)) if plain else False
    top = True
    for n, line in numbered:
        if (top or everywhere) and _COMMENT.match(line):
            fields = _fields(line, mark)
            if len(fields) != width or width < 2 or (top and not below and not _has_number(fields)):
                continue
        else:
            top = False
        yield n, line


def _has_number(fields: list[str]) -> bool:
    return any(re.fullmatch(r"-?\d+(?:[.,]\d+)?", field.strip()) for field in fields)


def _with_row_names(rows: Iterator[Line]) -> Iterator[Line]:
    """The rows; the header gets an empty name where all others have one field more, which only counts them (R)."""
    first = list(islice(rows, 1 + _SAMPLE))
    if len(first) > 2 and all(len(row) == len(first[0][1]) + 1 for _, row in first[1:]):
        counted = [row[0].strip() for _, row in first[1:]]
        if any(counted == [str(i + start) for i in range(len(counted))] for start in (0, 1)):
            first[0][1].insert(0, "")
    yield from chain(first, rows)


def _multiline(numbered: Iterator[tuple[int, str]], mark: str) -> Iterator[Line]:
    first = next(numbered, None)
    if first is None:
        return
    body = (_ESCAPED.sub('""', line) + "\n" for _, line in chain([first], numbered))
    reader = csv.reader(body, delimiter=mark, strict=True, skipinitialspace=True)
    for row in reader:
        yield first[0] - 1 + reader.line_num, row


def _fields(line: str, mark: str) -> list[str]:
    if mark == " ":
        line = " ".join(line.split())
    if '"' in line and mark in (",", ";", " "):  # u.item has quotes inside its titles
        return next(csv.reader([_ESCAPED.sub('""', line)], delimiter=mark, skipinitialspace=mark != " "), [])
    return line.split(mark)
