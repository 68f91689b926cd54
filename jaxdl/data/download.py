"""Download the files of a data set: resume, time out, verify the content, and only then give the final name."""

import contextlib
import http.client
import io
import os
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

from jaxdl.data.sources import (
    DataDamaged,
    DataNotFound,
    File,
    Progress,
    Source,
    cache_folder,
    not_found,
    path_of,
    verify,
)

try:
    import fcntl
except ImportError:  # Windows: two processes that download at once meet at the hash check only
    fcntl = None

_CHUNK = 1 << 16


class DownloadError(Exception):
    """This address did not deliver the file; another may."""


def fetch(source: Source, *, progress: Progress | None = None, timeout: float = 30.0) -> Path:
    """Download the files of `source` that the cache lacks, each from the first address that delivers it whole.

    Returns: the cache's folder, which then has them all.
    Raises: DataNotFound if no address did, or if the cache cannot be written.
    """
    folder = cache_folder() / source.folder
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise _cannot_write(folder, error) from error
    with _one_process(folder):
        for file in source.files:
            failures = []
            for base in source.urls:
                if path_of(folder, file):
                    break
                try:
                    download(base + file.name, folder / file.name, file, progress=progress, timeout=timeout)
                except (DownloadError, DataDamaged) as error:
                    failures.append(f"{base}{file.name}: {error}")
            if not path_of(folder, file):
                raise not_found(source, "downloading failed: " + "; ".join(failures))
    return folder


@contextlib.contextmanager
def _one_process(folder: Path) -> Iterator[None]:
    """Let other processes that want the same files wait, then find them there."""
    if fcntl is None:
        yield
        return
    handle = os.open(folder, os.O_RDONLY)
    try:
        with contextlib.suppress(OSError):  # some network file systems have no locks
            fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)


def download(
    url: str, target: Path, file: File, *, progress: Progress | None = None, timeout: float = 30.0, attempts: int = 3
) -> None:
    """Fetch `url` to `target`, which exists afterwards only if its content has the pinned hash.

    The bytes go to `<target>.part`. If the connection breaks or stalls they stay there, and the next attempt (or the
    next call, in another process) asks for the rest only. A wrong content and a full disk remove them.

    Args:
        url: http(s) address.
        target: the final name; its folder exists.
        file: hash and size to verify against.
        progress: called as progress(name, bytes so far, bytes in all or None) after each chunk.
        timeout: seconds without any data after which an attempt counts as stalled.
        attempts: how often a broken connection is taken up again.
    Raises: DownloadError if this address failed, DataDamaged for a wrong content, DataNotFound if the disk is full
        or cannot be written.
    """
    part = target.with_name(target.name + ".part")
    problem = "no attempt was made"
    for _ in range(attempts):
        resumed = part.exists()
        try:
            _receive(url, part, file, progress, timeout)
            verify(part, file)
        except DataDamaged as error:
            part.unlink(missing_ok=True)
            if not resumed:
                raise DataDamaged(f"what arrived is damaged: {error}") from error
            problem = str(error)  # the beginning may be an older or another server's file: once more from zero
        except urllib.error.HTTPError as error:
            raise DownloadError(f"the server answered {error.code} {error.reason}") from error
        except TimeoutError:
            problem = f"no data for {timeout:g} s"
        except (OSError, http.client.HTTPException) as error:  # of the network: those of the disk are DataNotFound
            problem = str(getattr(error, "reason", error)) or type(error).__name__
        else:
            part.replace(target)
            return
    raise DownloadError(f"{problem} ({attempts} attempts)")


def _receive(url: str, part: Path, file: File, progress: Progress | None, timeout: float) -> None:
    """Append to `part` what the server still has; keep what arrived when the connection fails."""
    start = part.stat().st_size if part.exists() else 0
    headers = {"User-Agent": "jaxdl", "Accept-Encoding": "identity"}
    if start:
        headers["Range"] = f"bytes={start}-"
    try:
        response = urllib.request.urlopen(urllib.request.Request(url, headers=headers), timeout=timeout)
    except urllib.error.HTTPError as error:
        if error.code == 416 and start:
            return  # nothing after what is here already: the hash decides whether that is all
        raise
    with response:
        goes_on = response.status == 206  # if with another range than asked for, the hash will tell
        done = start if goes_on else 0
        length = response.headers.get("Content-Length", "")
        total = done + int(length) if length.isdigit() else None
        try:
            out = part.open("ab" if goes_on else "wb", buffering=0)
        except OSError as error:
            raise _cannot_write(part, error) from error
        with out:
            while chunk := response.read1(_CHUNK):
                _write(out, chunk, part)
                done += len(chunk)
                if progress is not None:
                    progress(file.name, done, total)
                if done > file.size + _CHUNK:  # packed data are not longer than the content, but for a header
                    raise DataDamaged(f"more than the {file.size} bytes that belong to {file.name}")
    if total is not None and done < total:
        raise ConnectionError(f"the connection ended after {done} of {total} bytes")


def _write(out: io.FileIO, chunk: bytes, part: Path) -> None:
    """Write through to the file system, so that a full disk is not mistaken for a network error."""
    rest = memoryview(chunk)
    try:
        while rest:
            rest = rest[out.write(rest) :]  # a disk that is nearly full takes a part only
    except OSError as error:
        part.unlink(missing_ok=True)
        raise _cannot_write(part, error) from error


def _cannot_write(path: Path, error: OSError) -> DataNotFound:
    return DataNotFound(f"cannot write {path}: {error.strerror}; free some space or set XDG_CACHE_HOME to another disk")
