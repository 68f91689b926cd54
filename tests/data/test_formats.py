"""The table of formats: files as people have them, each with what it must give; `tests/files` holds the small ones."""

import gzip
import json
import unicodedata
from pathlib import Path

import numpy as np
import pytest
from refusal import refused

from jaxdl import cli
from jaxdl.applications.recommend.recommendations import recommend
from jaxdl.applications.recommend.similar_items import similar
from jaxdl.data.catalog_files import read_catalog
from jaxdl.data.images import read_idx
from jaxdl.data.rating_files import parse_ratings, read_ratings
from jaxdl.data.sources import DataDamaged, File, path_of

FILES = Path(__file__).parents[1] / "files"
pytestmark = pytest.mark.usefixtures("own_caches")

FOUR = [("u1", "p1", 4.0), ("u1", "p2", 1.0), ("u2", "p1", 4.0), ("u2", "p3", 5.0)]
THREE_USERS = [("u1", "p1", 5.0), ("u1", "p2", 1.0), ("u2", "p1", 4.0)]
THREE_USERS += [("u2", "p3", 5.0), ("u3", "p2", 2.0), ("u3", "p3", 4.0)]
KOREAN = [("민지", "올드보이", 5.0), ("민지", "기생충", 4.0), ("지훈", "올드보이", 4.0), ("지훈", "괴물", 5.0)]
WESTERN = [("Ann", "Good, the Bad, and the Ugly", 5.0), ("Ann", "Up", 2.0)]
WESTERN += [("Bob", "Good, the Bad, and the Ugly", 4.0), ("Bob", "Heat", 5.0)]
RATINGS = {
    "product_header.csv": THREE_USERS,
    "product_header.csv.gz": THREE_USERS,
    "spaces.txt": THREE_USERS,
    "tabs_with_commas.tsv": WESTERN,
    "decimal_commas.csv": [("u1", "p1", 4.5), ("u1", "p2", 1.0), ("u2", "p1", 4.0), ("u2", "p3", 5.0)],
    "excel_sep.csv": FOUR,
    "comment_first.csv": FOUR,
    "korean_header.csv": KOREAN,
    "korean_cp949.csv": KOREAN,
    "lines.jsonl": FOUR,
}


def rows(ratings):
    triples = zip(ratings.users.tolist(), ratings.items.tolist(), ratings.values.tolist(), strict=True)
    return [(ratings.user_names[u], ratings.item_names[i], value) for u, i, value in triples]


@pytest.mark.parametrize("name", RATINGS)
def test_ratings_of_files(name):
    ratings = read_ratings(FILES / "ratings" / name)
    assert sorted(rows(ratings)) == sorted(RATINGS[name])
    assert ratings.explicit
    assert not ratings.malformed


TEXTS = {
    "ids in capitals": "userID,artistID,rating\nu1,p1,4\nu1,p2,1\nu2,p1,4\nu2,p3,5\n",
    "anime": "user_id,anime_id,rating\nu1,p1,4\nu1,p2,1\nu2,p1,4\nu2,p3,5\n",
    "reviews": "reviewerID,asin,overall,unixReviewTime\nu1,p1,4,9\nu1,p2,1,9\nu2,p1,4,9\nu2,p3,5,9\n",
    "order of columns": "평점;상품ID;회원번호\n4;p1;u1\n1;p2;u1\n4;p1;u2\n5;p3;u2\n",
    "unknown id": "user_id,gizmo_id,score\nu1,p1,4\nu1,p2,1\nu2,p1,4\nu2,p3,5\n",
    "quoted spaces": '"u1" "p1" 4\n"u1" "p2" 1\n"u2" "p1" 4\n"u2" "p3" 5\n',
    "several spaces": "u1   p1  4\nu1   p2  1\nu2   p1  4\nu2   p3  5\n",
    "colons": "u1::p1::4\nu1::p2::1\nu2::p1::4\nu2::p3::5\n",
    "pipes": "user|item|rating\nu1|p1|4\nu1|p2|1\nu2|p1|4\nu2|p3|5\n",
    "comments": "% made by us\n// and more\n\nu1,p1,4\nu1,p2,1\nu2,p1,4\nu2,p3,5\n",
    "wide": "user,p1,p2,p3\nu1,4,1,\nu2,4,NA,5\n",
    "wide without a corner": ",p1,p2,p3\nu1,4,1,?\nu2,4,?,5\n",
    "wide, decimal commas": "user;p1;p2;p3\nu1;4,0;1,0;-\nu2;4,0;-;5,0\n",
    "an id as a float": "user,item,rating\nu1,p1,4.0\nu1,p2,1\nu2.0,p1,4\nu2,p3,5\n".replace("u2.0", "u2"),
}


