"""Blocks that divide each coordinate by the size of its own gradients: RMSProp, AdaGrad, Adam and its relatives.

g is the incoming update of one leaf, u the outgoing one; squares are |g|^2 where g is complex. The slope of the root at
a square of 0 counts as 0 (`root`), so that a gradient through the update at a zero gradient is finite.
"""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import optax

from jaxdl.ewma import EwmaState, check_decay, decay_like, ewma, next_step, total_weight
from jaxdl.optim.transformation import root, squared, transformation
from jaxdl.tree import check_same_shapes, zeros
from jaxdl.types import Array, DType, Params, Tree, at_least_float32
from jaxdl.validation import require_numbers


class RmsState(NamedTuple):
    """`count`: updates so far. `nu`: average of |g|^2; centered, of |g - mu|^2, and `mu`: average of g (else None)."""

    count: Array  # pyright: ignore[reportIncompatibleMethodOverride]  (optax's name)
    nu: Tree
    mu: Tree | None = None


class AdagradState(NamedTuple):
    """`sum_of_squares`: tree like the parameters, real, at least float32."""

    sum_of_squares: Tree


class AdamState(NamedTuple):
    """`count`: updates so far. `mu`, `nu`: averages of g and |g|^2. `nu_max`: the largest nu so far (AMSGrad)."""

    count: Array  # pyright: ignore[reportIncompatibleMethodOverride]  (optax's name)
    mu: Tree
    nu: Tree
    nu_max: Tree | None = None


def scale_by_rms(
    decay: float | Array = 0.9,
    *,
    eps: float | Array = 1e-8,
    eps_inside_root: bool = False,
    debias: bool = False,
    centered: bool = False,
) -> optax.GradientTransformation:
    """Divide by the root of the moving average of squared gradients, or (centered) by their standard deviation.

        s = decay s + (1 - decay) g^2,    u = g / (sqrt(s) + eps)     eps outside the root (torch, and Adam's place)
                                          u = g / sqrt(s + eps)       eps_inside_root=True (TensorFlow, optax's default)
        centered:  m = decay m + (1 - decay) g,    s - m^2 in place of s

    The two differ where gradients are small: the same eps acts like sqrt(eps) when it sits inside. The variance s - m^2
    is summed around the running mean (West, 1979), where the difference itself would lose all digits of a gradient that
    hardly changes.

    References: Tieleman, Hinton, "Neural networks for machine learning", lecture 6.5, 2012; Graves, "Generating
        sequences with recurrent neural networks", 2013 (centered).

    >>> block = scale_by_rms(0.75)
    >>> block.update(jnp.array([-3.0]), block.init(jnp.ones(1)))[0].tolist()
    [-2.0]
    """
    check_decay("scale_by_rms", decay=decay)
    require_numbers("scale_by_rms", eps=eps)

    def init(params: Params) -> RmsState:
        return RmsState(jnp.zeros((), jnp.int32), _real_zeros(params), zeros(params) if centered else None)

    def update(updates: Tree, state: RmsState, params: Params) -> tuple[Tree, RmsState]:
        check_same_shapes("scale_by_rms", state.nu, updates)
        count = next_step(state.count)
        weight, before = jnp.ones(()), jnp.ones(())  # of all gradients so far, of all but the newest
        if debias:
            weight = total_weight(decay, count)
            before = jnp.where(state.count > 0, total_weight(decay, state.count), 0)
        mean = zeros(updates) if state.mu is None else state.mu  # around 0 it is the mean of the squares themselves

        def leaf(s: Array, m: Array, g: Array) -> tuple[Array, Array]:
            d, w = decay_like(decay, s), weight.astype(s.dtype)
            deviation = at_least_float32(g) - m
            kept = d * before.astype(s.dtype) / w if centered else 1  # 1 - the newest gradient's share in the mean
            new = d * s + (1 - d) * kept * squared(deviation)
            return new, m + ((1 - d) / w).astype(m.dtype) * deviation

        pairs = jax.tree.map(leaf, state.nu, mean, updates)
        nu, mu = jax.tree.transpose(jax.tree.structure(updates), None, pairs)
        inverse = 1 / weight
        debiased = jax.tree.map(lambda s: s * inverse.astype(s.dtype), nu) if debias else nu
        step = _divide_by_root(updates, debiased, updates, eps, eps_inside_root)
        return step, RmsState(count, nu, mu if centered else None)

    return transformation(init, update)


