"""Run folders: which files, what stands in them, and a model that comes back from them."""

import csv
import dataclasses
import json
from pathlib import Path

import jax
import jax.numpy as jnp
import matplotlib.image
import numpy as np
import PIL.Image
import pytest
from safetensors.numpy import load_file

from jaxdl import runs
from jaxdl.artifacts import files
from jaxdl.models import mlp
from jaxdl.recipes import digits_mlp, xor_mlp
from jaxdl.runs import run_folder
from jaxdl.tasks.supervised import as_float
from jaxdl.training import STOP
from jaxdl.tree import named_leaves

CONFIG = digits_mlp.Config(model=mlp.Config(n_in=64, n_out=10, widths=(8,)), epochs=2, batch_size=256, seed=5)


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    return runs.train("digits_mlp", CONFIG, run_dir=tmp_path_factory.mktemp("runs") / "1")


def test_files(run):
    expected = {"config.json", "environment.json", "metrics.jsonl", "history.csv", "params.safetensors"}
    expected |= {"norms.jsonl", "report.html"}
    assert {path.name for path in run.folder.iterdir()} == expected | {"curves.png", "confusion.png", "checkpoints"}


def test_config(run):
    stored = json.loads((run.folder / "config.json").read_text())
    assert stored["recipe"] == "digits_mlp"
    assert stored["config"]["model"]["widths"] == [8]
    assert runs.configuration(run.folder) == ("digits_mlp", CONFIG)


def test_environment(run):
    notes = json.loads((run.folder / "environment.json").read_text())
    assert notes["seed"] == 5
    assert notes["versions"]["jax"] == jax.__version__
    assert {"python", "machine", "device", "x64", "epochs", "batch_size", "steps_per_call"} <= notes.keys()
    assert 0 < notes["seconds"]["train"] < notes["seconds"]["in_all"]
    assert notes["scores"] == run.scores
    assert notes["parameters"] == 64 * 8 + 8 + 8 * 10 + 10


def test_logs_agree(run):
    rows = [json.loads(line) for line in (run.folder / "metrics.jsonl").read_text().splitlines()]
    with (run.folder / "history.csv").open(newline="") as file:
        table = [{name: float(value) for name, value in row.items()} for row in csv.DictReader(file)]
    assert rows == table
    assert [row["epoch"] for row in rows] == [1, 2]
    assert set(rows[0]) == {"epoch", "loss", "accuracy", "seconds", "val_loss", "val_accuracy"}


def test_parameters_are_named_by_their_paths(run):
    stored = load_file(run.folder / "params.safetensors")
    leaves = named_leaves(run.state.params)
    assert stored.keys() == leaves.keys() == {"layer_0/b", "layer_0/w", "layer_1/b", "layer_1/w"}
    for name, leaf in leaves.items():
        np.testing.assert_array_equal(stored[name], leaf)


@pytest.mark.parametrize("name", ["curves", "confusion"])
def test_pictures_open_and_show_something(run, name):
    picture = matplotlib.image.imread(run.folder / f"{name}.png")
    assert min(picture.shape[:2]) > 200
    assert picture[..., :3].std() > 0.01


def test_scores_hold_every_part_and_come_back(run):
    assert list(run.scores) == ["train", "validation", "test"]
    assert run.headline == "test accuracy"
    again = runs.evaluate_run(run.folder)
    assert again.scores == run.scores
    for a, b in zip(jax.tree.leaves(again.state.params), jax.tree.leaves(run.state.params), strict=True):
        np.testing.assert_array_equal(a, b)


