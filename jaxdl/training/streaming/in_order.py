"""A part of a data set from front to back, some rows at a time: what its scores are computed from."""

import contextlib
from collections.abc import Generator, Iterator

import numpy as np

from jaxdl.data.arrays import Arrays, count
from jaxdl.data.batches import n_steps
from jaxdl.data.streams import Batches, Records
from jaxdl.training.streaming.chunks import Source, batch_at
from jaxdl.training.streaming.iterables import Sequential
from jaxdl.training.streaming.ordered import ArrayReader, OrderedRows, Reader, RecordReader


def batches_of(part: Arrays | Batches | Records, rows: int) -> Generator[dict[str, np.ndarray], None, None]:
    """Batches of equal shapes with their masks, on the host; each example once.

    >>> [batch["x"].tolist() for batch in batches_of({"x": np.arange(3)}, 2)]
    [[0, 1], [2, 0]]
    """
    with contextlib.closing(_source(part, rows)) as source:
        for step in range(source.steps):
            yield batch_at(source, step)


def _source(part: Arrays | Batches | Records, rows: int) -> Source:
    if isinstance(part, Batches):
        if isinstance(part.batches, Iterator):
            raise ValueError(
                "a generator is read once, but this part in every epoch: give a list or a function of the epoch"
            )
        return Sequential(part)
    n = len(part) if isinstance(part, Records) else count(part)
    b = min(n, rows)
    order = np.resize(np.arange(n), n_steps(n, b) * b).reshape(-1, b)
    reader: Reader = RecordReader(part) if isinstance(part, Records) else ArrayReader(part)
    return OrderedRows(reader, lambda epoch: order, n)
