"""A user's table: trained, scored, predicted; classes, numbers and mistakes from the command line."""

import csv
import dataclasses
import json

import numpy as np
import pytest
from refusal import refused

import jaxdl
from jaxdl import cli, runs
from jaxdl.recipes import table

pytestmark = pytest.mark.usefixtures("own_caches", "shared_programs")


@pytest.fixture(scope="module")
def parcels(tmp_path_factory):
    return runs.train("table", table.Config(epochs=20), run_dir=tmp_path_factory.mktemp("parcels") / "1")


def write(path, n=120, seed=0):
    """A table whose price is size * 3 + 50 in the town "A"; big is whether it is above 150."""
    draw = np.random.default_rng(seed)
    lines = ["size;town;price;big"]
    for _ in range(n):
        size, town = int(draw.integers(10, 90)), "AB"[int(draw.integers(2))]
        price = size * 3 + 50 * (town == "A")
        lines.append(f"{size};{town};{price}.5;{'yes' if price > 150 else 'no'}")
    path.write_text("\n".join(lines) + "\n")


def test_the_example_is_learned_and_is_better_than_the_commonest_class(parcels):
    always = parcels.more_scores["test accuracy of always 'no'"]
    assert parcels.headline == "test accuracy"
    assert parcels.score > always + 0.2


def test_a_run_predicts_and_is_scored_from_its_folder_alone(parcels, here, capsys, caplog):
    example = parcels.folder / "example.csv"
    assert cli.main(["predict", str(parcels.folder), str(example), "--out", "y.csv"]) == 0
    rows = list(csv.DictReader((here / "y.csv").read_text().splitlines()))
    truth = [row["late"] for row in csv.DictReader(example.read_text().splitlines())]
    right = np.mean([row["prediction"] == y for row, y in zip(rows, truth, strict=True)])
    assert right == pytest.approx(runs.evaluate_run(parcels.folder, example).scores["test"]["accuracy"], abs=1e-4)
    assert float(rows[0]["p(no)"]) + float(rows[0]["p(yes)"]) == pytest.approx(1, abs=1e-5)
    run = jaxdl.load(parcels.folder)
    row = {"sent": "2024-03-03", "distance_km": 500, "weight_kg": None, "carrier": "Zebra", "weather": "snow"}
    assert run.predict([{**row, "note": "many stairs"}]).values.tolist() == ["yes"]
    assert "carrier: 'Zebra' was not in the training part" in caplog.text


def test_it_is_scored_again_on_its_own_parts(parcels):
    assert runs.evaluate_run(parcels.folder).scores == parcels.scores


def test_a_regression_has_the_units_of_its_column(here, capsys):
    write(here / "x.csv")
    words = ["--data", "x.csv", "--target", "PRICE", "--leave-out", "big", "--epochs", "150", "--batch-size", "8"]
    assert cli.main(["train", "table", *words]) == 0
    printed = capsys.readouterr()
    assert "jaxdl: price: is predicted, a number" in printed.err
    assert "jaxdl: town: 2 categories: A, B" in printed.err
    assert "jaxdl: big: left out" in printed.err
    (here / "x.csv").rename(here / "y.csv")
    run = jaxdl.load("runs/table/1")
    found = run.predict({"size": [20, 80], "town": ["A", "B"]}).values
    np.testing.assert_allclose(found, [110.5, 240.5], atol=20)
    assert "No such file" in refused(capsys, "evaluate", "runs/table/1")
    assert cli.main(["evaluate", "runs/table/1", "y.csv"]) == 0
    assert json.loads((here / "runs/table/1/config.json").read_text())["config"]["data"] == str(here / "x.csv")


def test_data_that_changed_are_not_scored(here, capsys):
    write(here / "x.csv")
    assert cli.main(["train", "table", "--data", "x.csv", "--target", "big", "--epochs", "1"]) == 0
    capsys.readouterr()
    write(here / "x.csv", seed=1)
    assert "they have changed since the run was trained" in refused(capsys, "evaluate", "runs/table/1")


def test_parts_keep_the_shares_of_the_classes(here):
    write(here / "x.csv", n=200)
    task = table.task(table.Config(data=str(here / "x.csv"), target="big"))
    shares = [part["y"].mean() for part in task.data]
    np.testing.assert_allclose(shares, shares[0], atol=0.05)


def test_whole_numbers_are_classes_where_there_are_few_of_them(here):
    (here / "x.csv").write_text("a,grade\n" + "".join(f"{i},{i % 3}\n" for i in range(60)))
    config = table.Config(data=str(here / "x.csv"), target="grade")
    assert table.task(config).monitor == "val_accuracy"
    assert table.task(dataclasses.replace(config, kind="regression")).monitor == "val_r2"


@pytest.mark.parametrize(
    ("content", "words", "message"),
    [
        ("a,b\n1,2\n1\n", ["--target", "b"], "x.csv, line 3: 1 cell, but the header names 2 columns"),
        ("a,b\n1,2\n1,3\n", [], "which column is predicted? --target one of a, b"),
        ("a,b\n1,2\n1,3\n", ["--target", "bb"], "no column 'bb', did you mean 'b'?"),
        ("a,b\n1,2\n2,2\n", ["--target", "b"], "column b is the same everywhere"),
        ("a,b\n1,x\n2,x\n3,y\n4,x\n5,x\n", ["--target", "b"], "x.csv, line 4, column b: the class 'y' has 1 row(s)"),
        ("a,b\n1,x\n2,x\n3,y\n4,x\n5,x\n", ["--target", "b", "--kind", "regression"], "line 2, column b: 'x' is not a"),
        ("a,b\n1,1.5\n1,2.5\n1,3.5\n", ["--target", "b"], "no column is left from which b could be predicted"),
        ("a,b\n" + "1,x\n2,y\n" * 20 + "z,y\n", ["--target", "b"], "x.csv, line 42, column a: 'z' is not a number"),
    ],
)
def test_a_bad_table_is_one_line(here, capsys, content, words, message):
    (here / "x.csv").write_text(content)
    assert message in refused(capsys, "train", "table", "--data", "x.csv", *words)
    assert not (here / "runs").exists()


def test_inputs_that_do_not_fit_are_one_line(parcels, here, capsys):
    (here / "x.csv").write_text("sent,distance_km\n2024-01-01,3\n")
    assert "x.csv has no column 'carrier'" in refused(capsys, "predict", str(parcels.folder), "x.csv")
    assert "No such file" in refused(capsys, "predict", str(parcels.folder), "nowhere.csv")
    lines = (parcels.folder / "example.csv").read_text().splitlines()
    (here / "y.csv").write_text("\n".join([lines[0], lines[1].rsplit(",", 1)[0] + ",maybe"]))
    message = refused(capsys, "evaluate", str(parcels.folder), "y.csv")
    assert "y.csv, line 2, column late: 'maybe' is none of the classes no, yes" in message
