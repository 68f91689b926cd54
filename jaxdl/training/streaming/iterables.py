"""Batches that somebody else makes, one after the other, and where they stand, so that a run can go on.

An iterator with `get_state` and `set_state` (grain's) goes on at once. Any other is read again up to its place, and the
last batch before it is compared: where that is another one, the run goes on with other batches, and says so.

S steps of an epoch, B rows of a batch.
"""

import json
import logging
import zlib
from collections.abc import Iterator, Mapping
from typing import Any

import jax
import numpy as np

from jaxdl.data.arrays import require_arrays
from jaxdl.data.streams import Batches
from jaxdl.training.streaming.chunks import Chunk, Patience, Shapes, blank, shape_of

_log = logging.getLogger(__name__)


class Sequential:
    """A `Source` of batches that come one after the other; of several processes, each brings rows of its own.

    Args:
        batches: where they come from.
        done: steps that the run has done.
        position: where the batches stood then, from a checkpoint; None at the start of a run.
    """

    def __init__(self, batches: Batches, done: int = 0, position: Any = None) -> None:
        self._batches, self.steps = batches, batches.n_steps()
        self._by_epoch = callable(batches.batches)
        self._step = done  # of the batch that comes next
        self._once = isinstance(batches.batches, Iterator)
        self._last: dict[str, np.ndarray] | None = None
        self._begin(done // self.steps if position is None else position["epoch"])
        self._has_state = _has_state(self._passes)
        if position is not None:
            self._find(position)
        self._place = self._stands()
        self._ahead: dict[str, np.ndarray] | None = self._next()
        known = {name: shape_of(values) for name, values in self._ahead.items()}
        if position is not None:  # the batch that comes next may be the short one of an epoch
            known = {name: jax.ShapeDtypeStruct(*form) for name, form in position["shapes"].items()}
        self.shapes: Shapes = known
        self._b = known["mask"].shape[0]
        self.b = self._b * jax.process_count()

    def read(self, step: int, n: int, size: int) -> Chunk:
        if step != self._step:
            raise ValueError(f"the batches stand at step {self._step}, not at {step}")
        shapes = {name: [list(leaf.shape), leaf.dtype.name] for name, leaf in self.shapes.items()}
        position, arrays = self._place | {"shapes": shapes}, blank(self.shapes, size)
        marks: list[str] = []
        patience, made = Patience(), 0
        while made < n and (made == 0 or patience.lasts()):
            batch = self._last = self._next() if self._ahead is None else self._ahead
            self._ahead = None
            marks += [] if self._has_state else [mark(batch)]
            self._write(batch, arrays, made)
            self._step, made = self._step + 1, made + 1
        self._place = self._stands()
        return Chunk(arrays, made, None, position, marks or None)

    def close(self) -> None:
        close = getattr(self._passes, "close", None)
        if close is not None and not self._once:  # grain's worker processes; a user's generator is the user's
            close()

    def _next(self) -> dict[str, np.ndarray]:
        """The next batch, of this pass or of a new one."""
        epoch, i = divmod(self._step, self.steps)
        if self._by_epoch and i == 0 and self._epoch != epoch:
            self._begin(epoch)
        batch = next(self._passes, None)
        if batch is None:
            if self._once:
                raise ValueError(
                    f"the data ended at {self._where()}: a generator is read once; give a function of the epoch"
                )
            if self._by_epoch or (self._batches.steps is None and i):
                raise ValueError(f"the data ended at {self._where()}, though an epoch has {self.steps} batches")
            self._begin(epoch)
            batch = next(self._passes, None)
            if batch is None:
                raise ValueError(f"the data are empty at {self._where()}: a new pass gives no batches")
        found = as_arrays(batch, self._where())
        self._taken += 1
        return found

    def _begin(self, epoch: int) -> None:
        """A new pass, of which the run takes the first batches in an epoch."""
        self._passes: Any = self._batches.start(epoch)
        self._epoch, self._taken = epoch, 0

    def _where(self) -> str:
        epoch, i = divmod(self._step, self.steps)
        return f"batch {i + 1} of epoch {epoch + 1}"

    def _write(self, batch: Mapping[str, np.ndarray], out: dict[str, np.ndarray], i: int) -> None:
        """A batch into its place; one of fewer rows is filled up from its front, and masked."""
        b = len(batch["mask"])
        for name in self.shapes.keys() | batch.keys():
            first, now = self.shapes.get(name), batch.get(name)
            if first is None or now is None or not _fits(shape_of(now), first):
                raise ValueError(
                    f"{self._where()}: {name} is {_form(now)}, but in the first batch it was {_form(first)}; "
                    "batches differ in nothing but fewer rows"
                )
        rows = np.arange(self._b) % b
        for name, values in batch.items():
            out[name][i] = values if values.ndim == 0 or b == self._b else values[rows]
        out["mask"][i, b:] = False

    def _stands(self) -> dict[str, Any]:
        """The place of the next batch, for JSON."""
        place: dict[str, Any] = {"epoch": self._epoch}
        if self._has_state:
            return place | {"state": _for_json(self._passes.get_state())}
        return place | {"read": self._taken, "last": "" if self._last is None or not self._taken else mark(self._last)}

    def _find(self, position: Mapping[str, Any]) -> None:
        """Go to the place of a checkpoint: where `_stands` was, and some batches beyond it."""
        self._step -= position["skip"] + position.get("read", 0)
        if "state" in position:
            state = position["state"]
            self._passes.set_state(state["bytes"].encode("latin-1") if set(state) == {"bytes"} else state)
        for _ in range(position.get("read", 0) + position["skip"]):
            self._last = self._next()
            self._step += 1
        expected = position.get("last", "")
        if expected and (self._last is None or mark(self._last) != expected):
            _log.warning(
                "the data give other batches than in the run so far (a shuffle without a fixed order?): "
                "it goes on with these, and not bit for bit as it would have"
            )


def as_arrays(batch: Any, where: str) -> dict[str, np.ndarray]:
    """A batch as host arrays with its mask. Raises ValueError that says where for what is none."""
    if not isinstance(batch, Mapping):
        kind = type(batch).__name__
        raise ValueError(f'{where}: a batch is a dict of arrays, got a {kind}: write {{"x": x, "y": y}}')
    arrays = {name: np.asarray(values) for name, values in batch.items()}
    require_arrays(arrays, where)
    if wrong := next((name for name, values in arrays.items() if values.dtype.kind in "OUSMm"), None):
        raise ValueError(f"{where}: {wrong} holds {arrays[wrong].dtype}, not numbers")
    lengths = {name: len(values) for name, values in arrays.items() if values.ndim}
    if len(set(lengths.values())) != 1 or 0 in lengths.values():
        raise ValueError(f"{where}: all arrays of a batch need the same number of rows, at least 1, got {lengths}")
    if "mask" not in arrays:
        return arrays | {"mask": np.ones(next(iter(lengths.values())), bool)}
    return arrays | {"mask": arrays["mask"].astype(bool)}


def mark(batch: Mapping[str, np.ndarray]) -> str:
    """By what a batch is known again: a checksum of its bytes.

    >>> mark({"x": np.zeros(2)}) == mark({"x": np.zeros(2)}), mark({"x": np.zeros(2)}) == mark({"x": np.ones(2)})
    (True, False)
    """
    total = 0
    for name in sorted(batch):
        total = zlib.crc32(np.ascontiguousarray(batch[name]).reshape(-1).view(np.uint8).data, total)
    return f"{total:08x}"


def _has_state(iterator: Any) -> bool:
    """Whether an iterator says where it stands in a form that a checkpoint can keep."""
    if not (hasattr(iterator, "get_state") and hasattr(iterator, "set_state")):
        return False
    try:
        return bool(json.dumps(_for_json(iterator.get_state())))
    except TypeError:
        return False


def _for_json(state: Any) -> Any:
    return {"bytes": state.decode("latin-1")} if isinstance(state, bytes) else state


def _fits(now: jax.ShapeDtypeStruct, first: jax.ShapeDtypeStruct) -> bool:
    """Whether an array of a batch is like that of the first one, but for fewer rows."""
    if now.dtype != first.dtype or len(now.shape) != len(first.shape):
        return False
    return now.shape[1:] == first.shape[1:] and now.shape[:1] <= first.shape[:1]


def _form(values: Any) -> str:
    if values is None:
        return "missing"
    leaf = values if isinstance(values, jax.ShapeDtypeStruct) else shape_of(values)
    return f"{leaf.dtype}{list(leaf.shape)}"
