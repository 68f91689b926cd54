"""Digits by diffusion: a run draws what is asked for, is scored again, and says what it cannot."""

import types

import jax
import numpy as np
import pytest
from refusal import refused

from jaxdl import cli, runs
from jaxdl.models import ddpm, unet
from jaxdl.recipes import digits_ddpm
from jaxdl.training import fit

ONE_LEVEL = unet.Config(size=(8, 8, 1), channels=(4,), groups=2, n_embedding=4, n_classes=10)


def a_judge_who_sees_only_the_first_five_classes(name):
    def classify(images):
        asked = np.arange(len(images)) % 10
        return images.reshape(len(images), -1)[:, :4], 9.0 * np.eye(10, dtype=np.float32)[np.minimum(asked, 4)]

    return types.SimpleNamespace(classify=classify, accuracy=0.9)


def test_a_run_draws_digits_and_says_what_it_cannot(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(digits_ddpm, "judge", a_judge_who_sees_only_the_first_five_classes)
    monkeypatch.setattr(digits_ddpm, "SAMPLES", 40)
    config = digits_ddpm.Config(model=ONE_LEVEL, diffusion=ddpm.Config(steps=3), epochs=1, batch_size=256)
    run = runs.train("digits_ddpm", config, run_dir=tmp_path / "1")
    assert run.headline == "label_accuracy"
    assert run.score == 0.5
    assert {"samples.png", "denoising.png", "training.gif"} <= {path.name for path in run.folder.iterdir()}
    again = runs.evaluate_run(run.folder)
    assert (again.scores, again.more_scores) == (run.scores, run.more_scores)

    draw = lambda **options: digits_ddpm.sample(config, run.state, jax.random.key(0), **options)  # noqa: E731
    assert draw(count=12).shape == (12, 8, 8, 1)
    assert 0 <= draw(count=12).min() <= draw(count=12).max() <= 1
    assert (draw(count=10)[4] != draw(count=10, label=3)[4]).any()
    np.testing.assert_array_equal(draw(count=10)[3], draw(count=10, label=3)[3])
    command = ["sample", str(run.folder), "--out", str(tmp_path / "sheet.png")]
    assert cli.main([*command, "--count", "10"]) == 0
    assert (tmp_path / "sheet.png").stat().st_size > 0
    capsys.readouterr()
    for words, message in (
        ([*command, "--label", "10"], "label 10: this network has the classes 0 to 9"),
        ([*command, "--interpolate", "4"], "leave --interpolate"),
        (["predict", str(run.folder), str(tmp_path / "sheet.png")], "which predicts nothing"),
        (["train", "digits_ddpm", "--label-smoothing", "0.1"], "label_smoothing 0.1 is for classifiers"),
    ):
        assert message in refused(capsys, *words)


@pytest.mark.slow
def test_digits_are_those_that_were_asked_for():
    config = digits_ddpm.Config()
    task = digits_ddpm.task(config)
    state, _ = fit(task, epochs=config.epochs, batch_size=config.batch_size, seed=config.seed)
    assert task.scores is not None
    scores = task.scores(state, task.data)
    assert scores["label_accuracy"] > 0.9
    assert scores["frechet"] < 6
