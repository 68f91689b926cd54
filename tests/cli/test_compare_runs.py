"""`jaxdl compare`: options that differ, scores, curves; runs of recipes and of scripts, finished or not."""

import json

import pytest
from PIL import Image
from refusal import refused

from jaxdl import cli, runs
from jaxdl.recipes import xor_mlp
from jaxdl.runs import records


@pytest.fixture(scope="module")
def two(tmp_path_factory):
    folder = tmp_path_factory.mktemp("two")
    for name, config in {"a": xor_mlp.Config(epochs=3), "b": xor_mlp.Config(epochs=5, seed=1)}.items():
        runs.train("xor_mlp", config, run_dir=folder / name)
    return folder


def test_what_differs_and_the_scores_stand_beside_each_other(two, here, capsys, monkeypatch):
    monkeypatch.chdir(two)
    assert cli.main(["compare", "a", "b", "--out", str(here / "x.png")]) == 0
    rows = {line.split("  ")[0]: line.split()[-2:] for line in capsys.readouterr().out.splitlines() if line.strip()}
    assert rows["epochs"] == ["3", "5"]
    assert rows["seed"] == ["0", "1"]
    assert "batch_size" not in rows
    losses = [records.read(two / name).scores["train loss"] for name in "ab"]
    assert rows["train loss"] == [f"{loss:.4f}" for loss in losses]
    assert rows["parameters"][0] == rows["parameters"][1] != ""
    with Image.open(here / "x.png") as picture:
        assert picture.width > 300


def test_curves_are_laid_over_each_other(two):
    panels = records.panels([records.read(two / name) for name in "ab"])
    assert {name: len(epochs) for name, (epochs, _) in panels["loss"].items()} == {str(two / "a"): 3, str(two / "b"): 5}
    assert "seconds" not in panels


def test_equal_runs_scripts_and_runs_that_did_not_finish(two, here, capsys):
    assert cli.main(["compare", str(two / "a"), str(two / "a")]) == 0
    assert "these runs have the same options" in capsys.readouterr().out
    (here / "s").mkdir()
    (here / "s" / "config.json").write_text(json.dumps({"recipe": None, "config": {"epochs": 2}}))
    assert cli.main(["compare", str(two / "a"), "s"]) == 0
    printed = capsys.readouterr().out
    assert "s (not finished)" in printed
    assert "(script)" in printed
    assert cli.main(["compare", "s", "s", "--out", "x.png"]) == 2
    assert "no score in common" in capsys.readouterr().err


def test_mistakes_are_told_in_a_line(two, here, capsys):
    assert "expected 2 argument(s), got 1" in refused(capsys, "compare", str(two / "a"))
    assert "nowhere is not a run folder" in refused(capsys, "compare", str(two / "a"), "nowhere")
    assert "--out needs FILE.png" in refused(capsys, "compare", str(two / "a"), str(two / "b"), "--out", "x.txt")
    (here / "d").mkdir()
    (here / "d" / "config.json").write_text((two / "a" / "config.json").read_text())
    (here / "d" / "metrics.jsonl").write_text("{")
    assert "d is damaged" in refused(capsys, "compare", str(two / "a"), "d")
