"""Streams: the batches of a run in memory, from files, records and iterables; where they stand; what is refused."""

import json
import sys
import threading
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from small_tasks import assert_identical, line, plain, rows, without_seconds

from jaxdl import data
from jaxdl.data.mapped import SelectedRows
from jaxdl.data.splits import Splits
from jaxdl.training import PAUSE, NonFiniteError, Paused, autopsy, data_mesh, fit, nan_stop
from jaxdl.training.callbacks import progress
from jaxdl.training.feeding import orders
from jaxdl.training.streaming import chunks, opening
from jaxdl.training.streaming.ordered import ArrayReader, OrderedRows
from jaxdl.training.together import fit_many

OPTIONS: dict[str, Any] = {"epochs": 2, "batch_size": 4}


def in_files(folder, n: int = 10) -> dict[str, Any]:
    for name, values in rows(n).items():
        np.save(folder / f"{name}.npy", values)
    return data.map_arrays(folder)


def a_batch(i: int, b: int = 4) -> dict[str, np.ndarray]:
    return {name: values[i * b : i * b + b] for name, values in rows(10).items()}


def three_batches(epoch: int = 0):
    """4, 4 and 2 rows, in an order of the epoch's."""
    return [a_batch((i + epoch) % 3) for i in range(3)]


class Loader:
    """As other libraries have them: a length, and a new pass for every `iter`."""

    def __len__(self) -> int:
        return 3

    def __iter__(self):
        return iter(three_batches())


def in_grain():
    grain = pytest.importorskip("grain")
    return grain.MapDataset.source(three_batches())


def in_grain_without_length():
    return data.Batches(in_grain().seed(5).shuffle().repeat().to_iter_dataset(), steps=3)


STREAMS = {
    "arrays": lambda: rows(10),
    "records": lambda: data.Records(range(10), lambda i: {name: values[i] for name, values in rows(10).items()}),
    "list": three_batches,
    "function": lambda: data.Batches(three_batches, steps=3),
    "grain": in_grain,
    "grain, endless": in_grain_without_length,
    "generator": lambda: data.Batches((batch for epoch in range(9) for batch in three_batches(epoch)), steps=3),
    "steps of more than a pass": lambda: data.Batches(three_batches(), steps=4),
}


def of(kind: str, **options: Any):
    return line(noise=0.1, data=STREAMS[kind](), **options)


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


def test_other_batches_than_before_are_said(tmp_path, caplog):
    options = {**OPTIONS, "run_dir": tmp_path}
    with pytest.raises(Paused):
        fit(of("list"), **options, callbacks=[lambda event: PAUSE if event.step == 2 else None], steps_per_call=2)
    fit(line(noise=0.1, data=three_batches(1)), **options, resume=True)
    assert "the data give other batches than in the run so far" in caplog.text


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


def nan_rows() -> dict[str, Any]:
    found = rows(10)
    found["x"][7] = np.nan
    return found


@pytest.mark.parametrize("numbered", [True, False])
def test_nan_in_a_stream_is_explained(tmp_path, numbered):
    """By the number of the example where there is one, else by the place in the batch."""
    bad = nan_rows()
    batches = [{name: values[i : i + 4] for name, values in bad.items()} for i in (0, 4, 8)]
    task = line(data=bad if numbered else batches)
    options = {**OPTIONS, "stream": True, "steps_per_call": 1, "save_every": 0}
    with pytest.raises(NonFiniteError, match="training rows" if numbered else "batch 2 of it") as caught:
        fit(task, **options, run_dir=tmp_path, callbacks=[nan_stop()])
    case = autopsy.reproduce(task, seed=0, batch_size=4, until=caught.value.step, run_dir=tmp_path)
    assert case is not None
    found = str(autopsy.examine(task, case))
    assert "in the data: x in the batch" in found
    assert ("training rows 7" if numbered else "rows of the batch 3") in found


