"""What every implementation of a workload gives to the benchmark, and the gate that it passes before it is timed."""

import time
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from benchmarks.measuring.timing import block_until_ready

PARITY_STEPS = 20
PARITY = 1e-3  # largest difference of two loss curves, in nats
SLOW_STEPS = 3


class Trainer(NamedTuple):
    """A model, its optimizer and its data, ready to train.

    Attributes:
        step: makes the next step, on batch i of the data (modulo their number), and gives back its loss; the loss need
            not be ready.
        epoch: makes one step on every batch, as fast as the implementation can, and gives back something that is ready
            when the steps are done.
        notes: says what a reader of the figures must know, for the record; asked after the first step.
        on: makes a step on a batch in the library's own arrays, where an epoch of other batches is built from it.
        length: steps in an epoch; 0 is one on every batch.
        slow: timed apart from the others, in few rounds, and its loss curve compared over few steps.
        program: gives the text of the compiled program behind `epoch`.
    """

    step: Callable[[int], Any]
    epoch: Callable[[], Any]
    notes: Callable[[], str]
    on: Callable[[Any], Any] | None = None
    length: int = 0
    slow: bool = False
    program: Callable[[], str] | None = None


Rows = dict[str, Callable[[], Trainer]]  # row of the table -> how to build it


def from_steps(step: Callable[[int], Any], n: int, *, notes: str = "") -> Trainer:
    """A trainer whose epoch is the plain loop over its batches; only the last step is waited for."""

    def epoch() -> Any:
        loss = None
        for i in range(n):
            loss = step(i)
        return loss

    return Trainer(step, epoch, lambda: notes)


def build(make: Callable[[], Trainer]) -> tuple[Trainer, float, float, float]:
    """(trainer, seconds of import and building, seconds of the first step with its compilation, its loss)."""
    start = time.perf_counter()
    trainer = make()
    built = time.perf_counter()
    loss = block_until_ready(trainer.step(0))
    return trainer, built - start, time.perf_counter() - built, float(loss)


def curve(trainer: Trainer, first: float, steps: int = PARITY_STEPS) -> list[float]:
    """The losses of some steps in all (of `SLOW_STEPS` of a slow trainer), of which the first is done."""
    return [first, *(float(trainer.step(i)) for i in range(1, SLOW_STEPS if trainer.slow else steps))]


def parity(ours: Sequence[float], theirs: Sequence[float]) -> float:
    """Largest difference between two loss curves; NaN counts as infinite.

    >>> parity([2.0, 1.0], [2.0, 1.5]), parity([1.0], [float("nan")])
    (0.5, inf)
    """
    differences = [abs(a - b) for a, b in zip(ours, theirs, strict=True)]
    return max(d if d == d else float("inf") for d in differences)
