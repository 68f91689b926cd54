"""Cells of catalogs: lists between signs, flags, bands of numbers; which column is the id, which the title."""

import pytest

from jaxdl import cli
from jaxdl.applications.recommend.recommendations import recommend
from jaxdl.data.catalog_files import read_catalog
from jaxdl.data.catalog_values import values_of
from jaxdl.data.rating_files import parse_ratings


@pytest.mark.parametrize("mark", ["|", ", ", ";", "; ", ",", "/", " / ", "·"])
def test_lists_are_separated_by_what_recurs(mark):
    found = values_of({"genre": [f"drama{mark}crime", "drama", f"crime{mark}war"]})
    assert found == {"genre": (("drama", "crime"), ("drama",), ("crime", "war"))}


@pytest.mark.parametrize(
    "cells",
    [
        ["AC/DC", "Heart", "Toto"],  # nothing recurs
        ["a clause, that says very much of what there is", "a clause, that says very much of it all"],
        ["1/2", "1/3", "1/2"],
    ],
)
def test_other_signs_stay(cells):
    assert values_of({"about": cells}) == {"about": tuple((cell,) for cell in cells)}


def test_flags_are_one_attribute_and_no_is_no_value():
    found = values_of({"War": ["0", "1", "1"], "Crime": ["False", "True", "NA"], "by": ["Kim", "Lee", "Kim"]})
    assert found == {"by": (("Kim",), ("Lee",), ("Kim",)), "is": ((), ("Crime", "War"), ("War",))}


@pytest.mark.parametrize(
    ("numbers", "bands"),
    [
        (range(20, 60, 3), ["20-29", "50-59"]),
        (range(1930, 2024, 5), ["1930-1939", "2020-2029"]),
        (range(100, 240_000, 7_000), ["0-99999", "200000-299999"]),
        ([n / 50 for n in range(15)], ["0.0-0.1", "0.2-0.3"]),
        ([n / 2 for n in range(2, 20)], ["1", "9"]),
        (range(-40, 40, 5), ["-40--31", "30-39"]),
    ],
)
def test_bands_have_the_width_of_their_numbers(numbers, bands):
    cells = [str(n) for n in numbers]
    (found,) = values_of({"x": [*cells, "NA"]}).values()
    assert [found[0], found[len(cells) - 1], found[-1]] == [(bands[0],), (bands[1],), ()]
    assert 2 <= len(set(found)) <= 14


HEADERS = {
    "isbn,book_title,author": ("isbn", "book_title"),
    "asin,brand,name": ("asin", "name"),
    "번호,영화 제목,장르": ("번호", "영화 제목"),
    "상품코드,상품명,분류": ("상품코드", "상품명"),
    "id,movie,genre": ("id", "movie"),
    "title,artist,album": ("title", "title"),
    "goodreads_book_id,book_id,title": ("goodreads_book_id", "title"),
    "genre,title,id": ("id", "title"),
}


@pytest.mark.parametrize("header", HEADERS)
def test_ids_and_titles_of_headers(tmp_path, header):
    names = header.split(",")
    (tmp_path / "i.csv").write_text("\n".join([header, *(",".join(f"{n}{i}" for n in names) for i in (1, 2))]))
    catalog = read_catalog(tmp_path / "i.csv")
    id, title = HEADERS[header]
    assert (catalog.ids[0], catalog.names[0]) == (f"{id}1", f"{title}1")


def test_books_are_found_by_their_isbn(tmp_path):
    """As in the Book-Crossing set: ratings by ISBN, which the catalog has beside the title."""
    (tmp_path / "books.csv").write_text("ISBN;Book-Title;Book-Author\n01X;Twins;Kim\n02X;Rivers;Lee\n")
    ratings = parse_ratings("User-ID;ISBN;Book-Rating\n1;01X;8\n2;01X;7\n2;02X;9\n")
    found = recommend(ratings, "1", items=read_catalog(tmp_path / "books.csv"))
    assert [one.item for one in found] == ["Rivers"]


def test_what_would_be_misread_is_malformed(tmp_path):
    path = tmp_path / "i.csv"
    for row, message in (("3,Up, again,x", r"row 2 \(line 3\) has 4 of the 3 fields"), ("NaN,Up,x", "has no id")):
        path.write_text(f"id,title,genre\n1,A,x\n{row}\n")
        with pytest.raises(ValueError, match=message):
            read_catalog(path)
        assert read_catalog(path, malformed="skip").ids == ("1",)
    path.write_text("1,Up,drama\n2,Coco,family\n")
    with pytest.raises(ValueError, match=r"the first line must name the columns.*got \['1', 'Up', 'drama'\]"):
        read_catalog(path)


def test_a_movielens_file_with_a_header(tmp_path, capsys, own_caches):
    path = tmp_path / "u.item"
    path.write_text("item|title|releaseDate|url|Action|War\n1|A|01-Jan-1995|h|1|0\n2|B|02-Feb-1995|i|1|1\n3|C|||0|1\n")
    catalog = read_catalog(path)
    assert catalog.names == ("A", "B", "C")
    assert catalog.attributes["is"] == (("action",), ("action", "war"), ("war",))
    assert cli.main(["similar", "--items", str(path), "--item", "A", "--count", "1"]) == 0
    assert capsys.readouterr().out.splitlines()[1].split()[2] == "B"
