"""Columns of a user's table as numbers: what each holds is found, learned from the training part, said, and kept.

    number      the value, standardized; the median where it is missing, and then a 1 beside it
    date        days, and where in the year and in the week it lies, as sines and cosines
    category    a 1 at its place (one-hot); nothing for one that the training part has not
    text        how often it has each of the commonest words (bag of words), log(1 + count)

What is learned is plain data, so that a run keeps it: `to_json`, `from_json`.

N rows, D features.
"""

import math
import re
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, Literal, NamedTuple, TypeAlias, get_args

import numpy as np

from jaxdl.data.delimited import number
from jaxdl.data.table_files import Table

Kind: TypeAlias = Literal["number", "date", "category", "text"]

_MOST = 0.8  # of the cells must be numbers or dates, so that the others are mistakes
_CATEGORIES = 50  # the commonest of a column
_WORDS = 300  # the commonest of a text
_THOUSANDS = re.compile(r"[+-]?[1-9]\d{0,2}(,\d{3})+(\.\d*)?")
_FORMATS = ("ISO", "%d.%m.%Y", "%d/%m/%Y", "%m/%d/%Y", "%Y/%m/%d", "%d-%m-%Y", "%d %b %Y", "%d %B %Y", "%b %d, %Y")
_EPOCH = datetime(1970, 1, 1)


class Column(NamedTuple):
    """One column and what the training part taught of it.

    Attributes:
        name: in the table.
        kind: what it holds.
        learned: what `encode` needs, JSON values.
    """

    name: str
    kind: Kind
    learned: Mapping[str, Any]


def kind_of(table: Table, name: str) -> Kind | None:
    """What a column holds; None for one to leave out: empty, the same everywhere, or a name of each row.

    >>> from jaxdl.data.table_files import parse_table
    >>> table = parse_table("id,age,sent,note\\nA1,3,2024-05-01,a b c\\nB7,,2024-05-02,d e f\\n", "x.csv")
    >>> [kind_of(table, column) for column in ("age", "sent")]
    [None, 'date']
    """
    cells = [cell for cell in table.column(name) if cell]
    different = len(set(cells))
    if different < 2:
        return None
    if _share(cells, _parses(number)) >= _MOST:
        counted = different == len(table) and name.lower() in ("id", "index", "row", "column_1")
        return None if counted else "number"
    if _format(cells) is not None:
        return "date"
    words = sum(len(cell.split()) for cell in cells) / len(cells)
    if words >= 3 and different > min(_CATEGORIES, len(cells) / 5):
        return "text"
    return None if different > max(_CATEGORIES, len(cells) / 2) else "category"


def learn(table: Table, name: str, kind: Kind) -> Column:
    """What a column of the training part teaches. Raises ValueError that names the cell that is not of its kind."""
    require = {"number": _learn_number, "date": _learn_date, "category": _learn_category, "text": _learn_text}
    return Column(name, kind, require[kind](table, name))


def encode(columns: Sequence[Column], table: Table) -> np.ndarray:
    """The features [N, D] float32 of a table's rows.

    Raises: ValueError for a column that the table has not, and for a cell that is not of its column's kind.

    >>> from jaxdl.data.table_files import parse_table
    >>> table = parse_table("age,town\\n30,Ulm\\n,Bonn\\n50,Ulm\\n", "people.csv")
    >>> columns = [learn(table, "age", "number"), learn(table, "town", "category")]
    >>> encode(columns, table).astype(float).round(2).tolist()
    [[-1.22, 0.0, 0.0, 1.0], [0.0, 1.0, 1.0, 0.0], [1.22, 0.0, 0.0, 1.0]]
    """
    parts: dict[Kind, Callable[[Table, Column], np.ndarray]] = {
        "number": _encode_number,
        "date": _encode_date,
        "category": _encode_category,
        "text": _encode_text,
    }
    features = [parts[column.kind](table, column) for column in columns]
    return np.concatenate(features, axis=1, dtype=np.float32)


