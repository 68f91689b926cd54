"""Pooling of sequences [B, T, C], images [B, H, W, C] and volumes [B, D, H, W, C]; nearest-neighbor upsampling.

Dims: B batch, H/W height and width, P/Q height and width out, C channels, k window, s strides.
"""

import functools
import math

import chex
import jax.numpy as jnp
import numpy as np
from jax import lax

from jaxdl.kernels import pooling
from jaxdl.nn.windows import Padding, PaddingLike, Window, explicit, per_axis
from jaxdl.types import Array, at_least_float32
from jaxdl.validation import require_arrays, require_floating


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
    the first of them, row by row, as in torch and in XLA's select-and-scatter.

    Args:
        x: [B, H, W, C], any float dtype.
        window: k, one integer or (height, width).
        strides: s; None means `window`, so that the windows do not overlap.
        padding: "VALID", "SAME" or ((top, bottom), (left, right)).
        method: "lax" is `reduce_window`, "pairs" pairwise maxima with the same gradient (`kernels.pooling`); "auto"
            takes these on a CPU.
    Returns: [B, P, Q, C], dtype of `x`.
    Raises: ValueError if the window does not fit into `x`, or `x` is not floating.

    >>> x = jnp.array([[1.0, 2.0, 9.0], [4.0, 3.0, 9.0]])[None, :, :, None]
    >>> max_pool2d(x, 2)[0, :, :, 0].tolist()
    [[4.0]]
    """
    return _max_pool("nn.max_pool2d", 2, x, window, strides, padding, method)


def _max_pool(
    where: str, n: int, x: Array, window: Window, strides: Window | None, padding: PaddingLike, method: str
) -> Array:
    """The largest value of each window over n axes."""
    x, window, strides, pads = _checked(where, n, x, window, strides, padding)
    pairs = functools.partial(pooling.max_pool, window=window, strides=strides, pads=pads)

    def native(x: Array) -> Array:
        lowest = np.array(-np.inf, x.dtype)  # a constant: JAX knows the gradient of a maximum only from this start
        return lax.reduce_window(x, lowest, lax.max, (1, *window, 1), (1, *strides, 1), ((0, 0), *pads, (0, 0)))

    if method == "lax":
        return native(x)
    if method == "pairs":
        return pairs(x)
    if method != "auto":
        raise ValueError(f"{where}: method {method!r} is none of 'auto', 'pairs', 'lax'")
    return lax.platform_dependent(x, cpu=pairs, default=native)


def avg_pool2d(x: Array, window: Window, *, strides: Window | None = None, padding: PaddingLike = "VALID") -> Array:
    """The mean of each window.

        y[b, p, q, c] = 1 / (k k) sum_{i, j} x[b, s p + i - lo, s q + j - lo, c]

    Padding counts as zeros and is counted in k k, as by default in flax and torch (Keras leaves it out).

    Args: as in `max_pool2d`.
    Returns: [B, P, Q, C], dtype of `x`; sums in at least float32.
    Raises: ValueError if the window does not fit into `x`, or `x` is not floating.

    >>> avg_pool2d(jnp.arange(8.0).reshape(1, 2, 4, 1), 2)[0, :, :, 0].tolist()
    [[2.5, 4.5]]
    """
    return _avg_pool("nn.avg_pool2d", 2, x, window, strides, padding)


def _avg_pool(where: str, n: int, x: Array, window: Window, strides: Window | None, padding: PaddingLike) -> Array:
    """The mean of each window over n axes."""
    x, window, strides, pads = _checked(where, n, x, window, strides, padding)
    wide = at_least_float32(x)
    zero = np.zeros((), wide.dtype)  # a constant, as above: JAX then knows the gradient of the sum
    total = lax.reduce_window(wide, zero, lax.add, (1, *window, 1), (1, *strides, 1), ((0, 0), *pads, (0, 0)))
    return (total / math.prod(window)).astype(x.dtype)


def max_pool1d(
    x: Array, window: Window, *, strides: Window | None = None, padding: PaddingLike = "VALID", method: str = "auto"
) -> Array:
    """`max_pool2d` over the one axis of [B, T, C].

    >>> max_pool1d(jnp.array([1.0, 3.0, 2.0, 0.0]).reshape(1, 4, 1), 2).ravel().tolist()
    [3.0, 2.0]
    """
    return _max_pool("nn.max_pool1d", 1, x, window, strides, padding, method)


def max_pool3d(
    x: Array, window: Window, *, strides: Window | None = None, padding: PaddingLike = "VALID", method: str = "auto"
) -> Array:
    """`max_pool2d` over the three axes of [B, D, H, W, C].

    >>> max_pool3d(jnp.arange(16.0).reshape(1, 2, 2, 4, 1), 2).ravel().tolist()
    [13.0, 15.0]
    """
    return _max_pool("nn.max_pool3d", 3, x, window, strides, padding, method)


def avg_pool1d(x: Array, window: Window, *, strides: Window | None = None, padding: PaddingLike = "VALID") -> Array:
    """`avg_pool2d` over the one axis of [B, T, C].

    >>> avg_pool1d(jnp.arange(4.0).reshape(1, 4, 1), 2).ravel().tolist()
    [0.5, 2.5]
    """
    return _avg_pool("nn.avg_pool1d", 1, x, window, strides, padding)


def avg_pool3d(x: Array, window: Window, *, strides: Window | None = None, padding: PaddingLike = "VALID") -> Array:
    """`avg_pool2d` over the three axes of [B, D, H, W, C].

    >>> avg_pool3d(jnp.arange(16.0).reshape(1, 2, 2, 4, 1), 2).ravel().tolist()
    [6.5, 8.5]
    """
    return _avg_pool("nn.avg_pool3d", 3, x, window, strides, padding)


def global_avg_pool2d(x: Array) -> Array:
    """The mean over all pixels: [B, H, W, C] -> [B, C].

        y[b, c] = 1 / (H W) sum_{p, q} x[b, p, q, c]

    Sums in at least float32, cast back to the dtype of `x`.
    Reference: Lin, Chen, Yan, "Network in network", 2013.

    >>> global_avg_pool2d(jnp.arange(4.0).reshape(1, 2, 2, 1)).tolist()
    [[1.5]]
    """
    require_floating("nn.global_avg_pool2d", x=x)
    chex.assert_rank(x, 4)
    return jnp.mean(at_least_float32(x), (1, 2)).astype(x.dtype)


def upsample2d(x: Array, factor: Window) -> Array:
    """Repeat each pixel `factor` times along each axis (nearest neighbor): [B, H, W, C] -> [B, H f, W f, C].

        y[b, p, q, c] = x[b, p // f, q // f, c]

    >>> upsample2d(jnp.array([[1.0, 2.0]])[None, :, :, None], (1, 2))[0, :, :, 0].tolist()
    [[1.0, 1.0, 2.0, 2.0]]
    """
    require_arrays("nn.upsample2d", x=x)
    chex.assert_rank(x, 4)
    (b, h, w, c), (fh, fw) = x.shape, per_axis("nn.upsample2d", 2, "factor", factor)
    tiles = jnp.broadcast_to(x[:, :, None, :, None, :], (b, h, fh, w, fw, c))
    return tiles.reshape(b, h * fh, w * fw, c)


def _checked(
    where: str, n: int, x: Array, window: Window, strides: Window | None, padding: PaddingLike
) -> tuple[Array, tuple[int, ...], tuple[int, ...], Padding]:
    """x, window, strides and padding as numbers for each axis, after the checks that all poolings share."""
    require_floating(where, x=x)
    x = jnp.asarray(x)
    chex.assert_rank(x, n + 2)
    window = per_axis(where, n, "window", window)
    strides = window if strides is None else per_axis(where, n, "strides", strides)
    pads = explicit(where, padding, x.shape[1:-1], window, strides)
    if any(size + sum(pad) < k for size, pad, k in zip(x.shape[1:-1], pads, window, strict=True)):
        raise ValueError(f"{where}: window {window} does not fit into x {x.shape} with padding {padding}")
    return x, window, strides, pads
