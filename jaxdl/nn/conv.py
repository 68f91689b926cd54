"""Convolutions over images [B, H, W, C] and sequences [B, T, C], and the transposed convolution.

Kernels are HWIO and not flipped (a cross-correlation, as everywhere in deep learning). Which formulation computes the
sum is chosen by `method`: "auto" takes the native operation on a GPU and in half precision, and on a CPU the fastest
of several for the shape (`kernels.convolution`); "lax" is always the native one; "patches", "taps" and "winograd"
name one. All agree to rounding. Forward-mode differentiation (`jax.jvp`) needs method="lax".

Dims: B batch, H/W height and width, P/Q height and width out, C channels in, O channels out, k window, g groups.
"""

import chex
import jax
import jax.numpy as jnp
from jax import lax

from jaxdl.kernels import convolution
from jaxdl.kernels.convolution.geometry import Geometry, Padding, Window
from jaxdl.nn.initializers import he_normal, zeros
from jaxdl.types import Array, DType, Initializer, Key, Params

PaddingLike = str | tuple[tuple[int, int], ...]  # "SAME", "VALID" or ((lo, hi), ...)


def init_conv2d(
    key: Key,
    n_in: int,
    n_out: int,
    window: Window,
    *,
    groups: int = 1,
    bias: bool = True,
    initializer: Initializer = he_normal,
    dtype: DType = jnp.float32,
) -> Params:
    """Parameters of `conv2d` and `conv_transpose2d`: {"w": [k, k, n_in / groups, n_out], "b": [n_out]}; b is zero.

    Raises: ValueError if `groups` does not divide both n_in and n_out.

    >>> {name: leaf.shape for name, leaf in init_conv2d(jax.random.key(0), 3, 8, (5, 5)).items()}
    {'w': (5, 5, 3, 8), 'b': (8,)}
    """
    if n_in % groups or n_out % groups:
        raise ValueError(f"init_conv2d: groups {groups} must divide n_in {n_in} and n_out {n_out}")
    params = {"w": initializer(key, (*window, n_in // groups, n_out), dtype)}
    if bias:
        params["b"] = zeros(key, (n_out,), dtype)
    return params


def conv2d(
    params: Params,
    x: Array,
    *,
    strides: Window = (1, 1),
    padding: PaddingLike = "SAME",
    dilation: Window = (1, 1),
    groups: int = 1,
    method: str = "auto",
) -> Array:
    """Slide a window over an image and multiply each patch by a kernel.

        y[b, p, q, o] = b[o] + sum_{i, j, c} x[b, s p + d i - lo, s q + d j - lo, c] w[i, j, c, o]

    Args:
        params: {"w": [k, k, C / groups, O], "b": [O] (may be absent)}; used in the dtype of `x`.
        x: [B, H, W, C], any float dtype.
        strides: s, how far the window moves.
        padding: "VALID" (none), "SAME" (P = ceil(H / s), the odd pixel goes to the bottom and right), or
            ((top, bottom), (left, right)).
        dilation: d, the distance of the kernel's taps.
        groups: output channel o reads only the o g // O th block of C / g input channels; g = C is depthwise.
        method: "auto", "lax", "patches", "taps" or "winograd"; see the head of the file.
    Returns: [B, P, Q, O], dtype of `x`.
    Raises: ValueError if the channels, the groups or the window do not fit `x`.
    Reference: LeCun et al., "Gradient-based learning applied to document recognition", 1998.

    >>> x = jnp.arange(9.0).reshape(1, 3, 3, 1)
    >>> conv2d({"w": jnp.ones((2, 2, 1, 1)), "b": jnp.zeros(1)}, x, padding="VALID")[0, :, :, 0].tolist()
    [[8.0, 12.0], [20.0, 24.0]]
    """
    w = params["w"]
    chex.assert_rank([x, w], [4, 4])
    if x.shape[3] != w.shape[2] * groups or w.shape[3] % groups:
        raise ValueError(
            f"conv2d: x {x.shape} has {x.shape[3]} channels, but w {w.shape} in {groups} groups takes "
            f"{w.shape[2] * groups} in and must give a multiple of {groups}; check n_in, n_out and groups"
        )
    pads = _explicit(padding, x.shape, w.shape, strides, dilation)
    g = Geometry(_pair(strides), pads, _pair(dilation), groups)
    if min(convolution.output_hw(x.shape, w.shape, g)) < 1:
        raise ValueError(f"conv2d: the window of w {w.shape} does not fit into x {x.shape}, padding {padding}")
    y = _convolve(x, w.astype(x.dtype), g, method)
    return _add_bias(params, y)


def _convolve(x: Array, w: Array, geometry: Geometry, method: str) -> Array:
    if method == "auto":
        lowering = convolution.choose_here(w.shape, geometry, x.dtype)
    elif method == "lax":
        lowering = convolution.Lowering()
    else:
        lowering = convolution.named(method, w.shape, geometry)
    if lowering == convolution.Lowering():
        return convolution.forward_lax(x, w, geometry)  # with its native rules for both modes
    return convolution.convolve(x, w, geometry, lowering)


def init_conv1d(
    key: Key,
    n_in: int,
    n_out: int,
    window: int,
    *,
    groups: int = 1,
    bias: bool = True,
    initializer: Initializer = he_normal,
    dtype: DType = jnp.float32,
) -> Params:
    """Parameters of `conv1d`: {"w": [k, n_in / groups, n_out], "b": [n_out]}; b starts at zero.

    >>> init_conv1d(jax.random.key(0), 4, 6, 3)["w"].shape
    (3, 4, 6)
    """
    params = init_conv2d(key, n_in, n_out, (1, window), groups=groups, bias=bias, initializer=initializer, dtype=dtype)
    return {**params, "w": params["w"][0]}


def conv1d(
    params: Params,
    x: Array,
    *,
    stride: int = 1,
    padding: str | tuple[int, int] = "SAME",
    dilation: int = 1,
    groups: int = 1,
    method: str = "auto",
) -> Array:
    """Slide a window over a sequence: `conv2d` for images of height one.

        y[b, p, o] = b[o] + sum_{i, c} x[b, s p + d i - lo, c] w[i, c, o]

    A causal convolution (no look at the future) has padding (dilation (k - 1), 0).

    Args:
        params: {"w": [k, C / groups, O], "b": [O] (may be absent)}; used in the dtype of `x`.
        x: [B, T, C], any float dtype.
        stride, padding, dilation, groups, method: as in `conv2d`, for one axis.
    Returns: [B, P, O], dtype of `x`.
    Raises: ValueError as in `conv2d`.

    >>> x = jnp.arange(4.0).reshape(1, 4, 1)
    >>> conv1d({"w": jnp.ones((2, 1, 1))}, x, padding=(1, 0))[0, :, 0].tolist()
    [0.0, 1.0, 3.0, 5.0]
    """
    chex.assert_rank([x, params["w"]], [3, 3])
    y = conv2d(
        {**params, "w": params["w"][None]},
        x[:, None],
        strides=(1, stride),
        padding=padding if isinstance(padding, str) else ((0, 0), padding),
        dilation=(1, dilation),
        groups=groups,
        method=method,
    )
    return y[:, 0]


def conv_transpose2d(
    params: Params,
    x: Array,
    *,
    strides: Window = (1, 1),
    padding: PaddingLike = "SAME",
    method: str = "auto",
) -> Array:
    """Enlarge an image: spread each pixel over a window of outputs (the gradient of a convolution, as a layer).

        y[b, s p + k - 1 - i - lo, s q + k - 1 - j - lo, o] += x[b, p, q, c] w[i, j, c, o]

    The kernel's convention is flax.linen.ConvTranspose's: HWIO, I the channels of `x`, and y is the (unflipped)
    convolution of w with `x` spread out by s - 1 zeros. torch.nn.ConvTranspose2d's weight v [C, O, k, k] is the same
    kernel turned: w = v[:, :, ::-1, ::-1] with its axes in the order (2, 3, 0, 1).

    Args:
        params: {"w": [k, k, C, O], "b": [O] (may be absent)} of `init_conv2d`; used in the dtype of `x`.
        x: [B, H, W, C], any float dtype.
        strides: s, by how much the image grows.
        padding: "SAME" (H s outputs), "VALID" (H s + max(k - s, 0) outputs), or ((top, bottom), (left, right)) to cut
            off the full result of (H - 1) s + k, as torch's `padding`; its `output_padding` is a smaller bottom, right.
        method: "auto", "lax", "patches" or "winograd"; see the head of the file.
    Returns: [B, P, Q, O], dtype of `x`.
    Raises: ValueError if the channels do not fit, or the padding leaves nothing.
    Reference: Dumoulin, Visin, "A guide to convolution arithmetic for deep learning", 2016.

    >>> x = jnp.array([1.0, 2.0]).reshape(1, 1, 2, 1)
    >>> w = jnp.array([1.0, 10.0, 100.0]).reshape(1, 3, 1, 1)
    >>> conv_transpose2d({"w": w}, x, strides=(1, 2), padding="VALID")[0, 0, :, 0].tolist()
    [100.0, 10.0, 201.0, 20.0, 2.0]
    """
    w = params["w"].astype(x.dtype)
    chex.assert_rank([x, w], [4, 4])
    if x.shape[3] != w.shape[2]:
        raise ValueError(f"conv_transpose2d: x {x.shape} has {x.shape[3]} channels, but w {w.shape} takes {w.shape[2]}")
    sizes = [_transposed(padding, a, x.shape[1 + a], w.shape[a], strides[a]) for a in (0, 1)]
    hw, pad = (sizes[0][0], sizes[1][0]), (sizes[0][1], sizes[1][1])
    if min(hw) < 1:
        raise ValueError(f"conv_transpose2d: padding {padding} leaves no output of x {x.shape} under w {w.shape}")
    if method == "lax":
        cut = [(k - 1 - lo, k - 1 - hi) for k, (lo, hi) in zip(w.shape[:2], pad, strict=True)]
        y = lax.conv_transpose(x, w, strides, cut, dimension_numbers=("NHWC", "HWIO", "NHWC"))
        return _add_bias(params, y)
    turned, geometry = w[::-1, ::-1].swapaxes(2, 3), Geometry(_pair(strides), pad)
    if method == "auto":
        lowering = convolution.choose_transpose(turned.shape, geometry, x.dtype, jax.default_backend())
    else:
        lowering = convolution.named(method, turned.shape, geometry)
    return _add_bias(params, convolution.convolve_transpose(x, turned, geometry, lowering, hw))


def _transposed(padding: PaddingLike, axis: int, size: int, k: int, stride: int) -> tuple[int, tuple[int, int]]:
    """Output size, and the padding of the convolution whose input gradient this is."""
    if padding == "VALID":
        out, lo = size * stride + max(k - stride, 0), 0
    elif padding == "SAME":
        out, lo = size * stride, max(k - stride, 0) // 2
    elif isinstance(padding, str):
        raise ValueError(f"padding {padding!r} is neither 'SAME' nor 'VALID' nor ((lo, hi), (lo, hi))")
    else:
        lo, hi = padding[axis]
        out = (size - 1) * stride + k - lo - hi
    return out, (lo, (size - 1) * stride + k - lo - out)


def _explicit(padding: PaddingLike, x_shape, w_shape, strides: Window, dilation: Window) -> Padding:
    if isinstance(padding, str):
        if padding not in ("SAME", "VALID"):
            raise ValueError(f"padding {padding!r} is neither 'SAME' nor 'VALID' nor ((lo, hi), (lo, hi))")
        reach = [d * (k - 1) + 1 for d, k in zip(dilation, w_shape[:2], strict=True)]
        (top, bottom), (left, right) = lax.padtype_to_pads(x_shape[1:3], reach, strides, padding)
    else:
        (top, bottom), (left, right) = padding
    return (top, bottom), (left, right)


def _pair(numbers: Window) -> Window:
    return int(numbers[0]), int(numbers[1])  # hashable, also from a list


def _add_bias(params: Params, y: Array) -> Array:
    return y + jnp.broadcast_to(params["b"].astype(y.dtype), y.shape) if "b" in params else y
