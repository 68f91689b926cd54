"""The building blocks of the optimizers: each turns a tree of gradients into a tree of steps.

Every block is an `optax.GradientTransformation(init, update)`, `update(updates, state, params) -> (updates, state)`, so
`optax.chain` joins ours and optax's in any order. g is the incoming update of one leaf, u the outgoing one. Both have
the dtype of the parameters; what is kept between steps has at least float32.
"""

from typing import NamedTuple

import jax
import jax.numpy as jnp
import optax

from jaxdl.ewma import EwmaState, check_decay, decay_like, ewma, next_step
from jaxdl.optim.schedules import LearningRate, Schedule
from jaxdl.optim.transformation import stateless, transformation
from jaxdl.tree import cast_like, check_same_shapes, zeros
from jaxdl.types import Array, Params, Tree, at_least_float32


class MomentumState(NamedTuple):
    """`velocity`: tree like the parameters, at least float32."""

    velocity: Tree


class AdagradState(NamedTuple):
    """`sum_of_squares`: tree like the parameters, at least float32."""

    sum_of_squares: Tree


class AdamState(NamedTuple):
    """`mean`, `square`: the moving averages of the gradient and of its square."""

    mean: EwmaState
    square: EwmaState


class ScheduleState(NamedTuple):
    """`steps`: int32 scalar, the number of updates so far, which is the argument of the schedule."""

    steps: Array


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
    check_decay("scale_by_momentum", decay)

    def init(params: Params) -> MomentumState:
        return MomentumState(zeros(params))

    def update(updates: Tree, state: MomentumState, params: Params) -> tuple[Tree, MomentumState]:
        check_same_shapes("scale_by_momentum", state.velocity, updates)

        def advance(v: Array, g: Array) -> Array:
            return decay_like(decay, v) * v + g.astype(v.dtype)

        velocity = jax.tree.map(advance, state.velocity, updates)
        step = jax.tree.map(advance, velocity, updates) if nesterov else velocity
        return cast_like(step, updates), MomentumState(velocity)

    return transformation(init, update)


def scale_by_ewma(decay: float | Array = 0.9, *, debias: bool = False) -> optax.GradientTransformation:
    """Replace the gradient by its exponentially weighted moving average (`jaxdl.optim.ewma`).

        m = decay m + (1 - decay) g,    u = m  or, with debias,  m / (1 - decay^t)

    >>> block = scale_by_ewma(0.5)
    >>> block.update(jnp.ones(1), block.init(jnp.ones(1)))[0].tolist()
    [0.5]
    """
    average = ewma(decay, debias=debias)

    def update(updates: Tree, state: EwmaState, params: Params) -> tuple[Tree, EwmaState]:
        state = average.update(state, updates)
        return cast_like(average.value(state), updates), state

    return transformation(average.init, update)


def scale_by_rms(
    decay: float | Array = 0.9, *, eps: float = 1e-8, eps_inside_root: bool = False, debias: bool = False
) -> optax.GradientTransformation:
    """Divide by the root of the moving average of squared gradients.

        s = decay s + (1 - decay) g^2,    u = g / (sqrt(s) + eps)     eps outside the root (torch, and Adam's place)
                                          u = g / sqrt(s + eps)       eps_inside_root=True (TensorFlow, optax's default)

    The two differ where gradients are small: the same eps acts like sqrt(eps) when it sits inside.

    Reference: Tieleman, Hinton, "Neural networks for machine learning", lecture 6.5, 2012.

    >>> block = scale_by_rms(0.75)
    >>> block.update(jnp.array([-3.0]), block.init(jnp.ones(1)))[0].tolist()
    [-2.0]
    """
    average = ewma(decay, debias=debias)

    def update(updates: Tree, state: EwmaState, params: Params) -> tuple[Tree, EwmaState]:
        state = average.update(state, _squares(updates))
        return _divide_by_root(updates, average.value(state), updates, eps, eps_inside_root), state

    return transformation(average.init, update)


