"""Trials of one shape as one group that trains together; which numbers a program takes as traced ones."""

import math
from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple, TypeAlias

import jax
import jax.numpy as jnp
import numpy as np

from jaxdl.data.arrays import count
from jaxdl.data.batches import epoch_order, take_batch
from jaxdl.training.spaces import Dimension, Trial, replaced
from jaxdl.training.step import order_key
from jaxdl.training.task import Task
from jaxdl.training.together import Together
from jaxdl.types import Array

TaskOf: TypeAlias = Callable[[Any], Task]
_TOGETHER = 64  # runs in one program at most


class Tried(NamedTuple):
    """A trial that has ended.

    Attributes:
        number: its place in the search.
        values: of the fields.
        score: the best monitored score; NaN for a trial that diverged at once or cannot be built.
        epoch: where that was, from 1.
        epochs: how many it was trained for.
        note: why it could not be built.
    """

    number: int
    values: Trial
    score: float
    epoch: int
    epochs: int
    note: str = ""


class Trials:
    """Runs trials in groups of one shape."""

    def __init__(
        self,
        task_of: TaskOf,
        config: Any,
        traced: Sequence[str],
        end: Callable[[Tried], None],
        stage: Callable[[str], None],
    ) -> None:
        self._task_of, self._config, self._traced, self._end, self._stage = task_of, config, traced, end, stage
        self.mode = task_of(config).mode

    def all(self, numbers: Sequence[int], trials: Sequence[Trial]) -> None:
        """Every trial to its last epoch."""
        for group in self._groups(numbers, trials):
            group.train(group.epochs, self._stage)
            self._finish(group, group.numbers)

    def halve(self, numbers: Sequence[int], trials: Sequence[Trial], eta: int, shortest: int) -> None:
        """All for the shortest time, then a 1/eta of them, the best, eta times as long, to the last epoch."""
        groups = list(self._groups(numbers, trials))
        alive, epochs = sum(len(group.numbers) for group in groups), shortest
        while groups:
            for group in groups:
                group.train(min(epochs, group.epochs), self._stage)
            if epochs >= max(group.epochs for group in groups):
                break
            alive, epochs = max(1, alive // eta), epochs * eta
            sign = -1.0 if self.mode == "max" else 1.0
            ranked = sorted(
                ((np.nan_to_num(sign * group.runs.best_scores[i], nan=np.inf), number, group))
                for group in groups
                for i, number in enumerate(group.numbers)
            )
            going_on = {number for _, number, _ in ranked[:alive]}
            for group in groups:
                self._finish(group, [number for number in group.numbers if number not in going_on])
                group.keep([number for number in group.numbers if number in going_on])
            groups = [group for group in groups if group.numbers]
        for group in groups:
            self._finish(group, group.numbers)

    def _groups(self, numbers: Sequence[int], trials: Sequence[Trial]) -> Iterator["Group"]:
        by_shape: dict[Any, list[tuple[int, Trial]]] = {}
        for number, values in zip(numbers, trials, strict=True):
            shape = tuple((name, value) for name, value in values.items() if name not in self._traced)
            by_shape.setdefault(shape, []).append((number, values))
        for members in by_shape.values():
            for i in range(0, len(members), _TOGETHER):
                group = self._built(members[i : i + _TOGETHER])
                if group is not None:
                    yield group

    def _built(self, members: list[tuple[int, Trial]]) -> "Group | None":
        try:
            for _, values in members:
                replaced(self._config, values)  # with its checks
            return Group(self._task_of, self._config, members, self._traced)
        except ValueError as error:
            for number, values in members:
                self._end(Tried(number, values, math.nan, 0, 0, str(error)))
            return None

    def _finish(self, group: "Group", numbers: Sequence[int]) -> None:
        for number in numbers:
            i = group.numbers.index(number)
            score, epoch = float(group.runs.best_scores[i]), int(group.runs.best_epochs[i])
            self._end(Tried(number, group.trials[i], score, epoch, len(group.runs.history)))


class Group:
    """Trials that differ in traced numbers alone."""

    def __init__(self, task_of: TaskOf, config: Any, members: list[tuple[int, Trial]], traced: Sequence[str]) -> None:
        self.numbers, self.trials = [number for number, _ in members], [values for _, values in members]
        shape = {name: value for name, value in self.trials[0].items() if name not in traced}
        base = replaced(config, shape, check=False)
        numbers = {
            name: jnp.array([values[name] for values in self.trials]) for name in self.trials[0] if name in traced
        }
        self.epochs = base.epochs
        seeds = [base.seed] * len(members)  # common random numbers: what differs is what is searched

        def family(values: dict[str, Array]) -> Task:
            return task_of(replaced(base, values, check=False))

        self.runs = Together(family, numbers, seeds, base.batch_size)

    def __lt__(self, other: "Group") -> bool:
        return self.numbers < other.numbers

    def train(self, epochs: int, stage: Callable[[str], None]) -> None:
        """Go on until so many epochs are done."""
        while len(self.runs.history) < epochs:
            stage(f"{len(self.numbers)} runs together, epoch {len(self.runs.history) + 1} of {epochs}")
            self.runs.epoch()

    def keep(self, numbers: Sequence[int]) -> None:
        """Go on with these alone."""
        rows = [self.numbers.index(number) for number in numbers]
        if rows and len(rows) < len(self.numbers):
            self.runs.keep(rows)
        self.trials, self.numbers = [self.trials[i] for i in rows], list(numbers)


def traced_fields(task_of: TaskOf, config: Any, space: Sequence[Dimension]) -> list[str]:
    """The dimensions of real numbers that the training step and its scores take as traced ones."""
    real = [d for d in space if isinstance(d.value(0.5), float)]
    return [d.name for d in real if _is_traceable(task_of, config, d)]


def _is_traceable(task_of: TaskOf, config: Any, dimension: Dimension) -> bool:
    def probe(value: Array) -> Any:
        task = task_of(replaced(config, {dimension.name: value}, check=False))
        state, n = task.init(jax.random.key(0)), count(task.data.train)
        train = {name: jnp.asarray(values) for name, values in task.data.train.items()}
        batch = take_batch(train, epoch_order(order_key(state), 0, n, config.batch_size), 0, n)
        return task.step(state, batch), task.evaluate(state, batch)

    try:
        jax.eval_shape(probe, jnp.float32(dimension.value(0.5)))
    except (jax.errors.JAXTypeError, TypeError, ValueError):  # an `if`, a table of Python numbers, a check
        return False
    return True
