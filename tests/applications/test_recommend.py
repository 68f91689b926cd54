"""`jaxdl recommend` and `jaxdl similar` as a user meets them, and the reasons that they give."""

import csv

import numpy as np
import pytest

from jaxdl import cli
from jaxdl.applications.recommend import similar_items
from jaxdl.data.catalogs import Catalog

pytestmark = pytest.mark.usefixtures("own_caches")

FILMS = [
    ("1", "Alien (1979)", "Horror|Sci-Fi"),
    ("2", "Aliens (1986)", "Action|Sci-Fi|Horror"),
    ("3", "Up (2009)", "Family"),
]
FILMS += [("4", "The Thing (1982)", "Horror|Sci-Fi"), ("5", "Coco (2017)", "Family"), ("6", "Brave (2012)", "Family")]
HORROR, FAMILY = ("1", "2", "4"), ("3", "5", "6")


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    """Two groups of users with opposite tastes; ann has rated a part; new has no ratings."""
    folder = tmp_path_factory.mktemp("films")
    rows = [(f"h{i}", film, 5 if film in HORROR else 1) for i in range(4) for film in (*HORROR, *FAMILY)]
    rows += [(f"f{i}", film, 1 if film in HORROR else 5) for i in range(4) for film in (*HORROR, *FAMILY)]
    rows += [("ann", "1", 5), ("ann", "3", 1)]
    users = [(f"h{i}", "surgeon") for i in range(4)] + [(f"f{i}", "teacher") for i in range(4)] + [("new", "surgeon")]
    tables = {
        "ratings.csv": [("userId", "movieId", "rating"), *rows],
        "visits.csv": [("user", "item"), *(row[:2] for row in rows if row[2] == 5)],
        "movies.csv": [("movieId", "title", "genres"), *FILMS],
        "users.csv": [("userId", "occupation"), *users],
    }
    for name, table in tables.items():
        with (folder / name).open("w", newline="") as file:
            csv.writer(file).writerows(table)
    return folder


def run(capsys, *words) -> tuple[int, str, str]:
    code = cli.main([str(word) for word in words])
    captured = capsys.readouterr()
    return code, captured.out, captured.err


@pytest.mark.parametrize("source", ["ratings.csv", "visits.csv"])
@pytest.mark.parametrize("method", ["ease", "user", "item", "content", "factor"])
def test_every_method_finds_the_taste(files, capsys, source, method):
    words = ["--ratings", files / source, "--items", files / "movies.csv", "--user", "ann", "--method", method]
    code, out, err = run(capsys, "recommend", *words, "--count", 2, "--because")
    assert (code, err) == (0, "")
    lines = out.splitlines()
    titles = {line.split("  ")[-1] for line in lines if line.lstrip()[0].isdigit()}
    assert titles == {"Aliens (1986)", "The Thing (1982)"}
    reasons = [line.strip() for line in lines if not line.lstrip()[0].isdigit()]
    expected = {"user": "user h", "ease": "because of Alien", "factor": "because of Alien"}.get(method, "like Alien")
    assert any(reason.startswith(expected) for reason in reasons)
    assert ("genres: Horror" in out) == (method == "content")


def test_a_new_user_gets_what_similar_users_like(files, capsys):
    words = ["--ratings", files / "ratings.csv", "--items", files / "movies.csv", "--users", files / "users.csv"]
    code, out, _ = run(capsys, "recommend", *words, "--user", "new", "--count", 3, "--because")
    assert code == 0
    assert all(title in out for title in ("Alien (1979)", "Aliens (1986)", "The Thing (1982)"))
    assert "occupation: surgeon) rated it 5" in out


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--user", "ann"], "--ratings FILE is missing"),
        (["--ratings", "{}/ratings.csv"], "--user U is missing"),
        (["--ratings", "{}/ratings.csv", "--user", "anne"], "no user 'anne', did you mean 'ann'?"),
        (["--ratings", "{}/none.csv", "--user", "ann"], "cannot read"),
        (["--ratings", "{}/ratings.csv", "--user", "ann", "--method", "users"], "did you mean 'user'"),
        (["--ratings", "{}/ratings.csv", "--user", "ann", "--method", "content"], "no row has an attribute"),
        (["--ratings", "{}/ratings.csv", "--user", "ann", "--items", "{}/users.csv"], "is in the catalog"),
        (["--ratings", "{}/ratings.csv", "--user", "ann", "--count", "0"], "count must be positive"),
        (["--ratings", "{}/ratings.csv", "--user", "ann", "--encoding", "utf-99"], "unknown encoding 'utf-99'"),
    ],
)
def test_mistakes_are_one_line(files, capsys, words, message):
    code, out, err = run(capsys, "recommend", *(word.format(files) for word in words))
    assert (code, out) == (2, "")
    assert message in err
    assert err.count("\n") == 1


def test_malformed_lines_stop_or_are_counted(files, capsys, tmp_path):
    (tmp_path / "r.csv").write_text((files / "ratings.csv").read_text() + "ann,5,good\nann\n")
    words = ["recommend", "--ratings", tmp_path / "r.csv", "--user", "ann"]
    code, _, err = run(capsys, *words)
    assert code == 2
    assert "line 52: the rating 'good' is no number (2 malformed lines of 52)" in err
    code, out, err = run(capsys, *words, "--malformed", "skip")
    assert code == 0
    assert "skipped line 53" in err
    assert "2 malformed line(s) skipped, 50 ratings read" in err
    assert out


