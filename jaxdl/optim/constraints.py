"""Blocks that shrink: weight decay, gradient clipping and the max-norm constraint."""

import functools
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import optax
from jax import lax

from jaxdl.optim.transformation import root, squared, stateless
from jaxdl.tree import unit_axes, weights
from jaxdl.types import Array, Params, Tree, at_least_float32
from jaxdl.validation import require_numbers

Mask = (
    Tree | Callable[[Params], Tree]
)  # a tree of bools with the structure of the parameters, or a function that makes it


def add_decayed_weights(weight_decay: float | Array, mask: Mask | None = None) -> optax.GradientTransformation:
    """Add a fraction of each parameter to its update: u = g + weight_decay p.

    Before the adaptive scaling this is the gradient of an L2 penalty, weight_decay / 2 |p|^2; between it and the
    learning rate it is decoupled weight decay (`adamw`).

    Args:
        weight_decay: a float or a traced scalar.
        mask: which leaves decay: a tree of bools, or a function of the parameters (`weights` spares biases and scales);
            all by default.
    Raises: ValueError for what is no number, and in `update` without parameters.
    Reference: Loshchilov, Hutter, "Decoupled weight decay regularization", 2019.

    >>> block = add_decayed_weights(0.1)
    >>> block.update(jnp.zeros(1), block.init(jnp.ones(1)), jnp.array([5.0]))[0].tolist()
    [0.5]
    """

    require_numbers("add_decayed_weights", weight_decay=weight_decay)

    def update(updates: Tree, params: Params) -> Tree:
        _require_params("add_decayed_weights", params)

        def leaf(chosen: bool, g: Array, p: Array) -> Array:
            if not chosen:
                return g
            wide = at_least_float32(g)
            return (wide + jnp.asarray(weight_decay, wide.dtype) * p.astype(wide.dtype)).astype(g.dtype)

        return jax.tree.map(leaf, _resolve(mask, params), updates, params)

    return stateless(update)


def global_norm(tree: Tree) -> Array:
    """The Euclidean norm of all leaves together, sqrt(sum of |x|^2), accumulated in at least float32.

    The largest entry is divided out before squaring, so that it neither overflows nor vanishes; its gradient at 0 is 0.

    >>> global_norm({"w": jnp.array([[3.0]]), "b": jnp.array([4.0])}).tolist()
    5.0
    >>> f"{global_norm(jnp.array([1e25, 1e25])):.4g}"
    '1.414e+25'
    """
    largest, ratio = _largest_and_ratio(tree)
    return largest * ratio


def clip_by_global_norm(limit: float | Array) -> optax.GradientTransformation:
    """Shorten the whole gradient to length `limit` where it is longer; its direction stays.

        u = g min(1, limit / |g|),    |g| over all leaves (`global_norm`)

    However long it is: gradients of 3e20 are shortened as those of 3 are. A NaN anywhere makes every update NaN: it is
    not hidden.

    Raises: ValueError for a limit that is not positive.
    Reference: Pascanu, Mikolov, Bengio, "On the difficulty of training recurrent neural networks", 2013.

    >>> block = clip_by_global_norm(1.0)
    >>> [f"{v:.1f}" for v in block.update(jnp.array([3.0, 4.0]), block.init(jnp.ones(2)))[0]]
    ['0.6', '0.8']
    """
    _require_positive("clip_by_global_norm", limit)

    def update(updates: Tree, params: Params) -> Tree:
        largest, ratio = _largest_and_ratio(updates)

        def leaf(g: Array) -> Array:
            long, shortened = _shorten(_like(g, largest), largest, ratio, limit)
            return jnp.where(long, shortened.astype(g.dtype), g)

        return jax.tree.map(leaf, updates)

    return stateless(update)


