"""Catalogs of items or users from files as people have them, and from packages: MovieLens, DST, any table.

Which column is the id, which the title, which says nothing; what is missing; how a cell lists several values.
"""

import ast
import csv
import importlib.util
import json
import re
from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, Literal

import numpy as np

from jaxdl.data.catalogs import Catalog, Values
from jaxdl.data.delimited import identifier, is_missing, normalized, read_lines
from jaxdl.data.sources import DataNotFound
from jaxdl.data.text_files import lines, read_text
from jaxdl.validation import require_name

_ML100K_ITEM = ("id", "title", "released", "video", "url")
_ML100K_GENRES = tuple(
    "unknown Action Adventure Animation Children's Comedy Crime Documentary Drama Fantasy Film-Noir Horror Musical "  # noqa: SIM905
    "Mystery Romance Sci-Fi Thriller War Western".split()
)
_ML100K_USER = ("id", "age", "gender", "occupation", "zip")
_ML1M = {"movies.dat": ("id", "title", "genres"), "users.dat": ("id", "gender", "age", "occupation", "zip")}
_ID = ("id", "movieid", "itemid", "bookid", "productid", "animeid", "artistid", "item", "userid", "user")
_NAME = ("title", "name", "movietitle", "booktitle", "originaltitle", "제목", "영화명", "상품명", "도서명", "이름")
# Columns that tell items apart and say nothing about them: numbers, addresses, dates of a record.
_NO_ATTRIBUTE = re.compile(
    r"|unnamed\d*|index|url|uri|link|href|video|zip|zipcode|timestamp|time|created|updated|isbn\d*|ean|upc|gtin|asin|sku"
    r"|barcode|poster|image|imageurl.*|homepage|.*path|.+id|.*아이디|번호|순번"
)
_WORDS_IN_A_VALUE = 5  # longer parts between commas are clauses, not values


def read_catalog(
    path: Path | str, *, encoding: str | None = None, malformed: Literal["stop", "skip"] = "stop"
) -> Catalog:
    """Read items or users: MovieLens (`u.item`, `u.user`, `movies.csv`, `movies.dat`, `users.dat`), DST, or any table.

    A table needs a header. Its id is the first column with a name like id, book_id, movieId whose cells differ, else
    the title; its name the column title or name. Other numbers of a row (isbn, imdbId, an index without a name) are no
    attributes, every other column is one. A cell may list values, separated by "|" or ", " or as JSON; NA, nan, \\N
    and the like are missing; numbers are put into bands of ten.

    Args:
        encoding: of the file; UTF-8, else what the bytes look like by default.
        malformed: "stop" raises for a row with too few fields; "skip" leaves it out and counts it in `malformed`.
    Raises: ValueError for a file without a header or rows, with the number of the first bad row.
    """
    require_name("read_catalog", "malformed", malformed, ("stop", "skip"))
    path, text = Path(path), read_text(path, encoding=encoding, fallback="latin-1")
    if text.startswith("I,"):
        return dst_catalog(text)
    try:
        rows = list(read_lines(text, multiline=True))
    except csv.Error as error:
        raise ValueError(f"{path}: {error}; is a quotation mark missing?") from None
    name = path.name.removesuffix(".gz")
    known = {"u.item": (*_ML100K_ITEM, *_ML100K_GENRES), "u.user": _ML100K_USER, **_ML1M}.get(name)
    header = [column.strip() for column in known or rows.pop(0)[1]]
    if known is None and (len(header) < 2 or all(re.fullmatch(r"[\d.]+", column) for column in header)):
        raise ValueError(f"{path}: the first line must name the columns, such as id,title,genre; got {header}")
    good, bad = _whole_rows(rows, len(header))
    if bad and malformed == "stop":
        more = f" ({len(bad)} such rows)" if len(bad) > 1 else ""
        raise ValueError(f"{path}: {bad[0]}{more}; mend the file, or go on without such rows: --malformed skip")
    if not good:
        raise ValueError(f"{path} holds no rows below its header")
    columns = {column: [row[place].strip() for row in good] for place, column in enumerate(header)}
    if name == "u.item":
        flags = np.array([columns.pop(genre) for genre in _ML100K_GENRES]).T == "1"
        columns["genre"] = ["|".join(g for g, on in zip(_ML100K_GENRES, row, strict=True) if on) for row in flags]
    return _catalog(columns, str(path))._replace(malformed=tuple(bad))


def _whole_rows(rows: Iterable[tuple[int, list[str]]], n: int) -> tuple[list[list[str]], list[str]]:
    """The rows with n fields or more, and what is wrong with the others."""
    good, bad = [], []
    for place, (line, row) in enumerate(rows, 1):
        if len(row) >= n:
            good.append(row)
        else:
            bad.append(f"row {place} (line {line}) has {len(row)} of the {n} fields of the header")
    return good, bad


def _catalog(columns: dict[str, list[str]], path: str) -> Catalog:
    plain = {column: normalized(column) for column in columns}
    id_column = _id_column(columns, plain)
    name_column = next((c for known in _NAME for c in columns if plain[c] == known), id_column)
    ids = tuple(identifier(cell) for cell in columns[id_column])
    if len(set(ids)) < len(ids) and not _called_id(plain[id_column]):  # two books of one title are two books
        ids = tuple(str(row) for row in range(1, len(ids) + 1))
    if twice := [name for name, n in Counter(ids).items() if n > 1]:
        raise ValueError(f"{path}: {id_column} must be unique, but {twice[0]!r} occurs more than once")
    names = tuple(identifier(cell) or id for cell, id in zip(columns[name_column], ids, strict=True))
    others = {
        column.strip().lower(): cells
        for column, cells in columns.items()
        if column not in (id_column, name_column) and not _NO_ATTRIBUTE.fullmatch(plain[column])
    }
    return Catalog(ids, names, {column: _values(cells) for column, cells in others.items()})


