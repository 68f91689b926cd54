"""A folder that knows its files: `manifest.json` holds the sha256 of each, so that no damage goes unnoticed."""

import hashlib
import json
import os
from pathlib import Path

NAME = "manifest.json"


def seal(folder: Path) -> None:
    """Write the manifest of a folder, last of its files, and wait until all of them are on the disk.

    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as name:
    ...     folder = Path(name)
    ...     _ = folder.joinpath("a.txt").write_text("whole")
    ...     seal(folder)
    ...     before = damage(folder)
    ...     _ = folder.joinpath("a.txt").write_text("Whole")
    ...     before, damage(folder)
    (None, 'a.txt has other content than it was saved with')
    """
    text = json.dumps({_relative(path, folder): _sha256(path) for path in _files(folder)}, separators=(",", ":"))
    (folder / NAME).write_text(text)
    for path in _files(folder) | {folder / NAME}:
        _flush(path)


def damage(folder: Path) -> str | None:
    """What is wrong with a sealed folder, in a clause (a file is changed, missing, not of it); None if nothing is.

    Only what may be read is read: a link, wherever it points, is "not a plain file".
    """
    try:
        stored = json.loads((folder / NAME).read_text(encoding="utf-8"))
    except FileNotFoundError:
        return f"it has no {NAME}"
    except (OSError, ValueError, RecursionError):
        return f"{NAME} cannot be read"
    if not isinstance(stored, dict):
        return f"{NAME} cannot be read"
    here = {_relative(path, folder): path for path in _files(folder)}
    if missing := sorted(stored.keys() - here.keys()):
        return f"{missing[0]} is missing"
    if unknown := sorted(here.keys() - stored.keys()):
        return f"{unknown[0]} is not one of its files"
    for name, path in here.items():
        if path.is_symlink():
            return f"{name} is not a plain file"
        try:
            if _sha256(path) != stored[name]:
                return f"{name} has other content than it was saved with"
        except OSError as error:
            return f"{name} cannot be read: {error.strerror}"
    return None


def _files(folder: Path) -> set[Path]:
    return {path for path in folder.rglob("*") if not path.is_dir()} - {folder / NAME}


def _relative(path: Path, folder: Path) -> str:
    return path.relative_to(folder).as_posix()


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _flush(path: Path) -> None:
    with path.open("rb") as file:
        os.fsync(file.fileno())
