# ruff: noqa: RUF001 - letters of other alphabets are what this file is about
"""Files of other encodings: read rightly, or refused; never silently as something else."""

import io
import sys

import pytest

from jaxdl import cli
from jaxdl.data import encodings
from jaxdl.data.catalog_files import read_catalog
from jaxdl.data.html_text import html_text
from jaxdl.data.rating_files import read_ratings
from jaxdl.data.table_files import read_table
from jaxdl.data.text_files import read_text

WESTERN = ["Rock ’n’ Roll – Café", "Être et avoir", "Männer über Straßen", "¡Átame! El ángel", "Ça va, né à l’été"]
POLISH = ["Nóż w wodzie", "Popiół i diament", "Człowiek z żelaza", "Pociąg", "Krótki film o miłości"] * 6
RUSSIAN = ["Война и мир", "Летят журавли", "Иваново детство", "Зеркало", "Ирония судьбы"] * 6
CZECH = ["Ostře sledované vlaky", "Obchod na korze", "Samotáři", "Pelíšky", "Hoří, má panenko"] * 6
KOREAN = ["기생충", "올드보이", "살인의 추억", "괴물", "마더"]


def table(titles, encoding):
    return ("user;item;rating\n" + "".join(f"u{i};{title};4\n" for i, title in enumerate(titles))).encode(encoding)


@pytest.mark.parametrize(("titles", "encoding"), [(WESTERN, "cp1252"), (WESTERN[1:4], "latin-1"), (KOREAN, "cp949")])
def test_western_and_korean_files_are_read_and_said(tmp_path, titles, encoding):
    path = tmp_path / "r.csv"
    path.write_bytes(table(titles, encoding))
    ratings = read_ratings(path)
    assert ratings.item_names == tuple(titles)
    said = "cp949" if encoding == "cp949" else "cp1252"
    assert ratings.notes == (f"{path} is not UTF-8 and read as {said} (if it is not: --encoding)",)
    assert read_catalog(path).notes == ratings.notes
    assert read_ratings(path, encoding=encoding).notes == ()


@pytest.mark.parametrize(
    ("titles", "encoding"),
    [(POLISH, "cp1250"), (POLISH, "iso8859-2"), (CZECH, "cp1250"), (RUSSIAN, "cp1251"), (RUSSIAN, "koi8-r")],
)
def test_other_alphabets_are_asked_of_the_library(tmp_path, titles, encoding):
    pytest.importorskip("charset_normalizer", reason="the extra jaxdl[files]")
    (tmp_path / "r.csv").write_bytes(table(titles, encoding))
    assert read_ratings(tmp_path / "r.csv").item_names == tuple(dict.fromkeys(titles))


@pytest.mark.parametrize(("titles", "encoding"), [(POLISH, "cp1250"), (RUSSIAN, "cp1251"), (RUSSIAN, "koi8-r")])
def test_without_the_library_they_are_refused(tmp_path, monkeypatch, titles, encoding):
    monkeypatch.setitem(sys.modules, "charset_normalizer", None)
    (tmp_path / "r.csv").write_bytes(table(titles, encoding))
    with pytest.raises(ValueError, match="name its encoding: --encoding"):
        read_ratings(tmp_path / "r.csv")
    assert read_ratings(tmp_path / "r.csv", encoding=encoding).item_names == tuple(dict.fromkeys(titles))


def test_the_library_is_not_asked_about_a_few_letters(monkeypatch):
    monkeypatch.setattr(encodings, "_of_library", lambda start: ("cp1250", "polish"))
    assert encodings.guess("Ann;café;4".encode("cp1252")) == "cp1252"
    assert encodings.guess("Война".encode("cp1251")) is None
    assert encodings.guess(table(POLISH, "cp1250")) == "cp1250"


def test_letters_of_another_file_in_utf_8(tmp_path):
    """As in a public set of restaurants: UTF-8 and Latin-1 in one file."""
    path = tmp_path / "i.csv"
    path.write_bytes("id,title\n1,Café Potosí\n".encode() + "2,Café León\n3,Rock ’n’ Roll\n".encode("cp1252"))
    catalog = read_catalog(path)
    assert catalog.names == ("Café Potosí", "Café León", "Rock ’n’ Roll")
    assert catalog.notes == (f"{path} is UTF-8 but for some letters, read as cp1252 (if they are not: --encoding)",)
    assert encodings.mended(table(RUSSIAN, "cp1251") + "é".encode()) is None
    assert encodings.mended(table(KOREAN, "cp949")) is None


def test_a_text_of_two_bytes_a_letter_without_a_mark(tmp_path):
    for encoding in ("utf-16-le", "utf-16-be"):
        (tmp_path / "r.csv").write_bytes("user,item,rating\nAnn,Up,4\n".encode(encoding))
        assert read_ratings(tmp_path / "r.csv").item_names == ("Up",)
    (tmp_path / "b.bin").write_bytes(bytes([0, 1, 2, 0, 0, 7]) * 50)
    with pytest.raises(ValueError, match="is binary, not text"):
        read_text(tmp_path / "b.bin")


PAGE = (
    '<html><head><meta http-equiv="Content-Type" content="text/html; charset=euc-kr"></head><p>값이 올랐다.</p></html>'
)


def test_a_page_names_its_encoding(tmp_path, capsys, own_caches, monkeypatch):
    (tmp_path / "page.html").write_bytes(PAGE.encode("euc-kr"))
    assert html_text(read_text(tmp_path / "page.html")) == "값이 올랐다."
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(PAGE.encode("euc-kr")), encoding="ascii"))
    assert cli.main(["summarize", "-", "--html"]) == 0
    assert "값이 올랐다." in capsys.readouterr().out
    (tmp_path / "page.html").write_bytes(PAGE.replace("euc-kr", "euc-xx").encode("euc-kr"))
    with pytest.raises(ValueError, match="unknown encoding 'euc-xx'"):
        read_text(tmp_path / "page.html")


def test_a_table_of_ones_own_says_what_was_guessed(tmp_path):
    path = tmp_path / "t.csv"
    path.write_bytes("town;size\nMünchen;7\nKöln;5\n".encode("cp1252"))
    found = read_table(path)
    assert found.column("Town") == ["München", "Köln"]
    assert found.notes == (f"{path} is not UTF-8 and read as cp1252 (if it is not: --encoding)",)