def _id_column(columns: dict[str, list[str]], plain: dict[str, str]) -> str:
    """A column named like an id whose cells differ; else a title; else the first column."""
    called = [c for known in _ID for c in columns if plain[c] == known]
    called += [c for c in columns if _called_id(plain[c]) and c not in called]
    titles = [c for known in _NAME for c in columns if plain[c] == known]
    different = [c for c in called if len(set(columns[c])) == len(columns[c])]
    return next(iter([*different, *called, *titles, *columns]))


def _called_id(plain: str) -> bool:
    return plain in _ID or plain.endswith(("id", "아이디"))


def _values(cells: Sequence[str]) -> Values:
    """The values of each cell; numbers with more than a dozen different ones become bands of ten."""
    filled = [cell for cell in cells if not is_missing(cell)]
    if all(re.fullmatch(r"-?\d+(\.\d+)?", cell) for cell in filled) and len(set(filled)) > 12:
        bands = (f"{int(float(cell) // 10 * 10)}-{int(float(cell) // 10 * 10) + 9}" for cell in filled)
        band = dict(zip(filled, bands, strict=True))
        return tuple((band[cell],) if cell in band else () for cell in cells)
    commas = _lists_by_commas(filled)
    parts = (() if is_missing(cell) else _parts(cell, commas) for cell in cells)
    kept = ([part.strip() for part in row] for row in parts)
    return tuple(tuple(v for v in row if not is_missing(v) and v != "(no genres listed)") for row in kept)


def _parts(cell: str, commas: bool) -> Sequence[str]:
    """The values of one cell: of a JSON list (or Python's), between "|", or between commas."""
    if cell[0] in "[{" and cell[-1] in "]}":
        for read in (json.loads, ast.literal_eval):  # the second reads ['a', 'b'] and runs nothing
            try:
                found = read(cell)
            except (ValueError, SyntaxError, RecursionError, MemoryError):
                continue
            return [text for each in (found if isinstance(found, list) else [found]) if (text := _name_of(each))]
    return cell.split("|") if "|" in cell else re.split(r",\s+", cell) if commas else [cell]


def _name_of(value: Any) -> str:
    """What an entry of a list is called: itself, or its name."""
    if isinstance(value, dict):
        named = next((value[key] for key in ("name", "title", "label", "value") if key in value), None)
        return str(next(iter(value.values()), "") if named is None else named)
    return "" if value is None else str(value)


def _lists_by_commas(cells: Sequence[str]) -> bool:
    """Whether ", " separates values: parts are short, and some stand in several cells (a sentence's clauses do not)."""
    rows = [re.split(r",\s+", cell) for cell in cells]
    if all(len(row) == 1 for row in rows):
        return False
    counts = Counter(part for row in rows for part in set(row))
    short = all(len(part.split()) <= _WORDS_IN_A_VALUE for row in rows for part in row)
    return short and any(counts[part] > 1 for row in rows if len(row) > 1 for part in row)


def is_dst(path: Path) -> bool:
    """Whether a file has the DST format, which has lines for users, items and visits: it begins with "I,"."""
    with path.open("rb") as file:
        return file.read(2) == b"I,"


def dst_catalog(text: str) -> Catalog:
    """The items of a file in the DST format: lines A,id,1,"title","/url"."""
    rows = [row for row in csv.reader(lines(text)) if row and row[0] == "A" and len(row) >= 4]
    return Catalog(tuple(row[1] for row in rows), tuple(row[3] for row in rows), {})


def films() -> Catalog:
    """17,472 films released from 1940 to 2014 (CC0, from Wikidata) that the package bokeh_sampledata ships.

    Attributes: genre, director, cast, country, decade. A title that occurs twice is told apart by its year.

    Raises: DataNotFound with the command that installs it.
    """
    package = importlib.util.find_spec("bokeh_sampledata")
    folder = next(iter(package.submodule_search_locations or []), None) if package else None
    path = Path(folder, "_data", "movies.db") if folder else None
    if path is None or not path.is_file():
        raise DataNotFound(
            "the film table ships with bokeh_sampledata >= 2026.1, which is missing here: pip install 'jaxdl[films]'"
        )
    import sqlite3

    connection = sqlite3.connect(f"{path.as_uri()}?mode=ro", uri=True)
    try:
        query = 'SELECT imdbID, ID, Title, Year, Genre, Director, "Cast", Country FROM omdb ORDER BY ID'
        rows = connection.execute(query).fetchall()
    finally:
        connection.close()
    names = tuple(f"{row[2]} ({row[3]})" for row in rows)
    split = lambda text: tuple(part for part in (text or "").split(", ") if part)  # noqa: E731
    attributes = {name: tuple(split(row[4 + i]) for row in rows) for i, name in enumerate(_FILM_ATTRIBUTES)}
    attributes["decade"] = tuple((f"{row[3] // 10 * 10}s",) for row in rows)
    return Catalog(tuple(str(row[1]) for row in rows), names, attributes)


_FILM_ATTRIBUTES = ("genre", "director", "cast", "country")
