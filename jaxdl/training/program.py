"""The program of a run: many steps in one donated call, compiled once."""

import time
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.sharding import Mesh

from jaxdl.kernels import backend
from jaxdl.metrics import merge
from jaxdl.training import agreement
from jaxdl.training.choice import MEASURED_STEPS, choose_program, compile_steps, trace
from jaxdl.training.compiled import CompiledOnce as CompiledOnce
from jaxdl.training.compiled import RetraceError as RetraceError
from jaxdl.training.contract import require_metrics
from jaxdl.training.feeding import Feed
from jaxdl.training.sharding import replicate, shard_batches
from jaxdl.training.step import TrainState
from jaxdl.types import Array, Batch, Metrics

# How long a call may run before the progress bar and the NaN check hear of it. Each call gets its temporary memory
# anew, page by page: a DCGAN's step of 80 ms takes 10 ms longer in calls of 0.2 s, a Transformer's takes 590 ms alone,
# 500 in a call of eight. So a long step shares its call with some others.
_SECONDS_PER_CALL = 1.0
_STEPS_PER_CALL = 8
_SECONDS_AT_MOST = 5.0


class Stepper:
    """Moves a run on inside one epoch, as many steps per call as `steps_per_call` says.

    1 compiles a program without a loop; any other number, or "auto", one `while` loop that serves every number of
    steps. Both are equally fast, but for what `choose_program` measures where "auto" leaves it the choice. "auto"
    makes calls of about a second, or of eight steps if these take less than five seconds.
    """

    def __init__(
        self,
        step: Callable[[TrainState, Batch], tuple[TrainState, Metrics]],
        state: TrainState,
        feed: Feed,
        steps_per_call: int | str,
        mesh: Mesh | None = None,
    ) -> None:
        self._feed, self._mesh = feed, mesh
        batch = jax.eval_shape(feed.batch, feed.sample(True)[0], state.step)
        traced = trace(shard_batches(step, mesh), state, batch)
        require_metrics("task.step", traced.metrics)
        self._metrics = traced.metrics
        self._seconds_per_step = 0.0
        programs = {
            loop: compile_steps(make_many_steps(traced.step, feed.batch, loop=loop), loop=loop)
            for loop in (True, False)
        }
        loop = steps_per_call != 1
        if steps_per_call == "auto" and agreement.several():  # measuring would part them
            loop = backend() != "cpu" or not any(traced.in_loops)
        elif steps_per_call == "auto":
            loop = choose_program(programs, traced, state, self.zero_metrics, feed.sample)
        self.steps_per_call = steps_per_call if loop else 1
        feed.begin(self.steps_per_call)
        self.program = programs[loop]

    def zero_metrics(self) -> Metrics:
        """Totals to start an epoch from."""
        return replicate(jax.tree.map(lambda leaf: np.zeros(leaf.shape, leaf.dtype), self._metrics), self._mesh)

    def advance(self, state: TrainState, totals: Metrics, done: int) -> tuple[TrainState, Metrics, int]:
        """Make one call. Give back the state, the totals with its steps' metrics added, and the steps done in all.

        The call deletes the buffers of `state` and `totals`. It ends early after a step whose metrics are not finite.
        """
        given, left = self._feed.given(done)
        first, start = self.program.traces == 0, time.perf_counter()
        state, totals = self.program(state, totals, given, np.int32(self._length(left)))
        now = int(state.step)  # waits for the call
        if not first:
            self._seconds_per_step = (time.perf_counter() - start) / (now - done)
        return state, totals, now

    def _length(self, left: int) -> int:
        """As many steps as all processes, if there are several, are ready for."""
        return int(agreement.gathered(self._own_length(left)).min())

    def _own_length(self, left: int) -> int:
        if isinstance(self.steps_per_call, int):
            return min(self.steps_per_call, left)
        if not self._seconds_per_step:  # not measured yet: the first call compiles, the second is timed
            return min(MEASURED_STEPS, left)
        rate = 1 / self._seconds_per_step
        steps = max(_SECONDS_PER_CALL * rate, min(_STEPS_PER_CALL, _SECONDS_AT_MOST * rate))
        return max(1, min(left, int(steps)))


def make_many_steps(
    step: Callable[[TrainState, Batch], tuple[TrainState, Metrics]],
    batch_of: Callable[[Any, Array], Batch],
    *,
    loop: bool,
) -> Callable[..., tuple[TrainState, Metrics]]:
    """A pure function (state, totals, given, n) -> (state, totals): n steps from `state.step` on, in one epoch.

    Args:
        step: the pure training step.
        batch_of: (given, step) -> batch: see `Feed`.
        loop: True for a `while` loop over the traced n, False for one step without a loop whatever n is.
    """

    def next_step(state: TrainState, totals: Metrics, given: Any) -> tuple[TrainState, Metrics]:
        state, metrics = step(state, batch_of(given, state.step))
        return state, merge(totals, metrics)

    def many(state: TrainState, totals: Metrics, given: Any, n: Array) -> tuple[TrainState, Metrics]:
        end = state.step + n

        def unfinished(carry: tuple[TrainState, Metrics]) -> Array:
            now = carry[0].step
            finite = [jnp.isfinite(total).all() for total in jax.tree.leaves(carry[1])]  # a sum over a NaN is NaN
            fine = jnp.stack([jnp.asarray(True), *finite]).all() | (now == end - n)  # a call makes at least one step
            return (now < end) & fine

        def body(carry: tuple[TrainState, Metrics]) -> tuple[TrainState, Metrics]:
            return next_step(*carry, given)

        return jax.lax.while_loop(unfinished, body, (state, totals))

    def single(state: TrainState, totals: Metrics, given: Any, n: Array) -> tuple[TrainState, Metrics]:
        del n
        return next_step(state, totals, given)

    return many if loop else single
