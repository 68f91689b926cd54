"""Readers of ratings and catalogs, the generated set, the protocols that withhold visits."""

import importlib.util
import os

import numpy as np
import pytest

from jaxdl import data
from jaxdl.data.catalog_files import dst_catalog, films, read_catalog
from jaxdl.data.catalogs import Catalog, attribute_vectors
from jaxdl.data.rating_files import parse_ratings, read_ratings
from jaxdl.data.ratings import generate, split_ratings, withhold
from jaxdl.data.sources import DataDamaged, DataNotFound
from jaxdl.data.visits import visits

ROWS = [("7", "Alien", 4.0), ("7", "Up", 2.5), ("9", "Alien", 0.0)]


@pytest.mark.parametrize(
    "text",
    [
        "7,Alien,4\n7,Up,2.5\n9,Alien,0\n",
        "userId,movieId,rating,timestamp\n7,Alien,4.0,978300760\n7,Up,2.5,1\n\n9,Alien,0,1\n",
        "rating;item;user\n4;Alien;7\n2.5;Up;7\n0;Alien;9\n",
        "7\tAlien\t4\t881250949\n7\tUp\t2.5\t1\n9\tAlien\t0\t1",
        "7::Alien::4::978300760\n7::Up::2.5::1\n9::Alien::0::1\n",
        '\ufeffuser,item,rating\r\n7,"Alien",4\r\n7,Up,2.5\r\n9,Alien,0\r\n',
        "7,Alien,1\n7,Up,2.5\n9,Alien,0\n7,Alien,4\n",
    ],
    ids=["no header", "ml-latest", "other order, semicolons", "ml-100k", "ml-1m", "Excel", "rated twice"],
)
def test_formats_of_ratings(tmp_path, text):
    (tmp_path / "ratings").write_text(text)
    ratings = read_ratings(tmp_path / "ratings")
    names = zip(ratings.users, ratings.items, ratings.values.tolist(), strict=True)
    assert [(ratings.user_names[u], ratings.item_names[i], value) for u, i, value in names] == ROWS
    assert ratings.explicit
    assert not ratings.malformed
    values, known = ratings.matrix()
    assert values.tolist() == [[4, 2.5], [0, 0]]
    assert known.tolist() == [[True, True], [True, False]]


def test_two_columns_and_dst_are_visits():
    dst = 'I,4,"w","c"\nA,1,1,"Home","/"\nC,"u1",10\nV,1,1\nV,2,1\nC,"u2",11\nV,1,1\n'
    for text in ("10,1\n10,2\n11,1\n", dst):
        ratings = parse_ratings(text)
        assert (ratings.user_names, ratings.item_names, ratings.explicit) == (("10", "11"), ("1", "2"), False)
        assert ratings.matrix()[0].tolist() == [[1, 1], [1, 0]]
    catalog = dst_catalog(dst)
    assert catalog == Catalog(("1",), ("Home",), {})
    with pytest.raises(DataDamaged, match="a visit to '2'"):
        visits(parse_ratings(dst), catalog.ids)


def test_an_open_quote_spoils_one_line_of_ratings_alone():
    text = 'user,item,rating\n"Ann,Alien,4\nBob,"Up, up",3\n"Cy" ,Up,2\n'
    ratings = parse_ratings(text, malformed="skip")
    assert ratings.malformed == ("line 2: 1 field(s) where 3 are needed",)
    assert (ratings.user_names, ratings.item_names) == (("Bob", "Cy"), ("Up, up", "Up"))


def test_a_description_may_have_several_lines(tmp_path):
    (tmp_path / "i.csv").write_text('id,title,genre,about\n1,Up,"drama","one\ntwo"\n2,Coco,comedy,\n')
    catalog = read_catalog(tmp_path / "i.csv")
    assert catalog.names == ("Up", "Coco")
    (tmp_path / "i.csv").write_text('id,title\n1,"Up\n' + "2,Coco\n" * 20)
    with pytest.raises(ValueError, match=r"i\.csv: unexpected end of data; is a quotation mark missing"):
        read_catalog(tmp_path / "i.csv")


BAD = "user,item,rating\nAnn,Alien,4\nBob,Alien,good\n,Alien,3\nCy,Alien\nDi,Alien,nan\nEd,Alien,1e39\n"


