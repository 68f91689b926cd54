"""What cannot be streamed, and the line that says so."""

from typing import Any

import numpy as np
import pytest
from small_streams import OPTIONS, a_batch, a_row, three_batches
from small_tasks import line, rows

from jaxdl import data
from jaxdl.data.splits import Splits
from jaxdl.training import NonFiniteError, autopsy, fit, nan_stop
from jaxdl.training.together import fit_many


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


@pytest.mark.parametrize("stream", [three_batches, lambda: data.Records(range(10), a_row)])
def test_what_trains_many_runs_wants_arrays(stream):
    with pytest.raises(ValueError, match="fit_many: batches and records are streamed, by fit alone"):
        fit_many(line(data=stream()), seeds=[0, 1], epochs=1, batch_size=4)


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
