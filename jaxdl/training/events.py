"""What a callback sees, what it may answer, and the history that all of them share."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Literal, NamedTuple, TypeAlias

import numpy as np

from jaxdl.training.step import TrainState

STOP = "stop"
"""A callback that returns this ends the run after the current epoch's event: the epoch is finished and kept."""

PAUSE = "pause"
"""A callback that returns this ends the run after the current step, with a checkpoint: `fit` raises `Paused`."""


class Paused(Exception):
    """A run ended inside its epochs because a callback asked for it; `fit(resume=True)` goes on with the next step."""


@dataclass
class History:
    """The scores of every finished epoch.

    Attributes:
        epoch: the finished epochs, from 1.
        history: score name -> one value per epoch: "loss", "accuracy", "val_loss", ..., "seconds", and of a streamed
            run "waiting", the share of the time for which the steps waited for their batches.
        params: facts of the run: "epochs" planned, "steps" an epoch, "batch_size", "examples", "seed", "mesh" (axis ->
            size, or None), "steps_per_call", "metrics" (the names of the scores to come), "stream" in a streamed
            run, and "data", their fingerprint, in a run that keeps checkpoints.
    """

    epoch: list[int] = field(default_factory=list)
    history: dict[str, list[float]] = field(default_factory=dict)
    params: dict[str, Any] = field(default_factory=dict)

    def append(self, epoch: int, scores: dict[str, float]) -> None:
        """Add one epoch. A score that this epoch or earlier ones lack is NaN there."""
        for name in self.history | scores:
            earlier = self.history.setdefault(name, [float("nan")] * len(self.epoch))
            earlier.append(scores.get(name, float("nan")))
        self.epoch.append(epoch)

    def last(self) -> dict[str, float]:
        """The scores of the last epoch; {} before the first has ended."""
        return {name: values[-1] for name, values in self.history.items() if values}

    def rows(self) -> list[dict[str, float]]:
        """One dict an epoch, "epoch" first."""
        return [
            {"epoch": epoch} | {name: values[i] for name, values in self.history.items()}
            for i, epoch in enumerate(self.epoch)
        ]


class Event(NamedTuple):
    """Something that happened in a run.

    Attributes:
        kind: "compile": the programs are about to be made, which takes its time; "best": a resumed run loaded its best
            state so far; "begin"; "step": a call of one or
            more steps has ended; "epoch": an epoch and its validation have ended; "end"; or, when an exception passes
            through, "abort" in its place (the state's buffers may be deleted then, and answers change nothing).
        epoch: the epoch under way, or just ended, from 1.
        step: steps done in all.
        state: the train state now. The next step deletes its buffers: copy what must outlive the callback.
        metrics: means so far in this epoch; at "epoch" also the validation scores, named "val_...".
        history: of all finished epochs.
        rows: the rows of the training data in the last step's batch; None before the first step, and where a stream of
            batches has no numbers for them.
    """

    kind: Literal["compile", "best", "begin", "step", "epoch", "end", "abort"]
    epoch: int
    step: int
    state: TrainState
    metrics: dict[str, float]
    history: History
    rows: np.ndarray | None


Callback: TypeAlias = Callable[[Event], "str | TrainState | None"]
"""None goes on, STOP or PAUSE ends the run, a TrainState replaces the current one (the best weights, at "end").

A state that an answer to "epoch" puts in place is in the checkpoints from the next one on."""
