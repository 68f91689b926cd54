"""What is known about items or users: their names and categorical attributes, from files or packages, and as vectors.

R rows (items or users), D attribute values.
"""

import csv
import difflib
import importlib.util
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from jaxdl.data.sources import DataNotFound
from jaxdl.data.text_files import lines, read_text
from jaxdl.validation import did_you_mean

Values = tuple[tuple[str, ...], ...]  # of one attribute: the values of each row, none, one or several

_ML100K_ITEM = ("id", "title", "released", "video", "url")
_ML100K_GENRES = tuple(
    "unknown Action Adventure Animation Children's Comedy Crime Documentary Drama Fantasy Film-Noir Horror Musical "  # noqa: SIM905
    "Mystery Romance Sci-Fi Thriller War Western".split()
)
_ML100K_USER = ("id", "age", "gender", "occupation", "zip")
_ML1M = {"movies.dat": ("id", "title", "genres"), "users.dat": ("id", "gender", "age", "occupation", "zip")}
_ID = ("id", "movieid", "movie_id", "itemid", "item_id", "item", "userid", "user_id", "user", "name", "title")
_NAME = ("title", "name")
_NO_ATTRIBUTE = ("url", "video", "zip", "timestamp", "imdbid", "tmdbid")


class Catalog(NamedTuple):
    """Rows with names and categorical attributes.

    Attributes:
        ids: as the ratings call them; unique.
        names: to be shown, such as titles.
        attributes: attribute -> the values of each row: {"genre": (("drama", "crime"), ("comedy",), ...)}.
    """

    ids: tuple[str, ...]
    names: tuple[str, ...]
    attributes: dict[str, Values]

    def label(self, row: int) -> str:
        """The name of a row; with its id where another row has the same name."""
        name = self.names[row]
        return name if self.ids[row] == name or self.names.count(name) == 1 else f"{name} [{self.ids[row]}]"

    def find(self, text: str) -> int:
        """The row with this id, or else this name, in any case. Raises ValueError with the nearest names."""
        if text in self.ids:
            return self.ids.index(text)
        lower = [name.lower() for name in self.names]
        wanted = text.strip().lower()
        if wanted in lower:
            return lower.index(wanted)
        within = [row for row, name in enumerate(lower) if wanted in name] if len(wanted) > 2 else []
        if len(within) == 1:
            return within[0]
        if within:
            some = "; ".join(self.names[row] for row in within[:5])
            raise ValueError(f"{text!r} could be any of {len(within)}: {some}{'; ...' if len(within) > 5 else ''}")
        raise ValueError(f"there is no {text!r}{nearest(text, self.names)}")


def nearest(text: str, names: Sequence[str]) -> str:
    """The three nearest names as a question, whatever their case and the year behind a title; "." without any.

    >>> nearest("alein", ("Alien (1979)", "Up (2009)"))
    ", did you mean 'Alien (1979)'?"
    """
    plain = {re.sub(r" \(\d{4}\)$", "", name).lower(): name for name in names}
    found = difflib.get_close_matches(text.strip().lower(), plain, n=3, cutoff=0.5)
    return f", did you mean {' or '.join(repr(plain[name]) for name in found)}?" if found else "."


def split_lines(text: str, *, multiline: bool = False) -> Iterator[tuple[int, list[str]]]:
    """(line number, fields) of every line that is not blank; the delimiter is found in the first one.

    With `multiline` a quoted field may go on in the next line, and one that never ends is a csv.Error; without, an open
    quote spoils its own line, not all others.
    """
    first = next((line for line in lines(text) if line.strip()), "")
    delimiter = next((mark for mark in ("\t", "::", "|", ";") if mark in first and not first.count(",") >= 2), ",")
    if multiline and delimiter in ",;":
        reader = csv.reader(lines(text), delimiter=delimiter, strict=True)
        rows = ((reader.line_num, row) for row in reader)
    else:
        rows = ((number, _fields(line, delimiter)) for number, line in enumerate(lines(text), 1))
    yield from ((number, row) for number, row in rows if any(field.strip() for field in row))


def _fields(line: str, delimiter: str) -> list[str]:
    if '"' in line and delimiter in ",;":  # u.item has quotes inside its titles
        return next(csv.reader([line], delimiter=delimiter))
    return line.split(delimiter)