@pytest.mark.parametrize("name", TEXTS)
def test_ratings_of_texts(name):
    assert sorted(rows(parse_ratings(TEXTS[name]))) == FOUR


def test_numbers_written_as_floats_and_composed_letters_are_the_same_ids():
    cafe, apart = "caf\u00e9", unicodedata.normalize("NFD", "caf\u00e9")
    korean, jamo = "기생충", unicodedata.normalize("NFD", "기생충")
    ratings = parse_ratings(f"user,item,rating\n1,{cafe},4\n1.0,{korean},3\n2,{apart},5\n2.0,{jamo},1\n")
    assert ratings.user_names == ("1", "2")
    assert ratings.item_names == (cafe, korean)


@pytest.mark.parametrize("mark", ["-1", "0"])
def test_seen_but_not_rated(mark, tmp_path, capsys):
    text = "user_id,anime_id,rating\n" + "".join(f"u{i},a{i % 3},{7 + i % 3}\n" for i in range(6))
    text += "".join(f"u{i},a{(i + 1) % 3},{mark}\n" for i in range(6))
    ratings = parse_ratings(text)
    assert len(ratings.values) == 6
    assert ratings.values.min() == 7
    assert len(ratings.unrated) == 6
    assert ratings.notes == (f"6 values of {mark} are read as seen, not rated (if they are ratings: --unrated none)",)
    assert len(parse_ratings(text, unrated="none").values) == 12
    assert recommend(ratings, "u0")[0].item == "a2"  # a0 is rated, a1 was seen
    (tmp_path / "r.csv").write_text(text)
    assert cli.main(["recommend", "--ratings", str(tmp_path / "r.csv"), "--user", "u0"]) == 0
    out, err = capsys.readouterr()
    assert out.split()[2] == "a2"
    assert "6 values of" in err
    assert cli.main(["recommend", "--ratings", str(tmp_path / "r.csv"), "--user", "u0", "--unrated", "none"]) == 0
    assert capsys.readouterr().err == ""


def test_the_mark_of_a_wide_table_is_a_missing_rating():
    ratings = parse_ratings("user,p1,p2,p3\nu1,4,1,99\nu2,4,99,5\nu3,,1,1\n", unrated="99")
    assert sorted(rows(ratings))[:4] == FOUR
    assert len(ratings.unrated) == 0


def test_a_dislike_is_no_missing_rating():
    for values in ([0, 1], [0, 1, 2]):
        text = "user,item,rating\n" + "".join(f"u{i},a{i % 5},{values[i % len(values)]}\n" for i in range(30))
        assert parse_ratings(text).values.min() == 0
        assert parse_ratings(text).notes == ()
    wide = "user,a,b,c\n" + "".join(f"u{i},1,0,0\n" for i in range(4))
    assert len(parse_ratings(wide).values) == 4  # there a 0 is nothing


def test_only_unrated_lines_are_visits():
    ratings = parse_ratings("user,item,rating\na,x,-1\nb,y,-1\n", unrated="-1")
    assert not ratings.explicit
    assert ratings.values.tolist() == [1, 1]


