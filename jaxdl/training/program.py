"""The compiled programs of a run: many steps in one donated call, compiled once, and that is enforced."""

import math
import time
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax.extend.core import jaxpr_as_fun
from jax.sharding import Mesh

from jaxdl.data.batches import take_batch
from jaxdl.metrics import merge
from jaxdl.nn import outside_loops
from jaxdl.training.sharding import replicate, shard_batches
from jaxdl.training.step import TrainState
from jaxdl.tree import named_leaves
from jaxdl.types import Array, Batch, Metrics

# How long a call may run before the progress bar and the NaN check hear of it. Each call gets its temporary memory
# anew, page by page: a DCGAN's step of 80 ms takes 10 ms longer in calls of 0.2 s, a Transformer's takes 590 ms alone,
# 500 in a call of eight. So a long step shares its call with some others.
_SECONDS_PER_CALL = 1.0
_STEPS_PER_CALL = 8
_SECONDS_AT_MOST = 5.0
_MEASURED_STEPS = 4
_LONG_STEP = 0.0025  # seconds, beside which a call of its own costs a step nothing


class RetraceError(RuntimeError):
    """A program that must be compiled once was traced a second time."""


class CompiledOnce:
    """`jax.jit` of a function, that raises and names the argument that differed when it is traced a second time.

    >>> double = CompiledOnce(lambda x: 2 * x)
    >>> double(jnp.zeros(3)).shape, double(jnp.ones(3)).shape, double.traces
    ((3,), (3,), 1)
    >>> try:
    ...     double(jnp.zeros(4))
    ... except RetraceError as error:
    ...     print(error)
    compiled for 0: float32[3], but called again with 0: float32[4]
    """

    def __init__(self, function: Callable[..., Any], *, donate: tuple[int, ...] = ()) -> None:
        self.traces = 0
        self._first: dict[str, str] = {}

        def traced(*args: Any) -> Any:
            now = _signature(args)
            if self.traces:
                raise RetraceError(_difference(self._first, now))
            self.traces, self._first = 1, now
            return function(*args)

        self._call = jax.jit(traced, donate_argnums=donate)

    def __call__(self, *args: Any) -> Any:
        return self._call(*args)

    def text(self, *args: Any) -> str:
        """The compiled program for arguments like the first call's, as XLA writes it (it is compiled again)."""
        return str(self._call.lower(*args).compile().as_text())


def _signature(args: Any) -> dict[str, str]:
    """Shape, dtype and weak type of every leaf by its path: what makes jax compile anew when it changes."""
    types = {path: jax.typeof(leaf) for path, leaf in named_leaves(args).items()}
    return {path: t.str_short() + (" weak" if getattr(t, "weak_type", False) else "") for path, t in types.items()}


def _difference(first: dict[str, str], now: dict[str, str]) -> str:
    for path in first | now:
        if first.get(path) != now.get(path):
            return f"compiled for {path}: {first.get(path)}, but called again with {path}: {now.get(path)}"
    return "compiled a second time for arguments of equal shape and type: a sharding or a jax setting changed"


class Stepper:
    """Moves a run on inside one epoch, as many steps a call as `steps_per_call` says.

    1 compiles a program without a loop; any other number, or "auto", one `while` loop that serves every number of
    steps. Both are equally fast, but for one thing: inside a loop XLA's CPU backend computes a native convolution's
    gradients many times slower, so that `nn.conv2d` may choose another formulation there. Where that makes a
    difference, or a step holds a native one all the same, "auto" measures both programs on a copy of the state and
    settles on one; it spares itself the loop where `nn.conv2d` has better without one and a step is long. "auto" makes
    calls of about a second, or of eight steps if these take less than five seconds.
    """

    def __init__(
        self,
        step: Callable[[TrainState, Batch], tuple[TrainState, Metrics]],
        state: TrainState,
        data: Batch,
        order: Array,
        n_examples: int,
        steps_per_call: int | str,
        mesh: Mesh | None = None,
    ) -> None:
        self._data, self._steps, self._mesh = data, order.shape[0], mesh
        step = shard_batches(step, mesh)
        batch = jax.eval_shape(lambda d, o: take_batch(d, o, 0, n_examples), data, order)
        traced = trace(step, state, batch)
        self._metrics = traced.metrics
        self._seconds_per_step = 0.0
        self.steps_per_call = steps_per_call
        steps = {False: traced.step, True: step if traced.differs_in_loops else traced.step}
        programs = {
            loop: CompiledOnce(make_many_steps(steps[loop], n_examples, loop=loop), donate=(0, 1)) for loop in steps
        }
        slower_in_loops = jax.default_backend() == "cpu" and (traced.differs_in_loops or traced.native_gradients)
        if steps_per_call == "auto" and slower_in_loops:
            enough = _LONG_STEP if traced.differs_in_loops else math.inf
            single = self._measure(programs[False], False, state, order, enough)
            # A tie goes to the program without a loop: its convolutions won every interleaved comparison.
            if single > enough or self._measure(programs[True], True, state, order) > 0.9 * single:
                self.steps_per_call = 1
        self.program = programs[self.steps_per_call != 1]

    def zero_metrics(self) -> Metrics:
        """Totals to start an epoch from."""
        return replicate(jax.tree.map(lambda leaf: np.zeros(leaf.shape, leaf.dtype), self._metrics), self._mesh)

    def advance(self, state: TrainState, totals: Metrics, order: Array, done: int) -> tuple[TrainState, Metrics, int]:
        """Make one call. Give back the state, the totals with its steps' metrics added, and the steps done in all.

        The call deletes the buffers of `state` and `totals`. It ends early behind a step whose metrics are not finite.
        """
        left = self._steps - done % self._steps
        first, start = self.program.traces == 0, time.perf_counter()
        state, totals = self.program(state, totals, self._data, order, np.int32(self._length(left)))
        now = int(state.step)  # waits for the call
        if not first:
            self._seconds_per_step = (time.perf_counter() - start) / (now - done)
        return state, totals, now

    def _length(self, left: int) -> int:
        if isinstance(self.steps_per_call, int):
            return min(self.steps_per_call, left)
        if not self._seconds_per_step:  # not measured yet: the first call compiles, the second is timed
            return min(_MEASURED_STEPS, left)
        rate = 1 / self._seconds_per_step
        steps = max(_SECONDS_PER_CALL * rate, min(_STEPS_PER_CALL, _SECONDS_AT_MOST * rate))
        return max(1, min(left, int(steps)))

    def _measure(
        self, program: CompiledOnce, loop: bool, state: TrainState, order: Array, enough: float = math.inf
    ) -> float:
        """Seconds a step on a copy of the state, the fastest of some rounds; one that takes `enough` is the last."""
        n, seconds = min(_MEASURED_STEPS, self._steps), []
        state, totals = jax.jit(lambda tree: jax.tree.map(jnp.copy, tree))(state), self.zero_metrics()
        for steps in (1, 1, n, n):  # the first compiles
            start = time.perf_counter()
            for _ in range(1 if loop else steps):
                state, totals = program(state, totals, self._data, order, np.int32(steps))
            jax.block_until_ready(state)
            seconds.append((time.perf_counter() - start) / steps)
            if min(seconds[1:], default=0.0) > enough:
                break
        return min(seconds[1:])