def test_a_task_may_draw_every_epoch_and_score_the_whole(tmp_path, monkeypatch):
    """Frames become pictures and an animation, scores of the data as a whole a table of their own."""
    norm = lambda state, data: {"weights": float(jnp.sum(state.params["layer_0"]["w"] ** 2))}  # noqa: E731
    frame = lambda state: jnp.abs(state.params["layer_0"]["w"])  # noqa: E731
    task = digits_mlp.task(CONFIG)._replace(scores=norm, headline="weights", frame=frame)
    monkeypatch.setattr(digits_mlp, "task", lambda config: task)
    run = runs.train("digits_mlp", CONFIG, run_dir=tmp_path / "run")
    assert (run.headline, run.score) == ("weights", norm(run.state, None)["weights"])
    assert runs.evaluate_run(run.folder).more_scores == run.more_scores
    frames = sorted((run.folder / "frames").glob("*.png"))
    assert [path.stem for path in frames] == [f"{epoch:04d}" for epoch in range(CONFIG.epochs + 1)]
    with PIL.Image.open(run.folder / "training.gif") as animation, PIL.Image.open(frames[0]) as first:
        assert getattr(animation, "n_frames") == len(frames)  # noqa: B009 - not an attribute of every kind of image
        assert animation.size == first.size


def test_test_score_is_that_of_the_restored_parameters(run):
    task = digits_mlp.task(CONFIG)
    logits = mlp.apply(run.state.params, as_float(jnp.asarray(task.data.test["x"])), CONFIG.model)
    assert run.scores["test"]["accuracy"] == pytest.approx(float((logits.argmax(-1) == task.data.test["y"]).mean()))


def test_resumed_run_equals_a_run_in_one_go(run, tmp_path):
    """Stopped after the first epoch, gone on to the second: the same parameters, history and scores, bit for bit."""
    stop = lambda event: STOP if event.kind == "epoch" else None  # noqa: E731
    runs.train("digits_mlp", CONFIG, run_dir=tmp_path / "1", more_callbacks=(stop,))
    resumed = runs.train("digits_mlp", CONFIG, run_dir=tmp_path / "1", resume=True)
    assert resumed.scores == run.scores
    for a, b in zip(jax.tree.leaves(resumed.state.params), jax.tree.leaves(run.state.params), strict=True):
        np.testing.assert_array_equal(a, b)
    drop = lambda path: [  # noqa: E731
        {name: value for name, value in json.loads(line).items() if name != "seconds"}
        for line in (path / "metrics.jsonl").read_text().splitlines()
    ]
    assert drop(resumed.folder) == drop(run.folder)


def test_recipe_with_one_part_is_scored_on_it(tmp_path):
    config = xor_mlp.Config(epochs=2)
    run = runs.train("xor_mlp", config, run_dir=tmp_path / "xor")
    assert list(run.scores) == ["train"]


def test_new_folders_are_numbered(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert run_folder.new_folder("r", None) == Path("runs/r/1")
    for name in ("2", "10", "notes"):
        Path("runs/r", name).mkdir(parents=True)
    assert run_folder.new_folder("r", None) == Path("runs/r/11")
    assert not Path("runs/r/11").exists()
    assert run_folder.new_folder("r", Path("runs/r/10")) == Path("runs/r/10"), "an empty folder is welcome"


def test_a_failing_write_leaves_the_old_file_and_no_half_one(tmp_path):
    path = tmp_path / "x.json"
    files.write_json(path, {"old": 1})
    with pytest.raises(TypeError):
        files.write_json(path, {"new": object()})

    def half(temporary):
        temporary.write_text("half")
        raise OSError("disk full")

    with pytest.raises(OSError, match="disk full"):
        files.write(path, half)
    assert json.loads(path.read_text()) == {"old": 1}
    assert [p.name for p in tmp_path.iterdir()] == ["x.json"]


@pytest.mark.parametrize(
    "config", [CONFIG, digits_mlp.Config(batch_size=None, max_norm=3.0, patience=2), xor_mlp.Config()]
)
def test_configurations_survive_json(config):
    stored = json.loads(json.dumps(dataclasses.asdict(config)))
    assert run_folder.config_from_dict(type(config), stored) == config
