"""Many runs at once: K train states in one compiled program, one for each seed or trial.

    states [K, ...],    epoch(value_k, state_k) for all k by `vmap` (by `lax.map` where that is faster)

The runs share data, batch size and shapes; seeds and the numbers in `values` differ. Each takes its own random order of
the examples, as `fit` with its seed would.
"""

import re
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from jaxdl.data.arrays import count
from jaxdl.data.batches import epoch_order, in_order, n_steps, take_batch
from jaxdl.kernels import backend
from jaxdl.metrics import merge, scalars
from jaxdl.optim import has_factor
from jaxdl.training.contract import resident
from jaxdl.training.evaluation import has_rows
from jaxdl.training.step import TrainState, order_key
from jaxdl.training.task import Task
from jaxdl.types import Array, Batch, Metrics, Tree
from jaxdl.validation import require_positive, require_seed

_ROWS = 512  # scored at a time
Family = Callable[[Any], Task]  # one run's numbers (a tree of scalars, traced) -> its task


class ManyResult(NamedTuple):
    """What `fit_many` gives back; k counts the seeds.

    Attributes:
        states: the states after the last epoch, a leading axis of K.
        best: those after the epoch with the best monitored score, each run's own.
        history: name of a score -> [epochs, K].
        best_epochs: [K], from 1.
    """

    states: TrainState
    best: TrainState
    history: dict[str, np.ndarray]
    best_epochs: np.ndarray


def fit_many(task: Task, *, seeds: Sequence[int], epochs: int, batch_size: int | None = 32) -> ManyResult:
    """Train a task once for each seed, all of them together.

    Args:
        task: what to train; without a `warm_start`.
        seeds: of parameters, orders and dropout, one for each run.
        epochs, batch_size: as in `fit`.
    Raises: ValueError for no seeds, a seed twice, or a task with a `warm_start`.

    >>> from jaxdl.recipes import xor_mlp
    >>> many = fit_many(xor_mlp.task(xor_mlp.Config()), seeds=range(3), epochs=2, batch_size=4)
    >>> many.history["loss"].shape
    (2, 3)
    """
    seeds = list(seeds)
    if not seeds or len(set(seeds)) < len(seeds):
        raise ValueError(f"fit_many: every run needs a seed of its own, got {seeds}")
    require_positive("fit_many", epochs=epochs)
    runs = Together(lambda _: task, jnp.zeros(len(seeds)), seeds, batch_size)
    for _ in range(epochs):
        runs.epoch()
    history = {name: np.stack([scores[name] for scores in runs.history]) for name in runs.history[0]}
    finish = (lambda states: states) if task.finish is None else jax.jit(jax.vmap(task.finish))
    return ManyResult(finish(runs.states), finish(runs.best), history, runs.best_epochs)