def scale_by_adagrad(
    *, initial_accumulator: float = 0.0, eps: float = 1e-10, eps_inside_root: bool = False
) -> optax.GradientTransformation:
    """Divide by the root of the sum of all squared gradients so far.

        s = s + g^2,  s_0 = initial_accumulator,    u = g / (sqrt(s) + eps)     eps outside the root (the paper, torch)
                                                    u = g / sqrt(s + eps)       eps_inside_root=True (optax)

    optax starts the sum at 0.1, torch and this function at 0.

    Raises: ValueError for a negative initial_accumulator.
    Reference: Duchi, Hazan, Singer, "Adaptive subgradient methods for online learning and stochastic
        optimization", 2011.

    >>> block = scale_by_adagrad()
    >>> u, state = block.update(jnp.array([3.0]), block.init(jnp.ones(1)))
    >>> block.update(jnp.array([4.0]), state)[0].tolist()  # 4 / sqrt(9 + 16)
    [0.800000011920929]
    """
    if not initial_accumulator >= 0:
        raise ValueError(f"scale_by_adagrad: initial_accumulator is a sum of squares, >= 0, got {initial_accumulator}")

    def init(params: Params) -> AdagradState:
        return AdagradState(jax.tree.map(lambda z: jnp.full_like(z, initial_accumulator), zeros(params)))

    def update(updates: Tree, state: AdagradState, params: Params) -> tuple[Tree, AdagradState]:
        check_same_shapes("scale_by_adagrad", state.sum_of_squares, updates)
        total = jax.tree.map(lambda s, q: s + q, state.sum_of_squares, _squares(updates))
        return _divide_by_root(updates, total, updates, eps, eps_inside_root), AdagradState(total)

    return transformation(init, update)


def scale_by_adam(
    b1: float | Array = 0.9, b2: float | Array = 0.999, *, eps: float = 1e-8, debias: bool = True
) -> optax.GradientTransformation:
    """Divide the averaged gradient by the root of the averaged squared gradient.

        m = b1 m + (1 - b1) g,      m^ = m / (1 - b1^t)
        s = b2 s + (1 - b2) g^2,    s^ = s / (1 - b2^t)        u = m^ / (sqrt(s^) + eps)

    Both averages are `ewma`; `debias=False` uses m and s themselves, and the first step is then
    (1 - b1) / sqrt(1 - b2) = 3.2 times as long. eps is outside the root and added after the correction, as in the
    paper's algorithm 1, optax and torch (Keras adds it before the correction).

    Reference: Kingma, Ba, "Adam: a method for stochastic optimization", 2015.

    >>> block = scale_by_adam()
    >>> u, state = block.update(jnp.array([7.0, -0.1]), block.init(jnp.ones(2)))
    >>> [f"{v:.4f}" for v in u]
    ['1.0000', '-1.0000']
    """
    mean, square = ewma(b1, debias=debias), ewma(b2, debias=debias)

    def init(params: Params) -> AdamState:
        return AdamState(mean.init(params), square.init(params))

    def update(updates: Tree, state: AdamState, params: Params) -> tuple[Tree, AdamState]:
        state = AdamState(mean.update(state.mean, updates), square.update(state.square, _squares(updates)))
        step = _divide_by_root(mean.value(state.mean), square.value(state.square), updates, eps, inside=False)
        return step, state

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
    if jnp.ndim(learning_rate):
        raise ValueError(
            f"scale_by_learning_rate: the learning rate has shape {jnp.shape(learning_rate)}, expected a scalar (); "
            "use jax.vmap to run one optimizer for each rate"
        )
    if isinstance(learning_rate, int | float) and not learning_rate >= 0:
        raise ValueError(f"scale_by_learning_rate: the learning rate must be >= 0, got {learning_rate}")

    return stateless(lambda updates, params: _descend(updates, learning_rate))


def _scale_by_schedule(schedule: Schedule) -> optax.GradientTransformation:
    def init(params: Params) -> ScheduleState:
        return ScheduleState(jnp.zeros((), jnp.int32))

    def update(updates: Tree, state: ScheduleState, params: Params) -> tuple[Tree, ScheduleState]:
        return _descend(updates, schedule(state.steps)), ScheduleState(next_step(state.steps))

    return transformation(init, update)


def _descend(updates: Tree, rate: float | Array) -> Tree:
    def leaf(g: Array) -> Array:
        wide = at_least_float32(g)
        return (wide * -jnp.asarray(rate, wide.dtype)).astype(g.dtype)

    return jax.tree.map(leaf, updates)


def _divide_by_root(numerators: Tree, squares: Tree, like: Tree, eps: float, inside: bool) -> Tree:
    """numerator / (sqrt(s) + eps) or / sqrt(s + eps), computed in the dtype of s, returned in that of `like`."""

    def leaf(n: Array, s: Array, g: Array) -> Array:
        root = jnp.sqrt(s + eps) if inside else jnp.sqrt(s) + eps
        return (n.astype(s.dtype) / root).astype(g.dtype)

    return jax.tree.map(leaf, numerators, squares, like)


def _squares(tree: Tree) -> Tree:
    return jax.tree.map(lambda g: jnp.square(at_least_float32(g)), tree)
