"""Files as they are downloaded: packed, in an archive, in a workbook; what holds no text is called by its name."""

import bz2
import datetime
import gzip
import io
import lzma
import sys
import zipfile

import pytest
from refusal import refused

from jaxdl.data.catalog_files import read_catalog
from jaxdl.data.rating_files import read_ratings
from jaxdl.data.text_files import read_text

PLAIN = b"user,item,rating\nu1,p1,4\nu1,p2,1\nu2,p1,4\nu2,p3,5\n"


def archive(**files):
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w", zipfile.ZIP_DEFLATED) as zipped:
        for name, text in files.items():
            zipped.writestr(name.replace("__", "/").replace("_csv", ".csv"), text)
    return content.getvalue()


PACKED = {
    "r.csv.gz": gzip.compress(PLAIN),
    "r.csv.bz2": bz2.compress(PLAIN),
    "r.csv.xz": lzma.compress(PLAIN),
    "r.zip": archive(r_csv=PLAIN),
    "folder.zip": archive(data__r_csv=PLAIN),
    "twice.zip": archive(r_gz=gzip.compress(PLAIN)),
}


@pytest.mark.parametrize("name", PACKED)
def test_packed_files(tmp_path, name):
    (tmp_path / name).write_bytes(PACKED[name])
    assert len(read_ratings(tmp_path / name).values) == 4
    (tmp_path / name).write_bytes(PACKED[name][: len(PACKED[name]) * 2 // 3])
    with pytest.raises(ValueError, match=r"truncated or damaged|cannot be read") as error:
        read_ratings(tmp_path / name)
    assert str(error.value).count("\n") == 0


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (archive(a_csv=PLAIN, b_csv=PLAIN), r"is an archive of 2 files, such as a\.csv, b\.csv: unpack it"),
        (
            archive(word__document_xml="").replace(b"document_xml", b"document.xml"),
            "a document of Word: save it as text",
        ),
        (b"PAR1\x00\x01", "is a Parquet table: export it as CSV"),
        (b"%PDF-1.7\n", "is a PDF document: save its text"),
        (b"SQLite format 3\x00", "is a database"),
        (b"\xd0\xcf\x11\xe0\xa1\xb1", "an old document of Office"),
    ],
)
def test_what_holds_no_text_is_called_by_its_name(tmp_path, capsys, own_caches, content, message):
    path = tmp_path / "file"
    path.write_bytes(content)
    with pytest.raises(ValueError, match=message):
        read_text(path)
    refused(capsys, "summarize", str(path))


def workbook():
    openpyxl = pytest.importorskip("openpyxl", reason="the extra jaxdl[files]")
    book = openpyxl.Workbook()
    sheet = book.create_sheet("films")  # the first sheet stays empty
    rows = [("id", "title", "made", "genre"), (1, 'The "Big" One, again', datetime.datetime(2009, 5, 1), "x|y")]
    for row in [*rows, (2.0, "괴물", None, "y")]:
        sheet.append(row)
    content = io.BytesIO()
    book.save(content)
    return content.getvalue()


def test_workbooks(tmp_path):
    (tmp_path / "films.xlsx").write_bytes(workbook())
    catalog = read_catalog(tmp_path / "films.xlsx")
    assert (catalog.ids, catalog.names) == (("1", "2"), ('The "Big" One, again', "괴물"))
    assert catalog.attributes == {"made": (("2009-05-01",), ()), "genre": (("x", "y"), ("y",))}


def test_without_the_package_a_workbook_says_what_to_do(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "openpyxl", None)
    (tmp_path / "films.xlsx").write_bytes(archive(xl__workbook_xml="").replace(b"workbook_xml", b"workbook.xml"))
    with pytest.raises(
        ValueError, match=r"is a workbook: pip install openpyxl \(or jaxdl\[files\]\), or save the sheet"
    ):
        read_catalog(tmp_path / "films.xlsx")
