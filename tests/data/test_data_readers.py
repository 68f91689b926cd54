"""The readers: scikit-learn's tables, IDX, CIFAR-10's archive, and the real image sets where they lie."""

import functools
import hashlib
import io
import os
import pickle
import struct
import tarfile
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from jaxdl import data
from jaxdl.data import images
from jaxdl.data.sources import DataDamaged, find

# ---------------------------------------------------------------- tables


@pytest.mark.parametrize(
    ("name", "shape", "counts"),
    [
        ("iris", (150, 4), [50, 50, 50]),
        ("wine", (178, 13), [59, 71, 48]),
        ("breast_cancer", (569, 30), [212, 357]),
        ("digits", (1797, 8, 8, 1), [178, 182, 177, 183, 181, 182, 181, 179, 174, 180]),
    ],
)
def test_classification_tables(name, shape, counts):
    loaded = data.load(name)
    x, y = loaded.train["x"], loaded.train["y"]
    assert (x.shape, x.dtype, y.dtype) == (shape, np.float32, np.int32)
    assert np.bincount(y).tolist() == counts
    assert loaded.n_classes == len(counts)
    assert loaded.test is None
    assert loaded.about
    assert loaded.license
    data.validate(loaded.train, loaded.n_classes)
    if name != "digits":
        assert len(loaded.feature_names) == shape[1]


def test_first_iris():
    iris = data.load("iris")
    np.testing.assert_allclose(iris.train["x"][0], [5.1, 3.5, 1.4, 0.2])
    assert iris.class_names[iris.train["y"][0]] == "setosa"


def test_digits_are_images():
    digits = data.load("digits").train
    assert (digits["x"].min(), digits["x"].max()) == (0.0, 1.0)
    zero = digits["x"][0, :, :, 0]  # the first image is a 0: a ring with a hole
    assert digits["y"][0] == 0
    assert zero[3:5, 3:5].max() < zero[0, 2:5].max()


def test_diabetes_is_a_regression_on_raw_features():
    diabetes = data.load("diabetes")
    assert diabetes.train["y"].dtype == np.float32
    assert diabetes.class_names == ()
    assert diabetes.n_classes == 0
    assert diabetes.train["x"][0, 0] == 59  # years
    assert (diabetes.train["y"].min(), diabetes.train["y"].max()) == (25, 346)


# ---------------------------------------------------------------- IDX


def idx(values, code=0x08):
    values = np.asarray(values)
    return bytes([0, 0, code, values.ndim]) + struct.pack(f">{values.ndim}I", *values.shape) + values.tobytes()


@pytest.mark.parametrize(
    ("code", "dtype"), [(0x08, ">u1"), (0x09, ">i1"), (0x0B, ">i2"), (0x0C, ">i4"), (0x0D, ">f4"), (0x0E, ">f8")]
)
def test_idx_types(code, dtype):
    values = np.arange(24).reshape(2, 3, 4).astype(dtype)
    read = images.read_idx(idx(values, code), shape=(None, 3, 4))
    np.testing.assert_array_equal(read, values)
    assert read.dtype.isnative


IMAGES = idx(np.arange(24, dtype=np.uint8).reshape(2, 3, 4))


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "is not IDX"),
        (b"<html>", "is not IDX"),
        (b"\x01" + IMAGES[1:], "is not IDX"),
        (IMAGES[:2] + b"\x07" + IMAGES[3:], "unknown IDX type 0x07"),
        (IMAGES[:3] + b"\x01" + IMAGES[4:], "rank 1, expected 3"),
        (IMAGES[:10], "needs 16 bytes, there are 10"),
        (IMAGES[:-1], r"needs 24 bytes of values, there are 23"),
        (IMAGES + b"x", r"needs 24 bytes of values, there are 25"),
        (IMAGES[:7] + b"\x03" + IMAGES[8:], r"shape \(3, 3, 4\) needs 36 bytes"),
        (IMAGES[:15] + b"\x05" + IMAGES[16:], r"the header says shape \(2, 3, 5\), expected"),
        (IMAGES[:4] + b"\xff" * 4 + IMAGES[8:], r"shape \(4294967295, 3, 4\) needs"),
    ],
    ids=["empty", "page", "magic", "type", "rank", "header", "short", "long", "count", "width", "huge"],
)
def test_idx_header_fields(content, message):
    with pytest.raises(DataDamaged, match=message) as caught:
        images.read_idx(content, name="train-images", shape=(None, 3, 4))
    assert str(caught.value).startswith("train-images")


def test_idx_of_rank_zero_is_refused():
    with pytest.raises(DataDamaged, match="rank 0"):
        images.read_idx(bytes([0, 0, 8, 0, 1]))


def test_images_and_labels_belong_together():
    with pytest.raises(DataDamaged, match="2 images, but 3 labels"):
        images.labeled(np.zeros((2, 4)), np.zeros(3, np.uint8), name="x")
    with pytest.raises(DataDamaged, match="row 1 is 10"):
        images.labeled(np.zeros((2, 4)), np.array([0, 10], np.uint8), name="x")


# ---------------------------------------------------------------- CIFAR-10's archive


def records(seed, n=3):
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, 10, (n, 1), np.uint8)
    return np.concatenate([labels, rng.integers(0, 256, (n, 3072), np.uint8)], axis=1)


STEMS = [*(f"data_batch_{i}" for i in range(1, 6)), "test_batch"]


