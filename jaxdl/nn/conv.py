"""Convolutions over sequences [B, T, C], images [B, H, W, C] and volumes [B, D, H, W, C], and transposed ones.

Kernels are HWIO and not flipped (a cross-correlation, as everywhere in deep learning). The definition is what
`method="lax"` computes: the native operation of XLA, here for any number of axes. By default the same sum is computed
in the form that the platform runs fastest (`jaxdl.kernels.convolution`): natively on a GPU; on a CPU as "patches",
"taps" or "winograd", by the shape. These names ask for one of them. All agree to rounding, derivatives of every kind
included.

Dims: B batch, H/W height and width, P/Q height and width out, C channels in, O channels out, k window, g groups.
"""

import chex
import jax  # noqa: F401  (for the examples)
import jax.numpy as jnp
from jax import lax

from jaxdl.kernels import convolution
from jaxdl.kernels.convolution.geometry import Geometry, output_size
from jaxdl.nn.initializers import he_normal, zeros
from jaxdl.nn.windows import PaddingLike, Window, explicit, per_axis
from jaxdl.types import Array, DType, Initializer, Key, Params
from jaxdl.validation import require_floating, require_positive

LAYOUTS = {1: ("NTC", "TIO", "NTC"), 2: ("NHWC", "HWIO", "NHWC"), 3: ("NDHWC", "DHWIO", "NDHWC")}


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

    `window` is k for both axes, or (height, width).
    Raises: ValueError if `groups` does not divide both n_in and n_out.

    >>> {name: leaf.shape for name, leaf in init_conv2d(jax.random.key(0), 3, 8, 5).items()}
    {'w': (5, 5, 3, 8), 'b': (8,)}
    """
    return _init("nn.init_conv2d", 2, key, n_in, n_out, window, groups, bias, initializer, dtype)


def conv2d(
    params: Params,
    x: Array,
    *,
    strides: Window = 1,
    padding: PaddingLike = "SAME",
    dilation: Window = 1,
    groups: int = 1,
    method: str = "auto",
) -> Array:
    """Slide a window over an image and multiply each patch by a kernel.

        y[b, p, q, o] = b[o] + sum_{i, j, c} x[b, s p + d i - lo, s q + d j - lo, c] w[i, j, c, o]

    Args:
        params: {"w": [k, k, C / groups, O], "b": [O] (may be absent)}; used in the dtype of `x`.
        x: [B, H, W, C], any float dtype.
        strides: s, how far the window moves; like `dilation` one integer, or one for each axis.
        padding: "VALID" (none), "SAME" (P = ceil(H / s), the odd pixel goes to the bottom and right), "CIRCULAR" (the
            same size, the image goes on at its other edge), or ((top, bottom), (left, right)).
        dilation: d, the distance of the kernel's taps.
        groups: output channel o reads only the o g // O th block of C / g input channels; g = C is depthwise.
        method: "auto", "lax", "patches", "taps" or "winograd"; see the head of the file.
    Returns: [B, P, Q, O], dtype of `x`.
    Raises: ValueError if the channels, the groups or the window do not fit `x`, or `x` is not floating.
    Reference: LeCun et al., "Gradient-based learning applied to document recognition", 1998.

    >>> x = jnp.arange(9.0).reshape(1, 3, 3, 1)
    >>> conv2d({"w": jnp.ones((2, 2, 1, 1)), "b": jnp.zeros(1)}, x, padding="VALID")[0, :, :, 0].tolist()
    [[8.0, 12.0], [20.0, 24.0]]
    """
    return _conv("nn.conv2d", 2, params, x, strides, padding, dilation, groups, method)


def _conv(
    where: str,
    n: int,
    params: Params,
    x: Array,
    strides: Window,
    padding: PaddingLike,
    dilation: Window,
    groups: int,
    method: str,
) -> Array:
    """The convolution over n axes."""
    x, w = _checked(where, n, params, x, groups)
    strides, dilation = per_axis(where, n, "strides", strides), per_axis(where, n, "dilation", dilation)
    reach = tuple(d * (k - 1) + 1 for d, k in zip(dilation, w.shape[:n], strict=True))
    if padding == "CIRCULAR":
        x, padding = _wrapped(x, reach), "VALID"
    pads = explicit(where, padding, x.shape[1:-1], reach, strides)
    geometry = Geometry(strides, pads, dilation, groups)
    if min(output_size(x.shape, w.shape, geometry)) < 1:
        raise ValueError(f"{where}: the window of w {w.shape} does not fit into x {x.shape}, padding {padding}")
    if method == "lax":
        y = lax.conv_general_dilated(
            x, w, strides, pads, rhs_dilation=dilation, dimension_numbers=LAYOUTS[n], feature_group_count=groups
        )
    else:
        y = convolution.convolve(x, w, geometry, method)  # the same sum, as the platform runs it fastest
    return _add_bias(params, y)


def conv_transpose2d(
    params: Params,
    x: Array,
    *,
    strides: Window = 1,
    padding: PaddingLike = "SAME",
    dilation: Window = 1,
    groups: int = 1,
    method: str = "auto",
) -> Array:
    """Enlarge an image: spread each pixel over a window of outputs (the gradient of a convolution, as a layer).

        y[b, s p + d (k - 1 - i) - lo, s q + d (k - 1 - j) - lo, o] += x[b, p, q, c] w[i, j, c, o]

    The kernel's convention is flax.linen.ConvTranspose's: HWIO, I the channels of `x`, and y is the (unflipped)
    convolution of w with `x` spread out by s - 1 zeros. torch.nn.ConvTranspose2d's weight v [C, O, k, k] is the same
    kernel turned: w = v[:, :, ::-1, ::-1] with its axes in the order (2, 3, 0, 1).

    Args:
        params: {"w": [k, k, C / groups, O], "b": [O] (may be absent)} of `init_conv2d`; used in the dtype of `x`.
        x: [B, H, W, C], any float dtype.
        strides: s, by how much the image grows.
        padding: "SAME" (H s outputs), "VALID" (H s + max(r - s, 0) outputs, r = d (k - 1) + 1 the window's reach), or
            ((top, bottom), (left, right)) to cut off the full result of (H - 1) s + r, as torch's `padding`; its
            `output_padding` is a smaller bottom, right.
        dilation: d, the distance of the outputs that one pixel is spread over.
        groups: output channel o reads only the o g // O th block of C / g input channels, as in `conv2d`.
        method: "auto", "lax", "patches", "taps" or "winograd"; see the head of the file.
    Returns: [B, P, Q, O], dtype of `x`.
    Raises: ValueError if the channels do not fit, the padding leaves nothing, or `x` is not floating.
    Reference: Dumoulin, Visin, "A guide to convolution arithmetic for deep learning", 2016.

    >>> x = jnp.array([1.0, 2.0]).reshape(1, 1, 2, 1)
    >>> w = jnp.array([1.0, 10.0, 100.0]).reshape(1, 3, 1, 1)
    >>> conv_transpose2d({"w": w}, x, strides=(1, 2), padding="VALID")[0, 0, :, 0].tolist()
    [100.0, 10.0, 201.0, 20.0, 2.0]
    """
    where, n = "nn.conv_transpose2d", 2
    x, w = _checked(where, n, params, x, groups)
    strides, dilation = per_axis(where, n, "strides", strides), per_axis(where, n, "dilation", dilation)
    reach = tuple(d * (k - 1) + 1 for d, k in zip(dilation, w.shape[:n], strict=True))
    size, cut = _transposed(where, padding, x.shape[1:-1], reach, strides)
    if min(size) < 1:
        raise ValueError(f"{where}: padding {padding} leaves no output of x {x.shape} under w {w.shape}")
    if method == "lax" or (method == "auto" and groups > 1):
        pads = [(r - 1 - lo, r - 1 - hi) for r, (lo, hi) in zip(reach, cut, strict=True)]
        y = lax.conv_general_dilated(
            x, w, (1,) * n, pads, strides, dilation, dimension_numbers=LAYOUTS[n], feature_group_count=groups
        )
    else:  # the same sum, as the platform runs it fastest
        geometry = Geometry(strides, cut, dilation, groups)
        y = convolution.convolve_transpose(x, lax.rev(w, range(n)).swapaxes(-1, -2), geometry, size, method)
    return _add_bias(params, y)


def init_conv1d(
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
    """Parameters of `conv1d`: {"w": [k, n_in / groups, n_out], "b": [n_out]}; b starts at zero.

    >>> init_conv1d(jax.random.key(0), 4, 6, 3)["w"].shape
    (3, 4, 6)
    """
    return _init("nn.init_conv1d", 1, key, n_in, n_out, window, groups, bias, initializer, dtype)


def conv1d(
    params: Params,
    x: Array,
    *,
    strides: Window = 1,
    padding: PaddingLike = "SAME",
    dilation: Window = 1,
    groups: int = 1,
    method: str = "auto",
) -> Array:
    """Slide a window over a sequence [B, T, C]: `conv2d` with one axis, and all of its arguments.

        y[b, p, o] = b[o] + sum_{i, c} x[b, s p + d i - lo, c] w[i, c, o]

    A causal convolution (no look at the future) has padding (d (k - 1), 0).

    >>> x = jnp.arange(4.0).reshape(1, 4, 1)
    >>> conv1d({"w": jnp.ones((2, 1, 1))}, x, padding=(1, 0))[0, :, 0].tolist()
    [0.0, 1.0, 3.0, 5.0]
    """
    return _conv("nn.conv1d", 1, params, x, strides, padding, dilation, groups, method)


def init_conv3d(
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
    """Parameters of `conv3d`: {"w": [k, k, k, n_in / groups, n_out], "b": [n_out]}; b starts at zero.

    >>> init_conv3d(jax.random.key(0), 2, 4, 3)["w"].shape
    (3, 3, 3, 2, 4)
    """
    return _init("nn.init_conv3d", 3, key, n_in, n_out, window, groups, bias, initializer, dtype)


def conv3d(
    params: Params,
    x: Array,
    *,
    strides: Window = 1,
    padding: PaddingLike = "SAME",
    dilation: Window = 1,
    groups: int = 1,
    method: str = "auto",
) -> Array:
    """Slide a window over a volume [B, D, H, W, C]: `conv2d` with three axes, and all of its arguments.

    >>> conv3d({"w": jnp.ones((2, 2, 2, 1, 1))}, jnp.ones((1, 2, 2, 3, 1)), padding="VALID").ravel().tolist()
    [8.0, 8.0]
    """
    return _conv("nn.conv3d", 3, params, x, strides, padding, dilation, groups, method)


def _init(where, n, key, n_in, n_out, window, groups, bias, initializer, dtype) -> Params:
    require_positive(where, n_in=n_in, n_out=n_out, groups=groups)
    if n_in % groups or n_out % groups:
        raise ValueError(f"{where}: groups {groups} must divide n_in {n_in} and n_out {n_out}")
    shape = (*per_axis(where, n, "window", window), n_in // groups, n_out)
    params = {"w": initializer(key, shape, dtype)}
    return params | ({"b": zeros(key, (n_out,), dtype)} if bias else {})


def _checked(where: str, n: int, params: Params, x: Array, groups: int) -> tuple[Array, Array]:
    """x and the kernel in its dtype, after the checks that all convolutions share."""
    require_floating(where, x=x, w=params["w"])
    require_positive(where, groups=groups)
    x = jnp.asarray(x)
    w = jnp.asarray(params["w"]).astype(x.dtype)
    chex.assert_rank([x, w], n + 2)
    if x.shape[-1] != w.shape[-2] * groups or w.shape[-1] % groups:
        raise ValueError(
            f"{where}: x {x.shape} has {x.shape[-1]} channels, but w {w.shape} in {groups} groups takes "
            f"{w.shape[-2] * groups} in and must give a multiple of {groups}; check n_in, n_out and groups"
        )
    return x, w


def _wrapped(x: Array, reach: tuple[int, ...]) -> Array:
    """x continued on each side by what is at the other, so that a window fits at every place."""
    return jnp.pad(x, [(0, 0), *(((r - 1) // 2, r // 2) for r in reach), (0, 0)], mode="wrap")


def _transposed(where: str, padding: PaddingLike, sizes, reach, strides) -> tuple[tuple[int, ...], tuple]:
    """Output sizes, and what is cut off the full result of (size - 1) s + r on either side."""
    full = [(size - 1) * s + r for size, r, s in zip(sizes, reach, strides, strict=True)]
    if isinstance(padding, str):
        explicit(where, padding, sizes, reach, strides)  # refuses what is neither of the two
        more = [max(r - s, 0) for r, s in zip(reach, strides, strict=True)]
        same = padding == "SAME"
        size = tuple(n * s + (0 if same else m) for n, s, m in zip(sizes, strides, more, strict=True))
        los = [m // 2 if same else 0 for m in more]
    else:
        pairs = explicit(where, padding, sizes, reach, strides)
        size = tuple(n - lo - hi for n, (lo, hi) in zip(full, pairs, strict=True))
        los = [lo for lo, _ in pairs]
    return size, tuple((lo, n - lo - out) for n, lo, out in zip(full, los, size, strict=True))


def _add_bias(params: Params, y: Array) -> Array:
    return y + params["b"].astype(y.dtype).reshape((1,) * (y.ndim - 1) + (-1,)) if "b" in params else y
