"""Streams of every kind: where they stand, so that a run goes on bit for bit."""

import json

import pytest
from small_streams import OPTIONS, STREAMS, a_row, of, three_batches
from small_tasks import assert_identical, line, without_seconds

from jaxdl import data
from jaxdl.training import PAUSE, Paused, fit


@pytest.mark.parametrize("kind", STREAMS)
def test_a_stream_resumes_where_it_stood(tmp_path, kind):
    options = {**OPTIONS, "steps_per_call": 1, "stream": True}
    whole = fit(of(kind), **options)
    end = int(whole.state.step)
    for step in (2, end // 2, end - 1):  # inside of an epoch, at its end, before its short batch
        pause = [lambda event, step=step: PAUSE if (event.kind, event.step) == ("step", step) else None]
        with pytest.raises(Paused):
            fit(of(kind), **options, run_dir=tmp_path, resume=step > 2, callbacks=pause)
    resumed = fit(of(kind), **options, run_dir=tmp_path, resume=True)
    assert_identical(resumed.state, whole.state)
    assert without_seconds(resumed.history) == without_seconds(whole.history)
    again = fit(of(kind), **options, run_dir=tmp_path, resume=True)
    assert_identical(again.state, whole.state)
    logged = [json.loads(row) for row in (tmp_path / "metrics.jsonl").read_text().splitlines()]
    assert [0 <= row["waiting"] < 1 for row in logged] == [True, True]


@pytest.mark.parametrize("kind", ["list", "grain", "function"])
def test_calls_of_several_batches_resume_inside(tmp_path, kind):
    """A chunk of three batches, a pause behind its second one."""
    options = {**OPTIONS, "steps_per_call": 2, "stream": True}
    whole = fit(of(kind), **options)
    pause = [lambda event: PAUSE if event.step == 2 else None]
    with pytest.raises(Paused):
        fit(of(kind), **options, run_dir=tmp_path, callbacks=pause)
    assert_identical(fit(of(kind), **options, run_dir=tmp_path, resume=True).state, whole.state)


def test_other_batches_than_before_are_said(tmp_path, caplog):
    options = {**OPTIONS, "run_dir": tmp_path}
    with pytest.raises(Paused):
        fit(of("list"), **options, callbacks=[lambda event: PAUSE if event.step == 2 else None], steps_per_call=2)
    fit(line(noise=0.1, data=three_batches(1)), **options, resume=True)
    assert "the data give other batches than in the run so far" in caplog.text


def test_stream_cannot_change_in_a_resumed_run(tmp_path):
    fit(line(), **OPTIONS, run_dir=tmp_path, stream=True)
    assert fit(line(), **{**OPTIONS, "epochs": 3}, run_dir=tmp_path, resume=True).history.params["stream"]
    with pytest.raises(ValueError, match="stream cannot change in a resumed run: it is True, not False"):
        fit(line(), **{**OPTIONS, "epochs": 4}, run_dir=tmp_path, resume=True, stream=False)


@pytest.mark.slow
def test_worker_processes_bring_the_same_batches(tmp_path):
    pytest.importorskip("grain")
    options = {**OPTIONS, "steps_per_call": 1}
    whole = fit(of("arrays"), **options, stream=True)
    task = line(noise=0.1, data=data.Records(range(10), a_row, workers=2))
    with pytest.raises(Paused):
        fit(task, **options, run_dir=tmp_path, callbacks=[lambda event: PAUSE if event.step == 2 else None])
    assert_identical(fit(task, **options, run_dir=tmp_path, resume=True).state, whole.state)
