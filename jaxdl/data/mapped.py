"""Arrays that stay on the disk: memory-mapped files, and some rows of them, read when they are asked for.

N rows in the file, M of them chosen.
"""

from typing import Any

import numpy as np


class SelectedRows:
    """Some rows of a memory-mapped array, in some order: what a split of it is. Nothing is read before it is indexed.

    Args:
        values: [N, ...], memory-mapped, or a selection of such.
        rows: [M] row numbers.

    Attributes:
        file: the array whose rows these are.
        numbers: [M], which rows of it.

    >>> part = SelectedRows(np.arange(8).reshape(4, 2), np.array([3, 0]))
    >>> part.shape, part[0].tolist(), part[np.array([1, 0])].tolist()
    ((2, 2), [6, 7], [[0, 1], [6, 7]])
    """

    def __init__(self, values: Any, rows: np.ndarray) -> None:
        selected = isinstance(values, SelectedRows)
        self.file: Any = values.file if selected else values
        self.numbers = values.numbers[rows] if selected else np.asarray(rows)

    @property
    def shape(self) -> tuple[int, ...]:
        return (len(self.numbers), *self.file.shape[1:])

    @property
    def dtype(self) -> np.dtype:
        return self.file.dtype

    @property
    def ndim(self) -> int:
        return self.file.ndim

    @property
    def size(self) -> int:
        return int(np.prod(self.shape, dtype=np.int64))

    @property
    def nbytes(self) -> int:
        return self.size * self.dtype.itemsize

    def __len__(self) -> int:
        return len(self.numbers)

    def __getitem__(self, rows: Any) -> np.ndarray:
        return np.asarray(self.file[self.numbers[rows]])

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray:
        return np.asarray(self[:], dtype)


def is_mapped(values: Any) -> bool:
    """Whether an array lies in a file, not in memory."""
    return isinstance(values, (np.memmap, SelectedRows))


def any_mapped(arrays: dict[str, Any]) -> bool:
    """Whether one of some arrays lies in a file.

    >>> any_mapped({"x": np.zeros(3)})
    False
    """
    return any(is_mapped(values) for values in arrays.values())


def in_memory(arrays: dict[str, Any]) -> dict[str, Any]:
    """The same arrays, read whole where they are mapped."""
    return {name: np.array(values) if is_mapped(values) else values for name, values in arrays.items()}
