"""Similarity of two vectors; of all rows with all rows, and the k nearest rows: `jaxdl.similarity.neighbors`.

    cosine            x . y / (|x| |y|)
    centered cosine   the cosine of x - mean(x) and y - mean(y): Pearson's correlation
    Jaccard           |A and B| / |A or B| of the sets of nonzero entries

What has no direction is similar to nothing: a zero vector (a constant one when centered, an empty set) gives 0, not
NaN, and a zero gradient; NaN in a vector makes its similarities NaN. The weights of words that one usually compares
lie in `jaxdl.similarity.term_weights`.

D features.
"""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from jaxdl.types import Array, at_least_float32


def unit(x: Array) -> Array:
    """Scale vectors to length 1 along the last axis: x / |x|, and 0 for the zero vector.

    >>> [f"{v:.2f}" for v in unit(jnp.array([3.0, 4.0]))]
    ['0.60', '0.80']
    """
    wide = _vectors("unit", x)
    # The result does not depend on the scale, so the largest entry may go first: squares neither overflow nor vanish.
    largest = jax.lax.stop_gradient(jnp.abs(wide).max(-1, keepdims=True, initial=0.0))
    zero = largest == 0  # not so of NaN, which stays
    wide = wide / jnp.where(zero, 1, largest)
    length = jnp.sqrt(jnp.where(zero, 1, (wide * wide).sum(-1, keepdims=True)))
    return jnp.where(zero, 0, wide / length).astype(float_dtype(x))


def center(x: Array, *, where: Array | None = None) -> Array:
    """Subtract the mean of each vector (last axis); with `where`, of its known entries, and 0 at the unknown ones.

    >>> center(jnp.array([1.0, 3.0, 9.0]), where=jnp.array([True, True, False])).tolist()
    [-1.0, 1.0, 0.0]
    """
    wide = _vectors("center", x)
    known = jnp.ones(wide.shape, bool) if where is None else jnp.asarray(where)
    if known.shape != wide.shape:
        raise ValueError(f"center: where {known.shape} must have the shape {wide.shape} of x")
    # Shifted by an entry of its own first, a constant vector becomes exactly zero, whatever the rounding of the mean.
    largest = jnp.where(known, wide, -jnp.inf).max(-1, keepdims=True, initial=-jnp.inf)
    shift = jax.lax.stop_gradient(jnp.where(jnp.isfinite(largest), largest, 0))
    shifted = jnp.where(known, wide - shift, 0)
    n = jnp.maximum(known.sum(-1, keepdims=True), 1).astype(wide.dtype)
    mean = shifted.sum(-1, keepdims=True) / n
    return jnp.where(known, shifted - mean, 0).astype(float_dtype(x))


def cosine(x: Array, y: Array) -> Array:
    """Cosine of the angle between vectors: cos(x, y) = x . y / (|x| |y|), and 0 if either is zero.

        d cos / dx = (y / |y| - cos x / |x|) / |x|

    Args:
        x, y: [..., D], equal shapes.
    Returns: [...] in [-1, 1] up to rounding, dtype of `x` (float32 for integers).
    Raises: ValueError for unequal shapes.

    >>> cosine(jnp.array([[1.0, 0.0], [0.0, 0.0]]), jnp.array([[3.0, 0.0], [1.0, 2.0]])).tolist()
    [1.0, 0.0]
    """
    _check_same_shape("cosine", x, y)
    return (unit(as_floats(x)) * unit(as_floats(y))).sum(-1).astype(float_dtype(x))


def centered_cosine(x: Array, y: Array) -> Array:
    """Pearson's correlation: the cosine of x - mean(x) and y - mean(y), and 0 if either is constant.

    Args and returns: as `cosine`.

    >>> f"{centered_cosine(jnp.array([1.0, 2.0, 3.0]), jnp.array([5.0, 4.0, 3.0])):.4f}"
    '-1.0000'
    """
    _check_same_shape("centered_cosine", x, y)
    return cosine(center(as_floats(x)), center(as_floats(y))).astype(float_dtype(x))


def jaccard(x: Array, y: Array) -> Array:
    """Overlap of the sets of nonzero entries: |A and B| / |A or B|, and 0 if both are empty. No gradient.

    Args and returns: as `cosine`.
    Reference: Jaccard, "Étude comparative de la distribution florale", 1901.

    >>> f"{jaccard(jnp.array([1, 1, 0, 2]), jnp.array([0, 1, 0, 1])):.4f}"
    '0.6667'
    """
    _check_same_shape("jaccard", x, y)
    a, b = members(_vectors("jaccard", x)), members(_vectors("jaccard", y))
    both = (a * b).sum(-1)
    return (both / jnp.maximum(a.sum(-1) + b.sum(-1) - both, 1)).astype(float_dtype(x))


def members(x: Array) -> Array:
    """The set of nonzero entries: 1 where x is not 0, 0 where it is, NaN where nobody knows."""
    return jnp.where(jnp.isnan(x), x, (x != 0).astype(x.dtype))


def is_sparse(x: Any) -> bool:
    """Whether `x` is a scipy.sparse matrix; does not import scipy."""
    return hasattr(x, "tocsr")


def float_dtype(x: Any) -> Any:
    """The dtype of results: that of `x` if it is floating, else float32. Complex numbers are refused."""
    dtype = jax.dtypes.canonicalize_dtype(x.dtype if hasattr(x, "dtype") else np.asarray(x).dtype)
    if jnp.issubdtype(dtype, jnp.complexfloating):
        raise ValueError(f"similarity: vectors must be real, got {dtype}")
    return dtype if jnp.issubdtype(dtype, jnp.floating) else jnp.dtype(jnp.float32)


def as_floats(x: Any) -> Array:
    """`x` as an array of at least float32, in which sums are computed."""
    dtype = float_dtype(x)
    return at_least_float32(x.astype(dtype) if isinstance(x, jax.Array) else jnp.asarray(np.asarray(x).astype(dtype)))


def _vectors(name: str, x: Any) -> Array:
    if np.ndim(x) == 0:
        raise ValueError(f"{name}: x must be a vector, or vectors along the last axis, got a number")
    return as_floats(x)


def _check_same_shape(name: str, x: Any, y: Any) -> None:
    if np.shape(x) != np.shape(y):
        raise ValueError(f"{name}: x {np.shape(x)} and y {np.shape(y)} differ in shape; for all pairs: {name}_matrix")
