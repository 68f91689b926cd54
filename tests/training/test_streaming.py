"""Streams: the batches of a run in memory, from files, records and iterables."""

import contextlib
import threading

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from small_streams import OPTIONS, STREAMS, in_files, of, three_batches
from small_tasks import assert_identical, line, plain, rows

from jaxdl import data
from jaxdl.training import data_mesh, fit
from jaxdl.training.callbacks import progress
from jaxdl.training.feeding import orders
from jaxdl.training.streaming import chunks, opening
from jaxdl.training.streaming.ordered import ArrayReader, OrderedRows


class Loader:
    """As other libraries have them: a length, and a new pass for every `iter`."""

    def __len__(self) -> int:
        return 3

    def __iter__(self):
        return iter(three_batches())


@pytest.mark.parametrize(
    ("steps_per_call", "mesh"), [(1, None), (2, None), ("auto", None), (1, "data=3"), ("auto", "data=4")]
)
def test_a_stream_of_arrays_is_the_run_in_memory(steps_per_call, mesh):
    runs = [
        fit(line(noise=0.1), **OPTIONS, steps_per_call=steps_per_call, mesh=mesh, stream=stream)
        for stream in (False, True)
    ]
    for one, other in zip(plain(runs[0].state), plain(runs[1].state), strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-6)
    assert runs[1].state.state["seen"].tolist() == [2] * 10
    np.testing.assert_allclose(runs[0].history.history["loss"], runs[1].history.history["loss"], rtol=1e-6)


def test_records_and_mapped_files_are_the_same_stream(tmp_path):
    whole = fit(of("arrays"), **OPTIONS, stream=True)
    assert_identical(fit(of("records"), **OPTIONS).state, whole.state)
    task = line(noise=0.1, data=in_files(tmp_path))
    assert_identical(fit(task, **OPTIONS, stream=True).state, whole.state)


def test_groups_share_batches_in_a_stream():
    groups = jnp.arange(10, dtype=jnp.int32) % 2
    one, other = (fit(line(groups=groups), **OPTIONS, stream=stream) for stream in (False, True))
    np.testing.assert_allclose(plain(one.state)[0], plain(other.state)[0], rtol=1e-6)


def test_size_decides(tmp_path, monkeypatch):
    task = line(data=in_files(tmp_path))
    assert "stream" not in fit(task, **OPTIONS).history.params
    monkeypatch.setattr(opening, "available_memory", lambda: 300)
    history = fit(task, **OPTIONS).history
    assert history.params["stream"] is True
    assert all(0 <= share < 1 for share in history.history["waiting"])
    assert "stream" not in fit(task, **OPTIONS, stream=False).history.params


def test_slow_batches_are_not_waited_for_together(monkeypatch):
    """A loop's chunk would have all three of an epoch; each comes alone, and the steps are the same."""
    monkeypatch.setattr(chunks, "_SECONDS", 0.0)
    ends: list[int] = []
    for train in (Loader(), STREAMS["records"]()):
        whole = fit(of("list" if isinstance(train, Loader) else "arrays"), **OPTIONS, stream=True)
        ends.clear()
        note = [lambda event: ends.append(event.step) if event.kind == "step" else None]
        assert_identical(fit(line(noise=0.1, data=train), **OPTIONS, callbacks=note).state, whole.state)
        assert ends == [1, 2, 3, 4, 5, 6]


def test_short_batches_are_filled_up_and_masked():
    state = fit(of("list"), **OPTIONS).state
    assert state.state["seen"].tolist() == [2] * 10
    given = [batch | {"mask": np.arange(len(batch["y"])) > 0} for batch in three_batches()]
    state = fit(line(data=given), **OPTIONS).state
    assert state.state["seen"].tolist() == [0, 2, 2, 2, 0, 2, 2, 2, 0, 2]


def test_parts_for_scores_may_be_streams(tmp_path):
    whole = fit(line(n_validation=4), **OPTIONS).history.history["val_loss"]
    validation = rows(4, seed=1)
    for name, values in validation.items():
        np.save(tmp_path / f"{name}.npy", values)
    records = data.Records(range(4), lambda i: {name: values[i] for name, values in validation.items()})
    two = [{name: values[i : i + 2] for name, values in validation.items()} for i in (0, 2)]
    for part in (data.map_arrays(tmp_path), records, two):
        task = line()
        scores = fit(task._replace(data=task.data._replace(validation=part)), **OPTIONS).history.history
        np.testing.assert_allclose(scores["val_loss"], whole, rtol=1e-6)


def test_the_bar_says_how_long_the_run_waits(capsys):
    from rich.console import Console

    console = Console(width=200, force_terminal=True)
    bar = progress(console)

    def slow(event):
        bar(event._replace(metrics=event.metrics | {"waiting": 0.25}) if event.kind in ("step", "epoch") else event)

    fit(of("list"), **OPTIONS, callbacks=[slow])
    assert "waiting 25%" in capsys.readouterr().out


def test_no_thread_outlives_its_run():
    def fail(event):
        if event.kind == "step":
            raise KeyError("stop")

    with pytest.raises(KeyError):
        fit(of("list"), **OPTIONS, callbacks=[fail])
    fit(of("arrays"), **OPTIONS, stream=True)
    assert not [thread for thread in threading.enumerate() if thread.name == "feeder"]


def a_third(i: int) -> dict[str, float]:
    return {"x": i + 1 / 3}


@pytest.mark.slow
def test_worker_processes_have_numbers_as_wide(x64):
    pytest.importorskip("grain")
    records = data.Records(range(2), a_third, workers=1)
    with contextlib.closing(opening.open_source(records, key=jax.random.key(0), batch_size=2)) as source:
        assert sorted(source.read(0, 1, 1).arrays["x"][0].tolist()) == [1 / 3, 1 + 1 / 3]


def test_each_process_reads_its_own_rows():
    """Of a batch of eight rows on two devices, one of which is another process's."""

    half = data_mesh(2)
    assert opening.own_rows(half, 8) == slice(0, 8)
    assert opening.own_rows(half, 7) == slice(0, 7)
    source = opening.open_source(rows(10), key=jax.random.key(0), batch_size=4, mesh=half)
    part = OrderedRows(ArrayReader(rows(10)), orders(jax.random.key(0), 10, 4), 10, slice(2, 4))
    whole, own = source.read(0, 3, 3).arrays, part.read(0, 3, 3).arrays
    for name, values in whole.items():
        np.testing.assert_array_equal(values[:, 2:4], own[name])
