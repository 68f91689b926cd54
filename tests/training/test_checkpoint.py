"""Resuming: bit-identical to a run that was never cut off."""

import time
from typing import Any

import jax
import numpy as np
import pytest
from small_tasks import assert_identical, files_of, line, plain, rows, scripted, without_seconds

from jaxdl.artifacts import lock
from jaxdl.optim import momentum, sgd
from jaxdl.training import PAUSE, STOP, Paused, data_mesh, early_stopping, fit
from jaxdl.training.callbacks import record
from jaxdl.training.checkpoint import Checkpoints
from jaxdl.training.saved import from_json


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
    """Killed after the first epoch, in the middle of the third, and at the very end; an epoch has three steps."""
    cut_off(task, tmp_path, kind, step, steps_per_call=2)
    events = []
    resumed = fit(
        task, epochs=4, batch_size=4, run_dir=tmp_path, resume=True, steps_per_call=2, callbacks=[record(events)]
    )
    assert_identical(resumed.state, whole.state)
    assert without_seconds(resumed.history) == without_seconds(whole.history)
    assert resumed.history.epoch == whole.history.epoch == [1, 2, 3, 4]
    at = (step // 3, step // 3 * 3)
    assert events[:3] == [("compile", *at), ("best", *at), ("begin", *at)]


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


def steps_kept(folder) -> list[int]:
    return sorted(int(path.name) for path in (folder / "checkpoints").iterdir())


def test_the_last_three_and_the_best_are_kept(tmp_path):
    task = scripted([3, 1, 2, 2, 2, 2])
    state, history = fit(task, epochs=6, batch_size=4, run_dir=tmp_path)
    assert steps_kept(tmp_path) == [6, 12, 15, 18]
    fresh = jax.jit(task.init)(jax.random.key(0))
    with Checkpoints(tmp_path, "val_loss", "min") as checkpoints:
        saved = checkpoints.latest({"batch_size": 4}, fresh)
        best, last = checkpoints.restore(saved, fresh)
    assert best is not None
    assert (int(best.step), int(last.step)) == (6, 18)
    assert saved.history == history
    assert_identical(last, state)


@pytest.mark.parametrize(("mode", "best"), [("min", 9), ("max", 3)])
def test_best_by_mode(tmp_path, mode, best):
    task = scripted([5, 3, 1, 2, 4, 4, 4], mode=mode)
    fit(task, epochs=7, batch_size=4, run_dir=tmp_path)
    assert steps_kept(tmp_path) == [best, 15, 18, 21]


def test_an_older_checkpoint_keeps_its_best_epoch_too(tmp_path):
    """The last one is the best: were it lost, those before it would still have theirs."""
    fit(scripted([1, 2, 2, 2, 2, 0]), epochs=6, batch_size=4, run_dir=tmp_path)
    assert steps_kept(tmp_path) == [3, 12, 15, 18]


def pause_at(step: int):
    return lambda event: PAUSE if (event.kind, event.step) == ("step", step) else None


@pytest.mark.parametrize("devices", [None, 2])
def test_a_run_resumes_from_any_step(tmp_path, devices):
    """Paused after each of its steps in turn, inside epochs and at their ends: not a bit differs."""
    task = line(noise=0.1)
    options: dict[str, Any] = {"epochs": 2, "batch_size": 4, "steps_per_call": 1}
    mesh = None if devices is None else data_mesh(devices)
    whole = fit(task, **options, mesh=mesh)
    for step in range(1, 6):
        with pytest.raises(Paused, match=f"paused after step {step}"):
            fit(task, **options, mesh=mesh, run_dir=tmp_path, resume=step > 1, callbacks=[pause_at(step)])
        assert (
            int((tmp_path / "checkpoints" / str(step) / "progress.json").read_text().split(":")[1].split(",")[0])
            == step
        )
    resumed = fit(task, **options, mesh=mesh, run_dir=tmp_path, resume=True)
    assert_identical(resumed.state, whole.state)
    assert without_seconds(resumed.history) == without_seconds(whole.history)


def test_a_checkpoint_of_one_mesh_loads_on_another(tmp_path):
    task = line(noise=0.1)
    with pytest.raises(Paused):
        fit(
            task, epochs=4, batch_size=4, steps_per_call=1, mesh=data_mesh(4), run_dir=tmp_path, callbacks=[pause_at(5)]
        )
    state = fit(task, epochs=4, batch_size=4, run_dir=tmp_path, resume=True, mesh=data_mesh(2)).state
    for ours, whole in zip(plain(state), plain(fit(task, epochs=4, batch_size=4, steps_per_call=1).state), strict=True):
        np.testing.assert_allclose(ours, whole, rtol=1e-5, atol=1e-6)


def test_checkpoints_inside_an_epoch_come_by_the_clock(tmp_path):
    kill = lambda event: (_ for _ in ()).throw(Killed) if event.step == 8 else None  # noqa: E731
    with pytest.raises(Killed):
        fit(line(), epochs=4, batch_size=4, steps_per_call=1, run_dir=tmp_path, save_every=0, callbacks=[kill])
    assert steps_kept(tmp_path) == [3, 5, 6, 7]  # 3 is the best epoch's of 5


def test_a_history_is_that_of_its_checkpoint_however_slow_the_disk(tmp_path, monkeypatch):
    """What a thread writes late is what was true when it was told to."""
    write, seen = Checkpoints._write, []

    def late(self, step, state, progress):
        time.sleep(0.05)
        write(self, step, state, progress)
        seen.append((step, from_json((tmp_path / "checkpoints" / str(step) / "progress.json").read_text()).history))

    monkeypatch.setattr(Checkpoints, "_write", late)
    fit(line(), epochs=5, batch_size=4, run_dir=tmp_path)
    assert [step for step, _ in seen] == [3, 6, 9, 12, 15]
    for step, history in seen:
        assert history.epoch == list(range(1, step // 3 + 1))
        assert all(len(values) == step // 3 for values in history.history.values())


def test_a_warm_start_is_not_done_twice(tmp_path):
    calls = []

    def warm_start(state):
        calls.append(1)
        return state._replace(params=jax.tree.map(jax.numpy.ones_like, state.params))

    task = line()._replace(warm_start=warm_start)
    with pytest.raises(Paused):
        fit(task, epochs=1, batch_size=4, steps_per_call=1, run_dir=tmp_path, callbacks=[pause_at(1)])
    assert steps_kept(tmp_path) == [0, 1]
    resumed = fit(task, epochs=1, batch_size=4, run_dir=tmp_path, resume=True)
    assert calls == [1]
    assert_identical(resumed.state, fit(task, epochs=1, batch_size=4, steps_per_call=1).state)


def test_stop_in_a_step_keeps_its_epoch(tmp_path):
    stop = lambda event: STOP if event.kind == "step" else None  # noqa: E731
    _, history = fit(line(), epochs=3, batch_size=4, steps_per_call=1, run_dir=tmp_path, callbacks=[stop])
    assert history.epoch == [1]
    assert steps_kept(tmp_path) == [3]


def test_new_run_in_an_old_folder_is_refused(task, tmp_path):
    fit(task, epochs=1, batch_size=4, run_dir=tmp_path)
    with pytest.raises(ValueError, match="holds checkpoints: resume that run or name another folder"):
        fit(task, epochs=1, batch_size=4, run_dir=tmp_path)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"batch_size": 5}, "steps is 3 there, 2 here"),
        ({"batch_size": 9}, "batch_size is 8 there, 9 here"),  # both take two steps
        ({"seed": 1}, "seed is 0 there, 1 here"),
        ({"data": rows(10, seed=5)}, "data is [0-9a-f]{16} there, [0-9a-f]{16} here"),
        ({"data": rows(11)}, "it is of another model: state/seen is int32.10. there, int32.11. here"),
        ({"epochs": 1}, "epochs must be at least 2, as many as are begun, got 1"),
    ],
)
def test_a_resumed_run_must_be_the_same_run(tmp_path, change, message):
    first: dict[str, Any] = {"batch_size": 8 if change.get("batch_size") == 9 else 4, "epochs": 2, "seed": 0}
    fit(line(), run_dir=tmp_path, **first)
    before = files_of(tmp_path)
    data = change.pop("data", None)
    task = line() if data is None else line(len(data["x"]), data=data)
    with pytest.raises(ValueError, match=message) as error:
        fit(task, run_dir=tmp_path, resume=True, **(first | change))
    assert "\n" not in str(error.value)
    assert files_of(tmp_path) == before, "a refusal changed the folder"


def test_unknown_monitor_names_the_scores_before_training(tmp_path):
    events = []
    with pytest.raises(ValueError, match="no score 'val_accuracy' to monitor; this run has loss, seconds, val_loss"):
        fit(line(monitor="val_accuracy"), epochs=1, batch_size=4, run_dir=tmp_path, callbacks=[record(events)])
    assert [kind for kind, _, _ in events] == ["compile", "abort"]


def test_a_folder_in_use_is_refused(tmp_path):
    (tmp_path / lock.NAME).write_text("7 elsewhere\n")
    with pytest.raises(ValueError, match="in use by process 7 on elsewhere"):
        fit(line(), epochs=1, batch_size=4, run_dir=tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == [lock.NAME]
