"""Ratings and visits from files as people have them: MovieLens, MSWeb, shops' exports, lines of JSON, wide tables.

`jaxdl.data.delimited` finds the separator; here are the columns, by their names or their order, and what a value means.
"""

import csv
import math
from collections.abc import Iterator, Mapping
from itertools import chain, islice
from pathlib import Path
from typing import Literal, NamedTuple

import numpy as np

from jaxdl.data.delimited import Line, identifier, is_missing, normalized, number, read_lines
from jaxdl.data.ratings import Ratings, Row, count_rows
from jaxdl.data.text_files import lines, read_text
from jaxdl.validation import did_you_mean, require_name

OnError = Literal["stop", "skip"]


def _set(names: str) -> tuple[str, ...]:
    return tuple(names.split())


_USER = _set(
    "user userid uid username useridentifier reviewer reviewerid customer customerid member memberid account accountid "
    "person personid client clientid viewer viewerid rater raterid visitor visitorid 사용자 사용자id 사용자아이디 유저 "
    "유저id 회원 회원id 회원번호 고객 고객id 고객번호 이용자 이용자id 아이디"
)
_ITEM = _set(
    "item itemid iid movie movieid film filmid product productid parentasin asin book bookid isbn artist artistid song "
    "songid track trackid album albumid anime animeid game gameid appid business businessid place placeid restaurant "
    "restaurantid recipe recipeid joke jokeid course courseid article articleid show showid sku title name 영화 영화id "
    "영화명 상품 상품id 상품번호 상품명 제품 제품id 제품명 책 도서 도서명 아이템 아이템id 작품 작품명 음악 노래 곡 "
    "게임 강의 식당 장소 제목"
)
_RATING = _set(
    "rating ratings score stars star overall value bookrating rate grade userrating userscore overallrating "
    "reviewrating 평점 별점 점수 평가 등급"
)
ROLES = ("user", "item", "rating")


class _Columns(NamedTuple):
    """The places of the user, the item and (-1: none, every line is a visit) the rating."""

    user: int
    item: int
    rating: int


def read_ratings(
    path: Path | str,
    *,
    malformed: OnError = "stop",
    encoding: str | None = None,
    sep: str | None = None,
    columns: Mapping[str, str] | None = None,
    unrated: str | None = None,
) -> Ratings:
    """Read a file of ratings; its format is found from its lines.

    Any separator (`delimited`), with or without a header (`user,item,rating`, in many words, English and Korean), in
    any order, further columns ignored; two columns are visits. Lines of JSON; a wide table, a user a row and an item a
    column; DST, the format of MSWeb. Where a user rated an item twice, the later line counts.

    Args:
        malformed: "stop" raises for a file with bad lines; "skip" leaves these out and counts them in `malformed`.
        encoding: of the file; UTF-8, else what the bytes look like (Korean, or Latin-1) by default.
        sep: the separator, or its name.
        columns: role (user, item, rating) -> the name of its column, or its number from 1.
        unrated: the value that means "seen, not rated", "none" for no such value; -1 beside positive ratings and a
            frequent 0 beside whole ratings from 1 are found by themselves, and `notes` says so. In a wide table this is
            the mark of a missing rating.
    Raises: ValueError with the numbers of the malformed lines; for a file that is missing, empty or no text.
    """
    text = read_text(path, encoding=encoding, fallback="latin-1")
    return parse_ratings(text, name=str(path), malformed=malformed, sep=sep, columns=columns, unrated=unrated)


def parse_ratings(
    text: str,
    *,
    name: str = "ratings",
    malformed: OnError = "stop",
    sep: str | None = None,
    columns: Mapping[str, str] | None = None,
    unrated: str | None = None,
) -> Ratings:
    """`read_ratings` of a text; `name` is what the messages call it.

    >>> parse_ratings("user,item,rating\\nAnn,Alien,4\\nBob,Alien,?", malformed="skip").malformed
    ("line 3: the rating '?' is no number",)
    """
    require_name("read_ratings", "malformed", malformed, ("stop", "skip"))
    bad: list[str] = []
    wide, rows = (False, _dst_rows(text)) if text.startswith("I,") else _table(text, sep, columns or {})

    def good() -> Iterator[Row]:
        for line, row in rows:
            if isinstance(row, str):
                bad.append(f"line {line}: {row}")
            else:
                yield row

    ratings, n = count_rows(good())
    if bad and malformed == "stop":
        more = f" ({len(bad)} malformed lines of {len(bad) + n})" if len(bad) > 1 else ""
        raise ValueError(f"{name}: {bad[0]}{more}; mend the file, or go on without such lines: --malformed skip")
    if not n:
        raise ValueError(f"{name} holds no ratings: lines of user,item,rating are needed ({len(bad)} malformed)")
    ratings = _without_unrated(ratings, unrated)
    if wide:  # what is marked there was not seen
        ratings = ratings._replace(unrated=ratings.unrated[:0])
    return ratings._replace(malformed=tuple(bad))


def _table(text: str, sep: str | None, wanted: Mapping[str, str]) -> tuple[bool, Iterator[tuple[int, Row | str]]]:
    """Whether a table is wide, and (line number, row or what is wrong with it) of its lines."""
    rows = read_lines(text, sep=sep)
    first = next(rows, (0, [""]))
    sample = list(islice(rows, 100))
    rows = chain(sample, rows)
    if not wanted and _is_wide(first[1], sample):
        return True, _wide_rows(first[1], rows)
    columns = _named(first[1], wanted)
    if columns is None:
        columns, rows = _Columns(0, 1, 2 if len(first[1]) > 2 else -1), chain([first], rows)
    return False, ((line, _row(fields, columns)) for line, fields in rows)


