"""Streams from files: mapped arrays and array records, and what is wrong with them."""

import sys

import numpy as np
import pytest
from small_streams import OPTIONS, a_row, in_files, of
from small_tasks import assert_identical, line, rows

from jaxdl import data
from jaxdl.data.mapped import SelectedRows
from jaxdl.training import fit


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
