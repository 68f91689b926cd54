"""`fit(run_dir=...)` from a script leaves a whole run folder, which `jaxdl.load` reads with the script's task."""

import csv
import json

import numpy as np
import pytest
from small_tasks import line

import jaxdl
from jaxdl import data, models
from jaxdl.models import mlp
from jaxdl.tasks import supervised
from jaxdl.training import fit

WHOLE = {"config.json", "environment.json", "metrics.jsonl", "history.csv", "params.safetensors", "curves.png"}


def iris():
    splits = data.split(data.load("iris").train, stratify="y")
    model = models.bind(mlp, mlp.Config(n_in=4, n_out=3, widths=(8,)))
    return supervised.classification(model, supervised.Config(epochs=2), splits, ("a", "b", "c"))


def test_a_script_leaves_a_whole_folder(tmp_path):
    task = iris()
    result = jaxdl.fit(task, epochs=2, batch_size=16, seed=3, run_dir=tmp_path / "1")
    folder = tmp_path / "1"
    assert {path.name for path in folder.iterdir()} >= WHOLE | {"confusion.png", "checkpoints"}
    config = json.loads((folder / "config.json").read_text())
    assert config == {"recipe": None, "config": {"epochs": 2, "batch_size": 16, "seed": 3}}
    environment = json.loads((folder / "environment.json").read_text())
    assert environment["parameters"] == 4 * 8 + 8 + 8 * 3 + 3
    assert environment["seconds"]["train"] > 0
    assert environment["examples"] == 120
    rows = list(csv.DictReader((folder / "history.csv").read_text().splitlines()))
    assert [float(row["val_loss"]) for row in rows] == result.history.history["val_loss"]
    run = jaxdl.load(folder, task=task)
    assert (run.recipe, run.config.seed) == ("", 3)
    np.testing.assert_array_equal(run.params["layer_0"]["w"], result.state.params["layer_0"]["w"])
    assert run.predict(task.data.test["x"]).classes == ("a", "b", "c")


def test_without_its_task_it_is_named_a_scripts(tmp_path):
    fit(line(), epochs=1, batch_size=4, run_dir=tmp_path / "1")
    with pytest.raises(ValueError, match=r"is the run of a script: jaxdl.load\(.*, task=...\) needs its task"):
        jaxdl.load(tmp_path / "1")


def test_a_resumed_script_goes_on_in_its_files(tmp_path):
    fit(line(), epochs=2, batch_size=4, run_dir=tmp_path)
    fit(line(), epochs=4, batch_size=4, run_dir=tmp_path, resume=True)
    epochs = [json.loads(row)["epoch"] for row in (tmp_path / "metrics.jsonl").read_text().splitlines()]
    assert epochs == [1, 2, 3, 4]


def test_what_is_refused_writes_nothing(tmp_path):
    with pytest.raises(ValueError, match="no score 'val_accuracy'"):
        fit(line(monitor="val_accuracy"), epochs=1, batch_size=4, run_dir=tmp_path)
    assert not {path.name for path in tmp_path.iterdir()} & WHOLE


def test_a_fit_without_a_folder_writes_nothing(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    fit(line(), epochs=1, batch_size=4)
    assert not list(tmp_path.iterdir())
