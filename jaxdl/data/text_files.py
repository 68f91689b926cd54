"""Text from files of any encoding, packed by gzip or not: the way in for `jaxdl summarize`, `recommend`, `similar`."""

import codecs
import gzip
import re
import sys
import zlib
from collections.abc import Iterator
from pathlib import Path

_CONTROL = re.compile(r"[\0-\x08\x0e-\x1a\x1c-\x1f]")  # what no text has, beside the escape of terminals
_HIGH_BYTES = re.compile(rb"[\x80-\xff]+")
_LINE_END = re.compile(r"\r\n|\r|\n")


def read_text(name: Path | str, *, encoding: str | None = None, fallback: str | None = None) -> str:
    """The text of a file, or of the standard input for "-".

    A byte-order mark says which Unicode encoding it is; without one it is UTF-8, unless the user says otherwise. What
    gzip packed is unpacked, whatever the name of the file.

    Args:
        encoding: the one that the user names.
        fallback: what is tried if none is named and the file is not UTF-8: "latin-1" for old files of MovieLens; then
            bytes that only make sense as Korean are read as cp949, and those of other large alphabets are refused.
    Raises: ValueError, in one line, for what cannot be read, is empty, no text, or of another encoding.
    """
    shown = "the standard input" if str(name) == "-" else str(name)
    try:
        content = sys.stdin.buffer.read() if str(name) == "-" else Path(name).read_bytes()
    except OSError as error:
        raise ValueError(f"cannot read {shown}: {error.strerror}") from None
    return decode(content, shown, encoding=encoding, fallback=fallback)


def decode(content: bytes, name: str, *, encoding: str | None = None, fallback: str | None = None) -> str:
    """`read_text` of bytes; `name` is what the messages call them.

    >>> decode("값".encode("cp949"), "a.csv", encoding="cp949")
    '값'
    """
    if content.startswith(b"\x1f\x8b"):
        content = _unpacked(content, name)
    chosen = encoding or _marked(content)
    try:
        text = content.decode(chosen)
    except LookupError:
        raise ValueError(f"unknown encoding {encoding!r}; such as utf-8, utf-16, cp949, latin-1") from None
    except UnicodeDecodeError as error:
        if b"\0" in content:
            raise ValueError(f"{name} is binary, not text") from None
        if encoding is None and fallback is not None and (guess := _guess(content, fallback)):
            return decode(content, name, encoding=guess)
        where = f"byte 0x{content[error.start]:02x} at place {error.start}"
        expected = chosen.upper().removesuffix("-SIG")
        raise ValueError(f"{name} is not {expected} ({where}); name its encoding: --encoding cp949, say") from None
    start = text[: 1 << 20]
    if len(_CONTROL.findall(start)) > len(start) / 100:
        raise ValueError(f"{name} is binary, not text")
    if not text.strip():
        raise ValueError(f"{name} is empty")
    return text


def _unpacked(content: bytes, name: str) -> bytes:
    try:
        return gzip.decompress(content)
    except (gzip.BadGzipFile, EOFError, zlib.error) as error:
        raise ValueError(f"{name} is packed by gzip, and truncated or damaged: {error}") from None


def _guess(content: bytes, fallback: str) -> str | None:
    """The encoding of a file that is not UTF-8: letters of Latin-1 stand alone, those of large alphabets in pairs.

    >>> _guess("café, né".encode("latin-1"), "latin-1"), _guess("기생충,5".encode("cp949"), "latin-1")
    ('latin-1', 'cp949')
    >>> _guess("映画".encode("shift-jis"), "latin-1")
    """
    runs = _HIGH_BYTES.findall(content[: 1 << 20])
    if sum(len(run) for run in runs if len(run) == 1) * 2 >= sum(map(len, runs)):
        return fallback
    letters = content[: 1 << 20].decode("euc_kr", errors="replace")  # the common syllables alone
    wide = [letter for letter in letters if letter > "\x7f"]
    korean = sum("가" <= letter <= "힣" for letter in wide)
    return "cp949" if korean >= 0.9 * len(wide) else None


def _marked(content: bytes) -> str:
    return "utf-16" if content.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)) else "utf-8-sig"


def lines(text: str) -> Iterator[str]:
    r"""The lines of a text one by one, so that a large file is not in memory twice.

    Only line ends divide: `str.splitlines` does at U+0085 too, which is Windows' ellipsis if it is read as Latin-1.

    >>> list(lines("a\r\nb\x85c\n"))
    ['a', 'b\x85c']
    """
    start = 0
    for end in _LINE_END.finditer(text):
        yield text[start : end.start()]
        start = end.end()
    if start < len(text):
        yield text[start:]
