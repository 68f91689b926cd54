"""The loop of `fit`: step to the end of an epoch, score the validation part, keep and tell it, until the last one."""

import time
from collections.abc import Sequence
from typing import Any

import jax
import numpy as np

from jaxdl.metrics import scalars
from jaxdl.training import agreement
from jaxdl.training.checkpoint import Checkpoints
from jaxdl.training.evaluation import evaluate, has_rows, names, on_the_device, score_names
from jaxdl.training.events import PAUSE, STOP, Callback, Event, History, Paused
from jaxdl.training.feeding import Feed
from jaxdl.training.program import Stepper
from jaxdl.training.saved import Saved
from jaxdl.training.sharding import place, replicate
from jaxdl.training.step import TrainState
from jaxdl.training.task import Task
from jaxdl.types import Metrics


class Run:
    """What changes while the loop goes on, whom it tells, and what it keeps.

    Attributes:
        state: the train state now.
        done: steps done in all.
        history: of the epochs that have ended.
        stopped: whether a callback has asked for the end.
    """

    def __init__(
        self,
        task: Task,
        state: TrainState,
        callbacks: Sequence[Callback],
        checkpoints: Checkpoints,
        facts: dict[str, Any],
        saved: Saved | None,
        mesh: jax.sharding.Mesh | None,
    ) -> None:
        self.state, self.done, self.stopped = state, int(state.step), False
        self.history = History() if saved is None else saved.history
        self.history.params |= facts
        self._task, self._callbacks, self._checkpoints = task, callbacks, checkpoints
        self._saved, self._mesh = saved, mesh
        self._seconds = 0.0 if saved is None else saved.seconds  # spent in the epoch under way, so far
        self._waited = 0.0 if saved is None else saved.waited
        self._paused = False
        validation = task.data.validation
        rows = len(next(iter(validation.values()), ())) if on_the_device(validation) else None
        self._validation: dict[str, Any] = {"mesh": mesh, "n": rows}
        self._rows: np.ndarray | None = None

    def compile(self, feed: Feed, validation: Any, steps_per_call: int | str) -> None:
        """Make the programs, and refuse a score to monitor that they do not give."""
        self.notify("compile", {})
        self._stepper = Stepper(self._task.step, self.state, feed, steps_per_call, self._mesh)
        self._feed = feed
        scores = [*names(self._stepper.zero_metrics()), "seconds"]
        if feed.waited is not None:
            scores.append("waiting")
        if has_rows(validation):
            of_validation = score_names(self._task.evaluate, self.state, validation, **self._validation)
            scores += [f"val_{name}" for name in of_validation]
        if self._checkpoints.kept and self._task.monitor not in scores:
            raise ValueError(f"no score {self._task.monitor!r} to monitor; this run has {', '.join(scores)}")
        self.history.params |= {"steps_per_call": self._stepper.steps_per_call, "metrics": scores}

    def notify(self, kind: Any, metrics: dict[str, float], *, state: TrainState | None = None) -> None:
        """Hand an event to every callback, and do what they answer."""
        epochs, steps = self.history.params["epochs"], self.history.params["steps"]
        epoch = min(-(-max(self.done, 1) // steps), epochs)
        for callback in self._callbacks:
            shown = self.state if state is None else state
            answer = callback(Event(kind, epoch, self.done, shown, metrics, self.history, self._rows))
            self.stopped = self.stopped or (isinstance(answer, str) and answer == STOP)
            self._paused = self._paused or (isinstance(answer, str) and answer == PAUSE)
            self.state = place(answer, self._mesh) if isinstance(answer, TrainState) else self.state

    def epoch(self, validation: Any) -> None:
        """Step to the end of the epoch, score the validation part, keep and tell it."""
        start = time.perf_counter() - self._seconds
        totals = self._steps(start)
        scores = scalars(totals) | self._waiting(start)
        if has_rows(validation):
            total = scalars(evaluate(self._task.evaluate, self.state, validation, **self._validation))
            scores |= {f"val_{name}": value for name, value in total.items()}
        scores["seconds"] = time.perf_counter() - start
        self.history.append(self.done // self.history.params["steps"], scores)
        self._seconds = self._waited = 0.0
        self.keep()
        self.notify("epoch", scores)
        self._agreed()
        self._leave_if_paused()

    def keep(self, totals: Metrics | None = None) -> None:
        """Save a checkpoint of the state now; `totals` of the epoch under way, if one is."""
        totals = self._stepper.zero_metrics() if totals is None else totals
        spent, position = (self._seconds, self._waited), self._feed.position(self.done)
        self._checkpoints.save(self.state, totals, self.history, *spent, position=position)

    def _steps(self, start: float) -> Metrics:
        """The sums of the metrics over all steps of the epoch; a resumed run has some of them already."""
        totals, steps = self._stepper.zero_metrics(), self.history.params["steps"]
        if self._saved is not None and self.done == self._saved.step:
            totals = replicate(jax.tree.unflatten(jax.tree.structure(totals), self._saved.totals), self._mesh)
        while True:
            before = self._feed.waited or 0.0
            self.state, totals, self.done = self._stepper.advance(self.state, totals, self.done)
            self._waited += (self._feed.waited or 0.0) - before
            self._rows = self._feed.rows(self.done)
            self.notify("step", scalars(totals) | self._waiting(start))
            if self.done % steps == 0:
                return totals
            if self._agreed(self._checkpoints.due()):
                self._seconds = time.perf_counter() - start
                self.keep(totals)
            self._leave_if_paused()

    def _waiting(self, start: float) -> dict[str, float]:
        """The share of the epoch's time, so far, for which the steps waited for their batches."""
        if self._feed.waited is None:
            return {}
        return {"waiting": self._waited / max(time.perf_counter() - start, 1e-9)}

    def _agreed(self, due: bool = False) -> bool:
        """Whether to save now, by the first process's clock. Each of several may pause or stop them all."""
        answers = agreement.gathered(self._paused, self.stopped, due)
        self._paused, self.stopped = bool(answers[:, 0].any()), bool(answers[:, 1].any())
        return self._paused or bool(answers[0, 2])

    def _leave_if_paused(self) -> None:
        if self._paused:
            raise Paused(f"paused after step {self.done}")
