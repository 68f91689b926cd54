"""Damaged checkpoints: every kind is noticed and named, the last good one is used, nothing is deleted."""

import logging
import shutil
from typing import Any

import numpy as np
import pytest
from small_tasks import assert_identical, files_of, line, without_seconds

from jaxdl.training import fit

TASK = line(noise=0.1)
OPTIONS: dict[str, Any] = {"epochs": 5, "batch_size": 4}


@pytest.fixture(scope="module")
def whole():
    return fit(TASK, **OPTIONS)


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """Four epochs of three steps: checkpoints 6, 9 and 12, and the best one's."""
    folder = tmp_path_factory.mktemp("trained") / "run"
    fit(TASK, **dict(OPTIONS, epochs=4), run_dir=folder)
    return folder


def plain_files(folder):
    return sorted(path for path in folder.rglob("*") if path.is_file())


def for_each_file(change):
    def damage(checkpoint):
        for path in plain_files(checkpoint):
            change(path)

    return damage


def of_another_model(checkpoint):
    other = checkpoint.parents[2] / "other"
    fit(line(11, noise=0.1), **OPTIONS, run_dir=other)
    shutil.rmtree(checkpoint)
    shutil.move(sorted((other / "checkpoints").iterdir(), key=lambda path: int(path.name))[-1], checkpoint)


def of_another_run(checkpoint):
    other = checkpoint.parents[2] / "other"
    fit(TASK, **dict(OPTIONS, epochs=4), seed=7, run_dir=other)
    shutil.rmtree(checkpoint)
    shutil.move(other / "checkpoints" / "12", checkpoint)


DAMAGES = {
    "truncated": (for_each_file(lambda path: path.write_bytes(path.read_bytes()[:-1])), "manifest.json cannot be read"),
    "emptied": (for_each_file(lambda path: path.write_bytes(b"")), "manifest.json cannot be read"),
    "deleted": (for_each_file(lambda path: path.unlink()), "it has no manifest.json"),
    "a file more": (lambda folder: (folder / "state" / "more").write_text("x"), "state/more is not one of its files"),
    "a file less": (lambda folder: (folder / "progress.json").unlink(), "progress.json is missing"),
    "a link": (
        lambda folder: (
            (folder / "progress.json").rename(folder.parent.parent / "there"),
            (folder / "progress.json").symlink_to(folder.parent.parent / "there"),
        ),
        "progress.json is not a plain file",
    ),
    "brackets": (lambda folder: (folder / "manifest.json").write_text("[" * 100_000), "manifest.json cannot be read"),
    "a stray folder": (
        lambda folder: (folder.parent / "99").mkdir(),
        "step 99 cannot be used: it is damaged: it has no",
    ),
    "another model's": (of_another_model, "it is of another model: state/seen is int32[11] there, int32[10] here"),
    "another run's": (of_another_run, "it is of another run: seed is 7 there, 0 here"),
    "another step's": (
        lambda folder: (shutil.rmtree(folder), shutil.copytree(folder.parent / "9", folder)),
        "it is the checkpoint of step 9",
    ),
}


@pytest.mark.parametrize("name", DAMAGES)
def test_damage_is_named_and_the_last_good_checkpoint_used(trained, whole, tmp_path, caplog, name):
    run = shutil.copytree(trained, tmp_path / "run")
    damage, message = DAMAGES[name]
    damage(run / "checkpoints" / "12")
    before = files_of(run)
    with caplog.at_level(logging.WARNING):
        resumed = fit(TASK, **OPTIONS, run_dir=run, resume=True)
    (line_said,) = [record.getMessage() for record in caplog.records if record.name.startswith("jaxdl")]
    assert message in line_said
    assert "\n" not in line_said
    assert_identical(resumed.state, whole.state)
    assert without_seconds(resumed.history) == without_seconds(whole.history)
    step = "99" if name == "a stray folder" else "12"
    old, new = f"checkpoints/{step}/", f"checkpoints/{step}.unusable/"
    kept = {file: data for file, data in files_of(run).items() if file.startswith(new)}
    expected = {file.replace(old, new): data for file, data in before.items() if file.startswith(old)}
    assert kept == expected, "something of the damaged checkpoint was deleted"


def test_a_flipped_byte_anywhere_is_noticed(trained, tmp_path):
    """In twenty random places of every file."""
    checkpoint = shutil.copytree(trained, tmp_path / "run") / "checkpoints" / "12"
    with _checkpoints(tmp_path / "run") as checkpoints:
        assert _usable(checkpoints, 12)
    rng, flips = np.random.default_rng(0), 0
    for path in plain_files(checkpoint):
        content = path.read_bytes()
        for place in rng.integers(0, len(content), 20) if content else ():
            flipped = bytearray(content)
            flipped[place] ^= 1 << rng.integers(8)
            path.write_bytes(flipped)
            with _checkpoints(tmp_path / "run") as checkpoints:
                assert not _usable(checkpoints, 12), (path, place)
            flips += 1
        path.write_bytes(content)
    assert flips >= 100


def _checkpoints(run):
    from jaxdl.training.checkpoint import Checkpoints

    return Checkpoints(run, "val_loss", "min")


def _usable(checkpoints, step) -> bool:
    import jax

    return checkpoints.latest({}, jax.eval_shape(TASK.init, jax.random.key(0))).step == step


@pytest.mark.parametrize("which", [["12"], ["9", "12"], None])
def test_the_newest_of_the_good_ones_is_taken(trained, whole, tmp_path, which):
    """With none left the run is refused, and nothing is changed."""
    run = shutil.copytree(trained, tmp_path / "run")
    for step in which or [path.name for path in (run / "checkpoints").iterdir()]:
        (run / "checkpoints" / step / "manifest.json").write_text("{}")
    before = files_of(run)
    if which is None:
        with pytest.raises(ValueError, match=r"checkpoints/12 cannot be used: it is damaged: .* is not one"):
            fit(TASK, **OPTIONS, run_dir=run, resume=True)
        assert files_of(run) == before
        return
    starts = []
    begin = lambda event: starts.append(event.step) if event.kind == "begin" else None  # noqa: E731
    resumed = fit(TASK, **OPTIONS, run_dir=run, resume=True, callbacks=[begin])
    assert starts == [12 - 3 * len(which)]
    assert_identical(resumed.state, whole.state)
