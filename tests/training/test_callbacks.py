"""Callbacks: early stopping, logs, the progress bar, and what happens when a run raises."""

import csv
import io
import itertools
import json
import math
import re
import threading
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from rich.console import Console
from small_tasks import assert_identical, line, scripted

from jaxdl.optim import adam, scale_by_factor, with_factor
from jaxdl.training import (
    Event,
    History,
    callbacks,
    csv_log,
    early_stopping,
    fit,
    json_lines,
    progress,
    reduce_on_plateau,
)
from jaxdl.training.callbacks import record


def states_of(task, epochs: int):
    """The state after every epoch of an undisturbed run."""
    kept = {}

    def keep(event):
        if event.kind == "epoch":
            kept[event.epoch] = jax.tree.map(jnp.copy, event.state)

    fit(task, epochs=epochs, batch_size=4, callbacks=[keep])
    return kept


@pytest.mark.parametrize(
    ("values", "options", "ends", "best"),
    [
        ([5, 4, 3, 2, 1], {"patience": 2}, 5, 5),
        ([5, 3, 4, 4, 1], {"patience": 2}, 4, 2),
        ([5, 3, 4, 2, 3], {"patience": 2}, 5, 4),
        ([3, 3, 3, 3, 3], {"patience": 2}, 3, 1),  # equal is not better: the first stays the best
        ([5, 4.5, 4.2, 4.1, 4], {"patience": 2, "min_delta": 1.0}, 3, 3),  # too small to go on, but still the best
        ([1, 2, 2, 3, 1], {"patience": 1, "mode": "max"}, 3, 2),
        ([float("nan"), 2, 1, 3, 3], {"patience": 2}, 5, 3),
    ],
)
def test_early_stopping_ends_in_time_and_restores_the_best_weights(values, options, ends, best):
    task = scripted(values)
    state, history = fit(task, epochs=5, batch_size=4, callbacks=[early_stopping("val_loss", **options)])
    assert history.epoch == list(range(1, ends + 1))
    assert_identical(state, states_of(task, best)[best])


def test_early_stopping_names_the_scores_there_are():
    with pytest.raises(ValueError, match="no score 'val_acc'; this run has loss, seconds, val_loss"):
        fit(line(), epochs=1, batch_size=4, callbacks=[early_stopping("val_acc")])


@pytest.mark.parametrize("options", [{"mode": "auto"}, {"patience": 0}])
def test_early_stopping_refuses_impossible_options(options):
    with pytest.raises(ValueError, match="early_stopping: mode is"):
        early_stopping(**options)


def test_logs_hold_the_history(tmp_path):
    hooks = [csv_log(tmp_path / "h.csv"), json_lines(tmp_path / "h.jsonl")]
    history = fit(line(), epochs=3, batch_size=4, callbacks=hooks).history
    lines = [json.loads(text) for text in (tmp_path / "h.jsonl").read_text().splitlines()]
    assert lines == history.rows()
    with (tmp_path / "h.csv").open(newline="") as file:
        table = [{name: float(value) for name, value in row.items()} for row in csv.DictReader(file)]
    assert table == history.rows()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["h.csv", "h.jsonl"], "no temporary file stays"


def test_lines_of_a_run_that_diverged_are_json(tmp_path):
    values = [math.nan, math.inf, 1.5]
    fit(scripted(values), epochs=3, batch_size=4, callbacks=[json_lines(tmp_path / "h.jsonl")])

    def no_json(word):
        raise AssertionError(f"{word} is not JSON")

    lines = [json.loads(text, parse_constant=no_json) for text in (tmp_path / "h.jsonl").read_text().splitlines()]
    assert [line["val_loss"] for line in lines] == [None, None, 1.5]


def test_history_fills_scores_that_come_late_or_stay_away():
    history = History()
    history.append(1, {"loss": 2.0})
    history.append(2, {"loss": 1.0, "val_loss": 3.0})
    history.append(3, {"val_loss": 4.0})
    np.testing.assert_array_equal(history.history["loss"], [2.0, 1.0, np.nan])
    np.testing.assert_array_equal(history.history["val_loss"], [np.nan, 3.0, 4.0])
    assert [row["epoch"] for row in history.rows()] == [1, 2, 3]


class Boom(Exception):
    pass


def _raise_at(kind: str, error: type[BaseException] = Boom):
    def callback(event: Event) -> None:
        if event.kind == kind:
            raise error

    return callback


def _refreshing() -> bool:
    """Whether a thread still redraws a bar; one that was told to stop gets the time to do so."""
    threads = [thread for thread in threading.enumerate() if "Refresh" in type(thread).__name__]
    for thread in threads:
        thread.join(timeout=0.5)
    return any(thread.is_alive() for thread in threads)


def _terminal() -> tuple[Console, io.StringIO]:
    written = io.StringIO()
    return Console(file=written, force_terminal=True, width=120), written


@pytest.mark.parametrize(
    ("kind", "error"), [("begin", Boom), ("step", KeyboardInterrupt), ("epoch", Boom), ("end", Boom)]
)
def test_progress_bar_is_stopped_when_a_run_raises(kind, error):
    live = []
    console, written = _terminal()
    hooks = [progress(console), lambda event: live.append(_refreshing()), _raise_at(kind, error)]
    with pytest.raises(error):
        fit(line(), epochs=2, batch_size=4, callbacks=hooks)
    assert live[0], "the bar was never live, so this test proves nothing"
    assert not _refreshing()
    assert written.getvalue().endswith(("\x1b[?25h", "\x1b[2K")), "the cursor is shown again"


