"""Max pooling by pairwise maxima, along one axis after the other.

XLA lowers the gradient of `reduce_window` with a maximum to select-and-scatter, which is slow on a CPU. Maxima of
strided slices have the same values, and, with a rule that gives the gradient of a tie to the first of two, the same
gradient.
"""

import functools

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

from jaxdl.types import Array


def max_pool(x: Array, window: tuple[int, ...], strides: tuple[int, ...], pads: tuple[tuple[int, int], ...]) -> Array:
    """The largest value of each window of [N, ..., C]; padding counts as minus infinity.

    >>> max_pool(jnp.array([1.0, 3.0, 2.0, 0.0]).reshape(1, 4, 1), (2,), (2,), ((0, 0),)).ravel().tolist()
    [3.0, 2.0]
    """
    for axis in reversed(range(len(window))):  # rows first: the first of equal values in reading order wins
        x = _max_along(x, axis + 1, window[axis], strides[axis], pads[axis])
    return x


def _max_along(x: Array, axis: int, k: int, stride: int, pad: tuple[int, int]) -> Array:
    """The maximum of windows of k along one axis."""
    count = (x.shape[axis] + sum(pad) - k) // stride + 1
    end = (count - 1) * stride + k  # pixels that any window reads
    config = [(0, 0, 0)] * x.ndim
    config[axis] = (pad[0], end - x.shape[axis] - pad[0], 0)
    x = lax.pad(x, np.array(-np.inf, x.dtype), config)
    if k == stride:  # disjoint windows: an axis of their own, which reads and differentiates without gaps
        x = x.reshape(*x.shape[:axis], count, k, *x.shape[axis + 1 :])
        taps = [lax.index_in_dim(x, i, axis + 1, keepdims=False) for i in range(k)]
    else:
        taps = [lax.slice_in_dim(x, i, i + (count - 1) * stride + 1, stride, axis) for i in range(k)]
    return functools.reduce(_first_maximum, taps)


@jax.custom_jvp
def _first_maximum(a: Array, b: Array) -> Array:
    return jnp.maximum(a, b)


@_first_maximum.defjvp
def _first_maximum_jvp(primals, tangents):
    (a, b), (da, db) = primals, tangents
    return jnp.maximum(a, b), jnp.where(a >= b, da, db)  # jnp.maximum would share the gradient of a tie