def make_many_steps(
    step: Callable[[TrainState, Batch], tuple[TrainState, Metrics]], n_examples: int, *, loop: bool
) -> Callable[..., tuple[TrainState, Metrics]]:
    """A pure function (state, totals, data, order, n) -> (state, totals): n steps from `state.step` on, in one epoch.

    Args:
        step: the pure training step.
        n_examples: rows of `data`; positions of `order` past it are padding.
        loop: True for a `while` loop over the traced n, False for one step without a loop whatever n is.
    """

    def one(state: TrainState, totals: Metrics, data: Batch, order: Array) -> tuple[TrainState, Metrics]:
        state, metrics = step(state, take_batch(data, order, state.step % order.shape[0], n_examples))
        return state, merge(totals, metrics)

    def many(state: TrainState, totals: Metrics, data: Batch, order: Array, n: Array) -> tuple[TrainState, Metrics]:
        end = state.step + n

        def unfinished(carry: tuple[TrainState, Metrics]) -> Array:
            now = carry[0].step
            finite = [jnp.isfinite(total).all() for total in jax.tree.leaves(carry[1])]  # a sum over a NaN is NaN
            fine = jnp.stack([jnp.asarray(True), *finite]).all() | (now == end - n)  # a call makes at least one step
            return (now < end) & fine

        def body(carry: tuple[TrainState, Metrics]) -> tuple[TrainState, Metrics]:
            return one(*carry, data, order)

        return jax.lax.while_loop(unfinished, body, (state, totals))

    def single(state: TrainState, totals: Metrics, data: Batch, order: Array, n: Array) -> tuple[TrainState, Metrics]:
        del n
        with outside_loops():
            return one(state, totals, data, order)

    return many if loop else single


class Traced(NamedTuple):
    """A step as it was traced outside of loops.

    Attributes:
        step: computes what was traced; the Python function is not called again.
        metrics: their shapes.
        differs_in_loops: whether `nn.conv2d` chooses another convolution inside a loop.
        native_gradients: whether a native convolution's weight gradient is left. (It sums over the batch, and so has
            the batch in another axis than the first.)
    """

    step: Callable[[Any, Batch], tuple[Any, Metrics]]
    metrics: Any
    differs_in_loops: bool
    native_gradients: bool


def trace(step: Callable[..., Any], state: Any, batch: Any) -> Traced:
    """Trace the step, once for everything that a run asks about it.

    >>> trace(lambda state, batch: (state + batch, {}), jnp.zeros(2), jnp.ones(2)).step(jnp.zeros(2), jnp.ones(2))
    (Array([1., 1.], dtype=float32), {})
    """
    with outside_loops() as differing:  # in a function of its own: not the trace of `step` that jax may have kept
        program, shapes = jax.make_jaxpr(lambda *args: step(*args), return_shape=True)(state, batch)
    computed, structure = jaxpr_as_fun(program), jax.tree.structure(shapes)

    def replayed(state: Any, batch: Batch) -> tuple[Any, Metrics]:
        return jax.tree.unflatten(structure, computed(*jax.tree.leaves((state, batch))))

    convolutions = [op for op in _operations(program) if op.primitive.name == "conv_general_dilated"]
    native = any(op.params["dimension_numbers"].lhs_spec[0] != 0 for op in convolutions)
    return Traced(replayed, shapes[1], bool(differing), native)


def _operations(program: Any) -> Iterator[Any]:
    """All of a traced program, with those of the programs inside it."""
    for operation in program.eqns:
        yield operation
        for part in jax.tree.leaves(list(operation.params.values())):
            if hasattr(part, "eqns"):
                yield from _operations(part)
