"""What a checkpoint says of itself beside its arrays: its `progress.json`."""

import json
import math
from typing import Any, NamedTuple

import numpy as np

from jaxdl.training.events import History


class Saved(NamedTuple):
    """What a checkpoint says of itself, without its arrays.

    Attributes:
        step: steps done.
        best: the step of the best epoch so far; None before the first has ended.
        history: of all epochs that have ended, and the facts of the run.
        totals: the leaves of the metrics summed so far in the epoch under way.
        seconds: spent in that epoch so far.
        leaves: path -> dtype and shape of the state's leaves.
        waited: seconds of them for which the run waited for its data.
        position: where a stream of batches stood; None where the step says it.
    """

    step: int
    best: int | None
    history: History
    totals: list[np.ndarray]
    seconds: float
    leaves: dict[str, str]
    waited: float = 0.0
    position: Any = None

    @property
    def steps_per_call(self) -> int | str:
        """As the run chose it; another program may round differently."""
        return self.history.params["steps_per_call"]


def best_step(history: History, monitor: str, mode: str) -> int | None:
    """The step after the best epoch, the first of equal ones; NaN is worse than any number."""
    sign = 1 if mode == "max" else -1
    scores = [-math.inf if math.isnan(value) else sign * value for value in history.history.get(monitor, [])]
    return (scores.index(max(scores)) + 1) * history.params["steps"] if scores else None


def to_json(saved: Saved) -> str:
    """JSON without NaN, which is none: numbers of the history as words, sums as their bytes."""
    history = {
        "epoch": saved.history.epoch,
        "history": {name: [repr(float(value)) for value in values] for name, values in saved.history.history.items()},
        "params": saved.history.params,
    }
    totals = [[leaf.dtype.str, leaf.shape, leaf.tobytes().hex()] for leaf in saved.totals]
    return json.dumps(saved._asdict() | {"history": history, "totals": totals}, allow_nan=False, separators=(",", ":"))


def from_json(text: str) -> Saved:
    fields = json.loads(text)
    history = History(**fields["history"])
    history.history = {name: [float(value) for value in values] for name, values in history.history.items()}
    totals = [np.frombuffer(bytes.fromhex(data), dtype).reshape(shape) for dtype, shape, data in fields["totals"]]
    return Saved(**(fields | {"history": history, "totals": totals}))