def test_nobody_to_ask_gets_the_popular_items_and_a_line(capsys, tmp_path):
    (tmp_path / "visits.csv").write_text("user,item\na,x\nb,y\nc,y\nc,z\n")
    for method in ("item", "ease", "user"):
        words = ["--ratings", tmp_path / "visits.csv", "--user", "a", "--method", method, "--because"]
        code, out, err = run(capsys, "recommend", *words)
        assert code == 0
        assert out.splitlines()[0].split()[2] == "y"
        assert "popular: 2 user(s) visited it" in out
        assert err == "jaxdl: nothing tells what user a likes: these are the popular items\n"


def test_scale_candidates_and_seen_items(files, capsys, tmp_path):
    words = ["--ratings", files / "ratings.csv", "--items", files / "movies.csv", "--user", "ann"]
    (tmp_path / "some.txt").write_text("3\nThe Thing (1982)\n")
    code, out, _ = run(capsys, "recommend", *words, "--candidates", tmp_path / "some.txt", "--scale", "1-5")
    assert code == 0
    assert [line[14:] for line in out.splitlines()] == ["The Thing (1982)"]
    code, out, _ = run(capsys, "recommend", *words, "--candidates", tmp_path / "some.txt", "--include-seen")
    assert {line[14:].strip() for line in out.splitlines()} == {"The Thing (1982)", "Up (2009)"}
    (tmp_path / "some.txt").write_text("3\nThe Thing (1982)\nThing\n")
    code, out, err = run(capsys, "recommend", *words, "--candidates", tmp_path / "some.txt")
    assert (code, err) == (0, "jaxdl: 1 of 3 candidates are no items of the ratings, such as 'Thing'\n")
    code, _, err = run(capsys, "recommend", *words, "--scale", "0-3")
    assert (code, err) == (2, "jaxdl: the ratings go from 1 to 5, outside of the scale 0-3\n")
    code, _, err = run(capsys, "recommend", *words, "--scale", "five")
    assert code == 2
    assert "--scale needs the lowest and the highest rating, such as 1-5" in err


def test_similar(files, capsys):
    code, out, _ = run(capsys, "similar", "--items", files / "movies.csv", "--item", "alien (1979)", "--count", 2)
    assert code == 0
    lines = out.splitlines()
    assert lines[0] == "Alien (1979)"
    assert "1.000  The Thing (1982)" in lines[1]
    assert "Aliens (1986)" in lines[2]
    assert "genres: Horror" in lines[2]


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ([], "--item NAME is missing"),
        (["--item", "Alien (1978)"], "did you mean 'Alien (1979)'"),
        (["--item", "1", "--by", "genre"], "did you mean 'genres'"),
        (["--item", "1", "--map", "map.txt"], "ends in .png"),
        (["--item", "1", "--encoding", "utf-99"], "unknown encoding 'utf-99'"),
    ],
)
def test_mistakes_of_similar(files, capsys, words, message):
    code, _, err = run(capsys, "similar", "--items", files / "movies.csv", *words)
    assert code == 2
    assert message in err
    assert err.count("\n") == 1


def test_the_map_of_items(files, capsys, tmp_path):
    words = ["similar", "--items", files / "movies.csv", "--item", "1", "--map", tmp_path / "map.png"]
    code, out, _ = run(capsys, *words)
    assert code == 0
    assert "map of 6 items" in out
    assert (tmp_path / "map.png").read_bytes().startswith(b"\x89PNG")


def test_korean_names_have_their_letters_on_the_map(capsys, tmp_path, recwarn):
    """A font without them would draw empty boxes and warn of each syllable."""
    films = (
        "기생충,드라마|스릴러",
        "올드보이,스릴러|범죄",
        "괴물,공포|드라마",
        "부산행,공포|액션",
        "아가씨,멜로|스릴러",
    )
    (tmp_path / "films.csv").write_text("title,genre\n" + "\n".join(films), encoding="utf-8")
    words = ["similar", "--items", tmp_path / "films.csv", "--item", "괴물", "--map", tmp_path / "map.svg"]
    code, _, err = run(capsys, *words)
    assert (code, err, [str(w.message) for w in recwarn]) == (0, "", [])
    drawn = (tmp_path / "map.svg").read_text(encoding="utf-8")
    assert "NanumGothic" in drawn or "CJK" in drawn
    assert "DejaVuSans-" + format(ord("괴"), "x") not in drawn


def test_the_plane_is_pca():
    x = np.random.default_rng(0).normal(size=(30, 5)) * [5, 3, 1, 0.5, 0.1]
    from sklearn.decomposition import PCA

    np.testing.assert_allclose(abs(similar_items.plane(x)), abs(PCA(2).fit_transform(x)), atol=1e-9)


def test_of_equal_attributes_the_rarest_is_told_first():
    values = {"color": [("yes",)] * 9 + [("no",)], "by": [("Kim",), ("Kim",), *[(f"p{i}",) for i in range(8)]]}
    values |= {"place": [("Rome",)] * 4 + [("Nice",)] * 6, "year": [("1",)] * 8 + [("2",)] * 2}
    names = tuple(map(str, range(10)))
    _, found = similar_items.similar(Catalog(names, names, {name: tuple(rows) for name, rows in values.items()}), "0")
    assert found[0][0] == 1
    assert found[0][2] == ("by: Kim", "place: Rome", "year: 1")


def test_groups_of_the_map():
    genres = (("drama",), ("comedy",), ("drama",), ())
    labels, names = similar_items.groups(Catalog(tuple("1234"), tuple("abcd"), {"genre": genres}))
    assert (labels.tolist(), names) == ([0, 1, 0, 2], ("drama", "comedy", "other"))
