"""Which data are streamed, and the source that brings them."""

from typing import Any

import jax
import numpy as np
from jax.sharding import Mesh, NamedSharding, PartitionSpec

from jaxdl.artifacts.digest import digest
from jaxdl.data.array_files import require_whole
from jaxdl.data.arrays import count
from jaxdl.data.batches import batch_rows, n_steps
from jaxdl.data.mapped import is_mapped
from jaxdl.data.splits import Splits
from jaxdl.data.streams import Batches, as_stream
from jaxdl.training.feeding import orders
from jaxdl.training.memory import available_memory
from jaxdl.training.sharding import row_axes
from jaxdl.training.streaming.chunks import Source
from jaxdl.training.streaming.iterables import Sequential
from jaxdl.training.streaming.ordered import ArrayReader, OrderedRows, Reader, RecordReader
from jaxdl.training.streaming.workers import WorkerReader
from jaxdl.types import Array, Key

_SHARE = 0.5  # of the memory that is free: more than that is streamed
_SAMPLED = 64  # rows of a mapped array that its fingerprint looks at


def is_streamed(train: Any, wanted: bool | None) -> bool:
    """Whether a training part is streamed: batches and records always, arrays if they are large or it is asked for.

    Raises: ValueError where what can only be streamed is not to be.
    """
    if (stream := as_stream(train)) is not None:
        if wanted is False:
            kind = type(stream).__name__
            raise ValueError(f"fit: stream=False is for arrays; the training part is {kind}, which is always streamed")
        return True
    if wanted is not None:
        return wanted
    return sum(values.nbytes for values in train.values()) > _SHARE * available_memory()


def extent(train: Any, batch_size: int | None, streamed: bool) -> dict[str, Any]:
    """The steps of an epoch, its examples and the rows of a batch, as far as they are known before anything is read.

    Raises: ValueError for an impossible batch size, and for a stream in one batch.
    """
    stream = as_stream(train)
    if isinstance(stream, Batches):
        return {"steps": stream.n_steps(), "batch_size": None, "examples": None}
    n = count(train) if stream is None else len(stream)
    if (streamed or stream is not None) and batch_size is None:
        raise ValueError("fit: batch_size=None makes one batch of all examples, which is not streamed: give a size")
    return {"steps": n_steps(n, batch_size), "batch_size": batch_size, "examples": n}


def open_source(
    train: Any,
    *,
    key: Key,
    batch_size: int | None = None,
    groups: Array | None = None,
    done: int = 0,
    end: int = 2**31,
    position: Any = None,
    mesh: Mesh | None = None,
) -> Source:
    """The source of a training part, at the batch behind so many steps.

    Args:
        train: arrays, `Records`, `Batches` or an iterable of batches.
        key: of the epochs' orders.
        batch_size, groups: as in `epoch_order`.
        done, position: where a run that goes on stood.
        end: the steps of the whole run.
        mesh: of devices; each process reads the rows that its own need.
    """
    stream = as_stream(train)
    if isinstance(stream, Batches):
        source = Sequential(stream, done, position if done < end else None)  # at the end its shapes alone matter
        _require_own_share(mesh, source.b)
        return source
    n = count(train) if stream is None else len(stream)
    order_of = orders(jax.random.clone(key), n, batch_size, groups)
    part = own_rows(mesh, batch_rows(n, batch_size))
    reader: Reader
    if stream is None:
        require_whole(train)
        reader = ArrayReader(train)
    elif stream.workers:
        reader = WorkerReader(stream, key, n, batch_size, groups, part)
    else:
        reader = RecordReader(stream)
    return OrderedRows(reader, order_of, n, part)


def own_rows(mesh: Mesh | None, b: int) -> slice:
    """The rows of a batch of b that the devices of this process need.

    >>> own_rows(None, 8)
    slice(0, 8, None)
    """
    if mesh is None or b % row_axes(mesh)[1]:
        return slice(0, b)
    sharding = NamedSharding(mesh, PartitionSpec(row_axes(mesh)[0]))
    found = [index[0].indices(b) for index in sharding.addressable_devices_indices_map((b,)).values() if index]
    return slice(min(start for start, _, _ in found), max(stop for _, stop, _ in found))


def _require_own_share(mesh: Mesh | None, b: int) -> None:
    """Raise ValueError where the devices of each of several processes do not need just the rows that it brings."""
    processes, i = jax.process_count(), jax.process_index()
    if processes > 1 and own_rows(mesh, b) != slice(b // processes * i, b // processes * (i + 1)):
        shown = "" if mesh is None else ",".join(f"{name}={size}" for name, size in mesh.shape.items())
        raise ValueError(
            f"mesh {shown} does not cut {processes} processes' batches, {b} rows together, so that each keeps its own: "
            "put the axis data first, of a size that divides them"
        )


def fingerprint(data: Splits) -> str:
    """Equal for equal training and validation parts: a run does not go on with other data.

    Of arrays that are mapped from files, and of records, some rows are looked at; of batches nothing.
    """
    parts: dict[str, Any] = {}
    for name in ("train", "validation"):
        part, stream = getattr(data, name), as_stream(getattr(data, name))
        if isinstance(stream, Batches):
            continue
        if stream is not None:
            rows = np.unique(np.linspace(0, len(stream) - 1, 4, dtype=np.int64))
            found = [stream.example(int(row)) for row in rows]
            parts |= {f"{name}/{i}/{key}": np.asarray(x) for i, row in enumerate(found) for key, x in row.items()}
            parts[f"{name}/count"] = np.array(len(stream))
        else:
            parts |= {f"{name}/{key}": _looked_at(values) for key, values in part.items()}
            parts |= {f"{name}/{key}/count": np.array(len(x)) for key, x in part.items() if is_mapped(x)}
    return digest(parts)[:16]


def _looked_at(values: Any) -> Any:
    if not is_mapped(values):
        return values
    return values[np.unique(np.linspace(0, len(values) - 1, _SAMPLED, dtype=np.int64))]