def test_columns_and_separator_can_be_named(tmp_path, capsys):
    text = "who#what#when#howmuch\nu1#p1#7#4\nu1#p2#7#1\nu2#p1#7#4\nu2#p3#7#5\n"
    named = {"user": "who", "item": "what", "rating": "howmuch"}
    assert sorted(rows(parse_ratings("\n" + text, sep="#", columns=named))) == FOUR
    (tmp_path / "r.txt").write_text(text)
    words = ["recommend", "--ratings", str(tmp_path / "r.txt"), "--user", "u1", "--sep", "#"]
    assert cli.main([*words, "--columns", "user=who,item=2,rating=howmuch"]) == 0
    assert capsys.readouterr().out.split()[2] == "p3"
    for columns, message in (
        ("user=whom,item=what", "there is no column 'whom', did you mean 'who'?"),
        ("users=who", "--columns knows no 'users', did you mean 'user'?"),
        ("who", "--columns needs user=NAME,item=NAME,rating=NAME"),
    ):
        assert message in refused(capsys, *words, "--columns", columns)


@pytest.mark.parametrize(
    ("encoding", "word"), [("shift-jis", "映画"), ("gb18030", "电影很好"), ("big5", "電影很好看的故事")]
)
def test_other_large_alphabets_are_refused_with_the_option(tmp_path, encoding, word):
    (tmp_path / "r.csv").write_bytes(f"user,item,rating\n{word},{word},4\n".encode(encoding))
    with pytest.raises(ValueError, match="name its encoding: --encoding"):
        read_ratings(tmp_path / "r.csv")
    assert read_ratings(tmp_path / "r.csv", encoding=encoding).item_names == (word,)


def test_damaged_gzip_is_one_line(tmp_path):
    (tmp_path / "r.csv.gz").write_bytes(gzip.compress(b"user,item,rating\nu1,p1,4\n" * 99)[:40])
    with pytest.raises(ValueError, match="packed by gzip, and truncated or damaged"):
        read_ratings(tmp_path / "r.csv.gz")


def test_bad_lines_of_json_are_counted():
    text = "\n".join([json.dumps({"user": "a", "item": "x", "rating": 4}), "{broken", '{"user": "b", "item": "y"}'])
    assert parse_ratings(text, malformed="skip").malformed == (
        "line 2: 1 field(s) where 3 are needed",
        "line 3: the rating '' is no number",
    )


@pytest.mark.parametrize("method", ["ease", "item", "user", "factor", "popular"])
def test_the_constant_user_of_the_command(method, capsys):
    words = ["--ratings", str(FILES / "ratings" / "constant_user.csv"), "--user", "Ann", "--scale", "1-5"]
    assert cli.main(["recommend", *words, "--method", method]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[2] for line in lines] == ["C", "D"]
    assert all(1 <= float(line.split()[1]) <= 5 for line in lines)


# ---------------------------------------------------------------- catalogs


def test_two_books_of_one_title():
    catalog = read_catalog(FILES / "catalogs" / "two_books_one_title.csv")
    assert catalog.ids == ("1", "2", "3", "4")
    assert catalog.names == ("Twins", "Twins", "Rivers", "Stones")
    assert set(catalog.attributes) == {"authors", "year"}
    _, found = similar(catalog, "Rivers", count=1)
    assert catalog.label(found[0][0]) == "Twins [1]"
    with pytest.raises(
        ValueError, match=r"'Twins' could be any of 2: Twins \[1\]; Twins \[2\]; the id tells them apart"
    ):
        catalog.find("Twins")
    assert catalog.find("twins [2]") == catalog.find("2") == 1


def test_an_index_is_no_attribute_and_commas_separate_genres(capsys):
    path = FILES / "catalogs" / "index_column_comma_lists.csv"
    catalog = read_catalog(path)
    assert set(catalog.attributes) == {"genres"}
    assert catalog.attributes["genres"][:2] == (("Action", "Drama", "Sci-Fi"), ("Action", "Sci-Fi"))
    assert cli.main(["similar", "--items", str(path), "--item", "Akira", "--count", "1"]) == 0
    line = capsys.readouterr().out.splitlines()[1]
    assert line.split()[2] == "Ghost"
    assert "genres: Action" in line
    assert "genres: Sci-Fi" in line


