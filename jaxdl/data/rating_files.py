"""Ratings and visits from files as people have them: MovieLens, MSWeb, shops' exports, lines of JSON, wide tables.

`jaxdl.data.delimited` finds the separator, `jaxdl.data.column_names` what columns are called; here they are found, by
their names or their order, and what a value means.
"""

import csv
import math
from collections.abc import Iterator, Mapping
from itertools import chain, islice
from pathlib import Path
from typing import Literal, NamedTuple

import numpy as np

from jaxdl.data.column_names import ITEMS, USERS, is_rating, normalized, rating_place
from jaxdl.data.delimited import Line, identifier, is_missing, is_no_id, rating, read_lines
from jaxdl.data.ratings import Ratings, Row, count_rows
from jaxdl.data.text_files import lines, read_text
from jaxdl.validation import did_you_mean, require_name

OnError = Literal["stop", "skip"]


_WIDE_SCALE = 4  # of whole ratings, beside which 0 is no rating
ROLES = ("user", "item", "rating")
_LARGEST = 1e12  # the sum of its squares over all lines must not overflow a float32


class _Columns(NamedTuple):
    """The places of the user, the item and (-1: none, every line is a visit) the rating, and how many there are."""

    user: int
    item: int
    rating: int
    n: int


class _Table(NamedTuple):
    """(line number, row or what is wrong with it); whether an item is a column; what to tell the user."""

    rows: Iterator[tuple[int, Row | str]]
    wide: bool = False
    notes: tuple[str, ...] = ()


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
    any order, further columns ignored; two columns are visits. JSON; a wide table, a user a row and an item a column;
    DST, the format of MSWeb. Ratings may have decimal commas, a unit (4점, 4/5) or be stars. Where a user
    rated an item twice, the later line counts.

    Args:
        malformed: "stop" raises for a file with bad lines; "skip" leaves these out and counts them in `malformed`.
        encoding: of the file; UTF-8, else what the bytes look like by default, which `notes` says.
        sep: the separator, or its name.
        columns: role (user, item, rating) -> the name of its column, or its number from 1.
        unrated: the value that means "seen, not rated", "none" for no such value; -1 beside positive ratings and a
            frequent 0 beside whole ratings from 1 to 4 or more are found by themselves, and `notes` says so. In a wide
            table this is the mark of a missing rating.
    Raises: ValueError with the numbers of the malformed lines; for a file that is missing, empty or no text.
    """
    notes: list[str] = []
    text = read_text(path, encoding=encoding, notes=notes)
    found = parse_ratings(text, name=str(path), malformed=malformed, sep=sep, columns=columns, unrated=unrated)
    return found._replace(notes=(*notes, *found.notes))


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
    table = _Table(_dst_rows(text)) if text.startswith("I,") else _table(text, sep, columns or {})

    def good() -> Iterator[Row]:
        for line, row in table.rows:
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
    ratings = _without_unrated(ratings, unrated, wide=table.wide)
    if table.wide:  # what is marked there was not seen
        ratings = ratings._replace(unrated=ratings.unrated[:0])
    return ratings._replace(malformed=tuple(bad), notes=table.notes + ratings.notes)


def _table(text: str, sep: str | None, wanted: Mapping[str, str]) -> _Table:
    """The rows of a table, by its columns."""
    rows = read_lines(text, sep=sep)
    first = next(rows, (0, [""]))
    sample = list(islice(rows, 100))
    rows = chain(sample, rows)
    header = first[1]
    if not wanted and _is_wide(header, sample):
        return _Table(_wide_rows(header, rows), wide=True)
    columns, notes = _named(header, wanted), ()
    if columns is None:
        columns = _Columns(0, 1, 2 if len(header) > 2 else -1, len(header))
        if _only_names(header, sample):
            notes = (f"{', '.join(header[:3])} are read as user, item, rating (if they are not: --columns user=...)",)
        else:
            rows = chain([first], rows)
    return _Table(((line, _row(fields, columns)) for line, fields in rows), notes=notes)


def _only_names(header: list[str], sample: list[Line]) -> bool:
    """Whether a first line has no number where all lines below have their ratings."""
    below = [row[2] for _, row in sample if len(row) > 2]
    return len(header) > 2 and not _is_number(header[2]) and len(below) > 0 and all(map(_is_number, below))


def _named(header: list[str], wanted: Mapping[str, str]) -> _Columns | None:
    """The columns that a first line names, or the user; None where it names none. Raises ValueError."""
    names = [normalized(name) for name in header]
    if unknown := [role for role in wanted if role not in ROLES]:
        raise ValueError(
            f"--columns knows no {unknown[0]!r}{did_you_mean(unknown[0], ROLES)} One of: {', '.join(ROLES)}"
        )
    found = [next((names.index(n) for n in known if n in names), -1) for known in (USERS, ITEMS)]
    if found[0] == found[1]:  # a name alone is that of an item
        found[0] = -1
    found.append(rating_place(names))
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
    return _Columns(*found, n=len(header))


def _place(header: list[str], names: list[str], wanted: str) -> int:
    if normalized(wanted) in names:
        return names.index(normalized(wanted))
    if wanted.isdigit() and 1 <= int(wanted) <= len(header):
        return int(wanted) - 1
    raise ValueError(
        f"--columns: there is no column {wanted!r}{did_you_mean(wanted, header)} There are: {', '.join(header)}"
    )


def _is_wide(header: list[str], sample: list[Line]) -> bool:
    """Whether the columns are items: names above, ratings or nothing below; something is missing, or users differ."""
    cells = [cell for _, row in sample for cell in row[1:]]
    if len(header) < 3 or not all(is_missing(cell) or _is_number(cell) for cell in cells):
        return False
    names = [normalized(name) for name in header]
    if any(is_rating(name) or name in ("timestamp", "time", "date") for name in names[1:]):
        return False
    users = [row[0] for _, row in sample]
    if names[0] in ("", *USERS) and len(set(users)) == len(users) > 1 and not {*names[1:]} & {*USERS, *ITEMS}:
        return True
    return not any(map(_is_number, header[1:])) and any(map(is_missing, cells))


def _wide_rows(header: list[str], rows: Iterator[Line]) -> Iterator[tuple[int, Row | str]]:
    items = [identifier(name) for name in header]
    for line, fields in rows:
        if len(fields) != len(items):
            yield line, f"{len(fields)} field(s) where {len(items)} are needed"
            continue
        for place in range(1, len(items)):
            if not is_missing(fields[place]):
                yield line, _row([fields[0], items[place], fields[place]], _Columns(0, 1, 2, 3))


def _row(fields: list[str], columns: _Columns) -> Row | str:
    last = max(columns.user, columns.item, columns.rating)
    if len(fields) <= last:
        return f"{len(fields)} field(s) where {last + 1} are needed"
    if last == columns.n - 1 and any(field.strip() for field in fields[columns.n :]):
        return f"{len(fields)} fields where {columns.n} are named: is a separator inside of a field?"
    user, item = identifier(fields[columns.user]), identifier(fields[columns.item])
    for role, name in (("user", user), ("item", item)):
        if not name:
            return f"the {role} is empty"
        if is_no_id(name):
            return f"the {role} is missing: {name}"
    if columns.rating < 0:
        return user, item, None
    try:
        value = rating(fields[columns.rating])
    except ValueError:
        return f"the rating {fields[columns.rating]!r} is no number"
    if not abs(value) <= _LARGEST:
        return f"the rating {value} is {'too large' if math.isfinite(value) else 'not finite'}"
    return user, item, value


def _is_number(field: str) -> bool:
    try:
        return math.isfinite(rating(field))
    except ValueError:
        return False


def _without_unrated(ratings: Ratings, unrated: str | None, *, wide: bool) -> Ratings:
    """What was seen but not rated goes from the ratings to `unrated`."""
    if not ratings.explicit or unrated == "none":
        return ratings
    try:
        mark = _unrated_mark(ratings.values, 1 if wide else _WIDE_SCALE) if unrated is None else rating(unrated)
    except ValueError:
        raise ValueError(f"--unrated needs the number that means seen, not rated, or none; got {unrated!r}") from None
    seen = ratings.values == mark
    if mark is None or not seen.any():
        return ratings
    if seen.all():
        return ratings._replace(values=np.ones_like(ratings.values), explicit=False)
    pairs = np.stack([ratings.users[seen], ratings.items[seen]], axis=1)
    meaning = "missing" if wide else "seen, not rated"
    note = f"{seen.sum():,} values of {mark:g} are read as {meaning} (if they are ratings: --unrated none)"
    return ratings.take(np.flatnonzero(~seen))._replace(unrated=pairs, notes=(note,))


def _unrated_mark(values: np.ndarray, highest: int) -> float | None:
    """-1 beside values of 0 and more; a frequent 0 beside whole numbers from 1 to `highest` or more, else a dislike."""
    rest = values[values != -1]
    if len(rest) and len(rest) < len(values) and rest.min() >= 0:
        return -1.0
    rest = values[values != 0]
    many = len(values) - len(rest) > len(values) / 4 and len(values) >= 8
    return 0.0 if many and len(rest) and rest.min() >= 1 and rest.max() >= highest and _are_whole(rest) else None


def _are_whole(values: np.ndarray) -> bool:
    return bool((values == np.round(values)).all())


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