def test_progress_bar_shows_scores_and_epoch():
    console, written = _terminal()
    fit(line(), epochs=2, batch_size=4, callbacks=[progress(console)])
    assert not _refreshing()
    shown = written.getvalue()
    assert shown.index("compiling") < shown.index("epoch 2/2")
    for piece in ("epoch 2/2", "val_loss", "steps/s", "6/6"):
        assert piece in shown


@pytest.mark.parametrize("width", [60, 80, 120])
def test_progress_bar_cuts_no_number(width, monkeypatch):
    """A long run's figures: what does not fit is left out, what is shown is whole."""
    written = io.StringIO()
    console = Console(file=written, force_terminal=True, width=width)
    callback = progress(console)
    history = History(params={"epochs": 200, "steps": 5000})
    scores = {"loss": 123.45678, "accuracy": 0.5, "val_accuracy": 0.25, "val_loss": 1234.5}
    monkeypatch.setattr(callbacks.time, "perf_counter", itertools.count(0.0, 100.0).__next__)
    told: list[tuple[Any, int, int]] = [
        ("compile", 1, 0),
        ("begin", 1, 0),
        ("step", 150, 745_000),
        ("end", 150, 745_000),
    ]
    state: Any = None
    for kind, epoch, step in told:
        callback(Event(kind, epoch, step, state, scores, history, None))
    shown = re.sub(r"\x1b\[[0-9;?]*[a-zA-Z]", "", written.getvalue()).replace("\r", "\n").splitlines()
    (last,) = {row.rstrip() for row in shown if row.startswith("epoch 150")}
    assert "…" not in last
    assert len(last) <= width
    assert "epoch 150/200  loss 123.4568" in last
    assert ("val_accuracy 0.2500" in last) == (width >= 80)
    assert ("745000/1000000" in last) == (width >= 120)


@pytest.mark.parametrize("kind", ["compile", "begin", "step", "epoch"])
def test_abort_is_told_once_to_every_callback_in_place_of_end(kind):
    before, after = [], []
    with pytest.raises(Boom):
        fit(line(), epochs=2, batch_size=4, callbacks=[record(before), _raise_at(kind), record(after)])
    for events in (before, after):
        kinds = [name for name, _, _ in events]
        assert kinds[-1] == "abort"
        assert kinds.count("abort") == 1
        assert "end" not in kinds


def test_abort_is_told_when_a_step_raises():
    events = []
    task = line()

    def evaluate_batch(state, batch):
        raise Boom

    with pytest.raises(Boom):
        fit(task._replace(evaluate=evaluate_batch), epochs=1, batch_size=4, callbacks=[record(events)])
    assert events[-1][0] == "abort"


def plateaus(values, **options):
    return scripted(values, optimizer=optax.chain(adam(0.05), scale_by_factor()), **options)


def factors(task, **options):
    """The factor after every epoch, and the state in the end."""
    seen: list[float] = []

    def see(event):
        if event.kind == "epoch":
            seen.append(float(event.state.opt_state[1].factor))

    reduce = reduce_on_plateau("val_loss", patience=2, least=0.2)
    return fit(task, batch_size=4, callbacks=[reduce, see], **options).state, seen


def test_the_rate_is_halved_at_every_plateau_down_to_the_least():
    _, seen = factors(plateaus([5, 4, 4, 4, 4, 4, 4, 4, 4]), epochs=9)
    assert seen == pytest.approx([1, 1, 1, 0.5, 0.5, 0.25, 0.25, 0.2, 0.2])


def test_a_step_is_as_large_as_its_factor():
    params = {"w": jnp.ones(2)}
    rule = optax.chain(adam(0.05), scale_by_factor())
    state = rule.init(params)
    whole: Any = rule.update(params, state, params)[0]
    half: Any = rule.update(params, with_factor(state, 0.5), params)[0]
    np.testing.assert_allclose(half["w"], 0.5 * whole["w"])


def test_a_resumed_run_has_the_factor_of_one_that_was_not_cut(tmp_path):
    """Cut where the rate has just been halved: the checkpoint of that epoch is older than the answer."""
    values = [5, 4, 4, 4, 4, 4]
    whole, seen = factors(plateaus(values), epochs=6)
    factors(plateaus(values), epochs=4, run_dir=tmp_path)
    resumed, rest = factors(plateaus(values), epochs=6, run_dir=tmp_path, resume=True)
    assert seen[4:] == rest
    assert_identical(whole, resumed)


def test_reduce_on_plateau_needs_a_score_and_a_factor():
    with pytest.raises(ValueError, match="no score 'val_acc'; this run has"):
        fit(plateaus([1.0]), epochs=1, batch_size=4, callbacks=[reduce_on_plateau("val_acc")])
    with pytest.raises(ValueError, match=r"has no optim.scale_by_factor\(\) in its chain"):
        fit(line(), epochs=1, batch_size=4, callbacks=[reduce_on_plateau()])
    with pytest.raises(ValueError, match="patience >= 1"):
        reduce_on_plateau(patience=0)