def test_lists_in_json():
    catalog = read_catalog(FILES / "catalogs" / "json_lists.csv")
    assert catalog.attributes["genres"] == (("Action", "Drama"), ("Drama",), ("Action",))
    shared = {catalog.names[row]: why for row, _, why in similar(catalog, "Nova")[1]}
    assert shared == {"Dusk": ("genres: Drama",), "Bolt": ("genres: Action",)}


def test_missing_words_have_nothing_in_common(capsys):
    path = FILES / "catalogs" / "missing_words.csv"
    assert read_catalog(path).attributes["director"] == (("Kim",), ("Lee",), ("Kim",), (), ())
    found = {row for row, _, _ in similar(read_catalog(path), "A")[1]}
    assert found == {2}
    assert cli.main(["similar", "--items", str(path), "--item", "B"]) == 0
    assert capsys.readouterr().err == "jaxdl: no other item shares an attribute with it that not all have\n"


def test_a_short_row_is_named_or_skipped_with_a_count(capsys):
    path = str(FILES / "catalogs" / "short_row.csv")
    words = ["similar", "--items", path, "--item", "A"]
    assert "row 2 (line 3) has 2 of the 3 fields of the header" in refused(capsys, *words)
    assert cli.main([*words, "--malformed", "skip"]) == 0
    assert "1 malformed line(s) skipped, 2 rows read" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("text", "attributes"),
    [
        ("title,tags\nA,\"['x', 'y']\"\nB,[]\n", {"tags": (("x", "y"), ())}),
        ('title,tags\nA,"{""name"": ""x""}"\nB,null\n', {"tags": (("x",), ())}),
        ('title,by\n"The \\"Big\\" One",Kim\nB,Lee\n', {"by": (("Kim",), ("Lee",))}),
        ('id,title,about\n1,A,"A man, alone in a very small boat, rows"\n2,B,"A man, alone"\n', None),
        ("title;genre\nA;x|y\nB;N/A\n", {"genre": (("x", "y"), ())}),
        ("제목,감독\n괴물,봉준호\n기생충,봉준호\n", {"감독": (("봉준호",), ("봉준호",))}),
        ("title,imdbId,poster,homepage,genre\nA,1,p,h,x\nB,2,q,i,x\n", {"genre": (("x",), ("x",))}),
        ('{"title": "A", "genres": ["x", "y"]}\n{"title": "B", "genres": []}\n', {"genres": (("x", "y"), ())}),
    ],
)
def test_cells_of_catalogs(tmp_path, text, attributes):
    (tmp_path / "items.csv").write_text(text)
    catalog = read_catalog(tmp_path / "items.csv")
    assert len(catalog.ids) == 2
    if attributes is None:  # a sentence is no list
        assert catalog.attributes["about"][0] == ("A man, alone in a very small boat, rows",)
    else:
        assert catalog.attributes == attributes
    if "Big" in text:
        assert catalog.names[0] == 'The "Big" One'


def test_titles_without_ids_may_repeat(tmp_path):
    (tmp_path / "items.csv").write_text("title,by\nTwins,Kim\nTwins,Lee\n")
    assert read_catalog(tmp_path / "items.csv").ids == ("1", "2")


# ---------------------------------------------------------------- IDX


@pytest.mark.parametrize(
    "name",
    [
        "train-images-idx3-ubyte",
        "train-images.idx3-ubyte",
        "train-images-idx3-ubyte.gz",
        "train-images-idx3-ubyte/train-images-idx3-ubyte",
        "train-images.idx3-ubyte/train-images.idx3-ubyte",
    ],
)
def test_idx_files_under_their_usual_names(tmp_path, name):
    path = tmp_path / name
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(b"")
    assert path_of(tmp_path, File("train-images-idx3-ubyte.gz", "0" * 64, 1)) == path


def test_a_packed_idx_file_says_so():
    content = gzip.compress(bytes([0, 0, 8, 1, 0, 0, 0, 1, 7]))
    with pytest.raises(DataDamaged, match="labels is packed by gzip: unpack it first"):
        read_idx(content, name="labels")
    assert np.array_equal(read_idx(gzip.decompress(content)), [7])
