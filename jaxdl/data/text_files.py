"""Text from files of any encoding, packed (`containers`) or not: the way in for `jaxdl summarize` and `recommend`."""

import codecs
import re
import sys
from collections.abc import Iterator
from pathlib import Path

from jaxdl.data.containers import unpack
from jaxdl.data.encodings import guess, mended

_CONTROL = re.compile(r"[\0-\x08\x0e-\x1a\x1c-\x1f]")  # what no text has, beside the escape of terminals
_SAID = re.compile(rb"<(?:meta[^>]+charset|\?xml[^>]+encoding)\s*=\s*[\"']?\s*([A-Za-z][\w.:-]*)", re.I)
_LINE_END = re.compile(r"\r\n|\r|\n")


def read_text(name: Path | str, *, encoding: str | None = None, notes: list[str] | None = None) -> str:
    """The text of a file, or of the standard input for "-".

    A byte-order mark says which Unicode encoding it is; without one it is UTF-8, unless the user says otherwise. What
    is packed is unpacked, whatever the name of the file.

    Args:
        encoding: the one that the user names.
        notes: if given, the encoding of a file that is not UTF-8 is guessed (`encodings.guess`), and a line that says
            so is added to these.
    Raises: ValueError, in one line, for what cannot be read, is empty, no text, or of another encoding.
    """
    shown = "the standard input" if str(name) == "-" else str(name)
    try:
        content = sys.stdin.buffer.read() if str(name) == "-" else Path(name).read_bytes()
    except OSError as error:
        raise ValueError(f"cannot read {shown}: {error.strerror}") from None
    return decode(content, shown, encoding=encoding, notes=notes)


def decode(content: bytes, name: str, *, encoding: str | None = None, notes: list[str] | None = None) -> str:
    """`read_text` of bytes; `name` is what the messages call them.

    >>> decode("값".encode("cp949"), "a.csv", encoding="cp949")
    '값'
    """
    content = unpack(content, name)
    chosen = encoding or _marked(content)
    try:
        text = content.decode(chosen)
    except LookupError:
        raise ValueError(f"unknown encoding {chosen!r}; such as utf-8, utf-16, cp949, latin-1") from None
    except UnicodeDecodeError as error:
        if b"\0" in content:
            raise ValueError(f"{name} is binary, not text") from None
        if encoding is None and (said := _said_inside(content)):
            return decode(content, name, encoding=said)
        if encoding is None and notes is not None and (text := mended(content)):
            notes.append(f"{name} is UTF-8 but for some letters, read as cp1252 (if they are not: --encoding)")
            return text
        if encoding is None and notes is not None and (likely := guess(content)):
            notes.append(f"{name} is not UTF-8 and read as {likely} (if it is not: --encoding)")
            return decode(content, name, encoding=likely)
        where = f"byte 0x{content[error.start]:02x} at place {error.start}"
        expected = chosen.upper().removesuffix("-SIG")
        raise ValueError(f"{name} is not {expected} ({where}); name its encoding: --encoding cp949, say") from None
    start = text[: 1 << 20]
    if len(_CONTROL.findall(start)) > len(start) / 100:
        raise ValueError(f"{name} is binary, not text")
    if not text.strip():
        raise ValueError(f"{name} is empty")
    return text


def _said_inside(content: bytes) -> str | None:
    """The encoding that a page of HTML or XML names at its beginning.

    >>> _said_inside(b'<html><meta charset="euc-kr">'), _said_inside(b"charset=euc-kr")
    ('euc-kr', None)
    """
    found = _SAID.search(content[:4096])
    return found[1].decode() if found else None


def _marked(content: bytes) -> str:
    """The Unicode encoding that a mark says, or zeros in every second byte of a text in ASCII."""
    if content.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return "utf-16"
    for first, encoding in ((0, "utf-16-be"), (1, "utf-16-le")):
        zeros, others = content[first:2000:2], content[1 - first : 2000 : 2]
        if len(zeros) > 3 and zeros.count(0) > 0.9 * len(zeros) and others.count(0) == 0:
            return encoding
    return "utf-8-sig"


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
