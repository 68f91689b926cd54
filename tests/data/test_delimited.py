"""Tables as people's programs write them: comments, JSON, R's numbers of rows, units of ratings, names of columns."""

import json

import pytest

from jaxdl import cli
from jaxdl.data.catalog_files import read_catalog
from jaxdl.data.column_names import is_rating, normalized
from jaxdl.data.delimited import number, rating, read_lines
from jaxdl.data.rating_files import parse_ratings

FOUR = [("u1", "p1", 4.0), ("u1", "p2", 1.0), ("u2", "p1", 4.0), ("u2", "p3", 5.0)]
OBJECTS = [{"user": user, "item": item, "rating": rating} for user, item, rating in FOUR]
PLAIN = "u1,p1,4\nu1,p2,1\nu2,p1,4\nu2,p3,5\n"


def rows(ratings):
    triples = zip(ratings.users.tolist(), ratings.items.tolist(), ratings.values.tolist(), strict=True)
    return sorted((ratings.user_names[u], ratings.item_names[i], value) for u, i, value in triples)


TEXTS = {
    "JSON array": json.dumps(OBJECTS),
    "JSON array, indented": json.dumps(OBJECTS, indent=1),
    "JSON array in an object": json.dumps({"site": "x", "ratings": OBJECTS}),
    "JSON lines after a mark": "\ufeff" + "\n".join(map(json.dumps, OBJECTS)),
    "sep= with a tab": "sep=\t\nuser\titem\trating\n" + PLAIN.replace(",", "\t"),
    "a comment as the header": "#rating,user,item\n4,u1,p1\n1,u1,p2\n4,u2,p1\n5,u2,p3\n",
    "a comment with as many fields": "# made, by, us\nuser,item,rating\n" + PLAIN,
    "comments amid": "user,item,rating\nu1,p1,4\n# more\nu1,p2,1\nu2,p1,4\nu2,p3,5\n",
    "spaces after commas": 'user, item, rating\nu1, "p1", 4\nu1, p2, 1\nu2, p1, 4\nu2, p3, 5\n',
    "R's numbers of rows": '"user","item","rating"\n'
    + "".join(f'"{i}",{line}\n' for i, line in enumerate(PLAIN.split(), 1)),
    "a separator at the ends": "user,item,rating\n" + PLAIN.replace("\n", ",\n"),
    "names": "name,title,rating\n" + PLAIN,
    "names of names": "user_name,movie_title,star_rating\n" + PLAIN,
    "names beside ids": "user_name,user_id,movie_title,movie_id,score\n"
    + "".join(f"Ann,{u},Up,{p},{r}\n" for u, p, r in FOUR),
    "spaces in names": "User ID,Product Name,My Rating\n" + PLAIN,
    "Korean names": "이름,영화 제목,별점(5점)\n" + PLAIN,
    "Korean names of names": "사용자명,상품 코드,평가 점수\n" + PLAIN,
    "wide, complete": "user,p1,p2,p3\nu1,4,1,3\nu2,4,2,5\n",
    "wide, numbers as names": "user,1,2,3\nu1,4,1,\nu2,4,,5\n",
    "wide, dots": "user;p1;p2;p3\nu1;4;1;.\nu2;4;.;5\n",
    "stars": "user,item,rating\nu1,p1,★★★★☆\nu1,p2,★\nu2,p1,⭐⭐⭐⭐\nu2,p3,★★★★★\n",
    "points": "user,item,rating\nu1,p1,4점\nu1,p2,1점\nu2,p1,4점\nu2,p3,5점\n",
    "shares": "user,item,rating\nu1,p1,4/5\nu1,p2,1/5\nu2,p1,4.0 out of 5 stars\nu2,p3,5 stars\n",
}
WIDE = {"wide, complete": [("u1", "p3", 3.0), ("u2", "p2", 2.0)]}


@pytest.mark.parametrize("name", TEXTS)
def test_ratings_of_texts(name):
    expected = sorted(FOUR + WIDE.get(name, []))
    if "numbers as names" in name:
        expected = [(user, item[1:], value) for user, item, value in expected]
    ratings = parse_ratings(TEXTS[name])
    assert rows(ratings) == expected
    assert not ratings.notes


def test_ids_may_begin_like_comments():
    for header in ("user,item,rating\n", ""):
        ratings = parse_ratings(header + "#1,p1,4\n#2,p1,5\n")
        assert ratings.user_names == ("#1", "#2")


