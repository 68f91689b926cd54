"""Files that appear whole or not at all, and are read whole or refused."""

import json
import math
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

T = TypeVar("T")


def write(path: Path, save: Callable[[Path], Any]) -> None:
    """Let `save` write a temporary file beside `path`, then rename it: a reader never sees half a file.

    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     write(Path(folder, "a.txt"), lambda path: path.write_text("whole"))
    ...     [path.name for path in Path(folder).iterdir()]
    ['a.txt']
    """
    temporary = path.with_name(f".{path.name}.part{path.suffix}")
    try:
        save(temporary)
        os.replace(temporary, path)
    except OSError as error:
        if error.filename is not None and Path(error.filename) == temporary:
            error.filename = str(path)  # the name that the user knows
        raise
    finally:
        temporary.unlink(missing_ok=True)


def write_json(path: Path, value: Any) -> None:
    """Write a value as indented JSON; numbers that are not finite, for which JSON has no word, as null."""
    text = json.dumps(_finite(value), indent=2, allow_nan=False) + "\n"
    write(path, lambda temporary: temporary.write_text(text))


def read(path: Path, parse: Callable[[str], T]) -> T:
    """What `parse` makes of the text of a file.

    Raises: ValueError for a file that is not there, or whose text `parse` does not understand.

    >>> read(Path("gone.json"), json.loads)
    Traceback (most recent call last):
        ...
    ValueError: gone.json is missing or damaged: [Errno 2] No such file or directory: 'gone.json'
    """
    try:
        return parse(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ValueError(f"{path} is missing or damaged: {error}") from None


def _finite(value: Any) -> Any:
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, dict):
        return {name: _finite(item) for name, item in value.items()}
    return [_finite(item) for item in value] if isinstance(value, list | tuple) else value
