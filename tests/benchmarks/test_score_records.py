"""The record of a recipe's runs, trained now: the scores, and the machine and versions that they were measured with."""

from benchmarks.scores import seeds


def test_a_record_holds_scores_and_machine():
    record = seeds.measure("study_hours_linear", 1, {"epochs": 2})
    assert record["mean"] == record["runs"][0]["score"]
    assert {"recipe", "seconds", "date", "python", "versions", "machine", "device"} <= record.keys()
