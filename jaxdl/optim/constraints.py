"""Blocks that shrink: weight decay, gradient clipping and the max-norm constraint."""

from collections.abc import Callable

import jax
import jax.numpy as jnp
import optax

from jaxdl.optim.transformation import stateless
from jaxdl.types import Array, Params, Tree, at_least_float32

Mask = (
    Tree | Callable[[Params], Tree]
)  # a tree of bools with the structure of the parameters, or a function that makes it


def matrices(params: Params) -> Tree:
    """A mask that is true for leaves of rank 2 and more: weights and kernels, not biases and scales.

    >>> matrices({"w": jnp.ones((2, 3)), "b": jnp.ones(3)})
    {'b': False, 'w': True}
    """
    return jax.tree.map(lambda p: jnp.ndim(p) >= 2, params)


def add_decayed_weights(weight_decay: float | Array, mask: Mask | None = None) -> optax.GradientTransformation:
    """Add a fraction of each parameter to its update: u = g + weight_decay p.

    Before the adaptive scaling this is the gradient of an L2 penalty, weight_decay / 2 |p|^2; between it and the
    learning rate it is decoupled weight decay (`adamw`).

    Args:
        weight_decay: a float or a traced scalar.
        mask: which leaves decay: a tree of bools, or a function of the parameters (`matrices` spares the biases); all
            by default.
    Raises: ValueError in `update` without parameters.
    Reference: Loshchilov, Hutter, "Decoupled weight decay regularization", 2019.

    >>> block = add_decayed_weights(0.1)
    >>> block.update(jnp.zeros(1), block.init(jnp.ones(1)), jnp.array([5.0]))[0].tolist()
    [0.5]
    """

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
    """The Euclidean norm of all leaves together, sqrt(sum of squares), accumulated in at least float32.

    >>> global_norm({"w": jnp.array([[3.0]]), "b": jnp.array([4.0])}).tolist()
    5.0
    """
    leaves = [at_least_float32(jnp.asarray(x)) for x in jax.tree.leaves(tree)]
    dtype = jnp.float64 if any(x.dtype == jnp.float64 for x in leaves) else jnp.float32
    return jnp.sqrt(sum((jnp.sum(jnp.square(x)).astype(dtype) for x in leaves), jnp.zeros((), dtype)))


def clip_by_global_norm(limit: float | Array) -> optax.GradientTransformation:
    """Shorten the whole gradient to length `limit` where it is longer; its direction stays.

        u = g min(1, limit / |g|),    |g| over all leaves (`global_norm`)

    A NaN anywhere makes every update NaN: it is not hidden.

    Raises: ValueError for a limit that is not positive.
    Reference: Pascanu, Mikolov, Bengio, "On the difficulty of training recurrent neural networks", 2013.

    >>> block = clip_by_global_norm(1.0)
    >>> [f"{v:.1f}" for v in block.update(jnp.array([3.0, 4.0]), block.init(jnp.ones(2)))[0]]
    ['0.6', '0.8']
    """
    _require_positive("clip_by_global_norm", limit)

    def update(updates: Tree, params: Params) -> Tree:
        norm = global_norm(updates)
        bound = jnp.asarray(limit, norm.dtype)
        scale = jnp.where(norm <= bound, 1, bound / norm)  # no 0 / 0: the second branch is never chosen at norm 0

        def leaf(g: Array) -> Array:
            wide = at_least_float32(g)
            return (wide * scale.astype(wide.dtype)).astype(g.dtype)

        return jax.tree.map(leaf, updates)

    return stateless(update)


def max_norm(
    limit: float | Array, *, axis: int | tuple[int, ...] | None = None, mask: Mask | None = None
) -> optax.GradientTransformation:
    """Keep the weights into each unit within a ball: the projection of p + g, written as an update.

        w = p + g,    u = w min(1, limit / |w|) - p,    |w| the norm of a column

    It must be the last block of a chain, behind the learning rate. Columns within the limit keep their update exactly.

    Args:
        limit: the largest norm, > 0; the paper uses 3 to 4.
        axis: the axes of one norm; by default all but the last, which for w: [n_in, n_out] and kernels
            [height, width, n_in, n_out] is one norm for each output unit. Stacked layers [L, n_in, n_out] need axis=-2.
        mask: which leaves are bounded; by default those of rank 2 and more (`matrices`).
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

        def leaf(chosen: bool, g: Array, p: Array) -> Array:
            if not chosen:
                return g
            old = at_least_float32(p)
            new = old + g.astype(old.dtype)
            axes = tuple(range(new.ndim - 1)) if axis is None else axis
            norm = jnp.sqrt(jnp.sum(jnp.square(new), axes, keepdims=True))
            bound = jnp.asarray(limit, norm.dtype)
            scale = jnp.broadcast_to(jnp.where(norm > bound, bound / norm, 1), new.shape)
            return jnp.where(scale < 1, (new * scale - old).astype(g.dtype), g)

        return jax.tree.map(leaf, _resolve(matrices if mask is None else mask, params), updates, params)

    return stateless(update)


def _resolve(mask: Mask | None, params: Params) -> Tree:
    if mask is None:
        return jax.tree.map(lambda _: True, params)
    return mask(params) if callable(mask) else mask


def _require_params(name: str, params: Params) -> None:
    if params is None:
        raise ValueError(f"{name}: this block needs the parameters: call optimizer.update(grads, state, params)")


def _require_positive(name: str, limit: float | Array) -> None:
    if isinstance(limit, int | float) and not limit > 0:
        raise ValueError(f"{name}: the limit must be > 0, got {limit}")
