"""The task of two players: its data, resuming, collapse."""

import dataclasses

import jax
import numpy as np
import pytest
from small_game import MODEL, PLAIN
from small_tasks import assert_identical

from jaxdl.data import Splits
from jaxdl.models import gan
from jaxdl.tasks import adversarial, game
from jaxdl.training import Event, History, fit


def rows(n, seed):
    x = np.random.default_rng(seed).normal(size=(n, 2)).astype(np.float32)
    return {"x": x, "y": np.arange(n, dtype=np.int32) % 3}


def task(config=PLAIN, model=MODEL, change=lambda part: part):
    """The game on some rows, the arrays of its training part changed."""
    return game.game(adversarial.players(gan, model), config, Splits(change(rows(20, 0)), rows(12, 1), {}))


def test_a_resumed_game_is_bit_identical(tmp_path):
    """Twenty rows in batches of 8: the last batch of an epoch is incomplete."""
    whole = fit(task(), epochs=2, batch_size=8)
    fit(task(), epochs=1, batch_size=8, run_dir=tmp_path)
    resumed = fit(task(), epochs=2, batch_size=8, run_dir=tmp_path, resume=True)
    assert resumed.history.epoch == [1, 2]
    assert_identical(resumed.state, whole.state)
    assert 0 <= resumed.history.last()["val_coverage"] <= 1


def test_impossible_data_are_refused():
    with pytest.raises(ValueError, match=r"makes examples of \(3,\), the data have \(2,\)"):
        task(model=dataclasses.replace(MODEL, size=(3,)))
    with pytest.raises(ValueError, match="must divide 20 examples"):
        task(dataclasses.replace(PLAIN, batch_size=None, discriminator_steps=3))


PIXELS = dataclasses.replace(MODEL, output="sigmoid")


@pytest.mark.parametrize(
    ("model", "change", "message"),
    [
        (
            dataclasses.replace(MODEL, n_classes=2),
            lambda part: part,
            r"train: y is 2 in row 2, not a label in \[0, 2\)",
        ),
        (dataclasses.replace(MODEL, n_classes=3), lambda part: {"x": part["x"]}, "train: no labels 'y'"),
        (MODEL, lambda part: {"x": part["x"].astype(np.int64)}, "x is int64; give floats, or bytes"),
        (PIXELS, lambda part: {"x": 2 * part["x"] - 1}, 'but the generator\'s output "sigmoid" in'),
        (PIXELS, lambda part: {"x": 255 * abs(part["x"])}, "scale the data"),
        (MODEL, lambda part: {"x": np.full_like(part["x"], np.nan)}, "train: x holds nan in row 0"),
    ],
    ids=["labels", "no labels", "integers", "from -1 to 1", "from 0 to 255", "nan"],
)
def test_a_game_is_checked_as_classifiers_are(model, change, message):
    with pytest.raises(ValueError, match=message):
        task(model=model, change=change)


def test_bytes_are_pixels():
    part = {"x": np.array([[0, 255], [9, 8]] * 4, np.uint8)}
    assert game.game(adversarial.players(gan, PIXELS), PLAIN, Splits(part, part, {})).monitor == "val_coverage"


def test_collapse_is_reported_once_and_again_after_a_recovery(capsys):
    callback, history = game.report_collapse(), History()
    state = adversarial.init_game(jax.random.key(0), adversarial.players(gan, MODEL), PLAIN)
    for epoch, value in enumerate([0.05, 0.01, 0.6, 0.2, 0.1, 0.5, 0.25], 1):
        history.append(epoch, {"val_coverage": value})
        callback(Event("epoch", epoch, epoch, state, {"val_coverage": value}, history, None))
    reported = capsys.readouterr().err.splitlines()
    assert reported == [
        "epoch 4: collapse: val_coverage 0.200, it was 0.600",
        "epoch 7: collapse: val_coverage 0.250, it was 0.600",
    ]
