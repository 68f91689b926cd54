"""Records that are read and decoded by other processes, through grain; each of them draws the orders for itself.

The processes are spawned, not forked: jax has threads, which a fork would leave behind in whatever state they are.
"""

import functools
from typing import Any

import jax
import numpy as np

from jaxdl.data.streams import GRAIN, Records, parse_flags
from jaxdl.training.feeding import orders
from jaxdl.training.streaming.chunks import Shapes, batch_at
from jaxdl.training.streaming.ordered import OrderedRows, RecordReader
from jaxdl.types import Array, Key

_BUFFER = 4  # batches that each process makes ahead
_ENDLESS = 2**31 - 1


class StepSource:
    """Batches by the number of their step, for grain: in any process the same.

    Args:
        records: the examples.
        key: raw data of the key of the orders, and its implementation.
        n_examples, batch_size, groups: as in `epoch_order`.
        part: the rows of every batch that are read.
        start: the step of batch 0.
    """

    def __init__(
        self,
        records: Records,
        key: tuple[Any, str],
        n_examples: int,
        batch_size: int | None,
        groups: Any,
        part: slice,
        start: int,
    ) -> None:
        self._records, self._key, self._part, self._start = records, key, part, start
        self._of = n_examples, batch_size, groups
        self._rows: OrderedRows | None = None  # made in the process that reads

    def __len__(self) -> int:
        return _ENDLESS

    def __getitem__(self, i: Any) -> dict[str, np.ndarray]:
        if self._rows is None:
            (data, impl), (n, batch_size, groups) = self._key, self._of
            order_of = orders(jax.random.wrap_key_data(data, impl=impl), n, batch_size, groups)
            self._rows = OrderedRows(RecordReader(self._records), order_of, n, self._part)
        return batch_at(self._rows, self._start + int(i))


class WorkerReader:
    """A `Reader` whose batches come from grain's worker processes, in their order.

    Raises: ValueError where grain is not installed.
    """

    quick = False

    def __init__(
        self, records: Records, key: Key, n_examples: int, batch_size: int | None, groups: Array | None, part: slice
    ) -> None:
        try:
            import grain  # noqa: F401
        except ImportError:
            raise ValueError(f"workers={records.workers} {GRAIN}") from None
        raw = np.asarray(jax.random.key_data(key)), str(jax.random.key_impl(key))
        known = None if groups is None else np.asarray(groups)
        self._records, self._args = records, (raw, n_examples, batch_size, known, part)
        self.example: Shapes = RecordReader(records).example
        self._iterator: Any = None
        self._step = -1

    def fill(self, step: int, rows: np.ndarray, out: dict[str, np.ndarray]) -> None:
        if step != self._step:
            self.close()
            self._iterator, self._step = self._start(step), step
        for i in range(len(rows)):
            batch = self._batch()
            for name in self.example:
                out[name][i] = batch[name]
            self._step += 1

    def close(self) -> None:
        if self._iterator is not None:
            self._iterator.close()
            self._iterator = None

    def _batch(self) -> dict[str, np.ndarray]:
        try:
            return next(self._iterator)
        except ValueError as error:  # grain adds where it happened, in many lines
            raise ValueError(str(error).splitlines()[0]) from None

    def _start(self, step: int) -> Any:
        import grain

        parse_flags()
        source: Any = StepSource(self._records, *self._args, start=step)
        options = grain.MultiprocessingOptions(num_workers=self._records.workers, per_worker_buffer_size=_BUFFER)
        batches = grain.MapDataset.source(source).to_iter_dataset(grain.ReadOptions(num_threads=0))
        x64 = bool(jax.config.read("jax_enable_x64"))
        return iter(batches.mp_prefetch(options, worker_init_fn=functools.partial(_on_the_host, x64)))


def _on_the_host(x64: bool, *_: Any) -> None:
    """A worker leaves the accelerator to the process that trains, and has numbers as wide as there."""
    jax.config.update("jax_platforms", "cpu")
    jax.config.update("jax_enable_x64", x64)
