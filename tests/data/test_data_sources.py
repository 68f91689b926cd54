"""The search order, the verification of files, the catalogue and the names."""

import gzip
import hashlib
import subprocess
import sys

import pytest

import jaxdl
from jaxdl import data
from jaxdl.data import images, sources
from jaxdl.data.sources import DataDamaged, DataNotFound, File, Source

CONTENT = b"seven bytes and some more"
PACKED = gzip.compress(CONTENT, mtime=0)  # the same bytes in every test process
FILE = File("words.gz", hashlib.sha256(CONTENT).hexdigest(), len(CONTENT))


@pytest.fixture
def here(tmp_path, monkeypatch):
    """An empty machine: $JAXDL_DATA and the cache point into the test's own folder."""
    monkeypatch.setenv("JAXDL_DATA", str(tmp_path / "given"))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return tmp_path


def words(here, **changes):
    system = (str(here / "system"),)
    fields = {"folder": "words", "files": (FILE,), "urls": ("http://127.0.0.1:9/",), "system": system}
    return Source("words", "25 bytes", "", "", **(fields | changes))


def test_search_order(here):
    source = words(here)
    folders = [here / "system", here / "cache" / "jaxdl" / "words", here / "given" / "words"]
    assert sources.places(source) == folders[::-1]
    assert sources.find(source) is None
    for folder in folders:  # each outranks the ones before
        folder.mkdir(parents=True)
        (folder / "words.gz").write_bytes(PACKED)
        assert sources.find(source) == folder


def test_a_folder_counts_only_if_it_has_every_file(here):
    source = words(here, files=(FILE, File("more.gz", "", 1)))
    for folder in (here / "given" / "words", here / "system"):
        folder.mkdir(parents=True)
        (folder / "words.gz").touch()
    assert sources.find(source) is None
    (here / "system" / "more.gz").touch()
    assert sources.find(source) == here / "system"


def test_without_jaxdl_data(here, monkeypatch):
    monkeypatch.setenv("JAXDL_DATA", "")
    assert sources.places(words(here))[0] == here / "cache" / "jaxdl" / "words"
    monkeypatch.delenv("XDG_CACHE_HOME")
    monkeypatch.setenv("HOME", str(here))
    assert sources.cache_folder() == here / ".cache" / "jaxdl"


@pytest.mark.parametrize(
    ("name", "stored"),
    [("words.gz", PACKED), ("words.gz", CONTENT), ("words", CONTENT)],
    ids=["packed", "unpacked, same name", "unpacked"],
)
def test_packed_and_unpacked_files_are_read(here, name, stored):
    (here / name).write_bytes(stored)
    assert sources.path_of(here, FILE) == here / name
    assert sources.read_verified(here / name, FILE) == CONTENT


@pytest.mark.parametrize(
    ("stored", "message"),
    [
        (PACKED[:-9], "truncated or damaged"),
        (PACKED[:10] + b"\x07" * 30, "truncated or damaged"),
        (gzip.compress(CONTENT[:-1], mtime=0), "24 bytes where 25 belong"),
        (gzip.compress(CONTENT * 1000, mtime=0), "more than 25 bytes where 25 belong"),
        (gzip.compress(CONTENT[::-1], mtime=0), "another content: sha256"),
        (b" \n<HTML><body>moved</body>", "a web page"),
        (b"", "0 bytes where 25 belong"),
    ],
    ids=["truncated", "garbled", "short", "long", "other", "page", "empty"],
)
def test_damage_is_named(here, stored, message):
    path = here / "words.gz"
    path.write_bytes(stored)
    with pytest.raises(DataDamaged, match=message) as caught:
        sources.read_verified(path, FILE)
    assert str(path) in str(caught.value)
    assert "remove or replace it" in str(caught.value)


def test_a_file_that_cannot_be_read(here):
    with pytest.raises(DataNotFound, match="cannot read"):
        sources.read_verified(here / "absent", FILE)


def test_an_archive_is_hashed_as_it_lies(here):
    packed = PACKED
    (here / "words.tar.gz").write_bytes(packed)
    file = File("words.tar.gz", hashlib.sha256(packed).hexdigest(), len(packed), archive=True)
    assert sources.read_verified(here / "words.tar.gz", file) == packed


def test_unknown_name_gives_the_nearest():
    with pytest.raises(ValueError, match="unknown data set 'minst': did you mean 'mnist'"):
        data.load("minst")
    with pytest.raises(ValueError, match="unknown data set 'zzzz': there are iris"):
        data.load("zzzz")


def test_a_missing_set_says_what_to_do(here):
    with pytest.raises(DataNotFound) as caught:
        data.load("cifar10", download=False)
    message = str(caught.value)
    for part in (str(here / "given"), str(here / "cache"), "cifar-10-binary.tar.gz", "https://www.cs.toronto.edu"):
        assert part in message
    assert "\n" not in message


def test_load_reads_the_first_place_and_verifies_it(here):
    folder = here / "given" / "mnist"
    folder.mkdir(parents=True)
    for file in images.SETS["mnist"].files:
        (folder / file.name).write_bytes(gzip.compress(b"not MNIST"))
    with pytest.raises(
        DataDamaged, match=r"given/mnist/train-images-idx3-ubyte\.gz is damaged: 9 bytes where 47040016"
    ):
        data.load("mnist")


def test_catalogue(here):
    rows = {row.name: row for row in data.catalogue()}
    first = ["iris", "wine", "breast_cancer", "diabetes", "digits", "mnist", "fashion_mnist", "cifar10"]
    assert list(rows)[: len(first)] == first
    assert rows["iris"].here
    assert rows["iris"].where == "ships with scikit-learn"
    assert not rows["cifar10"].here
    assert rows["cifar10"].where == "can be fetched from https://www.cs.toronto.edu/~kriz/ (at most 170 MB)"
    folder = here / "cache" / "jaxdl" / "cifar10"
    folder.mkdir(parents=True)
    (folder / "cifar-10-binary.tar.gz").touch()
    row = next(row for row in data.catalogue() if row.name == "cifar10")
    assert (row.here, row.where) == (True, str(folder))
    assert all(row.contents and row.license for row in data.catalogue())


def test_the_catalogue_imports_nothing_heavy():
    code = (
        "import sys; from jaxdl import data; data.catalogue(); "
        "print(sorted({'jax', 'sklearn', 'urllib.request'} & set(sys.modules)))"
    )
    root = str(next(iter(jaxdl.__path__)) + "/..")
    done = subprocess.run([sys.executable, "-c", code], cwd=root, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_lazy_parts():
    assert data.batches.n_steps(3, 2) == 2
    assert data.augment.compose() is not None
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        _ = data.nothing  # type: ignore[attr-defined]


def test_progress_line(capsys, monkeypatch):
    sources.show_progress("f", 1, 2)
    assert capsys.readouterr().err == ""  # not a terminal
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    sources.show_progress("f", 1_000_000, 2_000_000)
    sources.show_progress("f", 2_000_000, 2_000_000)
    assert capsys.readouterr().err == "\rf: 1.0 of 2.0 MB\rf: 2.0 of 2.0 MB\n"


def test_no_pickle_and_no_extraction_in_the_code():
    folder = next(iter(data.__path__))
    for module in ("sources", "download", "images", "tables"):
        with open(f"{folder}/{module}.py") as text:
            code = text.read()
        assert "import pickle" not in code
        assert "extractall" not in code
        assert ".extract(" not in code