class Together:
    """K runs that move on epoch by epoch.

    Attributes:
        states: the states now, a leading axis of K.
        best: the states after each run's best epoch by the task's monitored score; NaN is never best.
        best_scores, best_epochs: [K], the score there and the number of that epoch.
        history: a dict for each epoch, score -> [K].
    """

    def __init__(self, family: Family, values: Tree, seeds: Sequence[int], batch_size: int | None) -> None:
        for seed in seeds:
            require_seed("fit_many", seed)
        task = family(jax.tree.map(lambda leaf: leaf[0].item(), values))
        if task.warm_start is not None:
            raise ValueError("fit_many: a task with a warm start (pre-training) is trained alone, by fit")
        self.task, self._values = task, values
        parts = (task.data.train, task.data.validation)
        self._train, self._validation = jax.device_put(tuple(resident("fit_many", part) for part in parts))
        n, groups = count(task.data.train), task.groups
        n_steps(n, batch_size)  # raises for an impossible batch size
        keys = jax.vmap(jax.random.key)(jnp.array(seeds, jnp.uint32))

        def epoch(value: Any, state: TrainState, train: Batch, validation: Batch, number: Array) -> Any:
            own = family(value)
            order = epoch_order(order_key(state), number, n, batch_size, groups)
            state, totals = _scan(own.step, state, train, order, n)
            scores = _evaluate(own, state, validation) if has_rows(validation) else {}
            return state, totals, scores

        if has_factor(jax.eval_shape(task.init, jax.random.key(0)).opt_state):
            raise ValueError(
                "fit_many: a rate that falls at plateaus (--plateau) is its run's own: trained alone, by fit"
            )
        first = jax.tree.map(lambda leaf: leaf[0], values)
        self.states = jax.jit(jax.vmap(lambda value, key: family(value).init(key)))(values, keys)
        one = jax.eval_shape(lambda value: family(value).init(jax.random.key(0)), first)
        traced = jax.make_jaxpr(epoch)(first, one, self._train, self._validation, jnp.int32(0))
        spread = choose_batching(traced)
        self._epoch = jax.jit(
            lambda values, states, train, validation, number: spread(
                lambda value, state: epoch(value, state, train, validation, number)
            )(values, states),
            donate_argnums=1,
        )
        self.best = jax.tree.map(jnp.copy, self.states)
        self.best_scores = np.full(len(seeds), np.nan)
        self.best_epochs = np.zeros(len(seeds), int)
        self.history: list[dict[str, np.ndarray]] = []

    def epoch(self) -> dict[str, np.ndarray]:
        """One more epoch of every run: score -> [K], those of the validation part with "val_" in front."""
        number = jnp.int32(len(self.history))
        self.states, totals, scores = self._epoch(self._values, self.states, self._train, self._validation, number)
        by_name = _by_run(totals) | {f"val_{name}": values for name, values in _by_run(scores).items()}
        if self.task.monitor not in by_name:
            raise ValueError(f"no score {self.task.monitor!r} to monitor; this run has {', '.join(by_name)}")
        self.history.append(by_name)
        monitored = by_name[self.task.monitor]
        sign = 1.0 if self.task.mode == "max" else -1.0
        better = np.isfinite(monitored) & ~(sign * monitored <= sign * self.best_scores)
        self.best = _choose(jnp.asarray(better), self.states, self.best)
        self.best_scores = np.where(better, monitored, self.best_scores)
        self.best_epochs = np.where(better, len(self.history), self.best_epochs)
        return by_name

    def keep(self, runs: Sequence[int]) -> None:
        """Go on with some of the runs only."""
        rows = np.asarray(runs)
        self._values, self.states, self.best = jax.tree.map(
            lambda leaf: leaf[rows], (self._values, self.states, self.best)
        )
        self.best_scores, self.best_epochs = self.best_scores[rows], self.best_epochs[rows]
        self.history = [{name: scores[rows] for name, scores in epoch.items()} for epoch in self.history]

    def best_state(self, run: int) -> TrainState:
        """The state after the best epoch of one run."""
        return jax.tree.map(lambda leaf: leaf[run], self.best)


def choose_batching(program: Any) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """`vmap`, or `lax.map` for convolutions on a CPU.

    Batched over kernels they become grouped convolutions, which XLA's CPU backend runs slowly: eight DCGANs by `vmap`
    take 1.3 times as long as in turn (record gan-sweep), eight dense games an eighth less.
    """
    if backend() == "cpu" and re.search(r"\bconv(olution|_general_dilated)\b", str(program)):
        return lambda f: lambda *trees: jax.lax.map(lambda rows: f(*rows), trees)
    return jax.vmap


def _scan(step: Any, state: TrainState, data: Batch, order: Array, n: int) -> tuple[TrainState, Metrics]:
    """All steps of an epoch; the sums of their metrics."""
    shapes = jax.eval_shape(lambda state: step(state, take_batch(data, order, 0, n))[1], state)
    zero = jax.tree.map(lambda leaf: jnp.zeros(leaf.shape, leaf.dtype), shapes)

    def body(carry: tuple[TrainState, Metrics], i: Array) -> tuple[tuple[TrainState, Metrics], None]:
        state, metrics = step(carry[0], take_batch(data, order, i, n))
        return (state, merge(carry[1], metrics)), None

    return jax.lax.scan(body, (state, zero), jnp.arange(order.shape[0], dtype=jnp.int32))[0]


def _evaluate(task: Task, state: TrainState, data: Batch) -> Metrics:
    """The sums of the metrics over a part."""
    n = len(next(iter(data.values())))
    order = in_order(n, min(n, _ROWS))
    return _scan(lambda state, batch: (state, task.evaluate(state, batch)), state, data, order, n)[1]


def _by_run(totals: Metrics) -> dict[str, np.ndarray]:
    """Score -> [K] of metrics with a leading axis."""
    host = jax.tree.map(np.asarray, totals)
    leaves = jax.tree.leaves(host)
    rows = [scalars(jax.tree.map(lambda leaf, k=k: leaf[k], host)) for k in range(len(leaves[0]))] if leaves else [{}]
    return {name: np.array([row[name] for row in rows]) for name in rows[0]}


@jax.jit
def _choose(chosen: Array, a: Tree, b: Tree) -> Tree:
    """Row k of a where chosen [K], else of b."""

    def rows(x: Array, y: Array) -> Array:
        return jnp.where(chosen.reshape(-1, *(1,) * (x.ndim - 1)), x, y)

    return jax.tree.map(rows, a, b)
