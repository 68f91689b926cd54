"""Pooling and nearest-neighbor upsampling of images [B, H, W, C].

Dims: B batch, H/W height and width, P/Q height and width out, C channels, k window, s strides.
"""

import functools

import chex
import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

from jaxdl.types import Array, at_least_float32

Window = tuple[int, int]
Padding = tuple[tuple[int, int], tuple[int, int]]
PaddingLike = str | Padding


def max_pool2d(
    x: Array,
    window: Window,
    *,
    strides: Window | None = None,
    padding: PaddingLike = "VALID",
    method: str = "auto",
) -> Array:
    """Keep the largest value of each window.

        y[b, p, q, c] = max_{i, j} x[b, s p + i - lo, s q + j - lo, c]

    Padding counts as minus infinity. Where several values of a window tie for the maximum, the whole gradient goes to
    the first of them, row by row, as in torch and in XLA's select-and-scatter. That native gradient is slow on a CPU,
    so "auto" takes pairwise maxima there, along the rows and then down the columns: the same values, the same gradient.

    Args:
        x: [B, H, W, C], any float dtype.
        window: k, (height, width).
        strides: s; None means `window`, so that the windows do not overlap.
        padding: "VALID", "SAME" or ((top, bottom), (left, right)).
        method: "auto", "pairs" (pairwise maxima) or "lax" (reduce_window).
    Returns: [B, P, Q, C], dtype of `x`.
    Raises: ValueError if the window does not fit into `x`.

    >>> x = jnp.array([[1.0, 2.0, 9.0], [4.0, 3.0, 9.0]])[None, :, :, None]
    >>> max_pool2d(x, (2, 2))[0, :, :, 0].tolist()
    [[4.0]]
    """
    strides = window if strides is None else strides
    pads = _explicit("max_pool2d", x, window, strides, padding)
    if method == "auto":
        method = "pairs" if jax.default_backend() == "cpu" else "lax"
    lowest = np.array(-np.inf, x.dtype)  # a constant: JAX knows the gradient of a maximum only from this start
    if method == "lax":
        sizes, moves = (1, *window, 1), (1, *strides, 1)
        return lax.reduce_window(x, lowest, lax.max, sizes, moves, ((0, 0), *pads, (0, 0)))
    if method != "pairs":
        raise ValueError(f"max_pool2d: method {method!r} is none of 'auto', 'pairs', 'lax'")
    for axis in (2, 1):  # rows first: the first of equal values in reading order wins
        x = _max_along(x, axis, window[axis - 1], strides[axis - 1], pads[axis - 1], lowest)
    return x


def _max_along(x: Array, axis: int, k: int, stride: int, pad: tuple[int, int], lowest: np.ndarray) -> Array:
    """The maximum of windows of k along one axis."""
    count = (x.shape[axis] + sum(pad) - k) // stride + 1
    end = (count - 1) * stride + k  # pixels that any window reads
    config = [(0, 0, 0)] * 4
    config[axis] = (pad[0], end - x.shape[axis] - pad[0], 0)
    x = lax.pad(x, lowest, config)
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


def avg_pool2d(x: Array, window: Window, *, strides: Window | None = None, padding: PaddingLike = "VALID") -> Array:
    """The mean of each window.

        y[b, p, q, c] = 1 / (k k) sum_{i, j} x[b, s p + i - lo, s q + j - lo, c]

    Padding counts as zeros and is counted in k k, as by default in flax and torch (Keras leaves it out).

    Args: as in `max_pool2d`.
    Returns: [B, P, Q, C], dtype of `x`; sums in at least float32.
    Raises: ValueError if the window does not fit into `x`.

    >>> avg_pool2d(jnp.arange(8.0).reshape(1, 2, 4, 1), (2, 2))[0, :, :, 0].tolist()
    [[2.5, 4.5]]
    """
    strides = window if strides is None else strides
    pads = _explicit("avg_pool2d", x, window, strides, padding)
    wide = at_least_float32(x)
    zero = np.zeros((), wide.dtype)  # a constant, as above: JAX then knows the gradient of the sum
    total = lax.reduce_window(wide, zero, lax.add, (1, *window, 1), (1, *strides, 1), ((0, 0), *pads, (0, 0)))
    return (total / (window[0] * window[1])).astype(x.dtype)


def global_avg_pool2d(x: Array) -> Array:
    """The mean over all pixels: [B, H, W, C] -> [B, C].

        y[b, c] = 1 / (H W) sum_{p, q} x[b, p, q, c]

    Sums in at least float32, cast back to the dtype of `x`.
    Reference: Lin, Chen, Yan, "Network in network", 2013.

    >>> global_avg_pool2d(jnp.arange(4.0).reshape(1, 2, 2, 1)).tolist()
    [[1.5]]
    """
    chex.assert_rank(x, 4)
    return jnp.mean(at_least_float32(x), (1, 2)).astype(x.dtype)


def upsample2d(x: Array, factor: Window) -> Array:
    """Repeat each pixel `factor` times along each axis (nearest neighbor): [B, H, W, C] -> [B, H f, W f, C].

        y[b, p, q, c] = x[b, p // f, q // f, c]

    >>> upsample2d(jnp.array([[1.0, 2.0]])[None, :, :, None], (1, 2))[0, :, :, 0].tolist()
    [[1.0, 1.0, 2.0, 2.0]]
    """
    chex.assert_rank(x, 4)
    (b, h, w, c), (fh, fw) = x.shape, factor
    tiles = jnp.broadcast_to(x[:, :, None, :, None, :], (b, h, fh, w, fw, c))
    return tiles.reshape(b, h * fh, w * fw, c)


def _explicit(name: str, x: Array, window: Window, strides: Window, padding: PaddingLike) -> Padding:
    """Padding as pairs of numbers, after the checks that both poolings share."""
    chex.assert_rank(x, 4)
    if isinstance(padding, str):
        if padding not in ("SAME", "VALID"):
            raise ValueError(f"{name}: padding {padding!r} is neither 'SAME' nor 'VALID' nor ((lo, hi), (lo, hi))")
        (top, bottom), (left, right) = lax.padtype_to_pads(x.shape[1:3], window, strides, padding)
    else:
        (top, bottom), (left, right) = padding
    if x.shape[1] + top + bottom < window[0] or x.shape[2] + left + right < window[1]:
        raise ValueError(f"{name}: window {window} does not fit into x {x.shape} with padding {padding}")
    return (top, bottom), (left, right)