def about(column: Column, table: Table) -> str:
    """A line that says what becomes of a column.

    >>> from jaxdl.data.table_files import parse_table
    >>> table = parse_table("age\\n30\\n50\\n", "people.csv")
    >>> about(learn(table, "age", "number"), table)
    'age: numbers'
    """
    learned, missing = column.learned, sum(not cell for cell in table.column(column.name))
    if column.kind == "number":
        commas = "decimal commas" if learned["decimal_commas"] else "commas between thousands"
        said = "numbers" + (f" with {commas}" if any("," in cell for cell in table.column(column.name)) else "")
        filled = f"the median {learned['median']:g}, marked"
    elif column.kind == "date":
        said = f"dates ({'as 2024-05-31' if learned['format'] == 'ISO' else learned['format']})"
        filled = "the day in the middle"
    elif column.kind == "category":
        said, filled = f"{len(learned['names'])} categories: {_few(learned['names'])}", "a category of its own"
    else:
        said, filled = f"text, a bag of {len(learned['words'])} words", "no word"
    return f"{column.name}: {said}" + (f"; {missing} of {len(table)} missing: {filled}" if missing else "")


def left_out(table: Table, name: str) -> str:
    """A line that says why `kind_of` leaves a column out."""
    cells = [cell for cell in table.column(name) if cell]
    if len(set(cells)) < 2:
        return f"{name}: left out, " + (f"{cells[0]!r} wherever it is known" if cells else "it is empty")
    return f"{name}: left out, {len(set(cells))} different names in {len(table)} rows"


def to_json(columns: Sequence[Column]) -> list[dict[str, Any]]:
    """Columns as JSON values."""
    return [column._asdict() for column in columns]


def from_json(values: Any) -> tuple[Column, ...]:
    """The columns that `to_json` wrote. Raises ValueError for anything else."""
    try:
        columns = tuple(Column(str(value["name"]), value["kind"], dict(value["learned"])) for value in values)
    except (TypeError, KeyError) as error:
        raise ValueError(f"not stored columns: {error!r}") from None
    if wrong := next((column.kind for column in columns if column.kind not in get_args(Kind)), None):
        raise ValueError(f"not stored columns: there is no kind {wrong!r}")
    return columns


def numbers(table: Table, name: str, *, decimal_commas: bool = False) -> np.ndarray:
    """[N] float64, NaN where nothing is known. Raises ValueError that names the cell that is no number."""
    values = np.full(len(table), np.nan)
    for i, cell in enumerate(table.column(name)):
        if cell:
            try:
                values[i] = number(cell if decimal_commas else cell.replace(",", ""))
            except ValueError:
                raise table.wrong(i, name, f"{cell!r} is not a number; leave it empty if it is unknown") from None
            if not np.isfinite(values[i]):
                raise table.wrong(i, name, f"{cell!r} is not finite")
    return values


def has_decimal_commas(cells: Sequence[str]) -> bool:
    """Whether the commas of a column are decimal signs: not all of them can divide thousands.

    >>> has_decimal_commas(["1,250", "0,850"]), has_decimal_commas(["1,250", "12"])
    (True, False)
    """
    commas = [cell for cell in cells if "," in cell]
    return not all(map(_THOUSANDS.fullmatch, commas))


def _learn_number(table: Table, name: str) -> dict[str, Any]:
    decimal_commas = has_decimal_commas(table.column(name))
    values = numbers(table, name, decimal_commas=decimal_commas)
    known = values[~np.isnan(values)]
    if not len(known):
        raise ValueError(f"{table.name}: column {name} has no number in the training part; leave it out")
    median = float(np.median(known))
    filled = np.where(np.isnan(values), median, values)
    constant = filled.max() == filled.min()
    return {
        "decimal_commas": decimal_commas,
        "median": median,
        "mean": float(filled.mean()),
        "std": 1.0 if constant else float(filled.std()),
        "marked": len(known) < len(values),
    }


def _encode_number(table: Table, column: Column) -> np.ndarray:
    learned = column.learned
    values = numbers(table, column.name, decimal_commas=learned["decimal_commas"])
    unknown = np.isnan(values)
    scaled = (np.where(unknown, learned["median"], values) - learned["mean"]) / learned["std"]
    return np.stack([scaled, unknown][: 1 + learned["marked"]], axis=1).astype(np.float32)


