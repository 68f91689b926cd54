"""A table of a user's own with a header: a file, or columns from Python, as named columns of cells.

N rows.
"""

import csv
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from jaxdl.data.column_names import normalized
from jaxdl.data.delimited import is_missing, is_number, read_lines
from jaxdl.data.text_files import read_text
from jaxdl.validation import did_you_mean


@dataclass(frozen=True)
class Table:
    """Cells as they stand in the file; "" is a cell that says nothing.

    Attributes:
        name: what messages call the table.
        columns: name -> [N] cells, in the file's order.
        places: [N] of each row: "line 7".
        notes: what the reader decided by itself and a user should know.
    """

    name: str
    columns: Mapping[str, Sequence[str]]
    places: Sequence[str]
    notes: Sequence[str] = ()

    def __len__(self) -> int:
        return len(self.places)

    def named(self, name: str) -> str:
        """A column's name as it stands in the table, for one that differs in case and signs alone.

        Raises: ValueError that names the nearest one.
        """
        if name in self.columns:
            return name
        found = next((column for column in self.columns if normalized(column) == normalized(name)), None)
        if found is None:
            guess = did_you_mean(name, self.columns)
            raise ValueError(f"{self.name} has no column {name!r}{guess} It has: {', '.join(self.columns)}")
        return found

    def column(self, name: str) -> Sequence[str]:
        """The cells of a column. Raises ValueError as `named` does."""
        return self.columns[self.named(name)]

    def wrong(self, row: int, column: str, what: str) -> ValueError:
        """The error of one cell."""
        return ValueError(f"{self.name}, {self.places[row]}, column {column}: {what}")

    def rows(self, chosen: Sequence[int]) -> "Table":
        """Some of the rows, in that order."""
        columns = {name: [cells[i] for i in chosen] for name, cells in self.columns.items()}
        return Table(self.name, columns, [self.places[i] for i in chosen])


def read_table(path: Path | str) -> Table:
    """The table of a CSV file (or one divided by tabs, semicolons, ...), its first line the names of the columns.

    Raises: ValueError that names the line for a row of another length than the header, a name that stands twice, a
        header of numbers, and a table without rows; OSError for a file that is not there.
    """
    path = Path(path)
    path.open("rb").close()  # an OSError says more than what `read_text` makes of it
    notes: list[str] = []
    text = read_text(path, notes=notes)
    return replace(parse_table(text, path.name), notes=tuple(notes))


def parse_table(text: str, name: str) -> Table:
    """`read_table` of a text; `name` is what messages call it.

    >>> table = parse_table("age,town\\n31,Ulm\\n,Bonn\\n", "people.csv")
    >>> table.columns, table.places[1]
    ({'age': ['31', ''], 'town': ['Ulm', 'Bonn']}, 'line 3')
    >>> parse_table("age,town\\n31\\n", "people.csv")
    Traceback (most recent call last):
        ...
    ValueError: people.csv, line 2: 1 cell, but the header names 2 columns
    """
    try:
        lines = list(read_lines(text, multiline=True))
    except csv.Error as error:
        raise ValueError(f"{name}: a quoted cell does not end: {error}") from None
    (first, header), rows = lines[0], lines[1:]
    header = [cell.strip() for cell in header]
    where = f"{name}, line {first}"
    if all(is_number(cell) for cell in header):
        raise ValueError(f"{where}: the first line must name the columns, got the numbers {', '.join(header[:4])}")
    if twice := next((cell for cell in header if header.count(cell) > 1), None):
        raise ValueError(f"{where}: the column {twice!r} is named twice")
    if "" in header:
        header = [cell or f"column_{i + 1}" for i, cell in enumerate(header)]  # pandas writes its index so
    if not rows:
        raise ValueError(f"{name} has a header and no rows")
    for number, row in rows:
        if len(row) != len(header):
            cells = f"{len(row)} cell{'s' * (len(row) != 1)}"
            raise ValueError(f"{name}, line {number}: {cells}, but the header names {len(header)} columns")
    cells = [
        ["" if is_missing(cell) else cell.strip() for cell in column]
        for column in zip(*(row for _, row in rows), strict=True)
    ]
    return Table(name, dict(zip(header, cells, strict=True)), [f"line {number}" for number, _ in rows])


def as_table(inputs: Any) -> Table:
    """A table from Python: a `Table`, a dict of columns, a DataFrame, or a list of dicts, a row each.

    >>> as_table([{"age": 31, "town": None}]).columns
    {'age': ['31'], 'town': ['']}
    """
    if isinstance(inputs, Table):
        return inputs
    if isinstance(inputs, list | tuple) and inputs and all(isinstance(row, Mapping) for row in inputs):
        inputs = {name: [row.get(name) for row in inputs] for name in inputs[0]}
    elif not isinstance(inputs, Mapping) and not hasattr(inputs, "columns"):
        raise ValueError(f"a table is a dict of columns, a list of dicts or a DataFrame, got a {type(inputs).__name__}")
    columns = {str(name): [_cell(value) for value in inputs[name]] for name in inputs}
    sizes = {len(cells) for cells in columns.values()}
    if len(sizes) != 1 or 0 in sizes:
        raise ValueError(f"the columns of a table have one length, at least 1, got {sorted(sizes)}")
    return Table("the table", columns, [f"row {i}" for i in range(sizes.pop())])


def _cell(value: Any) -> str:
    missing = value is None or value != value or is_missing(str(value))  # NaN differs from itself
    return "" if missing else str(value).strip()
