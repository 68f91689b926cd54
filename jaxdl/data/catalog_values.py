"""What the cells of a catalog's column say: one value, a list of them, a number, a date, a yes or no.

    a list      as JSON (or Python's), or between "|", ", ", ";", ",", "/" or "·" if its parts recur in several cells
    a number    bands as wide as a power of ten: 20-29
    yes or no   columns of 1 and 0 (true and false) are one attribute, "is", with their names as values

Missing words (`delimited.is_missing`) are no values.
"""

import ast
import json
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from math import floor, log10
from typing import Any

import numpy as np

from jaxdl.data.catalogs import Values
from jaxdl.data.delimited import is_missing

_NUMBER = re.compile(r"-?\d+(?:\.\d+)?")
_YES, _NO = frozenset(("1", "true", "yes", "y", "예")), frozenset(("0", "false", "no", "n", "아니오"))
_LISTS = (r"\s*\|\s*", r",\s+", r"\s*;\s*", r"\s*,\s*", r"\s*/\s*", r"\s*·\s*")
_WORDS_IN_A_VALUE = 5  # longer parts between commas are clauses, not values
_FEW = 12  # different numbers that are no more than names


def values_of(columns: Mapping[str, Sequence[str]]) -> dict[str, Values]:
    """Column -> the values of each of its cells.

    >>> values_of({"genre": ["x|y", "NA"], "war": ["0", "1"], "old": ["1", "1"]})
    {'genre': (('x', 'y'), ()), 'is': (('old',), ('old', 'war'))}
    """
    flags = [name for name, cells in columns.items() if _is_flag(cells)]
    found = {name: _values(cells) for name, cells in columns.items() if name not in flags}
    if flags:
        rows = zip(*(columns[name] for name in sorted(flags)), strict=True)
        on = (tuple(n for n, cell in zip(sorted(flags), row, strict=True) if cell.lower() in _YES) for row in rows)
        found["is"] = tuple(on)
    return found


def _is_flag(cells: Sequence[str]) -> bool:
    said = {cell.lower() for cell in cells if not is_missing(cell)}
    return len(said) > 0 and any(said <= {yes, no} for yes in _YES for no in _NO)


def _values(cells: Sequence[str]) -> Values:
    filled = [cell for cell in cells if not is_missing(cell)]
    if all(_NUMBER.fullmatch(cell) for cell in filled) and len(set(filled)) > _FEW:
        band = _bands(filled)
        return tuple((band[cell],) if cell in band else () for cell in cells)
    mark = next((mark for mark in _LISTS if _separates(mark, filled)), None)
    parts = (() if is_missing(cell) else _parts(cell, mark) for cell in cells)
    kept = ([part.strip() for part in row] for row in parts)
    return tuple(tuple(v for v in row if not is_missing(v) and v != "(no genres listed)") for row in kept)


def _bands(numbers: Sequence[str]) -> dict[str, str]:
    """Number -> its band, as wide as the power of ten that parts most of them, the middle 80 %, into up to nine.

    >>> _bands(["21", "34"]), _bands(["0.12", "0.31"])["0.31"]
    ({'21': '20-29', '34': '30-39'}, '0.3-0.4')
    """
    values = {text: float(text) for text in numbers}
    low, high = np.percentile(list(values.values()), (10, 90))
    digits = round(log10(high - low or 1) - 0.46)
    width, places = 10.0**digits, max(-digits, 0)
    band = {}
    for text, value in values.items():
        low = floor(value / width) * width
        band[text] = f"{low:.{places}f}-{low + width - (digits > 0):.{places}f}" if digits else f"{low:.0f}"
    return band


def _separates(mark: str, cells: Sequence[str]) -> bool:
    """Whether a sign separates values: parts are short, and some stand in several cells (clauses do not)."""
    rows = [re.split(mark, cell) for cell in cells if cell[:1] not in ("[", "{")]
    if all(len(row) == 1 for row in rows):
        return False
    if mark == _LISTS[0]:
        return True
    counts = Counter(part for row in rows for part in set(row))
    short = all(len(part.split()) <= _WORDS_IN_A_VALUE and not _NUMBER.fullmatch(part) for row in rows for part in row)
    return short and any(counts[part] > 1 for row in rows if len(row) > 1 for part in row)


def _parts(cell: str, mark: str | None) -> Sequence[str]:
    """The values of one cell: of a JSON list (or Python's), or between marks."""
    if cell[0] in "[{" and cell[-1] in "]}":
        for read in (json.loads, ast.literal_eval):  # the second reads ['a', 'b'] and runs nothing
            try:
                found = read(cell)
            except (ValueError, SyntaxError, RecursionError, MemoryError):
                continue
            return [text for each in (found if isinstance(found, list) else [found]) if (text := _name_of(each))]
    return re.split(mark, cell) if mark else [cell]


def _name_of(value: Any) -> str:
    """What an entry of a list is called: itself, or its name."""
    if isinstance(value, dict):
        named = next((value[key] for key in ("name", "title", "label", "value") if key in value), None)
        return str(next(iter(value.values()), "") if named is None else named)
    return "" if value is None else str(value)
