"""The exponentially weighted moving average: one unit behind momentum, RMSProp, Adam and running statistics."""

import math
from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from jaxdl.tree import check_same_shapes, zeros
from jaxdl.types import Array, Tree
from jaxdl.validation import require_numbers


class EwmaState(NamedTuple):
    """`average`: tree of weighted sums, at least float32. `steps`: int32 scalar, the number of updates so far."""

    average: Tree
    steps: Array


class Ewma(NamedTuple):
    """`init(tree) -> state`, `update(state, tree) -> state`, `value(state) -> tree`: three pure functions."""

    init: Callable[[Tree], EwmaState]
    update: Callable[[EwmaState, Tree], EwmaState]
    value: Callable[[EwmaState], Tree]


def ewma(decay: float | Array, *, debias: bool = True) -> Ewma:
    """Average a stream of trees with weights that fall off by `decay` a step.

        a_0 = 0,    a_t = decay a_{t-1} + (1 - decay) x_t
        value = a_t / (1 - decay^t)  if debias  else  a_t

    About the last 1 / (1 - decay) trees count: the weights of the older ones add up to decay^(1 / (1 - decay)), which
    is close to 1/e (0.9 averages 10 steps, 0.999 averages 1,000). Because a_0 = 0 the weights of the first t trees add
    up to 1 - decay^t and not to 1; `debias` divides by that sum. It is computed as -expm1(t log(decay)): the plain
    difference has a relative error of 1.3e-5 at decay = 0.999, t = 1 in float32.

    Args:
        decay: in [0, 1); the weight of the old average (torch's batch-norm momentum is 1 - decay). May be traced.
        debias: correct for the start at zero. Without it a running statistic may start elsewhere:
            `EwmaState(average=start, steps=jnp.zeros((), jnp.int32))`.
    Returns: the three functions. Averages and values have the shapes of the tree and at least float32; before the
        first update the value is the start.
    Raises: ValueError for a decay outside [0, 1), and in `update` where a shape differs from the average's.
    Reference: Kingma, Ba, "Adam: a method for stochastic optimization", 2015, section 3 (bias correction).

    >>> average = ewma(0.9)
    >>> state = average.update(average.init(jnp.zeros(())), jnp.float32(5.0))
    >>> f"{state.average:.2f} {average.value(state):.2f}"
    '0.50 5.00'
    """
    check_decay("ewma", decay=decay)

    def init(tree: Tree) -> EwmaState:
        return EwmaState(zeros(tree), jnp.zeros((), jnp.int32))  # a strong type: a weak one compiles step two anew

    def update(state: EwmaState, tree: Tree) -> EwmaState:
        check_same_shapes("ewma", state.average, tree)

        def leaf(a: Array, x: Array) -> Array:
            d = decay_like(decay, a)
            return d * a + (1 - d) * jnp.asarray(x).astype(a.dtype)

        return EwmaState(jax.tree.map(leaf, state.average, tree), next_step(state.steps))

    def value(state: EwmaState) -> Tree:
        if not debias:
            return state.average
        # one division for the whole tree, so that the loop over a leaf only multiplies
        inverse = 1 / jnp.where(state.steps > 0, total_weight(decay, state.steps), 1)
        return jax.tree.map(lambda a: a * inverse.astype(a.dtype), state.average)

    return Ewma(init, update, value)


def total_weight(decay: float | Array, steps: Array) -> Array:
    """Sum of the weights after `steps` updates, 1 - decay^steps, without cancellation: -expm1(steps log(decay)).

    Returns: a scalar in JAX's default float type (float32, or float64 where x64 is enabled).

    >>> f"{total_weight(0.999, jnp.int32(1)):.8f}, the plain difference: {1 - jnp.float32(0.999):.8f}"
    '0.00100000, the plain difference: 0.00099999'
    >>> f"{total_weight(0.5, jnp.int32(2)):.4f}"
    '0.7500'
    """
    dtype = jnp.result_type(float)
    if isinstance(decay, jax.Array):
        log_decay = jnp.log(decay.astype(dtype))
    else:
        log_decay = math.log(decay) if decay > 0 else -math.inf
    return -jnp.expm1(steps.astype(dtype) * log_decay)


def decay_like(decay: float | Array, x: Array) -> float | Array:
    """A decay that is an array in the dtype of `x`; a float stays one, so that 1 - decay is rounded once only."""
    return jnp.asarray(decay, x.dtype) if hasattr(decay, "dtype") else decay


def next_step(step: Array) -> Array:
    """step + 1, which stays at the largest integer instead of wrapping round to a negative one.

    >>> int(next_step(jnp.int32(7)))
    8
    """
    return jnp.minimum(step, jnp.iinfo(step.dtype).max - 1) + 1


def check_decay(where: str, **decays: Any) -> None:
    """Raise ValueError unless each decay is a number in [0, 1); arrays may be traced and are not looked at.

    >>> check_decay("adam", b1=1.0)
    Traceback (most recent call last):
        ...
    ValueError: adam: b1 is a decay, the weight of the old average: in [0, 1), got 1.0
    """
    require_numbers(where, **decays)
    for name, decay in decays.items():
        if not isinstance(decay, jax.Array) and not 0 <= decay < 1:
            raise ValueError(f"{where}: {name} is a decay, the weight of the old average: in [0, 1), got {decay}")
