"""The recommenders' benchmark scripts: the peers find what ours finds, the table says the means."""

import numpy as np
import pytest

from benchmarks.scores import recommenders
from benchmarks.studies import neighbors

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
