"""Records that are read and decoded by other processes, through grain; each of them draws the orders for itself.

The processes are spawned, not forked: jax has threads, which a fork would leave behind in whatever state they are.
"""

from typing import Any

import jax
import numpy as np

from jaxdl.data.batches import epoch_order, n_steps
from jaxdl.data.streams import GRAIN, Records, parse_flags
from jaxdl.training.streaming.chunks import Shapes
from jaxdl.training.streaming.ordered import RecordReader
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
        key: tuple[np.ndarray, str],
        n_examples: int,
        batch_size: int | None,
        groups: np.ndarray | None,
        part: slice,
        start: int,
    ) -> None:
        self._records, self._key, self._part, self._start = records, key, part, start
        self._of = n_examples, batch_size, groups
        self._steps = n_steps(n_examples, batch_size)
        self._epoch, self._order = -1, np.zeros((0, 0), np.int32)
        self._reader: RecordReader | None = None

    def __len__(self) -> int:
        return _ENDLESS

    def __getitem__(self, i: Any) -> dict[str, np.ndarray]:
        epoch, step = divmod(self._start + int(i), self._steps)
        if epoch != self._epoch:
            n, batch_size, groups = self._of
            key = jax.random.wrap_key_data(jax.numpy.asarray(self._key[0]), impl=self._key[1])
            self._epoch, self._order = epoch, np.asarray(_order(key, epoch, n, batch_size, groups))
        self._reader = RecordReader(self._records) if self._reader is None else self._reader
        rows = self._order[step : step + 1, self._part]
        example = self._reader.example.items()
        out = {name: np.empty((*rows.shape, *leaf.shape), leaf.dtype) for name, leaf in example}
        self._reader.fill(step, rows, out)
        return {name: values[0] for name, values in out.items()}


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
            for name, values in batch.items():
                out[name][i] = values
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
        return iter(batches.mp_prefetch(options, worker_init_fn=_on_the_host))


def _on_the_host(*_: Any) -> None:
    """A worker leaves the accelerator to the process that trains."""
    jax.config.update("jax_platforms", "cpu")


def _order(key: Key, epoch: int, n: int, batch_size: int | None, groups: Any) -> Array:
    return epoch_order(key, epoch, n, batch_size, None if groups is None else jax.numpy.asarray(groups))
