"""The learning-rate finder: one run whose rate rises at every step, and where its loss falls fastest.

    rate_i = low (high / low)^(i / (S - 1)),    loss_i smoothed by an EWMA and corrected for its start

A good rate is where the smoothed loss falls most steeply over log rate; from its lowest point on it is too large.

Reference: Smith, "Cyclical learning rates for training neural networks", 2017, section 3.3.
"""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from jaxdl.data.arrays import count
from jaxdl.data.batches import epoch_order, n_steps, take_batch
from jaxdl.metrics import scalars
from jaxdl.training.contract import resident
from jaxdl.training.search import TaskOf
from jaxdl.training.spaces import fields, replaced
from jaxdl.training.step import TrainState, order_key
from jaxdl.types import Array, Metrics

_DIVERGED = 4.0  # times the lowest loss


class Rates(NamedTuple):
    """What `find_learning_rate` saw.

    Attributes:
        rates: [S].
        losses: [S] smoothed; NaN from where it diverged.
        suggestion: the rate of the steepest fall.
        largest: that of the lowest loss; larger ones do harm.
    """

    rates: np.ndarray
    losses: np.ndarray
    suggestion: float
    largest: float


def find_learning_rate(
    task_of: TaskOf, config: Any, *, low: float = 1e-6, high: float = 10.0, steps: int = 200, decay: float = 0.95
) -> Rates:
    """Run a task for some steps with a rising rate.

    Args:
        task_of, config: as in `search`; the configuration has a `learning_rate`. Its schedule is left out.
        low, high: the first and the last rate.
        steps: S.
        decay: of the EWMA of the loss.
    Raises: ValueError for a configuration without a learning rate, or rates out of order.

    >>> from jaxdl.recipes import digits_mlp
    >>> found = find_learning_rate(digits_mlp.task, digits_mlp.Config(), steps=60)
    >>> 1e-4 < found.suggestion < found.largest
    True
    """
    if "learning_rate" not in fields(config):
        raise ValueError("find_learning_rate: this configuration has no learning_rate")
    if not 0 < low < high or steps < 10:
        raise ValueError(f"find_learning_rate: 0 < low < high and 10 steps are needed, got {low}, {high} and {steps}")
    plain = {"schedule": "constant", "warmup_epochs": 0}
    base = replaced(config, {name: value for name, value in plain.items() if name in fields(config)})
    task = task_of(base)
    train = jax.device_put(resident("find_learning_rate", task.data.train))
    n, rates = count(task.data.train), jnp.geomspace(low, high, steps)
    per_epoch = n_steps(n, base.batch_size)

    def step(state: TrainState, row: tuple[Array, Array]) -> tuple[TrainState, Metrics]:
        i, rate = row
        order = epoch_order(order_key(state), i // per_epoch, n, base.batch_size, task.groups)
        batch = take_batch(train, order, i % per_epoch, n)
        return task_of(replaced(base, {"learning_rate": rate}, check=False)).step(state, batch)

    start = jax.jit(task.init)(jax.random.key(base.seed))
    rows = jnp.arange(steps, dtype=jnp.int32), rates
    metrics = jax.device_get(jax.jit(lambda state: jax.lax.scan(step, state, rows)[1])(start))
    losses = [scalars(jax.tree.map(lambda leaf, i=i: leaf[i], metrics))["loss"] for i in range(steps)]
    return _read(np.asarray(rates), np.array(losses), decay)


def _read(rates: np.ndarray, losses: np.ndarray, decay: float) -> Rates:
    """Smooth, cut off what diverged, find the steepest fall before the lowest point.

    >>> rates = np.geomspace(1e-4, 1.0, 100)
    >>> found = _read(rates, np.where(rates < 0.1, 2 - np.tanh(np.log10(rates) + 2), 50.0), 0.5)
    >>> 3e-3 < found.suggestion < 3e-2, 0.05 < found.largest <= 0.15
    (True, True)
    """
    smoothed, mean = np.full(len(losses), np.nan), 0.0
    for i, loss in enumerate(losses):
        mean = decay * mean + (1 - decay) * loss
        smoothed[i] = mean / (1 - decay ** (i + 1))
        if not np.isfinite(smoothed[i]) or smoothed[i] > _DIVERGED * np.nanmin(smoothed):
            smoothed[i:] = np.nan
            break
    lowest = int(np.nanargmin(smoothed))
    if lowest < 2:
        raise ValueError(f"find_learning_rate: the loss rises from the first rate {rates[0]:g} on; begin lower")
    reach = max(1, len(losses) // 20)  # a slope between neighbors would be the batches' noise
    settled = min(round(1 / (1 - decay)), max(0, lowest - reach))  # before, the average is of a few batches
    places = range(settled, max(settled, lowest - reach) + 1)
    falls = [smoothed[max(0, i - reach)] - smoothed[min(lowest, i + reach)] for i in places]
    return Rates(rates, smoothed, float(rates[places[int(np.argmax(falls))]]), float(rates[lowest]))