def _learn_date(table: Table, name: str) -> dict[str, Any]:
    form = _format([cell for cell in table.column(name) if cell])
    if form is None:
        raise ValueError(f"{table.name}: column {name} has no dates in the training part; leave it out")
    days = _days(table, name, form)
    known = days[~np.isnan(days)]
    return {
        "format": form,
        "median": float(np.median(known)),
        "mean": float(known.mean()),
        "std": float(known.std()) or 1.0,
    }


def _encode_date(table: Table, column: Column) -> np.ndarray:
    learned = column.learned
    days = _days(table, column.name, learned["format"])
    days = np.where(np.isnan(days), learned["median"], days)
    year, week = 2 * math.pi * days / 365.2425, 2 * math.pi * days / 7
    waves = [wave(angle) for angle in (year, week) for wave in (np.sin, np.cos)]
    return np.stack([(days - learned["mean"]) / learned["std"], *waves], axis=1).astype(np.float32)


def _days(table: Table, name: str, form: str) -> np.ndarray:
    """[N] days since 1970 with their hours, NaN where nothing is known."""
    days = np.full(len(table), np.nan)
    for i, cell in enumerate(table.column(name)):
        if cell:
            try:
                days[i] = (_date(cell, form) - _EPOCH) / timedelta(days=1)
            except (ValueError, OverflowError):
                shown = "2024-05-31" if form == "ISO" else form
                raise table.wrong(i, name, f"{cell!r} is no date as the others are ({shown})") from None
    return days


def _date(cell: str, form: str) -> datetime:
    found = datetime.fromisoformat(cell) if form == "ISO" else datetime.strptime(cell, form)
    return found.replace(tzinfo=None)


def _format(cells: Sequence[str]) -> str | None:
    """The first way of writing dates that fits most cells better than the others; None if none fits."""
    cells = [cell for cell in cells if not cell.isdecimal()] if any(not c.isdecimal() for c in cells) else []
    shares = {form: _share(cells, _parses(lambda cell, form=form: _date(cell, form))) for form in _FORMATS}
    best = max(shares, key=lambda form: shares[form])
    return best if shares[best] >= _MOST else None


def _learn_category(table: Table, name: str) -> dict[str, Any]:
    common = Counter(table.column(name)).most_common(_CATEGORIES)
    return {"names": sorted(cell for cell, _ in common)}


def _encode_category(table: Table, column: Column) -> np.ndarray:
    names = column.learned["names"]
    place = {name: i for i, name in enumerate(names)}
    one_hot = np.eye(len(names) + 1, len(names), dtype=np.float32)  # the last row is 0, of a category that is not there
    return one_hot[[place.get(cell, len(names)) for cell in table.column(column.name)]]


def _learn_text(table: Table, name: str) -> dict[str, Any]:
    from sklearn.feature_extraction.text import CountVectorizer

    try:
        counted = CountVectorizer(max_features=_WORDS, min_df=min(2, len(table))).fit(table.column(name))
    except ValueError:
        raise ValueError(f"{table.name}: column {name} has no word twice; leave it out") from None
    return {"words": sorted(counted.vocabulary_)}


def _encode_text(table: Table, column: Column) -> np.ndarray:
    from sklearn.feature_extraction.text import CountVectorizer

    counts: Any = CountVectorizer(vocabulary=column.learned["words"]).transform(table.column(column.name))
    return np.log1p(counts.toarray())


def _share(cells: Sequence[str], holds: Callable[[str], bool]) -> float:
    counts = Counter(cells)  # the same cell is looked at once
    return sum(n for cell, n in counts.items() if holds(cell)) / max(len(cells), 1)


def _parses(parse: Callable[[str], Any]) -> Callable[[str], bool]:
    def holds(cell: str) -> bool:
        try:
            parse(cell)
        except (ValueError, OverflowError):
            return False
        return True

    return holds


def _few(names: Sequence[str]) -> str:
    shown = [name or "(missing)" for name in names[:4]]
    return ", ".join(shown) + (", ..." if len(names) > 4 else "")
