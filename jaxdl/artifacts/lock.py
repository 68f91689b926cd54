"""A folder belongs to one process at a time: a lock file with the owner's process number and host.

The system lets go of a lock when its process ends, however it ends, so a killed run leaves no lock behind, only a file
that says who it was.
"""

import contextlib
import os
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import IO

NAME = ".lock"
_held: set[Path] = set()


@contextlib.contextmanager
def owned(folder: Path) -> Iterator[None]:
    """Own an existing folder inside the `with` block; a block inside of another one of this process changes nothing.

    Raises: ValueError if another process owns it: a living one of this machine, or any of another machine, about which
        nobody here can know.
    """
    path = folder / NAME
    if (held := path.absolute()) in _held:
        yield
        return
    file = _take(path)
    _held.add(held)
    try:
        yield
    finally:
        _held.discard(held)
        path.unlink(missing_ok=True)  # before it is let go: whoever takes it next makes a new one
        file.close()


def _take(path: Path) -> IO[str]:
    while True:
        file = path.open("a+")
        try:
            _lock(file, path)
            if _same_file(file, path):  # its last owner may have removed it since it was opened
                file.truncate(0)
                file.write(f"{os.getpid()} {socket.gethostname()}\n")
                file.flush()
                return file
        except BaseException:
            file.close()
            raise
        file.close()


def _lock(file: IO[str], path: Path) -> None:
    free = _is_free(file)
    file.seek(0)
    pid, _, host = file.read().strip().partition(" ")
    elsewhere = bool(host) and host != socket.gethostname()
    if elsewhere:
        raise ValueError(f"{path.parent} is in use by process {pid} on {host}; if that has ended, remove {path}")
    if not free:
        raise ValueError(f"{path.parent} is in use by process {pid or 'unknown'} of this machine: wait until it ends")


def _is_free(file: IO[str]) -> bool:
    try:
        import fcntl
    except ImportError:  # no such locks on this system
        return True
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return True


def _same_file(file: IO[str], path: Path) -> bool:
    try:
        return os.path.samestat(os.fstat(file.fileno()), path.stat())
    except FileNotFoundError:
        return False
