"""The record of a recipe's runs, trained now: the scores, and the machine and versions that they were measured with."""

import json

from benchmarks.scores import seeds
from jaxdl import recipes


def test_a_record_holds_scores_and_machine():
    record = seeds.measure("study_hours_linear", 1, {"epochs": 2})
    assert record["mean"] == record["runs"][0]["score"]
    assert {"recipe", "seconds", "date", "python", "versions", "machine", "device"} <= record.keys()


def test_a_preset_has_a_record_of_its_own(tmp_path, monkeypatch):
    monkeypatch.setattr(seeds, "SCORES", tmp_path)
    config = recipes.load("study_hours_linear").Config(epochs=2)
    monkeypatch.setattr(recipes.load("study_hours_linear"), "PRESETS", {"short": config}, raising=False)
    seeds.keep(seeds.measure("study_hours_linear", 1, preset="short"))
    record = json.loads((tmp_path / "study_hours_linear-short.json").read_text())
    assert record["preset"] == "short"