def test_malformed_lines_stop_or_are_counted(tmp_path):
    (tmp_path / "r.csv").write_text(BAD)
    with pytest.raises(ValueError, match=r"line 3: the rating 'good' is no number \(5 malformed lines of 6\).*skip"):
        read_ratings(tmp_path / "r.csv")
    ratings = read_ratings(tmp_path / "r.csv", malformed="skip")
    assert ratings.user_names == ("Ann",)
    assert [line.split(":")[0] for line in ratings.malformed] == [f"line {n}" for n in range(3, 8)]
    assert [line.split(": ")[1] for line in ratings.malformed][1:] == [
        "the user is empty",
        "2 field(s) where 3 are needed",
        "the rating nan is not finite",
        "the rating 1e+39 is too large",
    ]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "is empty"),
        (b"\x00\x01binary", "is binary, not text"),
        (b"user,item,rating\n", "holds no ratings"),
        (b"user,stars\n1,2\n", "names no user and item column"),
    ],
)
def test_files_that_are_no_ratings(tmp_path, content, message):
    (tmp_path / "r.csv").write_bytes(content)
    with pytest.raises(ValueError, match=message):
        read_ratings(tmp_path / "r.csv")


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "cp949", "cp1252"])
def test_files_of_any_encoding(tmp_path, encoding):
    """Unicode is recognized, others are guessed or named."""
    film = "Am\u00e9lie\u2026 2" if encoding == "cp1252" else "\uae30\uc0dd\ucda9"
    (tmp_path / "r.csv").write_bytes(f"user,item,rating\r\n1,{film},4\r\n".encode(encoding))
    (tmp_path / "i.csv").write_bytes(f"id,title\n{film},{film}\n".encode(encoding))
    named = "cp949" if encoding == "cp949" else None
    assert read_ratings(tmp_path / "r.csv", encoding=named).item_names == (film,)
    assert read_catalog(tmp_path / "i.csv", encoding=named).ids == (film,)
    with pytest.raises(ValueError, match="unknown encoding 'utf-99'"):
        read_ratings(tmp_path / "r.csv", encoding="utf-99")
    if encoding == "cp949":
        with pytest.raises(ValueError, match=r"r\.csv is not UTF-8 \(byte 0x"):
            read_ratings(tmp_path / "r.csv", encoding="utf-8")


def test_a_missing_file_is_one_line(tmp_path):
    with pytest.raises(ValueError, match=r"cannot read .*nothing\.csv: No such file"):
        read_ratings(tmp_path / "nothing.csv")


def test_a_table_of_all_pairs_has_a_limit():
    ratings = parse_ratings("a,b,1")._replace(user_names=("u",) * 20_000, item_names=("i",) * 20_000)
    with pytest.raises(ValueError, match="20,000 users x 20,000 items are too many"):
        ratings.matrix()


def test_movielens_catalogs(tmp_path):
    flags = "0|1|0|0|0|1" + "|0" * 13
    (tmp_path / "u.item").write_bytes(f'1|Am\u00e9lie "x" (2001)|01-Jan-2001||http://x|{flags}\n'.encode("latin-1"))
    item = read_catalog(tmp_path / "u.item")
    assert item.names == ('Am\u00e9lie "x" (2001)',)
    assert item.attributes["genre"] == (("Action", "Comedy"),)
    (tmp_path / "u.user").write_text("".join(f"{i}|{20 + i}|F|artist|55414\n" for i in range(13)))
    user = read_catalog(tmp_path / "u.user")
    assert user.attributes["age"][0] == ("20-29",)
    assert user.attributes["age"][12] == ("30-39",)
    assert set(user.attributes) == {"age", "gender", "occupation"}
    (tmp_path / "movies.csv").write_text(
        'movieId,title,genres\n1,"Up, (2009)",Animation|Drama\n2,No,(no genres listed)\n'
    )
    movies = read_catalog(tmp_path / "movies.csv")
    assert movies.names[0] == "Up, (2009)"
    assert movies.attributes == {"genres": (("Animation", "Drama"), ())}
    (tmp_path / "movies.dat").write_text("1::Toy Story (1995)::Animation|Comedy\n")
    assert read_catalog(tmp_path / "movies.dat").attributes["genres"] == (("Animation", "Comedy"),)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("1,2,3\n4,5,6\n", "the first line must name the columns"),
        ("id,title\n", "holds no rows"),
        ("id,title\n1\n", r"row 1 \(line 2\) has 1 of the 2 fields"),
        ("id,title\n1,a\n1,b\n", "id must be unique, but '1'"),
    ],
)
def test_catalogs_that_are_none(tmp_path, text, message):
    (tmp_path / "items.csv").write_text(text)
    with pytest.raises(ValueError, match=message):
        read_catalog(tmp_path / "items.csv")


def test_rows_are_found_by_id_title_or_a_part_of_it():
    catalog = Catalog(("1", "2", "3"), ("Alien (1979)", "Aliens (1986)", "Up (2009)"), {})
    assert [catalog.find(text) for text in ("2", "alien (1979)", "aliens")] == [1, 0, 1]
    with pytest.raises(ValueError, match=r"could be any of 2: Alien \(1979\); Aliens \(1986\)"):
        catalog.find("alien")
    with pytest.raises(ValueError, match=r"no 'Allien \(1979\)', did you mean 'Alien \(1979\)'"):
        catalog.find("Allien (1979)")


