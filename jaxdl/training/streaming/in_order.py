"""A part of a data set from front to back, some rows at a time: what its scores are computed from."""

from collections.abc import Generator

import numpy as np

from jaxdl.data.arrays import Arrays, count
from jaxdl.data.batches import n_steps
from jaxdl.data.streams import Batches, Records
from jaxdl.training.streaming.iterables import passes
from jaxdl.training.streaming.ordered import ArrayReader, OrderedRows, Reader, RecordReader


def batches_of(part: Arrays | Batches | Records, rows: int) -> Generator[dict[str, np.ndarray], None, None]:
    """Batches of equal shapes with their masks, on the host; each example once.

    >>> [batch["x"].tolist() for batch in batches_of({"x": np.arange(3)}, 2)]
    [[0, 1], [2, 0]]
    """
    if isinstance(part, Batches):
        yield from passes(part)
        return
    n = len(part) if isinstance(part, Records) else count(part)
    b = min(n, rows)
    order = np.resize(np.arange(n), n_steps(n, b) * b).reshape(-1, b)
    reader: Reader = RecordReader(part) if isinstance(part, Records) else ArrayReader(part)
    source = OrderedRows(reader, lambda epoch: order, n)
    try:
        for step in range(source.steps):
            yield {name: values[0] for name, values in source.read(step, 1, 1).arrays.items()}
    finally:
        source.close()


def one_batch(part: Arrays | Batches | Records, rows: int) -> dict[str, np.ndarray]:
    """Zeros of the shapes of such a batch."""
    found = batches_of(part, rows)
    first = next(found)
    found.close()
    return {name: np.zeros_like(values) for name, values in first.items()}
