"""Catalogs of items or users from files as people have them, and from packages: MovieLens, DST, any table.

Which column is the id, which the title, which says nothing; what the cells of the others say: `catalog_values`.
"""

import csv
import importlib.util
import re
from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import Literal

import numpy as np

from jaxdl.data.catalog_values import values_of
from jaxdl.data.catalogs import Catalog
from jaxdl.data.column_names import IDS, NUMBERS, TITLES, normalized
from jaxdl.data.delimited import identifier, is_missing, is_no_id, read_lines
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
# Columns that tell items apart and say nothing about them: numbers, addresses, dates of a record.
_NO_ATTRIBUTE = re.compile(
    r"|unnamed\d*|index|.*url|uri|.*link|href|video|zip|zipcode|timestamp|time|created|updated|isbn\d*|ean|upc|gtin|asin|sku"
    r"|barcode|poster|image|homepage|.*path|.+id|.*아이디|번호|순번"
)


def read_catalog(
    path: Path | str, *, encoding: str | None = None, malformed: Literal["stop", "skip"] = "stop"
) -> Catalog:
    """Read items or users: MovieLens (`u.item`, `u.user`, `movies.csv`, `movies.dat`, `users.dat`), DST, or any table.

    A table needs a header. Its id is the first column with a name like id, book_id, movieId whose cells differ, else
    an isbn, asin or the like, else the title; its name the column title or name. Other numbers of a row (imdbId, an
    index without a name) are no attributes, every other column is one. A cell may list values, separated by "|", ", "
    and the like or as JSON; NA, nan, \\N are missing; numbers are put into bands.

    Args:
        encoding: of the file; UTF-8, else what the bytes look like by default, which `notes` says.
        malformed: "stop" raises for a row without an id or with too few or too many fields; "skip" leaves it out and
            counts it in `malformed`.
    Raises: ValueError for a file without a header or rows, with the number of the first bad row.
    """
    require_name("read_catalog", "malformed", malformed, ("stop", "skip"))
    notes: list[str] = []
    path, text = Path(path), read_text(path, encoding=encoding, notes=notes)
    if text.startswith("I,"):
        return dst_catalog(text)
    try:
        rows = list(read_lines(text, multiline=True))
    except csv.Error as error:
        raise ValueError(f"{path}: {error}; is a quotation mark missing?") from None
    name = path.name.removesuffix(".gz")
    known = {"u.item": (*_ML100K_ITEM, *_ML100K_GENRES), "u.user": _ML100K_USER, **_ML1M}.get(name)
    if known and rows and not rows[0][1][0].strip().isdigit():  # somebody wrote a header above
        known = None
    header = [column.strip() for column in known or rows.pop(0)[1]]
    if known is None and (len(header) < 2 or re.fullmatch(r"-?[\d.]+", header[0])):
        raise ValueError(f"{path}: the first line must name the columns, such as id,title,genre; got {header}")
    plain = [normalized(column) for column in header]
    id_place = _id_place(plain, [row for _, row in rows if len(row) == len(header)])
    good, bad = _whole_rows(rows, len(header), id_place)
    if bad and malformed == "stop":
        more = f" ({len(bad)} such rows)" if len(bad) > 1 else ""
        raise ValueError(f"{path}: {bad[0]}{more}; mend the file, or go on without such rows: --malformed skip")
    if not good:
        raise ValueError(f"{path} holds no rows below its header")
    columns = {column: [row[place].strip() for row in good] for place, column in enumerate(header)}
    if known and name == "u.item":
        flags = np.array([columns.pop(genre) for genre in _ML100K_GENRES]).T == "1"
        columns["genre"] = ["|".join(g for g, on in zip(_ML100K_GENRES, row, strict=True) if on) for row in flags]
    return _catalog(columns, str(path), header[id_place])._replace(malformed=tuple(bad), notes=tuple(notes))


def _whole_rows(rows: Iterable[tuple[int, list[str]]], n: int, id_place: int) -> tuple[list[list[str]], list[str]]:
    """The rows with n fields, of which one is an id, and what is wrong with the others."""
    good, bad = [], []
    for place, (line, row) in enumerate(rows, 1):
        if len(row) < n or any(field.strip() for field in row[n:]):
            bad.append(f"row {place} (line {line}) has {len(row)} of the {n} fields of the header")
        elif is_no_id(row[id_place]):
            bad.append(f"row {place} (line {line}) has no id")
        else:
            good.append(row)
    return good, bad


def _catalog(columns: dict[str, list[str]], path: str, id_column: str) -> Catalog:
    plain = {column: normalized(column) for column in columns}
    name_column = next((c for known in TITLES for c in columns if plain[c] == known), id_column)
    ids = tuple(identifier(cell) for cell in columns[id_column])
    if len(set(ids)) < len(ids) and not _called_id(plain[id_column]):  # two books of one title are two books
        ids = tuple(str(row) for row in range(1, len(ids) + 1))
    if twice := [name for name, n in Counter(ids).items() if n > 1]:
        raise ValueError(f"{path}: {id_column} must be unique, but {twice[0]!r} occurs more than once")
    names = (identifier(cell) for cell in columns[name_column])
    named = tuple(id if is_missing(name) else name for name, id in zip(names, ids, strict=True))
    others = {
        column.strip().lower(): cells
        for column, cells in columns.items()
        if column not in (id_column, name_column) and not _NO_ATTRIBUTE.fullmatch(plain[column])
    }
    return Catalog(ids, named, values_of(others))


def _id_place(plain: list[str], rows: list[list[str]]) -> int:
    """The column called like an id whose cells differ; else one of numbers; else a title; else the first column."""
    called = sorted((place for place, name in enumerate(plain) if _called_id(name)), key=lambda i: plain[i] != "id")
    numbers = [plain.index(name) for name in NUMBERS if name in plain]
    titles = [plain.index(name) for name in TITLES if name in plain]
    differ = [place for place in (*called, *numbers) if len({row[place] for row in rows}) == len(rows)]
    return next(iter([*differ, *called, *titles, 0]))


def _called_id(plain: str) -> bool:
    return plain in IDS or plain.endswith(("id", "아이디"))


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
