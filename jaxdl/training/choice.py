"""With a loop over steps, or without: measured where the platform makes a difference between the two.

Inside a loop XLA's CPU backend computes a native convolution's gradients many times slower, so that convolutions take
another form there (`kernels.convolution`), and say so of a traced program (`in_loops`).
"""

import math
import time
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax.extend.core import jaxpr_as_fun

from jaxdl.kernels import backend
from jaxdl.kernels.convolution import InLoops, in_loops, outside_loops
from jaxdl.training.compiled import CompiledOnce
from jaxdl.training.step import TrainState
from jaxdl.types import Batch, Metrics

MEASURED_STEPS = 4
_LONG_STEP = 0.0025  # seconds, beside which a call for every step costs nothing


class Traced(NamedTuple):
    """A step, traced once.

    Attributes:
        step: computes what was traced; the Python function is not called again.
        metrics: their shapes.
        in_loops: what loops would do to its convolutions.
    """

    step: Callable[[Any, Batch], tuple[Any, Metrics]]
    metrics: Any
    in_loops: InLoops


def trace(step: Callable[..., Any], state: Any, batch: Any) -> Traced:
    """Trace the step, once for everything that a run asks about it.

    >>> trace(lambda state, batch: (state + batch, {}), jnp.zeros(2), jnp.ones(2)).step(jnp.zeros(2), jnp.ones(2))
    (Array([1., 1.], dtype=float32), {})
    """
    program, shapes = jax.make_jaxpr(step, return_shape=True)(state, batch)
    computed, structure = jaxpr_as_fun(program), jax.tree.structure(shapes)

    def replayed(state: Any, batch: Batch) -> tuple[Any, Metrics]:
        return jax.tree.unflatten(structure, computed(*jax.tree.leaves((state, batch))))

    return Traced(replayed, shapes[1], in_loops(program))


def compile_steps(many: Callable[..., Any], *, loop: bool) -> CompiledOnce:
    """The program of `make_many_steps`, compiled on its first call, with state and totals donated."""
    return CompiledOnce(many, donate=(0, 1)) if loop else CompiledOnce(many, donate=(0, 1), context=outside_loops)


def choose_program(
    programs: Mapping[bool, CompiledOnce],
    traced: Traced,
    state: TrainState,
    zero_metrics: Callable[[], Metrics],
    sample: Callable[[bool], tuple[Any, int]],
) -> bool:
    """Whether the run's program has a loop over its steps; measured on copies of the state if that makes a difference.

    A loop costs nothing and saves calls, so that it is taken wherever convolutions do not suffer from it. Where they
    have better forms outside and a step is long, the loop is not even compiled.
    """
    if backend() != "cpu" or not any(traced.in_loops):
        return True

    def seconds(loop: bool, enough: float = math.inf) -> float:
        return _seconds_per_step(programs[loop], loop, state, zero_metrics(), sample(loop), enough)

    enough = _LONG_STEP if traced.in_loops.differ else math.inf
    single = seconds(False, enough)
    # A tie goes to the program without a loop: its convolutions won every interleaved comparison.
    return single <= enough and seconds(True) <= 0.9 * single


def _seconds_per_step(
    program: CompiledOnce, loop: bool, state: TrainState, totals: Metrics, sample: tuple[Any, int], enough: float
) -> float:
    """Seconds per step on a copy of the state, the fastest of some rounds; one that takes `enough` is the last."""
    given, known = sample
    n, seconds = min(MEASURED_STEPS, known), []
    state = jax.jit(lambda tree: jax.tree.map(jnp.copy, tree))(state)
    for steps in (1, 1, n, n):  # the first compiles
        start = time.perf_counter()
        for _ in range(1 if loop else steps):
            state, totals = program(state, totals, given, np.int32(steps))
        jax.block_until_ready(state)
        seconds.append((time.perf_counter() - start) / steps)
        if min(seconds[1:], default=0.0) > enough:
            break
    return min(seconds[1:])
