"""The building blocks of the optimizers (momentum, averages, rates): gradients go in, steps come out.

Every block is an `optax.GradientTransformation(init, update)`, `update(updates, state, params) -> (updates, state)`, so
`optax.chain` joins ours and optax's in any order. g is the incoming update of one leaf, u the outgoing one. Both have
the dtype of the parameters, real or complex; what is kept between steps has at least float32, under the names that
optax gives it, so that `optax.tree.get(state, "mu")` finds it.
"""

import math
from typing import NamedTuple

import jax
import jax.numpy as jnp
import optax

from jaxdl.ewma import EwmaState, check_decay, decay_like, ewma, next_step
from jaxdl.optim.schedules import LearningRate, Schedule
from jaxdl.optim.transformation import stateless, transformation
from jaxdl.tree import cast_like, check_same_shapes, zeros
from jaxdl.types import Array, Params, Tree, at_least_float32
from jaxdl.validation import require_numbers


class TraceState(NamedTuple):
    """`trace`: the velocity, a tree like the parameters, at least float32."""

    trace: Tree


class AverageState(NamedTuple):
    """`count`: int32 scalar, the number of updates so far. `ema`: tree like the parameters, at least float32."""

    count: Array  # pyright: ignore[reportIncompatibleMethodOverride]  (optax's name)
    ema: Tree


class ScheduleState(NamedTuple):
    """`count`: int32 scalar, the number of updates so far, which is the argument of the schedule."""

    count: Array  # pyright: ignore[reportIncompatibleMethodOverride]  (optax's name)


def scale_by_momentum(decay: float | Array = 0.9, *, nesterov: bool = False) -> optax.GradientTransformation:
    """Heavy-ball or Nesterov momentum: add up gradients with weights that fall off.

        v = decay v + g,    u = v               heavy ball
                            u = g + decay v     Nesterov

    The newest gradient has weight 1 (as in optax.trace and torch), so a constant gradient ends at g / (1 - decay); with
    `scale_by_ewma` it ends at g.

    Raises: ValueError for a decay outside [0, 1) or a shape that differs from the state's.
    References: Polyak, "Some methods of speeding up the convergence of iteration methods", 1964;
        Sutskever et al., "On the importance of initialization and momentum in deep learning", 2013.

    >>> block = scale_by_momentum(0.5)
    >>> u, state = block.update(jnp.ones(1), block.init(jnp.ones(1)))
    >>> block.update(jnp.ones(1), state)[0].tolist()
    [1.5]
    """
    check_decay("scale_by_momentum", decay=decay)

    def init(params: Params) -> TraceState:
        return TraceState(zeros(params))

    def update(updates: Tree, state: TraceState, params: Params) -> tuple[Tree, TraceState]:
        check_same_shapes("scale_by_momentum", state.trace, updates)

        def advance(v: Array, g: Array) -> Array:
            return decay_like(decay, v) * v + g.astype(v.dtype)

        velocity = jax.tree.map(advance, state.trace, updates)
        step = jax.tree.map(advance, velocity, updates) if nesterov else velocity
        return cast_like(step, updates), TraceState(velocity)

    return transformation(init, update)


def scale_by_ewma(decay: float | Array = 0.9, *, debias: bool = False) -> optax.GradientTransformation:
    """Replace the gradient by its exponentially weighted moving average (`jaxdl.optim.ewma`).

        m = decay m + (1 - decay) g,    u = m  or, with debias,  m / (1 - decay^t)

    >>> block = scale_by_ewma(0.5)
    >>> block.update(jnp.ones(1), block.init(jnp.ones(1)))[0].tolist()
    [0.5]
    """
    average = ewma(decay, debias=debias)

    def init(params: Params) -> AverageState:
        start = average.init(params)
        return AverageState(start.steps, start.average)

    def update(updates: Tree, state: AverageState, params: Params) -> tuple[Tree, AverageState]:
        new = average.update(EwmaState(state.ema, state.count), updates)
        return cast_like(average.value(new), updates), AverageState(new.steps, new.average)

    return transformation(init, update)


def scale_by_learning_rate(learning_rate: LearningRate) -> optax.GradientTransformation:
    """Turn a direction into a descent step: u = -learning_rate g.

    Args:
        learning_rate: a float, a scalar array (which may be traced: `vmap` or `jit` over it compiles once), or a
            schedule, a function of the int32 number of updates so far (0 in the first step).
    Raises: ValueError for a negative float or an array that is not a scalar.

    >>> block = scale_by_learning_rate(0.5)
    >>> block.update(jnp.array([4.0]), block.init(jnp.ones(1)))[0].tolist()
    [-2.0]
    """
    if callable(learning_rate):
        return _scale_by_schedule(learning_rate)
    if getattr(learning_rate, "shape", ()):
        raise ValueError(
            f"scale_by_learning_rate: the learning rate has shape {jnp.shape(learning_rate)}, expected a scalar (); "
            "use jax.vmap to run one optimizer for each rate"
        )
    require_numbers("scale_by_learning_rate", learning_rate=learning_rate)
    if isinstance(learning_rate, int | float) and not 0 <= learning_rate < math.inf:
        raise ValueError(f"scale_by_learning_rate: the learning rate must be >= 0 and finite, got {learning_rate}")

    return stateless(lambda updates, params: _descend(updates, learning_rate))


def _scale_by_schedule(schedule: Schedule) -> optax.GradientTransformation:
    def init(params: Params) -> ScheduleState:
        return ScheduleState(jnp.zeros((), jnp.int32))

    def update(updates: Tree, state: ScheduleState, params: Params) -> tuple[Tree, ScheduleState]:
        return _descend(updates, schedule(state.count)), ScheduleState(next_step(state.count))

    return transformation(init, update)


def _descend(updates: Tree, rate: float | Array) -> Tree:
    def leaf(g: Array) -> Array:
        wide = at_least_float32(g)
        return (wide * -jnp.asarray(rate, wide.dtype)).astype(g.dtype)

    return jax.tree.map(leaf, updates)
