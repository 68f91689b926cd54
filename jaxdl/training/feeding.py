"""Where the batches of a run come from: a data set on the device, of which every step gathers its rows.

Its other form, in `training.streaming`, brings a few batches at a time.
"""

from collections.abc import Callable
from typing import Any, Protocol

import jax
import jax.numpy as jnp
import numpy as np
from jax.sharding import Mesh

from jaxdl.data.batches import epoch_order
from jaxdl.training.sharded_rows import batch_taker
from jaxdl.types import Array, Batch, Key


class Feed(Protocol):
    """What a `Stepper` asks for batches.

    Attributes:
        steps: of an epoch.
        waited: seconds for which the run has waited for batches, in all; None where it never does.
    """

    steps: int
    waited: float | None

    def batch(self, given: Any, step: Array) -> Batch:
        """The batch of a step, from what the program is given: pure, a part of the compiled program."""
        ...

    def sample(self, loop: bool) -> tuple[Any, int]:
        """What a program with a loop, or without one, is given to be measured, and how many steps are in it."""
        ...

    def begin(self, steps_per_call: int | str) -> None:
        """The program is chosen."""
        ...

    def given(self, done: int) -> tuple[Any, int]:
        """What the program is given after so many steps, and how many steps it can make with it."""
        ...

    def rows(self, done: int) -> np.ndarray | None:
        """The examples of the last step; None where they have no numbers."""
        ...

    def position(self, done: int) -> Any:
        """What a checkpoint keeps to find the next batch again, for JSON; None where the step says it."""
        ...

    def close(self) -> None:
        """Let go of threads and processes."""
        ...


class Resident:
    """A data set that lies on the device.

    Args:
        data: {"x": [N, ...], ...} on the device.
        order_of: epoch -> [S, B], the rows of its batches.
        n_examples: N.
        mesh: of the devices over which `cut_rows` has cut the data; None is one device.
    """

    waited: float | None = None

    def __init__(
        self, data: Batch, order_of: Callable[[int], Array], n_examples: int, mesh: Mesh | None = None
    ) -> None:
        self._take = batch_taker(mesh)
        self._data, self._order_of, self._n = data, order_of, n_examples
        self._epoch, self._order = 0, order_of(0)
        self.steps = self._order.shape[0]

    def batch(self, given: Any, step: Array) -> Batch:
        data, order = given
        return self._take(data, order, step % order.shape[0], self._n)

    def sample(self, loop: bool) -> tuple[Any, int]:
        return (self._data, self._order), self.steps

    def begin(self, steps_per_call: int | str) -> None:
        pass

    def given(self, done: int) -> tuple[Any, int]:
        epoch, i = divmod(done, self.steps)
        return (self._data, self._of(epoch)), self.steps - i

    def rows(self, done: int) -> np.ndarray | None:
        return real_rows(self._of((done - 1) // self.steps), (done - 1) % self.steps, self._n)

    def position(self, done: int) -> Any:
        return None

    def close(self) -> None:
        pass

    def _of(self, epoch: int) -> Array:
        if epoch != self._epoch:
            self._epoch, self._order = epoch, self._order_of(epoch)
        return self._order


def real_rows(order: Any, i: int, n_examples: int) -> np.ndarray:
    """The rows of a batch [B], without what fills up an incomplete one.

    >>> real_rows(np.array([[2, 0], [1, 2]]), 1, 3).tolist()
    [1]
    """
    return np.asarray(order[i])[: n_examples - i * order.shape[1]]


def orders(key: Key, n_examples: int, batch_size: int | None, groups: Array | None = None) -> Callable[[int], Array]:
    """epoch -> the rows of its batches, which depend on the key alone: compiled once."""
    of = None if groups is None else jnp.asarray(groups)
    program = jax.jit(lambda key, epoch: epoch_order(key, epoch, n_examples, batch_size, of))
    return lambda epoch: program(key, epoch)