def test_attribute_vectors_are_weighted_by_rarity():
    genre = (("x", "y"), ("y", "z"), ("y",), ("z",))
    catalog = Catalog(tuple("1234"), tuple("ABCD"), {"genre": genre, "by": (("n",), (), ("m",), ("m",))})
    vectors, names = attribute_vectors(catalog)
    assert names == ("by: m", "by: n", "genre: x", "genre: y", "genre: z")
    rare, common = np.log(4), np.log(4 / 3)  # one of four has x, three have y
    first = [0, 1, *np.array([rare, common, 0]) / np.hypot(rare, common)]  # each attribute has length 1
    np.testing.assert_allclose(vectors.toarray()[0], first)
    np.testing.assert_allclose(np.sqrt(vectors.multiply(vectors).sum(1)).A1, np.sqrt([2, 1, 2, 2]))
    plain, _ = attribute_vectors(catalog, weighted=False, alike=False)
    assert plain.toarray()[0].tolist() == [0, 1, 1, 1, 0]
    raw = attribute_vectors(catalog, alike=False)[0].toarray()[0]
    np.testing.assert_allclose(raw, [0, rare, rare, common, 0])
    assert attribute_vectors(catalog, attributes=("genre",))[1] == ("genre: x", "genre: y", "genre: z")
    with pytest.raises(ValueError, match="did you mean 'genre'"):
        attribute_vectors(catalog, attributes=("genres",))
    with pytest.raises(ValueError, match="no row has an attribute"):
        attribute_vectors(Catalog(("1",), ("A",), {}))


def test_generated_ratings_follow_their_truth():
    made = generate(seed=1)
    ratings, (values, known) = made.ratings, made.ratings.matrix()
    error = (values - made.truth)[known]
    assert abs(error.std() - 0.4) < 0.02
    assert known.sum(1).min() >= 2
    assert 0.2 < known.mean() < 0.3
    assert made.truth.min() >= 0.5
    assert made.truth.max() <= 5
    group = np.array([row[0] for row in made.users.attributes["occupation"]])
    same = np.mean([np.corrcoef(made.truth[group == g])[0, 1:].mean() for g in np.unique(group)])
    other = np.corrcoef(made.truth)[0, group != group[0]].mean()
    assert same > other + 0.1  # attributes say something about taste
    np.testing.assert_array_equal(generate(seed=1).ratings.values, ratings.values)
    with pytest.raises(ValueError, match="density"):
        generate(density=0)


def test_split_ratings_keeps_every_rating_once():
    ratings = generate(20, 10).ratings
    parts = split_ratings(ratings, validation=0.2, test=0.2, seed=1)
    pairs = [(u, i) for part in parts for u, i in zip(part.users.tolist(), part.items.tolist(), strict=True)]
    assert sorted(pairs) == sorted(zip(ratings.users.tolist(), ratings.items.tolist(), strict=True))


@pytest.mark.parametrize("given", [None, 1, 2, 5])
def test_withheld_visits(given):
    x = (np.random.default_rng(0).random((50, 8)) < 0.6).astype(np.uint8)
    shown, withheld = withhold(x, given, seed=3)
    n = x.sum(1)
    expected = n >= 2 if given is None else n > given
    assert len(shown) == expected.sum()
    np.testing.assert_array_equal(shown + withheld, x[expected])
    assert (withheld.sum(1) == 1).all() if given is None else (shown.sum(1) == given).all()
    assert not np.array_equal(shown, withhold(x, given, seed=4)[0])


def test_withheld_visits_are_drawn_evenly():
    x = np.ones((6000, 3), np.uint8)
    assert abs(withhold(x, None)[1].mean(0) - 1 / 3).max() < 0.03


def test_withhold_needs_visits():
    with pytest.raises(ValueError, match="no user has more than 2 visits"):
        withhold(np.eye(3), 2)


def test_msweb():
    if not os.environ.get("JAXDL_DATA"):
        pytest.skip("JAXDL_DATA is not set")
    try:
        msweb = data.load("msweb", download=False)
    except DataNotFound:
        pytest.skip("MSWeb is not in $JAXDL_DATA")
    assert msweb.test is not None
    assert msweb.train["x"].shape == (32_711, 294)
    assert msweb.test["x"].shape == (5_000, 294)
    assert (int(msweb.train["x"].sum()), int(msweb.test["x"].sum())) == (98_654, 15_191)
    assert msweb.train["x"].max() == 1
    most = np.argsort(-msweb.train["x"].sum(0, dtype=int))[:2]
    assert [msweb.feature_names[i] for i in most] == ["Free Downloads", "Internet Explorer"]


def test_films_or_how_to_get_them(monkeypatch):
    if importlib.util.find_spec("bokeh_sampledata") is None:
        with pytest.raises(DataNotFound, match=r"pip install 'jaxdl\[films\]'"):
            films()
        pytest.skip("bokeh_sampledata is not installed")
    catalog = films()
    assert len(catalog.ids) == 17_472
    row = catalog.find("The Godfather (1972)")
    assert catalog.attributes["director"][row] == ("Francis Ford Coppola",)
    assert catalog.attributes["decade"][row] == ("1970s",)
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(DataNotFound, match=r"pip install 'jaxdl\[films\]'"):
        films()
