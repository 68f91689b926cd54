"""Examples by number, in the order of `data.batches.epoch_order`: a streamed run sees the batches of one in memory.

N examples, S steps of an epoch, B rows of a batch.
"""

import concurrent.futures
import mmap
from collections.abc import Callable, Mapping
from typing import Any, Protocol

import jax
import numpy as np

from jaxdl.data.array_files import require_whole
from jaxdl.data.arrays import Arrays
from jaxdl.data.mapped import SelectedRows
from jaxdl.data.streams import Records
from jaxdl.training.feeding import real_rows
from jaxdl.training.memory import available_memory
from jaxdl.training.streaming.chunks import Chunk, Patience, Shapes, blank, shape_of

_THREADS = 4  # rows of a file that is not in the page cache come twice as fast


class Reader(Protocol):
    """What fills batches with examples.

    Attributes:
        quick: whether many batches take no time to speak of.
    """

    quick: bool

    @property
    def example(self) -> Shapes:
        """Shapes and dtypes of one example."""
        ...

    def fill(self, step: int, rows: np.ndarray, out: dict[str, np.ndarray]) -> None:
        """Write the examples `rows` [n, B] of the batches from a step on into the arrays [n, B, ...]."""
        ...

    def close(self) -> None: ...


class OrderedRows:
    """A `Source` of examples that are read by number.

    Args:
        reader: of the examples.
        order_of: epoch -> [S, B].
        n_examples: N.
        part: the rows of every batch that this process reads.
    """

    def __init__(
        self, reader: Reader, order_of: Callable[[int], Any], n_examples: int, part: slice = slice(None)
    ) -> None:
        self._reader, self._order_of, self._n, self._part = reader, order_of, n_examples, part
        self._epoch, self._order = 0, np.asarray(order_of(0))
        self.steps, self.b = self._order.shape
        b = len(range(self.b)[part])
        self.shapes: Shapes = {
            name: jax.ShapeDtypeStruct((b, *leaf.shape), leaf.dtype) for name, leaf in reader.example.items()
        }
        self.shapes["mask"] = jax.ShapeDtypeStruct((b,), np.dtype(bool))

    def read(self, step: int, n: int, size: int) -> Chunk:
        epoch, i = divmod(step, self.steps)
        if epoch != self._epoch:
            self._epoch, self._order = epoch, np.asarray(self._order_of(epoch))
        arrays = blank(self.shapes, size)
        patience, made = Patience(), 0
        while made < n and (made == 0 or patience.lasts()):
            more = n if self._reader.quick else 1
            filled = {name: values[made : made + more] for name, values in arrays.items()}
            self._reader.fill(step + made, self._order[i + made : i + made + more, self._part], filled)
            made += more
        n, filled = made, {name: values[:made] for name, values in arrays.items()}
        places = np.arange(i * self.b, (i + n) * self.b).reshape(n, self.b)[:, self._part]
        filled["mask"][...] = places < self._n
        rows = [real_rows(self._order, j, self._n) for j in range(i, i + n)]
        return Chunk(arrays, n, rows, None)

    def close(self) -> None:
        self._reader.close()


class ArrayReader:
    """Reads rows of arrays, mapped from files or in memory, with some threads."""

    quick = True

    def __init__(self, arrays: Arrays) -> None:
        self._arrays = arrays
        self._threads = concurrent.futures.ThreadPoolExecutor(_THREADS, "rows")
        self.example = {name: shape_of(values[:1][0]) for name, values in arrays.items()}
        for values in arrays.values():
            _expect_random(values)

    def fill(self, step: int, rows: np.ndarray, out: dict[str, np.ndarray]) -> None:
        del step
        require_whole(self._arrays)
        flat = rows.reshape(-1)
        pieces = [piece for piece in np.array_split(np.arange(len(flat)), _THREADS) if len(piece)]
        for name, values in self._arrays.items():
            target = out[name].reshape(-1, *out[name].shape[2:])

            def copy(piece: np.ndarray, values: Any = values, target: np.ndarray = target) -> None:
                _copy(values, flat[piece], target[piece[0] : piece[-1] + 1])

            list(self._threads.map(copy, pieces))

    def close(self) -> None:
        self._threads.shutdown()


class RecordReader:
    """Reads and decodes examples one by one."""

    quick = False

    def __init__(self, records: Records) -> None:
        self._records = records
        self.example = {name: shape_of(values) for name, values in example_of(records, 0).items()}

    def fill(self, step: int, rows: np.ndarray, out: dict[str, np.ndarray]) -> None:
        del step
        for place in np.ndindex(rows.shape):
            row = int(rows[place])
            put_example(example_of(self._records, row), row, out, place, self.example)

    def close(self) -> None:
        pass


def example_of(records: Records, row: int) -> dict[str, np.ndarray]:
    """One example as arrays. Raises ValueError that names the row for what cannot be read or decoded."""
    try:
        found: Any = records.example(row)
    except Exception as error:  # whatever the user's function raises
        raise ValueError(f"example {row} cannot be read: {type(error).__name__}: {error}") from error
    if not isinstance(found, Mapping):
        raise ValueError(f'example {row} is a {type(found).__name__}, not a dict of arrays such as {{"x": x, "y": y}}')
    return {name: np.asarray(values) for name, values in found.items()}


def put_example(
    example: Mapping[str, np.ndarray], row: int, out: dict[str, np.ndarray], place: tuple[int, ...], shapes: Shapes
) -> None:
    """Write an example into its place of each array. Raises ValueError for one of another shape."""
    for name, leaf in shapes.items():
        values = example.get(name)
        if values is None or values.shape != leaf.shape or len(example) != len(shapes):
            now = {name: values.shape for name, values in example.items()}
            first = {name: leaf.shape for name, leaf in shapes.items()}
            raise ValueError(f"example {row} has shapes {now}, but example 0 has {first}")
        out[name][place] = values


def _copy(values: Any, rows: np.ndarray, target: np.ndarray) -> None:
    if isinstance(values, SelectedRows):
        values, rows = values.file, values.numbers[rows]
    values = np.asarray(values)
    if values.dtype == target.dtype:
        np.take(values, rows, axis=0, out=target, mode="clip")  # "raise" would copy once more
    else:
        target[...] = values[rows]


def _expect_random(values: Any) -> None:
    """Tell the system that a file larger than memory is not read in its order: reading ahead would be for nothing."""
    file = values.file if isinstance(values, SelectedRows) else values
    mapped = getattr(file, "_mmap", None)
    if isinstance(mapped, mmap.mmap) and file.nbytes > available_memory() and hasattr(mmap, "MADV_RANDOM"):
        mapped.madvise(mmap.MADV_RANDOM)