def _named(header: list[str], wanted: Mapping[str, str]) -> _Columns | None:
    """The columns that a first line names, or the user; None where it names none. Raises ValueError."""
    names = [normalized(name) for name in header]
    if unknown := [role for role in wanted if role not in ROLES]:
        raise ValueError(
            f"--columns knows no {unknown[0]!r}{did_you_mean(unknown[0], ROLES)} One of: {', '.join(ROLES)}"
        )
    found = [next((names.index(n) for n in known if n in names), -1) for known in (_USER, _ITEM, _RATING)]
    for role, name in wanted.items():
        found[ROLES.index(role)] = _place(header, names, name)
    if found[0] >= 0 and found[1] < 0:  # user_id,whatever_id
        found[1] = next((i for i, n in enumerate(names) if n.endswith("id") and i not in found), -1)
    if max(found[:2]) < 0 or (found[0] < 0 and names[found[1]] in ("title", "name")):
        return None
    if -1 in found[:2]:
        raise ValueError(
            f"the header {','.join(header)!r} names no user and item column: user,item,rating; "
            "or name them: --columns user=...,item=...,rating=..."
        )
    return _Columns(*found)


def _place(header: list[str], names: list[str], wanted: str) -> int:
    if normalized(wanted) in names:
        return names.index(normalized(wanted))
    if wanted.isdigit() and 1 <= int(wanted) <= len(header):
        return int(wanted) - 1
    raise ValueError(
        f"--columns: there is no column {wanted!r}{did_you_mean(wanted, header)} There are: {', '.join(header)}"
    )


def _is_wide(header: list[str], sample: list[Line]) -> bool:
    """Whether the columns are items: names above, ratings or nothing below, and something is missing."""
    cells = [cell for _, row in sample for cell in row[1:]]
    names_above = len(header) > 2 and not any(_is_number(name) or normalized(name) in _RATING for name in header[1:])
    return names_above and any(map(is_missing, cells)) and all(is_missing(cell) or _is_number(cell) for cell in cells)


def _wide_rows(header: list[str], rows: Iterator[Line]) -> Iterator[tuple[int, Row | str]]:
    items = [identifier(name) for name in header]
    for line, fields in rows:
        if len(fields) != len(items):
            yield line, f"{len(fields)} field(s) where {len(items)} are needed"
            continue
        for place in range(1, len(items)):
            if not is_missing(fields[place]):
                yield line, _row([fields[0], items[place], fields[place]], _Columns(0, 1, 2))


def _row(fields: list[str], columns: _Columns) -> Row | str:
    if len(fields) <= max(columns):
        return f"{len(fields)} field(s) where {max(columns) + 1} are needed"
    user, item = identifier(fields[columns.user]), identifier(fields[columns.item])
    if not user or not item:
        return f"the {'item' if user else 'user'} is empty"
    if columns.rating < 0:
        return user, item, None
    try:
        value = number(fields[columns.rating])
    except ValueError:
        return f"the rating {fields[columns.rating]!r} is no number"
    return (user, item, value) if math.isfinite(value) else f"the rating {value} is not finite"


def _is_number(field: str) -> bool:
    try:
        return math.isfinite(number(field))
    except ValueError:
        return False


def _without_unrated(ratings: Ratings, unrated: str | None) -> Ratings:
    """What was seen but not rated goes from the ratings to `unrated`."""
    if not ratings.explicit or unrated == "none":
        return ratings
    try:
        mark = _unrated_mark(ratings.values) if unrated is None else number(unrated)
    except ValueError:
        raise ValueError(f"--unrated needs the number that means seen, not rated, or none; got {unrated!r}") from None
    seen = ratings.values == mark
    if mark is None or not seen.any():
        return ratings
    if seen.all():
        return ratings._replace(values=np.ones_like(ratings.values), explicit=False)
    pairs = np.stack([ratings.users[seen], ratings.items[seen]], axis=1)
    note = f"{seen.sum():,} values of {mark:g} are read as seen, not rated (if they are ratings: --unrated none)"
    return ratings.take(np.flatnonzero(~seen))._replace(unrated=pairs, notes=(note,))


def _unrated_mark(values: np.ndarray) -> float | None:
    """-1 beside values of 0 and more; 0 where it is the most frequent and all others are whole numbers from 1."""
    rest = values[values != -1]
    if len(rest) and len(rest) < len(values) and rest.min() >= 0:
        return -1.0
    rest = values[values != 0]
    many = len(values) - len(rest) > len(values) / 4 and len(values) >= 8
    return 0.0 if many and len(rest) and rest.min() >= 1 and (rest == np.round(rest)).all() else None


def _dst_rows(text: str) -> Iterator[tuple[int, Row | str]]:
    """Visits of the DST format: a line C,"user",user and then a line V,item,1 for each of the user's visits."""
    user = ""
    for line_number, line in enumerate(lines(text), 1):
        row = next(csv.reader([line]), [])
        kind = row[0] if row else ""
        if kind == "C":
            user = row[-1].strip() if len(row) > 1 else ""
        if kind == "V":
            good = len(row) > 1 and row[1].strip() and user
            yield line_number, (user, row[1].strip(), None) if good else "a visit (V) without its item or user (C)"
        elif kind not in ("A", "C", "I", "T", "N", ""):
            yield line_number, f"unknown kind of line {kind[:20]!r}"
