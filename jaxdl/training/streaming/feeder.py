"""The feed of a streamed run: a thread reads chunks of batches ahead and puts them on the device, while steps are made.

One chunk is used, one lies ready on the device, one is being read.
"""

import queue
import threading
import time
from collections.abc import Mapping
from typing import Any, NamedTuple

import jax
import numpy as np
from jax.sharding import Mesh, NamedSharding, PartitionSpec

from jaxdl.training.sharding import row_axes
from jaxdl.training.streaming.chunks import Chunk, Source, chunk_steps
from jaxdl.types import Array, Batch


class _Ready(NamedTuple):
    """A chunk on the device."""

    arrays: Batch  # [K, B, ...]
    start: int
    chunk: Chunk  # without its arrays
    beyond: int = 0  # steps between its position and its start

    @property
    def stop(self) -> int:
        return self.start + self.chunk.steps


class Streamed:
    """A `Feed` whose batches come from a source, some at a time.

    Args:
        source: stands at the batch of step `done`.
        done: steps that the run has done.
        end: steps that it is to make in all.
        steps_per_call: as the run wants it, or chose it.
        mesh: of devices, or None.
    """

    def __init__(self, source: Source, done: int, end: int, steps_per_call: int | str, mesh: Mesh | None) -> None:
        self._source, self._end, self._mesh = source, max(end, done + 1), mesh
        self._size = chunk_steps(source.shapes, source.steps, steps_per_call)
        settings: Any = jax.config
        self._x64, self._device = settings.jax_enable_x64, settings.jax_default_device
        self.steps = source.steps
        self.waited: float | None = 0.0
        self._first: Chunk | None = self._read(done)
        self._now = self._on_device(self._first, done)
        self._ready: queue.Queue[_Ready | BaseException] = queue.Queue(1)
        self._closed = threading.Event()
        self._thread = threading.Thread(target=self._work, name="feeder", daemon=True)
        self._pending: list[_Ready] = []

    def batch(self, given: Any, step: Array) -> Batch:
        arrays, start = given
        return {name: values[step - start] for name, values in arrays.items()}

    def sample(self, loop: bool) -> tuple[Any, int]:
        """The first chunk; of its first batch alone where there is no loop."""
        assert self._first is not None
        arrays = self._now.arrays if loop else self._put(_piece(self._first, 0).arrays)
        return (arrays, np.int32(self._now.start)), self._first.steps if loop else 1

    def begin(self, steps_per_call: int | str) -> None:
        """Cut the first chunk as the chosen program takes them, and let the thread read on behind it."""
        start, self._next = self._now.start, self._now.stop
        if steps_per_call == 1 and self._size > 1 and self._first is not None:
            self._size = 1
            pieces = [_piece(self._first, i) for i in range(self._first.steps)]
            self._now, *self._pending = [self._on_device(piece, start + i, i) for i, piece in enumerate(pieces)]
        self._first = None
        self._thread.start()

    def given(self, done: int) -> tuple[Any, int]:
        while done >= self._now.stop:
            start = time.perf_counter()
            self._now = self._pending.pop(0) if self._pending else self._take()
            jax.block_until_ready(self._now.arrays)
            self.waited = (self.waited or 0.0) + time.perf_counter() - start
        return (self._now.arrays, np.int32(self._now.start)), self._now.stop - done

    def rows(self, done: int) -> np.ndarray | None:
        rows = self._now.chunk.rows
        return None if rows is None else rows[max(0, done - 1 - self._now.start)]

    def position(self, done: int) -> Any:
        chunk, i = self._now.chunk, done - self._now.start
        if chunk.position is None:
            return None
        last = {"last": chunk.marks[i - 1]} if chunk.marks and i else {}
        return chunk.position | {"skip": self._now.beyond + i} | last

    def close(self) -> None:
        """Stop reading."""
        self._closed.set()
        while self._thread.is_alive():
            while not self._ready.empty():
                self._ready.get()
            self._thread.join(0.05)
        self._source.close()

    def _take(self) -> _Ready:
        found = self._ready.get()
        if isinstance(found, BaseException):
            raise found
        return found

    def _work(self) -> None:
        step = self._next
        try:
            with jax.enable_x64(self._x64):  # a thread has jax's settings of its own
                while step < self._end and not self._closed.is_set():
                    chunk = self._read(step)
                    self._hand_over(self._on_device(chunk, step))
                    step += chunk.steps
        except BaseException as error:  # whatever it is, the run is to hear of it
            self._hand_over(error)

    def _hand_over(self, ready: _Ready | BaseException) -> None:
        while not self._closed.is_set():
            try:
                return self._ready.put(ready, timeout=0.1)
            except queue.Full:
                continue

    def _read(self, step: int) -> Chunk:
        left = self.steps - step % self.steps
        return self._source.read(step, min(self._size, left, max(1, self._end - step)), self._size)

    def _on_device(self, chunk: Chunk, start: int, beyond: int = 0) -> _Ready:
        return _Ready(self._put(chunk.arrays), start, chunk._replace(arrays={}), beyond)

    def _put(self, arrays: Mapping[str, np.ndarray]) -> Batch:
        if self._mesh is None:
            return jax.device_put(dict(arrays), self._device)
        return {name: self._distributed(values) for name, values in arrays.items()}

    def _distributed(self, values: np.ndarray) -> Array:
        """The rows of every batch cut along the mesh; what does not divide on every device."""
        assert self._mesh is not None
        (axes, n), b = row_axes(self._mesh), self._source.b
        cut = axes if values.ndim > 1 and b % n == 0 else None
        sharding = NamedSharding(self._mesh, PartitionSpec(None, cut))
        if jax.process_count() == 1:
            return jax.device_put(values, sharding)
        shape = (values.shape[0], b, *values.shape[2:]) if values.ndim > 1 else values.shape
        return jax.make_array_from_process_local_data(sharding, values, shape)


def _piece(chunk: Chunk, i: int) -> Chunk:
    """One batch of a chunk."""
    arrays = {name: values[i : i + 1] for name, values in chunk.arrays.items()}
    rows = None if chunk.rows is None else chunk.rows[i : i + 1]
    marks = None if chunk.marks is None else chunk.marks[i : i + 1]
    return Chunk(arrays, 1, rows, chunk.position, marks)
