"""What a file of text comes packed in: gzip, bzip2, xz, a zip archive of one file, a workbook; and what is no text.

A workbook (.xlsx) is read by the package openpyxl where it is installed (`pip install 'jaxdl[files]'`): the first sheet
that holds anything, as the CSV that a spreadsheet would save.
"""

import bz2
import csv
import gzip
import io
import lzma
import zipfile
import zlib
from collections.abc import Callable
from typing import Any

_PACKED: dict[bytes, tuple[str, Callable[[bytes], bytes]]] = {
    b"\x1f\x8b": ("gzip", gzip.decompress),
    b"BZh": ("bzip2", bz2.decompress),
    b"\xfd7zXZ\x00": ("xz", lzma.decompress),
}
_NO_TEXT = {
    b"PAR1": "a Parquet table: export it as CSV",
    b"SQLite format 3": "a database: export a table as CSV",
    b"%PDF": "a PDF document: save its text",
    b"\xd0\xcf\x11\xe0": "an old document of Office: save it as text or CSV",
    b"\x89HDF": "an HDF5 file: export it as CSV",
}


def unpack(content: bytes, name: str) -> bytes:
    """The bytes of a text, out of what they are packed in; `name` is what the messages call the file.

    Raises: ValueError, in one line, for what is damaged, or holds no text.

    >>> unpack(gzip.compress(b"user,item"), "a.csv.gz"), unpack(b"user,item", "a.csv")
    (b'user,item', b'user,item')
    """
    for magic, (packer, read) in _PACKED.items():
        if content.startswith(magic):
            try:
                return read(content)
            except (OSError, EOFError, ValueError, zlib.error, lzma.LZMAError) as error:
                raise ValueError(f"{name} is packed by {packer}, and truncated or damaged: {error}") from None
    if content.startswith(b"PK\x03\x04"):
        return _of_archive(content, name)
    for magic, kind in _NO_TEXT.items():
        if content.startswith(magic):
            raise ValueError(f"{name} is {kind}")
    return content


def _of_archive(content: bytes, name: str) -> bytes:
    """The one file of a zip archive, but for what macOS adds; the first sheet of a workbook."""
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            files = [each for each in archive.namelist() if not each.endswith("/") and not each.startswith("__MACOSX")]
            if "xl/workbook.xml" in files:
                return _of_workbook(content, name)
            if "word/document.xml" in files:
                raise ValueError(f"{name} is a document of Word: save it as text")
            if len(files) != 1:
                raise ValueError(
                    f"{name} is an archive of {len(files)} files, such as {', '.join(files[:3])}: unpack it"
                )
            return unpack(archive.read(files[0]), f"{name}/{files[0]}")
    except (zipfile.BadZipFile, zlib.error, EOFError, RuntimeError, NotImplementedError) as error:
        raise ValueError(f"{name} is a zip archive that cannot be read: {error}") from None


def _of_workbook(content: bytes, name: str) -> bytes:
    try:
        import openpyxl  # type: ignore[import-not-found]
    except ImportError:
        raise ValueError(
            f"{name} is a workbook: pip install openpyxl (or jaxdl[files]), or save the sheet as CSV"
        ) from None
    book: Any = openpyxl.load_workbook(io.BytesIO(content), read_only=True, data_only=True)
    for sheet in book.worksheets:
        text = io.StringIO()
        rows = ([_cell(value) for value in row] for row in sheet.iter_rows(values_only=True))
        csv.writer(text, lineterminator="\n").writerows(row for row in rows if any(row))
        if text.getvalue():
            return text.getvalue().encode()
    raise ValueError(f"{name} is a workbook without a filled cell")


def _cell(value: object) -> str:
    """A cell as a spreadsheet shows it: 7.0 as 7, a date without its midnight, line breaks as spaces."""
    if value is None:
        return ""
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return " ".join(str(value).removesuffix(" 00:00:00").split())