def test_a_header_that_says_nothing_is_read_by_order_and_said():
    ratings = parse_ratings("who,what,much\n" + PLAIN)
    assert rows(ratings) == FOUR
    assert ratings.notes == ("who, what, much are read as user, item, rating (if they are not: --columns user=...)",)


def test_zeros_of_a_wide_table_are_missing_and_said():
    ratings = parse_ratings("user,p1,p2,p3,p4\nu1,4,0,0,0\nu2,0,5,0,0\nu3,0,0,1,0\n")
    assert rows(ratings) == [("u1", "p1", 4.0), ("u2", "p2", 5.0), ("u3", "p3", 1.0)]
    assert ratings.notes == ("9 values of 0 are read as missing (if they are ratings: --unrated none)",)
    assert not len(ratings.unrated)


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("u3,p1,4,5", "4 fields where 3 are named: is a separator inside of a field?"),
        ("u3,Up, again,4", "4 fields where 3 are named"),
        ("NaN,p1,4", "the user is missing: NaN"),
        ("u3,NULL,4", "the item is missing: NULL"),
        ("u3,p1,four", "the rating 'four' is no number"),
    ],
)
def test_what_would_be_misread_is_malformed(line, message):
    with pytest.raises(ValueError, match="line 6: " + message.replace("?", r"\?")):
        parse_ratings(f"user,item,rating\n{PLAIN}{line}\n")
    assert rows(parse_ratings(f"user,item,rating\n{PLAIN}{line}\n", malformed="skip")) == FOUR


def test_free_text_after_the_ratings_may_hold_separators():
    assert rows(parse_ratings("user,item,rating,comment\nu1,p1,4,Great, really\nu2,p1,5,Good\n"))[0][2] == 4


@pytest.mark.parametrize(
    ("text", "value"),
    [("1,000", 1000), ("12,345,678", 12345678), ("0,500", 0.5), ("1.234,56", 1234.56), ("-1,5", -1.5), (" 7 ", 7)],
)
def test_numbers_of_ratings(text, value):
    assert rating(text) == value


def test_numbers_of_any_table_have_no_units():
    """There a comma is a decimal sign, and 4/5 may be a day."""
    assert [number(text) for text in ("1,250", "0,5", "1,234.5")] == [1.25, 0.5, 1234.5]
    for text in ("4/5", "5점", "★★"):
        with pytest.raises(ValueError, match="could not convert"):
            number(text)


@pytest.mark.parametrize("text", ["", "four", "4 apples", "1-2", "☆", "4//5"])
def test_no_numbers(text):
    with pytest.raises(ValueError, match="could not convert"):
        rating(text)


def test_names_of_columns():
    assert normalized("Nutzer-ID") == "nutzerid"
    assert normalized("(평점)") == "평점"
    assert not any(map(is_rating, ("numratings", "avgrating", "평균평점", "restart", "iterate", "start")))


def test_nothing_but_blank_lines_has_no_rows():
    assert list(read_lines("\n\n  \n")) == []


def test_what_was_decided_is_printed(tmp_path, capsys, own_caches):
    (tmp_path / "r.csv").write_text("who,what,much\n" + PLAIN)
    assert cli.main(["recommend", "--ratings", str(tmp_path / "r.csv"), "--user", "u1"]) == 0
    assert capsys.readouterr().err.startswith("jaxdl: who, what, much are read as user, item, rating")


def test_catalogs_in_json_and_from_r(tmp_path):
    (tmp_path / "i.json").write_text(
        json.dumps([{"id": 1, "title": "Up", "tags": ["x", "y"]}, {"id": 2, "title": "Co"}])
    )
    catalog = read_catalog(tmp_path / "i.json")
    assert (catalog.ids, catalog.names, catalog.attributes) == (("1", "2"), ("Up", "Co"), {"tags": (("x", "y"), ())})
    (tmp_path / "r.csv").write_text('"id","title","genre"\n"1",7,"Up","x"\n"2",8,"Co","y"\n')
    catalog = read_catalog(tmp_path / "r.csv")
    assert (catalog.ids, catalog.attributes) == (("7", "8"), {"genre": (("x",), ("y",))})


def test_names_that_only_look_missing_are_names():
    ratings = parse_ratings("user,item,rating\nnone,NA,4\n")
    assert (ratings.user_names, ratings.item_names) == (("none",), ("NA",))
