"""The recommenders' benchmark scripts: the peers find what ours finds, the table says the means."""

import sys

import numpy as np
import pytest

from benchmarks.scores import list_peers, lists, recommenders
from benchmarks.studies import neighbors
from jaxdl.applications.recommend.likings import likings
from jaxdl.applications.recommend.list_methods import World
from jaxdl.data.catalogs import Catalog
from jaxdl.data.ratings import from_rows, generate

VISITS = (np.random.default_rng(0).random((80, 30)) < np.linspace(0.6, 0.05, 30)).astype(np.float32)
VISITS[:, 0] = 1  # nobody without a visit


@pytest.mark.parametrize("task", neighbors.TASKS)
def test_peers_find_what_ours_finds(task):
    answers = {name: function(VISITS) for name, function in neighbors.TASKS[task].items()}
    ours, areas = answers.pop("jaxdl")
    for theirs, others in answers.values():
        assert neighbors.disagreement(ours, theirs) < 1e-5
        assert areas.shape == others.shape == (80, neighbors.COUNT)
    assert not np.take_along_axis(VISITS, np.asarray(areas), axis=1)[VISITS.sum(1) <= 20].any()  # nothing they have


def test_another_answer_ends_the_run(monkeypatch):
    tasks = {"few": {"jaxdl": lambda x: (x, x), "scipy": lambda x: (x * 1.001, x)}}
    monkeypatch.setattr(neighbors, "TASKS", tasks)
    with pytest.raises(ValueError, match=r"scipy finds other few than jaxdl: they differ by 1\.0e-03"):
        neighbors._run("few", VISITS, 2, {})
    tasks["few"]["scipy"] = tasks["few"]["jaxdl"]
    rows = neighbors._run("few", VISITS, 2, {"hardware": "here"})
    assert [row["implementation"] for row in rows] == ["jaxdl", "scipy"]
    assert rows[1]["disagreement"] == 0
    assert rows[1]["step_ms"]["n"] == 2


def test_summary_prints_means_and_intervals():
    text = recommenders.summary({"popularity": {"all but 1": [46.0, 48.0]}}, 1)
    assert text.splitlines()[0].split() == ["all", "but", "1"]
    assert text.splitlines()[1].split() == ["popularity", "47.0", "±", "12.7"]


def two_tastes():
    """Twenty users who love five items and hate the other five, or the other way round; all but one pair is known."""
    rows = [(f"u{u}", f"i{i}", 5.0 if (u < 10) == (i < 5) else 1.0) for u in range(20) for i in range(10)]
    return from_rows([row for row in rows if row[:2] != ("u0", "i0")])


@pytest.mark.filterwarnings("ignore")  # where implicit is installed
def test_lists_stand_beside_popularity():
    table = lists.lists(generate(40, 20, seed=1).ratings, None, splits=2, most_users=30)
    assert set(lists.METHODS) <= set(table)
    assert table["popular"]["ndcg_above_popular"] == (0, 0)
    for row in table.values():
        mean, half = row["precision"]
        assert 0 <= mean <= 1
        assert half > 0
        above = row["ndcg"][0] - table["popular"]["ndcg"][0]
        assert row["ndcg_above_popular"][0] == pytest.approx(above, abs=1e-12)


def test_predictions_stand_beside_the_baseline():
    errors = lists.predicted(two_tastes(), folds=2)
    assert {"damped baseline", "items rated alike"} <= set(errors)
    assert np.mean(errors["items rated alike"]) < np.mean(errors["damped baseline"])


def test_peers_are_left_out_where_they_are_not_installed(monkeypatch):
    for name in ("implicit", "surprise"):
        monkeypatch.setitem(sys.modules, name, None)
    assert (list_peers.methods(), list_peers.predictors()) == ({}, {})


@pytest.mark.filterwarnings("ignore")
def test_peers_find_the_taste():
    pytest.importorskip("implicit")
    pytest.importorskip("surprise")
    ratings = two_tastes()
    world = World(likings(ratings), True, Catalog(ratings.item_names, ratings.item_names, {}))
    for name, method in list_peers.methods().items():
        scores = method(world)(world.table[0], 0).scores
        if "SVD" in name:  # the others rank what was rated, here all
            assert scores[ratings.item_names.index("i0")] > scores[ratings.item_names.index("i9")]
        assert scores.shape == (10,)
    held = ratings.take(np.arange(5))
    errors = {
        name: np.abs(predict(ratings, held) - held.values).mean() for name, predict in list_peers.predictors().items()
    }
    assert errors["Surprise user k-NN"] < 0.5 < errors["Surprise baseline"]  # averages know no tastes