def max_norm(
    limit: float | Array, *, axis: int | tuple[int, ...] | None = None, mask: Mask | None = None
) -> optax.GradientTransformation:
    """Keep the weights into each unit within a ball: the projection of p + g, written as an update.

        w = p + g,    u = w min(1, limit / |w|) - p,    |w| the norm of a column

    It must be the last block of a chain, after the learning rate. Columns within the limit keep their update exactly.

    Args:
        limit: the largest norm, > 0; the paper uses 3 to 4.
        axis: the axes of one norm; by default those of `jaxdl.tree.unit_axes`: one norm for each output unit, and for
            each layer of a stack; for a table one for each row.
        mask: which leaves are bounded; by default `jaxdl.tree.weights`.
    Raises: ValueError for a limit that is not positive, and in `update` without parameters.
    Reference: Srivastava et al., "Dropout: a simple way to prevent neural networks from overfitting", 2014,
        section 5.1.

    >>> block = max_norm(5.0)
    >>> w = jnp.array([[3.0, 3.0], [4.0, 0.0]])  # column norms 5 and 3
    >>> u, _ = block.update(w, block.init(w), w)
    >>> [f"{v:.3f}" for v in jnp.linalg.norm(w + u, axis=0)]
    ['5.000', '5.000']
    """
    _require_positive("max_norm", limit)

    def update(updates: Tree, params: Params) -> Tree:
        _require_params("max_norm", params)

        def leaf(path: Any, chosen: bool, g: Array, p: Array) -> Array:
            if not chosen:
                return g
            old = at_least_float32(p)
            new = old + g.astype(old.dtype)
            axes = unit_axes(jax.tree_util.keystr(path, simple=True, separator="/"), new) if axis is None else axis
            largest = _scale(jnp.max(jnp.abs(new), axes, keepdims=True, initial=0))
            ratio = root(jnp.sum(squared(new / largest.astype(new.dtype)), axes, keepdims=True))
            long, shortened = _shorten(new, largest, ratio, limit)
            return jnp.where(long, (shortened - old).astype(g.dtype), g)

        chosen = _resolve(weights if mask is None else mask, params)
        return jax.tree_util.tree_map_with_path(leaf, chosen, updates, params)

    return stateless(update)


def _largest_and_ratio(tree: Tree) -> tuple[Array, Array]:
    """The largest |x| of all leaves (within what has a reciprocal), and the norm of all leaves in units of it."""
    leaves = [at_least_float32(jnp.asarray(x)) for x in jax.tree.leaves(tree)]
    dtype = jnp.float64 if any(x.dtype in (jnp.float64, jnp.complex128) for x in leaves) else jnp.float32
    peaks = [jnp.max(jnp.abs(x), initial=0).astype(dtype) for x in leaves]
    largest = _scale(functools.reduce(jnp.maximum, peaks, jnp.zeros((), dtype)))
    wide = [_like(x, largest) for x in leaves]
    squares = [jnp.sum(squared(x / largest.astype(x.dtype))) for x in wide]
    return largest, root(sum(squares, jnp.zeros((), dtype)))


def _scale(largest: Array) -> Array:
    """A divisor near the largest |x| that has a reciprocal: 0 and infinity, and what is next to them, have none."""
    limits = jnp.finfo(largest.dtype)
    return lax.stop_gradient(jnp.clip(largest, 8 * limits.tiny, limits.max / 8))


def _shorten(x: Array, largest: Array, ratio: Array, limit: float | Array) -> tuple[Array, Array]:
    """Whether |x| = largest * ratio exceeds the limit, and x at the length of the limit; NaN stays NaN."""
    bound = jnp.asarray(limit, ratio.dtype)
    long = ~(ratio <= bound / largest)
    length = bound / jnp.where(long, ratio, 1)  # at a norm of 0 the slope of this branch counts too: no 0 / 0
    return long, x / largest.astype(x.dtype) * length.astype(x.dtype)


def _like(x: Array, real: Array) -> Array:
    """x in the precision of `real`; complex numbers stay complex."""
    wide = at_least_float32(x)
    if jnp.issubdtype(wide.dtype, jnp.complexfloating):
        return wide.astype(jnp.complex128 if real.dtype == jnp.float64 else jnp.complex64)
    return wide.astype(real.dtype)


def _resolve(mask: Mask | None, params: Params) -> Tree:
    if mask is None:
        return jax.tree.map(lambda _: True, params)
    return mask(params) if callable(mask) else mask


def _require_params(name: str, params: Params) -> None:
    if params is None:
        raise ValueError(f"{name}: this block needs the parameters: call optimizer.update(grads, state, params)")


def _require_positive(name: str, limit: float | Array) -> None:
    require_numbers(name, limit=limit)
    if not isinstance(limit, jax.Array) and not limit > 0:
        raise ValueError(f"{name}: the limit must be > 0, got {limit}")
