"""Find, download and verify the files of a data set. Nothing is used before its content hash was checked.

The search order: `$JAXDL_DATA/<folder>`, the user cache, a system folder, the official addresses. What a package ships
(`Source.package`) needs no files. Imports neither jax nor scikit-learn, so that `jaxdl data` answers at once.
"""

import gzip
import hashlib
import os
import sys
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple, TypeAlias

Progress: TypeAlias = Callable[[str, int, int | None], None]  # (file name, bytes so far, bytes in all if known)


class DataNotFound(ValueError):
    """The data set is not on this machine and could not be fetched; the message says what was tried and what to do."""


class DataDamaged(ValueError):
    """A file is there, but its content is not what it should be; the message names the file and what is wrong."""


@dataclass(frozen=True)
class File:
    """One file of a data set.

    Attributes:
        name: its name in the folder and after each base address.
        sha256: hash of the content: of the decompressed bytes, or of the file as it lies for an archive.
        size: number of these bytes; nothing longer is read or downloaded.
        archive: a .tar.gz that is hashed and handed on as it lies.
    """

    name: str
    sha256: str
    size: int
    archive: bool = False


@dataclass(frozen=True)
class Source:
    """Where a data set comes from, and what is known about it without loading it.

    Attributes:
        name: as in `jaxdl.data.load(name)`.
        contents: sizes in words, for the catalogue.
        about: origin and what loading does to the values.
        license: of the data.
        package: the Python package that ships it; then there are no files.
        folder: its folder under `$JAXDL_DATA` and in the cache.
        files: all that loading needs.
        urls: official base addresses, tried in turn; each ends in "/".
        system: folders in which a distribution installs the files.
    """

    name: str
    contents: str
    about: str
    license: str
    package: str = ""
    folder: str = ""
    files: tuple[File, ...] = ()
    urls: tuple[str, ...] = ()
    system: tuple[str, ...] = ()


class Entry(NamedTuple):
    """One row of the catalogue: `here` says whether loading needs no network, `where` the place or the address."""

    name: str
    contents: str
    license: str
    here: bool
    where: str


def cache_folder() -> Path:
    """The user's cache: `$XDG_CACHE_HOME/jaxdl`, else `~/.cache/jaxdl`."""
    return Path(os.environ.get("XDG_CACHE_HOME") or "~/.cache").expanduser() / "jaxdl"


def places(source: Source) -> list[Path]:
    """The folders that may hold the files, in search order."""
    named = os.environ.get("JAXDL_DATA")
    first = [Path(named).expanduser() / source.folder] if named else []
    return [*first, cache_folder() / source.folder, *map(Path, source.system)]


def path_of(folder: Path, file: File) -> Path | None:
    """Where `file` lies in `folder`, packed or (for a .gz that is no archive) unpacked; None if it does not.

    Some programs unpack `train-images-idx3-ubyte.gz` as `train-images.idx3-ubyte`, and some add a folder of its name.
    """
    plain = file.name.removesuffix(".gz")
    dotted = plain.replace("-idx", ".idx")
    names = [file.name, plain, dotted, f"{dotted}.gz", f"{plain}/{plain}", f"{plain}/{dotted}", f"{dotted}/{dotted}"]
    names += [f"{dotted}/{plain}"]
    names = [file.name] if file.archive else list(dict.fromkeys(names))
    return next((folder / name for name in names if os.path.isfile(folder / name)), None)  # False without permission


def find(source: Source) -> Path | None:
    """The first place that has every file, or None. Looks at names only."""
    return next((p for p in places(source) if all(path_of(p, file) for file in source.files)), None)


def entry(source: Source) -> Entry:
    """The catalogue's row for `source`, from names alone."""
    if source.package:
        return Entry(source.name, source.contents, source.license, True, f"ships with {source.package}")
    folder = find(source)
    most = sum(file.size for file in source.files) / 1e6
    where = str(folder) if folder else f"can be fetched from {source.urls[0]} (at most {most:.0f} MB)"
    return Entry(source.name, source.contents, source.license, folder is not None, where)


def verify(path: Path, file: File) -> bytes:
    """The content of `path` (decompressed, unless `file` is an archive) after its hash was checked.

    Never reads more than `file.size` bytes of content, so a damaged or hostile file cannot fill the memory.

    Raises: DataDamaged that says what the content is instead, without the path.
    """
    try:
        with path.open("rb") as raw:
            head = raw.read(64)
        packed = head[:2] == b"\x1f\x8b" and not file.archive
        with gzip.open(path) if packed else path.open("rb") as stream:
            content = stream.read(file.size + 1)
    except (EOFError, gzip.BadGzipFile, zlib.error) as error:
        raise DataDamaged(f"truncated or damaged ({error})") from error
    if head.lstrip().lower().startswith((b"<!doctype html", b"<html")):
        raise DataDamaged("a web page, not data (from a login or proxy server?)")
    if len(content) != file.size:
        size = f"more than {file.size}" if len(content) > file.size else len(content)
        raise DataDamaged(f"{size} bytes where {file.size} belong")
    digest = hashlib.sha256(content).hexdigest()
    if digest != file.sha256:
        raise DataDamaged(f"another content: sha256 {digest[:16]}..., not {file.sha256[:16]}...")
    return content


def read_verified(path: Path, file: File) -> bytes:
    """`verify` for loading: its errors name the file and the remedy.

    Raises: DataDamaged for a wrong content, DataNotFound if the file cannot be read.
    """
    try:
        return verify(path, file)
    except DataDamaged as error:
        raise DataDamaged(f"{path} is damaged: {error}; remove or replace it and load again") from error
    except OSError as error:
        raise DataNotFound(f"cannot read {path}: {error.strerror}; check its permissions") from error


def not_found(source: Source, reason: str) -> DataNotFound:
    """The error for a set that no place has: what was tried, why fetching failed (`reason`), what to do."""
    tried = [str(place) for place in places(source)]
    if not os.environ.get("JAXDL_DATA"):
        tried.insert(0, "$JAXDL_DATA (not set)")
    names = ", ".join(file.name for file in source.files)
    return DataNotFound(
        f"{source.name} was not found in {', '.join(tried)}; {reason}; to do it by hand, put {names} "
        f"(from {' or '.join(source.urls)}) into $JAXDL_DATA/{source.folder}"
    )


def show_progress(name: str, done: int, total: int | None) -> None:
    """A `Progress` that keeps one line on standard error up to date, if that is a terminal."""
    if sys.stderr.isatty():
        of = f" of {total / 1e6:.1f}" if total else ""
        print(f"\r{name}: {done / 1e6:.1f}{of} MB", end="\n" if done == total else "", file=sys.stderr, flush=True)
