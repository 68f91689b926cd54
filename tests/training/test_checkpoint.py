"""Resuming: bit-identical to a run that was never cut off."""

import jax
import pytest
from small_tasks import assert_identical, line, scripted, without_seconds

from jaxdl.optim import momentum, sgd
from jaxdl.training import early_stopping, fit
from jaxdl.training.callbacks import record
from jaxdl.training.checkpoint import Checkpoints


class Killed(Exception):
    pass


def kill(kind: str, step: int):
    def callback(event):
        if (event.kind, event.step) == (kind, step):
            raise Killed

    return callback


def cut_off(task, folder, kind: str, step: int, *, epochs: int = 4, more=(), **options):
    """Run until the event, then go on in the same folder."""
    with pytest.raises(Killed):
        fit(task, epochs=epochs, batch_size=4, run_dir=folder, callbacks=[*more, kill(kind, step)], **options)
    return folder


@pytest.fixture(scope="module")
def task():
    return line(noise=0.1)


@pytest.fixture(scope="module")
def whole(task):
    return fit(task, epochs=4, batch_size=4)


@pytest.mark.parametrize(("kind", "step"), [("epoch", 3), ("step", 8), ("end", 12)])
def test_resumed_run_is_bit_identical(task, whole, tmp_path, kind, step):
    """Killed behind the first epoch, in the middle of the third, and at the very end; an epoch has three steps."""
    cut_off(task, tmp_path, kind, step, steps_per_call=2)
    events = []
    resumed = fit(
        task, epochs=4, batch_size=4, run_dir=tmp_path, resume=True, steps_per_call=2, callbacks=[record(events)]
    )
    assert_identical(resumed.state, whole.state)
    assert without_seconds(resumed.history) == without_seconds(whole.history)
    assert resumed.history.epoch == whole.history.epoch == [1, 2, 3, 4]
    assert events[:2] == [("best", step // 3, step // 3 * 3), ("begin", step // 3, step // 3 * 3)]


def test_run_cut_off_twice(task, whole, tmp_path):
    cut_off(task, tmp_path, "epoch", 3)
    with pytest.raises(Killed):
        fit(task, epochs=4, batch_size=4, run_dir=tmp_path, resume=True, callbacks=[kill("step", 9)])
    assert_identical(fit(task, epochs=4, batch_size=4, run_dir=tmp_path, resume=True).state, whole.state)


@pytest.mark.parametrize("optimizer", [sgd(0.1), momentum(0.1)], ids=["sgd", "momentum"])
def test_every_shape_of_optimizer_state_comes_back(tmp_path, optimizer):
    task = line(optimizer=optimizer)
    cut_off(task, tmp_path, "epoch", 3, epochs=2)
    resumed = fit(task, epochs=2, batch_size=4, run_dir=tmp_path, resume=True)
    assert_identical(resumed.state, fit(task, epochs=2, batch_size=4).state)


def test_more_epochs_than_planned_at_first(task, whole, tmp_path):
    fit(task, epochs=2, batch_size=4, run_dir=tmp_path)
    assert_identical(fit(task, epochs=4, batch_size=4, run_dir=tmp_path, resume=True).state, whole.state)


def test_finished_run_resumes_to_itself(task, tmp_path):
    first = fit(task, epochs=2, batch_size=4, run_dir=tmp_path)
    again = fit(task, epochs=2, batch_size=4, run_dir=tmp_path, resume=True)
    assert_identical(again.state, first.state)
    assert again.history.history == first.history.history, "seconds too: nothing ran"


@pytest.mark.parametrize(
    ("values", "kind", "step"),
    [([3, 1, 2, 2, 0], "step", 8), ([3, 2, 2, 2, 0], "epoch", 9), ([4, 3, 2.9, 2.8, 2.7], "end", 12)],
    ids=["best before the kill", "ties, kill at the stop", "less than min_delta, kill at the end"],
)
def test_early_stopping_survives_a_resume(tmp_path, values, kind, step):
    task = scripted(values)

    def hooks():
        return [early_stopping("val_loss", patience=2, min_delta=0.5)]

    whole = fit(task, epochs=5, batch_size=4, callbacks=hooks())
    cut_off(task, tmp_path, kind, step, epochs=5, more=hooks(), steps_per_call=2)
    resumed = fit(task, epochs=5, batch_size=4, run_dir=tmp_path, resume=True, callbacks=hooks())
    assert without_seconds(resumed.history) == without_seconds(whole.history)
    assert_identical(resumed.state, whole.state)


def test_early_stopping_by_another_score_than_the_checkpoints_is_refused(tmp_path):
    task = scripted([1, 2, 3, 4])  # validation says the first epoch, the training loss a later one
    cut_off(task, tmp_path, "epoch", 9)
    with pytest.raises(ValueError, match="keep the best epoch by another score than 'loss'"):
        fit(task, epochs=4, batch_size=4, run_dir=tmp_path, resume=True, callbacks=[early_stopping("loss")])


def test_last_and_best_are_kept(tmp_path):
    task = scripted([3, 1, 2, 2])
    state, _ = fit(task, epochs=4, batch_size=4, run_dir=tmp_path)
    assert sorted(path.name for path in (tmp_path / "checkpoints").iterdir()) == ["2", "4"]
    with Checkpoints(tmp_path, "val_loss", "min") as checkpoints:
        best, last, history = checkpoints.restore(jax.jit(task.init)(jax.random.key(0)))
    assert (int(best.step), int(last.step)) == (6, 12)
    assert history.history["val_loss"] == [3.0, 1.0, 2.0, 2.0]
    assert_identical(last, state)


@pytest.mark.parametrize(("mode", "best"), [("min", 2), ("max", 1)])
def test_best_by_mode(tmp_path, mode, best):
    task = scripted([3, 1, 2], mode=mode)
    fit(task, epochs=3, batch_size=4, run_dir=tmp_path)
    assert {path.name for path in (tmp_path / "checkpoints").iterdir()} == {str(best), "3"}


def test_new_run_in_an_old_folder_is_refused(task, tmp_path):
    fit(task, epochs=1, batch_size=4, run_dir=tmp_path)
    with pytest.raises(ValueError, match="holds checkpoints: resume that run or name another folder"):
        fit(task, epochs=1, batch_size=4, run_dir=tmp_path)


def test_another_batch_size_is_refused(task, tmp_path):
    fit(task, epochs=2, batch_size=4, run_dir=tmp_path)
    with pytest.raises(ValueError, match="made with 3 steps an epoch, but this run has 2"):
        fit(task, epochs=3, batch_size=5, run_dir=tmp_path, resume=True)


def test_unknown_monitor_names_the_scores(tmp_path):
    with pytest.raises(ValueError, match="no score 'val_accuracy' to monitor; this run has loss, seconds, val_loss"):
        fit(line(monitor="val_accuracy"), epochs=1, batch_size=4, run_dir=tmp_path)


def test_a_damaged_checkpoint_is_named_in_one_line(tmp_path):
    fit(line(), epochs=2, batch_size=4, run_dir=tmp_path)
    parts = [path for path in (tmp_path / "checkpoints" / "2" / "state").rglob("*") if path.is_file()]
    for path in parts:
        path.write_bytes(path.read_bytes()[:7])
    with pytest.raises(ValueError, match=r"checkpoints/2 cannot be read: it is damaged") as error:
        fit(line(), epochs=3, batch_size=4, run_dir=tmp_path, resume=True)
    assert "\n" not in str(error.value)