def archive(members):
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as tar:
        for name, content in members.items():
            member = tarfile.TarInfo(name)
            if content is None:
                member.type, member.linkname, member.size = tarfile.SYMTYPE, "/etc/passwd", 9219  # a lie
                tar.addfile(member)
            else:
                member.size = len(content)
                tar.addfile(member, io.BytesIO(content))
    return buffer.getvalue()


def batches():
    return {f"cifar-10-batches-bin/{stem}.bin": records(i).tobytes() for i, stem in enumerate(STEMS)}


def test_cifar10_values_are_in_their_places():
    train, test = images.read_cifar10(archive(batches()), records=3)
    assert train["x"].shape == (15, 32, 32, 3)
    assert test["x"].shape == (3, 32, 32, 3)
    assert train["x"].flags.c_contiguous
    for i in range(5):
        rows = records(i)
        assert train["y"][3 * i : 3 * i + 3].tolist() == rows[:, 0].tolist()
        assert train["x"][3 * i + 1, 5, 7, 2] == rows[1, 1 + 2 * 1024 + 5 * 32 + 7]  # channel, row, column
    np.testing.assert_array_equal(test["y"], records(5)[:, 0])


def test_cifar10_ignores_what_else_the_archive_holds(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    evil = {"../escaped": b"x", "/tmp/jaxdl-escaped": b"x", "cifar-10-batches-bin/link": None}
    evil["payload.pkl"] = pickle.dumps([1])
    train, _ = images.read_cifar10(archive(evil | batches()), records=3)
    assert len(train["y"]) == 15
    assert list(tmp_path.parent.glob("escaped")) == []
    assert not Path("/tmp/jaxdl-escaped").exists()
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"cifar-10-batches-bin/test_batch.bin": b"short"}, "test_batch.bin is not a file of 9219 bytes"),
        ({"cifar-10-batches-bin/data_batch_2.bin": None}, "data_batch_2.bin is not a file"),
        ({"cifar-10-batches-bin/data_batch_3.bin": b"\x0a" * 9219}, "the label in row 6 is 10"),
    ],
    ids=["size", "link", "label"],
)
def test_cifar10_damaged_members(change, message):
    with pytest.raises(DataDamaged, match=message):
        images.read_cifar10(archive(batches() | change), records=3)


def test_cifar10_missing_members_and_damaged_archives():
    members = batches()
    del members["cifar-10-batches-bin/data_batch_5.bin"]
    with pytest.raises(DataDamaged, match="lacks data_batch_5"):
        images.read_cifar10(archive(members), records=3)
    whole = archive(batches())
    for broken in (b"", b"<html>", whole[: len(whole) // 2], whole[:-200]):
        with pytest.raises(DataDamaged, match=r"truncated|lacks"):
            images.read_cifar10(broken, records=3)


def test_cifar10_through_load(tmp_path, monkeypatch):
    """The whole way of `load`: found, hashed and read, with a small archive in the place of the real one."""
    packed = archive(batches())
    file = replace(images.SETS["cifar10"].files[0], sha256=hashlib.sha256(packed).hexdigest(), size=len(packed))
    monkeypatch.setitem(data._SOURCES, "cifar10", replace(images.SETS["cifar10"], files=(file,)))
    monkeypatch.setattr(images, "read_cifar10", functools.partial(images.read_cifar10, records=3))
    monkeypatch.setenv("JAXDL_DATA", str(tmp_path))
    (tmp_path / "cifar10").mkdir()
    (tmp_path / "cifar10" / file.name).write_bytes(packed)
    loaded = data.load("cifar10")
    assert loaded.train["x"].shape == (15, 32, 32, 3)
    assert loaded.test is not None
    assert loaded.test["x"].shape == (3, 32, 32, 3)
    assert loaded.class_names[3] == "cat"


# ---------------------------------------------------------------- the real image sets

MNIST_COUNTS = [5923, 6742, 5958, 6131, 5842, 5421, 5918, 6265, 5851, 5949]


def real(name):
    """Train and test part of the real set, or a skip with the reason. Never downloads."""
    given = os.environ.get("JAXDL_DATA")
    if not given:
        pytest.skip("$JAXDL_DATA is not set")
    if find(images.SETS[name]) != Path(given) / name:
        pytest.skip(f"$JAXDL_DATA has no folder {name} with all files")
    loaded = data.load(name)
    assert loaded.test is not None
    return loaded.train, loaded.test


@pytest.mark.parametrize(("name", "counts"), [("mnist", MNIST_COUNTS), ("fashion_mnist", [6000] * 10)])
def test_real_sets(name, counts):
    train, test = real(name)
    assert train["x"].shape == (60_000, 28, 28, 1)
    assert test["x"].shape == (10_000, 28, 28, 1)
    assert train["x"].dtype == np.uint8
    assert np.bincount(train["y"]).tolist() == counts
    data.validate(train, 10)
    data.validate(test, 10)


@pytest.mark.slow
@pytest.mark.parametrize(("name", "known"), [("mnist", 0.960), ("fashion_mnist", 0.846)])
def test_nearest_neighbor_score_of_real_sets(name, known):
    """1-nearest-neighbor on the first 2,000 test images: a shuffled label or a transposed test image would show."""
    train, test = real(name)
    known_images = train["x"].reshape(-1, 784).astype(np.float32) / 255
    asked = test["x"][:2000].reshape(-1, 784).astype(np.float32) / 255
    squares = (known_images**2).sum(axis=1)
    blocks = np.split(asked, 10)
    nearest = np.concatenate([np.argmin(squares - 2 * block @ known_images.T, axis=1) for block in blocks])
    accuracy = (train["y"][nearest] == test["y"][:2000]).mean()
    assert accuracy == pytest.approx(known, abs=5.1e-4)
