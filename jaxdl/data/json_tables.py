"""Tables in JSON: an object a line, or one array of objects, alone or inside an object.

Their header is the keys of the first objects.
"""

import json
from collections.abc import Iterable, Iterator
from itertools import chain, islice
from typing import Any

from jaxdl.data.text_files import lines

_SAMPLE = 200


def is_json(text: str) -> bool:
    """Whether a text begins like an object or an array of objects.

    >>> is_json('{"user": "Ann"}'), is_json('[ {"user": 1}]'), is_json("[x] done,1")
    (True, True, False)
    """
    start = text.lstrip("\ufeff \t\r\n")
    return start[:1] == "{" or (start[:1] == "[" and start[1:].lstrip()[:1] == "{")


def json_rows(text: str) -> Iterator[tuple[int, list[str]]]:
    """(0, keys), then (number of the line or of the object, values); a line that is no object has one field.

    >>> list(json_rows('[{"user": "Ann", "item": 7}, {"user": "Bob"}]'))
    [(0, ['user', 'item']), (1, ['Ann', '7']), (2, ['Bob', ''])]
    """
    objects = _array(text)
    numbered: Iterable[tuple[int, Any]] = (
        enumerate(objects, 1)
        if objects is not None
        else ((n, _object(line)) for n, line in enumerate(lines(text), 1) if line.strip("\ufeff \t"))
    )
    rows = iter(numbered)
    sample = list(islice(rows, _SAMPLE))
    keys = list(dict.fromkeys(key for _, row in sample if isinstance(row, dict) for key in row))
    yield 0, keys
    for n, row in chain(sample, rows):
        yield n, [_cell(row.get(key)) for key in keys] if isinstance(row, dict) else [_cell(row)]


def _array(text: str) -> list[Any] | None:
    """The objects of a text that is one array of them, or an object that holds one array of them; else None."""
    try:
        found = json.loads(text.lstrip("\ufeff"))
    except (ValueError, RecursionError):
        return None
    if isinstance(found, dict):
        tables = [value for value in found.values() if isinstance(value, list) and value and isinstance(value[0], dict)]
        return tables[0] if len(tables) == 1 else [found]
    return found


def _object(line: str) -> Any:
    try:
        return json.loads(line.lstrip("\ufeff"))
    except (ValueError, RecursionError):
        return line


def _cell(value: object) -> str:
    return "" if value is None else value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
