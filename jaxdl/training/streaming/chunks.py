"""Some batches in a row, as host arrays, and what a source of them is.

K batches in a chunk at most, B rows of a batch.
"""

import time
from typing import Any, NamedTuple, Protocol, TypeAlias

import jax
import numpy as np

from jaxdl.training.memory import tree_bytes

Shapes: TypeAlias = dict[str, jax.ShapeDtypeStruct]  # of the arrays of one batch

_BYTES = 2**23  # of a chunk: some are alive at a time, on the host and on the device
_STEPS = 256
_SECONDS = 0.5  # for which a chunk is waited for, once it has a batch


class Chunk(NamedTuple):
    """Some batches in a row.

    Attributes:
        arrays: name -> [K, B, ...], of which the first `steps` are filled; "mask" is one.
        steps: batches in it.
        rows: for each, the numbers of its examples; None where they have none.
        position: where its source stood before them; None where the step says it.
        marks: for each, by what it is known again; None where that is not needed.
    """

    arrays: dict[str, np.ndarray]
    steps: int
    rows: list[np.ndarray] | None
    position: Any
    marks: list[str] | None = None


class Source(Protocol):
    """Where chunks come from, one after the other.

    Attributes:
        steps: batches in an epoch.
        shapes: of one batch, as far as this process reads it.
        b: rows of a batch, those of all processes together.
    """

    @property
    def steps(self) -> int: ...

    @property
    def shapes(self) -> Shapes: ...

    @property
    def b(self) -> int: ...

    def read(self, step: int, n: int, size: int) -> Chunk:
        """Up to n batches from a step on, with room for `size`; the step is the one behind those read before."""
        ...

    def close(self) -> None:
        """Let go of processes and threads."""
        ...


def batch_at(source: Source, step: int) -> dict[str, np.ndarray]:
    """The batch of a step alone."""
    return {name: values[0] for name, values in source.read(step, 1, 1).arrays.items()}


class Patience:
    """Whether a chunk may wait for another batch: of slow ones it has few, so that steps are made while they come.

    Several processes have chunks of one length, since they make the same calls.

    >>> patience = Patience()
    >>> patience.lasts()
    True
    """

    def __init__(self) -> None:
        self._until = time.monotonic() + _SECONDS

    def lasts(self) -> bool:
        return jax.process_count() > 1 or time.monotonic() < self._until


def shape_of(values: Any) -> jax.ShapeDtypeStruct:
    """Shape and dtype on the device of a host array.

    >>> shape_of(np.zeros(3)).dtype
    dtype('float32')
    """
    return jax.ShapeDtypeStruct(np.shape(values), jax.dtypes.canonicalize_dtype(np.asarray(values).dtype))


def blank(shapes: Shapes, size: int) -> dict[str, np.ndarray]:
    """Room for so many batches."""
    return {name: np.empty((size, *leaf.shape), leaf.dtype) for name, leaf in shapes.items()}


def chunk_steps(shapes: Shapes, steps: int, steps_per_call: int | str) -> int:
    """K: about eight megabytes, no more than an epoch has or a call makes.

    >>> batch = {"x": jax.ShapeDtypeStruct((128, 28, 28, 1), "uint8")}
    >>> chunk_steps(batch, 1000, "auto"), chunk_steps(batch, 1000, 1), chunk_steps(batch, 20, "auto")
    (83, 1, 20)
    """
    most = steps_per_call if isinstance(steps_per_call, int) else _STEPS
    return max(1, min(_BYTES // max(tree_bytes(shapes), 1), most, steps))