def scale_by_adagrad(
    *, initial_accumulator: float | Array = 0.0, eps: float | Array = 1e-10, eps_inside_root: bool = False
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
    require_numbers("scale_by_adagrad", initial_accumulator=initial_accumulator, eps=eps)
    if not isinstance(initial_accumulator, jax.Array) and not initial_accumulator >= 0:
        raise ValueError(f"scale_by_adagrad: initial_accumulator is a sum of squares, >= 0, got {initial_accumulator}")

    def init(params: Params) -> AdagradState:
        start = initial_accumulator
        return AdagradState(jax.tree.map(lambda z: jnp.full_like(z, decay_like(start, z)), _real_zeros(params)))

    def update(updates: Tree, state: AdagradState, params: Params) -> tuple[Tree, AdagradState]:
        check_same_shapes("scale_by_adagrad", state.sum_of_squares, updates)
        total = jax.tree.map(lambda s, g: s + squared(g), state.sum_of_squares, updates)
        return _divide_by_root(updates, total, updates, eps, eps_inside_root), AdagradState(total)

    return transformation(init, update)


def scale_by_adam(
    b1: float | Array = 0.9,
    b2: float | Array = 0.999,
    *,
    eps: float | Array = 1e-8,
    debias: bool = True,
    nesterov: bool = False,
    amsgrad: bool = False,
    mu_dtype: DType | None = None,
) -> optax.GradientTransformation:
    """Divide the averaged gradient by the root of the averaged squared gradient.

        m = b1 m + (1 - b1) g,      m^ = m / (1 - b1^t)
        s = b2 s + (1 - b2) g^2,    s^ = s / (1 - b2^t)        u = m^ / (sqrt(s^) + eps)

    Both averages are `ewma`; `debias=False` uses m and s themselves, and the first step is then
    (1 - b1) / sqrt(1 - b2) = 3.2 times as long. eps is outside the root and added after the correction, as in the
    paper's algorithm 1, optax and torch (Keras adds it before the correction).

    Args:
        nesterov: NAdam, which looks a step ahead: m^ = b1 m / (1 - b1^(t+1)) + (1 - b1) g / (1 - b1^t), as in optax and
            Keras with a constant b1 (torch's b1 grows over the steps).
        amsgrad: divide by the root of the largest s^ so far, as in optax (torch takes the largest s, then corrects it).
        mu_dtype: of the m that is kept between steps, e.g. jnp.bfloat16 to halve its memory; at least float32 by
            default.
    References: Kingma, Ba, "Adam: a method for stochastic optimization", 2015; Dozat, "Incorporating Nesterov momentum
        into Adam", 2016; Reddi, Kale, Kumar, "On the convergence of Adam and beyond", 2018.

    >>> block = scale_by_adam()
    >>> u, state = block.update(jnp.array([7.0, -0.1]), block.init(jnp.ones(2)))
    >>> [f"{v:.4f}" for v in u]
    ['1.0000', '-1.0000']
    """
    check_decay("scale_by_adam", b1=b1, b2=b2)
    require_numbers("scale_by_adam", eps=eps)
    mean, square = ewma(b1, debias=debias), ewma(b2, debias=debias)

    def init(params: Params) -> AdamState:
        nu = _real_zeros(params)
        return AdamState(jnp.zeros((), jnp.int32), _store(zeros(params), mu_dtype), nu, nu if amsgrad else None)

    def update(updates: Tree, state: AdamState, params: Params) -> tuple[Tree, AdamState]:
        wide = jax.tree.map(lambda m, g: m.astype(at_least_float32(g).dtype), state.mu, updates)
        m = mean.update(EwmaState(wide, state.count), updates)
        s = square.update(EwmaState(state.nu, state.count), jax.tree.map(squared, updates))
        direction, size, largest = mean.value(m), square.value(s), None
        if nesterov:
            ahead = mean.value(EwmaState(m.average, next_step(m.steps)))
            gradient = mean.value(EwmaState(jax.tree.map(at_least_float32, updates), m.steps))
            direction = ewma(b1).update(EwmaState(ahead, m.steps), gradient).average  # b1 ahead + (1 - b1) g
        if amsgrad:
            size = largest = jax.tree.map(jnp.maximum, state.nu_max, size)
        step = _divide_by_root(direction, size, updates, eps, inside=False)
        return step, AdamState(m.steps, _store(m.average, mu_dtype), s.average, largest)

    return transformation(init, update)


def _real_zeros(params: Params) -> Tree:
    """Where a sum of squares starts: real also for complex parameters."""
    return jax.tree.map(lambda z: z.real, zeros(params))


def _store(tree: Tree, dtype: Any) -> Tree:
    return tree if dtype is None else jax.tree.map(lambda m: m.astype(dtype), tree)


def _divide_by_root(numerators: Tree, squares: Tree, like: Tree, eps: float | Array, inside: bool) -> Tree:
    """numerator / (sqrt(s) + eps) or / sqrt(s + eps), computed in the dtype of s, returned in that of `like`."""

    def leaf(n: Array, s: Array, g: Array) -> Array:
        small = decay_like(eps, s)
        denominator = root(s + small) if inside else root(s) + small
        wide = at_least_float32(n)
        return (wide / denominator.astype(wide.dtype)).astype(g.dtype)

    return jax.tree.map(leaf, numerators, squares, like)