def read_catalog(path: Path | str, *, encoding: str | None = None) -> Catalog:
    """Read items or users: MovieLens (`u.item`, `u.user`, `movies.csv`, `movies.dat`, `users.dat`), DST, or any CSV.

    A CSV needs a header; its id is the first column with a name like id, item, movieId, user, its name the column
    title or name, and every other column an attribute. Several values in a cell are separated by "|", numbers are
    put into bands of ten.

    Args:
        encoding: of the file; UTF-8, else Latin-1 by default.
    Raises: ValueError for a file without a header or rows, with the line number of a row that is too short; OSError.
    """
    path, text = Path(path), read_text(path, encoding=encoding, fallback="latin-1")
    if text.startswith("I,"):
        return dst_catalog(text)
    try:
        rows = list(split_lines(text, multiline=True))
    except csv.Error as error:
        raise ValueError(f"{path}: {error}; is a quotation mark missing?") from None
    header: Sequence[str]
    if path.name in ("u.item", "u.user") or path.name in _ML1M:
        header = {"u.item": (*_ML100K_ITEM, *_ML100K_GENRES), "u.user": _ML100K_USER, **_ML1M}[path.name]
    else:
        header = [name.strip() for name in rows.pop(0)[1]]
        if len(header) < 2 or all(re.fullmatch(r"[\d.]+", name) for name in header):
            raise ValueError(f"{path}: the first line must name the columns, such as id,title,genre; got {header}")
    if not rows:
        raise ValueError(f"{path} holds no rows below its header")
    if short := next((number for number, row in rows if len(row) < len(header)), None):
        raise ValueError(f"{path}: line {short} has fewer than the {len(header)} fields of the header")
    columns = {name.lower(): [row[place].strip() for _, row in rows] for place, name in enumerate(header)}
    if path.name == "u.item":
        flags = np.array([columns.pop(genre.lower()) for genre in _ML100K_GENRES]).T == "1"
        columns["genre"] = ["|".join(g for g, on in zip(_ML100K_GENRES, row, strict=True) if on) for row in flags]
    return _catalog(columns, str(path))


def _catalog(columns: dict[str, list[str]], path: str) -> Catalog:
    id_column = next((name for name in _ID if name in columns), next(iter(columns)))
    name_column = next((name for name in _NAME if name in columns), id_column)
    ids, names = tuple(columns[id_column]), tuple(columns[name_column])
    if twice := [name for name, n in Counter(ids).items() if n > 1]:
        raise ValueError(f"{path}: {id_column} must be unique, but {twice[0]!r} occurs more than once")
    others = {name: cells for name, cells in columns.items() if name not in (id_column, name_column, *_NO_ATTRIBUTE)}
    return Catalog(ids, names, {name: _values(cells) for name, cells in others.items()})


def _values(cells: Sequence[str]) -> Values:
    """The values of each cell; numbers with more than a dozen different ones become bands of ten."""
    filled = [cell for cell in cells if cell]
    numbers = all(re.fullmatch(r"-?\d+(\.\d+)?", cell) for cell in filled) and len(set(filled)) > 12
    bands = (f"{int(float(cell) // 10 * 10)}-{int(float(cell) // 10 * 10) + 9}" if cell else "" for cell in cells)
    parts = ([band] for band in bands) if numbers else (cell.split("|") for cell in cells)
    return tuple(tuple(v for v in (value.strip() for value in row) if v and v != "(no genres listed)") for row in parts)


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


def attribute_vectors(
    catalog: Catalog, *, attributes: Sequence[str] = (), weighted: bool = True, alike: bool = True
) -> tuple[Any, tuple[str, ...]]:
    """Rows as vectors of their attribute values: one-hot, multi-hot where a row has several, weighted by rarity.

        v(r, d) = log(R / n_d) where row r has the value d (1 if not weighted), else 0    (TF-IDF with TF = 1)

    Args:
        attributes: those to use; all by default.
        weighted: whether a rare value (a western) says more than a frequent one (drama).
        alike: scale the part of each attribute to length 1: then forty actors count no more than one director.
    Returns: (scipy.sparse CSR [R, D], the name of each column such as "genre: drama").
    Raises: ValueError for an unknown attribute or if there is none.

    >>> catalog = Catalog(("1", "2"), ("Alien", "Up"), {"genre": (("horror", "space"), ("family",))})
    >>> vectors, names = attribute_vectors(catalog, weighted=False, alike=False)
    >>> vectors.toarray().tolist(), names[0]
    ([[0.0, 1.0, 1.0], [1.0, 0.0, 0.0]], 'genre: family')
    """
    from jaxdl.similarity.term_weights import count_terms, inverse_document_frequency, tf_idf  # they need jax

    for name in attributes:
        if name not in catalog.attributes:
            raise ValueError(
                f"there is no attribute {name!r}{did_you_mean(name, catalog.attributes)} There are: "
                f"{', '.join(catalog.attributes) or 'none'}"
            )
    used = attributes or tuple(catalog.attributes)
    rows = [
        sorted({f"{name}: {value}" for name in used for value in catalog.attributes[name][row]})
        for row in range(len(catalog.ids))
    ]
    counts, names = count_terms(rows)
    if not names:
        raise ValueError("no row has an attribute: the file needs columns beside id and title, such as genre")
    idf: Any = inverse_document_frequency(counts, scheme="plain") if weighted else np.ones(len(names))
    vectors = tf_idf(counts, idf=idf, normalize=False)
    if alike:
        owner = [next(i for i, name in enumerate(used) if value.startswith(f"{name}: ")) for value in names]
        part = np.repeat(np.arange(len(rows)), np.diff(vectors.indptr)) * len(used) + np.array(owner)[vectors.indices]
        lengths = np.sqrt(np.bincount(part, vectors.data**2))
        vectors.data /= np.where(lengths > 0, lengths, 1)[part]
    return vectors, names
