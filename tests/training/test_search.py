"""Spaces, strategies, the picture, and a search that was cut off."""

import dataclasses
import json
import math

import numpy as np
import pytest

from jaxdl.models import mlp
from jaxdl.recipes import digits_mlp, xor_mlp
from jaxdl.runs import searches
from jaxdl.runs.searches import Asked, read_search, run_search
from jaxdl.training import fit
from jaxdl.training.rate_finder import find_learning_rate
from jaxdl.training.search import best, search
from jaxdl.training.spaces import Dimension, fields, grid_trials, parse, random_trials, replaced
from jaxdl.training.trial_groups import traced_fields

CONFIG = replaced(xor_mlp.Config(), {"epochs": 4})
SPACE = parse(CONFIG, ["learning_rate=log:1e-3:1", "model.activation=tanh,relu"])


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("learning_rate", "needs FIELD=VALUES"),
        ("learning-rat=0:1", "did you mean 'learning_rate'"),
        ("learning_rate=1:0.1", "low < high"),
        ("learning_rate=log:0:1", "above 0"),
        ("learning_rate=a:b", "'a' is no number"),
        ("learning_rate=-1:1", "learning_rate must be positive"),
        ("epochs=1:2.5", "no whole number"),
        ("optimizer=adam,sdg", "is not one of"),
        ("optimizer=adam:sgd", "is no range"),
        ("optimizer=adam", "one value is no space"),
        ("model.widths=4|x", "is not a tuple of whole numbers"),
        ("model.dropout=0:2", "dropout must be in"),
    ],
)
def test_spaces_that_cannot_be(text, message):
    with pytest.raises(ValueError, match=message):
        parse(digits_mlp.Config(), [text])
    with pytest.raises(ValueError, match="given twice"):
        parse(digits_mlp.Config(), ["l2=0:1", "l2=0:2"])


def test_values_of_every_kind():
    texts = ["learning_rate=log:1e-3:1", "batch_size=8:11", "balanced=True,False", "model.widths=64|128,128"]
    space = parse(digits_mlp.Config(), texts)
    drawn = random_trials(space, 400, 0)
    rates = np.log10([trial["learning_rate"] for trial in drawn])
    assert abs(rates.mean() + 1.5) < 0.15
    assert {trial["batch_size"] for trial in drawn} == {8, 9, 10, 11}
    assert {trial["balanced"] for trial in drawn} == {True, False}
    assert {trial["model.widths"] for trial in drawn} == {(64,), (128, 128)}
    for trial in drawn[:20]:
        assert replaced(digits_mlp.Config(), trial).model.widths == trial["model.widths"]
    assert all(name in fields(digits_mlp.Config()) for name in drawn[0])


def test_grids():
    space = [Dimension("a", 0.0, 1.0), Dimension("b", 1, 3, whole=True), Dimension("c", choices=("x", "y"))]
    grid = grid_trials(space, 18)
    assert len(grid) == 18
    assert {trial["a"] for trial in grid} == {0.0, 0.5, 1.0}
    with pytest.raises(ValueError, match="at least 2"):
        grid_trials(space, 1)


def test_numbers_that_a_program_can_take_are_found():
    names = ["learning_rate", "l1", "l2", "label_smoothing", "model.dropout", "clip_norm"]
    config = digits_mlp.Config()
    space = parse(config, [f"{name}=1e-5:1e-2" for name in names] + ["validation=0.1:0.2"])
    assert traced_fields(digits_mlp.task, config, space) == names


def test_traced_numbers_train_as_plain_ones_do():
    """Every number of a program at once, held against `fit` with that configuration."""
    config = replaced(digits_mlp.Config(), {"epochs": 2, "model.widths": (16,)})
    space = parse(
        config, ["learning_rate=1e-3:1e-2", "l2=1e-5:1e-3", "label_smoothing=0.01:0.2", "model.dropout=0.1:0.4"]
    )
    for tried in search(digits_mlp.task, config, space, trials=2):
        alone = fit(digits_mlp.task(replaced(config, tried.values)), epochs=2, batch_size=32)
        assert tried.score == pytest.approx(max(alone.history.history["val_accuracy"]), abs=0.012)  # two of 180 digits


@pytest.mark.parametrize(
    ("method", "count"), [("random", 6), ("grid", 6), ("halving", 6), ("optuna", 6), ("hyperband", 5)]
)
def test_methods(method, count):
    if method == "optuna":
        pytest.importorskip("optuna")
    found = search(xor_mlp.task, CONFIG, SPACE, method=method, trials=6)
    assert [tried.number for tried in found] == list(range(len(found)))
    assert len(found) == count
    assert all(math.isfinite(tried.score) for tried in found)
    epochs = [tried.epochs for tried in found]
    assert max(epochs) == CONFIG.epochs
    assert (min(epochs) < CONFIG.epochs) == (method in ("halving", "hyperband"))
    assert best(found, "min").score == min(tried.score for tried in found)


def test_a_trial_that_cannot_be_built_ends_alone():
    space = parse(CONFIG, ["batch_size=2,4,64"])
    found = search(xor_mlp.task, CONFIG, space, trials=8)
    failed = [tried for tried in found if tried.values["batch_size"] == 64]
    assert failed
    assert all("batch_size" in tried.note for tried in failed)
    assert best(found, "min").values["batch_size"] != 64


def test_a_search_goes_on_where_it_was_cut_off(tmp_path, monkeypatch):
    asked = Asked("xor_mlp", CONFIG, ("learning_rate=log:1e-3:1", "model.activation=tanh,relu"), trials=5)
    whole = run_search(asked, tmp_path / "whole")
    assert read_search(tmp_path / "whole") == asked
    cut = tmp_path / "cut"
    cut.mkdir()
    (cut / "search.json").write_text((tmp_path / "whole" / "search.json").read_text())
    lines = (tmp_path / "whole" / "trials.jsonl").read_text().splitlines()
    (cut / "trials.jsonl").write_text("\n".join(lines[:3]) + "\n" + lines[3][:20])
    ran = []
    monkeypatch.setattr(searches, "search", lambda *a, **k: ran.append(len(k["done"])) or search(*a, **k))
    again = run_search(read_search(cut), cut, resume=True)
    assert ran == [3]
    assert [t.values for t in again.trials] == [t.values for t in whole.trials]
    assert again.command == whole.command
    for name in ("trials.csv", "trials.png", "best/params.safetensors"):
        assert (cut / name).stat().st_size > 100
    assert (
        json.loads((cut / "best" / "config.json").read_text())["config"]["learning_rate"]
        == again.best.values["learning_rate"]
    )


def test_commands_name_what_differs():
    config = dataclasses.replace(
        digits_mlp.Config(), balanced=True, clip_norm=1.0, model=mlp.Config(n_in=64, n_out=10, widths=(8, 8))
    )
    words = searches.command("digits_mlp", config)
    assert words == "jaxdl train digits_mlp --clip-norm 1.0 --balanced --model.widths 8 8 --model.dropout 0.0"


def test_the_rate_finder_finds_a_rate_that_trains():
    found = find_learning_rate(digits_mlp.task, replaced(digits_mlp.Config(), {"model.widths": (32,)}))
    assert 3e-4 < found.suggestion < found.largest < 1
    with pytest.raises(ValueError, match="no learning_rate"):
        find_learning_rate(digits_mlp.task, mlp.Config(n_in=1, n_out=1))