def test_a_split_of_a_mapped_file_reads_nothing(tmp_path):
    parts = data.split(in_files(tmp_path), test=0.2, validation=0.2)
    assert isinstance(parts.train["x"], SelectedRows)
    assert [part["x"].shape for part in parts] == [(6, 3), (2, 3), (2, 3)]
    every = np.concatenate([np.asarray(part["x"]) for part in parts])
    numbers = np.concatenate([part["row"] for part in parts])
    np.testing.assert_array_equal(every, rows(10)["x"][numbers])
    again = data.split(parts.train, validation=0.0, test=0.5)
    np.testing.assert_array_equal(again.test["x"][:], rows(10)["x"][again.test["row"]])
    mapped = line(data=parts.train, n_validation=0)
    read = line(data={name: np.asarray(values) for name, values in parts.train.items()}, n_validation=0)
    options = {"epochs": 2, "batch_size": 4, "stream": True}
    assert_identical(fit(mapped, **options).state, fit(read, **options).state)


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


def changing(change):
    batches = three_batches()
    batches[1] = change(batches[1])
    return batches


@pytest.mark.parametrize(
    ("train", "options", "message"),
    [
        (iter(three_batches()), {}, "does not say how many batches an epoch has: write Batches"),
        (
            data.Batches(iter(three_batches()), steps=2),
            {},
            "the data ended at batch 2 of epoch 2: a generator is read once",
        ),
        (
            data.Batches(lambda epoch: three_batches(), steps=4),
            {},
            "ended at batch 4 of epoch 1, though .* has 4 batches",
        ),
        ([], {}, "the stream is empty"),
        (data.Batches(lambda epoch: [], steps=1), {}, "ended at batch 1 of epoch 1"),
        (data.Batches(three_batches(), steps=0), {}, "steps must be a whole number, at least 1, got 0"),
        ([(np.zeros(3), np.zeros(3))], {}, "batch 1 of epoch 1: a batch is a dict of arrays, got a tuple"),
        ([{"x": np.zeros((3, 2)), "y": np.zeros(2)}], {}, "the same number of rows, at least 1, got {'x': 3, 'y': 2}"),
        ([{"x": np.array(["a"])}], {}, "x holds <U1, not numbers"),
        (changing(lambda b: b | {"x": b["x"][:, :2]}), {}, r"batch 2 of epoch 1: x is float32\[4, 2\], but .*\[4, 3\]"),
        (
            changing(lambda b: b | {"y": b["y"].astype(int)}),
            {},
            r"y is int32\[4\], but in the first batch .* float32\[4\]",
        ),
        (changing(lambda b: {"x": b["x"]}), {}, "y is missing, but|row is missing, but"),
        (changing(lambda b: a_batch(0, 6)), {}, r"\[6.*\], but in the first batch it was .*\[4"),
        (three_batches(), {"stream": False}, "stream=False is for arrays; the training part is Batches"),
        (rows(10), {"stream": True, "batch_size": None}, "batch_size=None makes one batch of all"),
        (data.Records(range(10), lambda i: {"x": 1 / (i - 7)}), {}, "example 7 cannot be read: ZeroDivisionError"),
        (data.Records(range(10), lambda i: i), {}, "example 0 is a int, not a dict of arrays"),
        (data.Records(range(10), lambda i: {"x": np.zeros(1 + i // 9)}), {}, r"example 9 has shapes .*\(2,\)"),
    ],
)
def test_what_cannot_be_streamed_is_said_in_one_line(train, options, message):
    with pytest.raises(ValueError, match=message) as caught:
        fit(line(data=train), **{**OPTIONS, **options})
    assert "\n" not in str(caught.value)


def test_a_generator_is_no_part_for_scores():
    task = line()
    task = task._replace(data=Splits(task.data.train, data.Batches(iter(three_batches()), steps=3), {}))
    with pytest.raises(ValueError, match="a generator is read once, but this part in every epoch"):
        fit(task, **OPTIONS)


def test_stream_cannot_change_in_a_resumed_run(tmp_path):
    fit(line(), **OPTIONS, run_dir=tmp_path, stream=True)
    assert fit(line(), **{**OPTIONS, "epochs": 3}, run_dir=tmp_path, resume=True).history.params["stream"]
    with pytest.raises(ValueError, match="stream cannot change in a resumed run: it is True, not False"):
        fit(line(), **{**OPTIONS, "epochs": 4}, run_dir=tmp_path, resume=True, stream=False)


def test_a_file_that_shrinks_ends_the_run_in_one_line(tmp_path):
    """Reading behind its end would end the process."""
    task = line(data=in_files(tmp_path))

    def cut(event):
        if event.step == 1:
            with (tmp_path / "x.npy").open("r+b") as file:
                file.truncate(150)

    with pytest.raises(ValueError, match=r"x: .*x.npy has shrunk to 150 of 248 bytes while it is read"):
        fit(task, epochs=9, batch_size=2, steps_per_call=1, stream=True, callbacks=[cut])


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "it is no .npy file"),
        (b"no numbers", "it is no .npy file"),
        (None, "it is cut off, 200 of 248 bytes"),
        (np.array([{}], object), "it holds Python objects"),
        (np.float32(1), "holds one number, not rows"),
    ],
)
def test_files_that_cannot_be_mapped(tmp_path, content, message):
    in_files(tmp_path)
    path = tmp_path / "x.npy"
    if isinstance(content, (bytes, type(None))):
        path.write_bytes(path.read_bytes()[:200] if content is None else content)
    else:
        np.save(path, content, allow_pickle=True)
    with pytest.raises(ValueError, match=message) as caught:
        data.map_arrays(tmp_path)
    assert "\n" not in str(caught.value)
    with pytest.raises(ValueError, match=r"there are no \.npy files"):
        data.map_arrays(tmp_path / "none")


def decode(record: bytes) -> dict[str, np.ndarray]:
    numbers = np.frombuffer(record, np.float32)
    return {"x": numbers[:3], "y": numbers[3], "row": numbers[4].astype(np.int32)}


def in_records(folder) -> list[str]:
    module = pytest.importorskip("array_record.python.array_record_module")
    paths, examples = [], rows(10)
    for name, chosen in (("a", range(6)), ("b", range(6, 10))):
        paths.append(str(folder / f"{name}.array_record"))
        writer = module.ArrayRecordWriter(paths[-1], "group_size:1")
        for i in chosen:
            writer.write(np.array([*examples["x"][i], examples["y"][i], i], np.float32).tobytes())
        writer.close()
    return paths


def test_array_record_files_are_streamed(tmp_path):
    pytest.importorskip("grain")
    whole = fit(of("arrays"), **OPTIONS, stream=True)
    task = line(noise=0.1, data=data.array_records(in_records(tmp_path), decode))
    assert_identical(fit(task, **OPTIONS).state, whole.state)
    with pytest.raises(ValueError, match=r"none\.array_record is not there"):
        data.array_records(tmp_path / "none.array_record", decode)
    (tmp_path / "a.array_record").write_bytes(b"no records")
    with pytest.raises(ValueError, match=r"a\.array_record cannot be read") as caught:
        fit(line(data=data.array_records(tmp_path / "a.array_record", decode)), **OPTIONS)
    assert "\n" not in str(caught.value)


def test_without_grain_a_line_says_how_to_get_it(monkeypatch):
    monkeypatch.setitem(sys.modules, "grain", None)
    monkeypatch.setitem(sys.modules, "grain.sources", None)
    with pytest.raises(ValueError, match=r"workers=2 needs grain: pip install 'jaxdl\[streaming\]'"):
        fit(line(data=data.Records(range(10), a_row, workers=2)), **OPTIONS)
    with pytest.raises(ValueError, match="an array_record file needs grain"):
        data.array_records("a", decode)


def a_row(i: int) -> dict[str, np.ndarray]:
    return {name: values[i] for name, values in rows(10).items()}


@pytest.mark.slow
def test_worker_processes_bring_the_same_batches(tmp_path):
    pytest.importorskip("grain")
    options = {**OPTIONS, "steps_per_call": 1}
    whole = fit(of("arrays"), **options, stream=True)
    task = line(noise=0.1, data=data.Records(range(10), a_row, workers=2))
    with pytest.raises(Paused):
        fit(task, **options, run_dir=tmp_path, callbacks=[lambda event: PAUSE if event.step == 2 else None])
    assert_identical(fit(task, **options, run_dir=tmp_path, resume=True).state, whole.state)


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


@pytest.mark.parametrize("stream", [three_batches, lambda: data.Records(range(10), a_row)])
def test_what_trains_many_runs_wants_arrays(stream):
    with pytest.raises(ValueError, match="fit_many: batches and records are streamed, by fit alone"):
        fit_many(line(data=stream()), seeds=[0, 1], epochs=1, batch_size=4)
