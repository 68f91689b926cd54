"""Many seeds of a recipe: the scores are those of single runs."""

import csv

import pytest

from jaxdl import runs
from jaxdl.cli.dispatch import main
from jaxdl.recipes import xor_mlp
from jaxdl.runs.seeds import train_seeds
from jaxdl.training.spaces import replaced


def test_scores_are_those_of_single_runs(tmp_path):
    config = replaced(xor_mlp.Config(), {"epochs": 5})
    done = train_seeds("xor_mlp", config, 3, run_dir=tmp_path / "many")
    with open(done.folder / "seeds.csv", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert [row["seed"] for row in rows] == ["0", "1", "2"]
    for k, row in enumerate(rows):
        alone = runs.train("xor_mlp", replaced(config, {"seed": k}), run_dir=tmp_path / str(k))
        assert done.scores[done.headline][k] == pytest.approx(alone.score, rel=1e-4)
        assert float(row[done.headline]) == done.scores[done.headline][k]


def test_on_the_command_line(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert main(["train", "xor_mlp", "--seeds", "2", "--epochs", "3"]) == 0
    assert "±" in capsys.readouterr().out
    assert (tmp_path / "seeds/xor_mlp/1/seeds.csv").is_file()
    for words, message in ((["--seeds", "1"], "at least 2"), (["--seeds", "two"], "at least 2")):
        assert main(["train", "xor_mlp", *words]) == 2
        assert message in capsys.readouterr().err
