"""Convolutions rewritten for XLA's CPU backend: the sums of `lax`, in an order that it runs faster.

A convolution has three parts, each a convolution-like sum of its own:

    forward       y[n, p, q, o]  = sum_{i, j, c} x[n, s p + d i - lo, s q + d j - lo, c] w[i, j, c, o]
    input_grad    dx[n, u, v, c] = sum of dy[n, p, q, o] w[i, j, c, o] over all (p, q, i, j, o) that read x[n, u, v, c]
    weight_grad   dw[i, j, c, o] = sum_{n, p, q} x[n, s p + d i - lo, s q + d j - lo, c] dy[n, p, q, o]

A `Lowering` names a formulation for each part; a transposed convolution is the same three parts in another order:

    lax        the native operation
    taps       forward: k k C fused multiply-adds, for one to three input channels
    patches    a patch matrix [N P Q, k k C] times the kernel, a few images at a time so that it stays in the cache
    overlap    input_grad: one product [N P Q, O] @ [O, k k C], then shifted slices are added up
    winograd   F(2x2, 3x3): 16 products in place of 36 multiply-adds for each 2x2 tile of outputs

`choose` picks from the static shapes; `benchmarks/studies/convs.py` measures the table behind it. Results agree with
`lax` to rounding. Reverse mode (any order), `vmap`, `jit` and `scan` work. Forward mode (`jax.jvp`) does not: use
method="lax".

Dims: N images, P/Q output height and width, C channels in, O channels out, k window, s strides, d dilation.
"""

import contextlib
import contextvars
import functools
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import jax
from jax import lax

from jaxdl.kernels.convolution import patches, winograd
from jaxdl.kernels.convolution.geometry import Geometry, Window
from jaxdl.kernels.convolution.geometry import output_hw as output_hw
from jaxdl.types import Array, DType, Shape


class Lowering(NamedTuple):
    """Which formulation computes each part."""

    forward: str = "lax"
    input_grad: str = "lax"
    weight_grad: str = "lax"


def choose(w_shape: Shape, geometry: Geometry, dtype: DType, backend: str, *, in_loop: bool = True) -> Lowering:
    """The measured choice: `lax` off the CPU, in half precision and for groups; else by window and channels.

    Inside `scan` and `while` the gradients on a CPU are never `lax`: XLA leaves its fast kernels out there, and the
    native ones were 3 to 400 times slower. Outside of loops they are fastest at 16 channels. A part alone is not the
    whole story: in the convolutional network, `overlap` for the second input gradient, 4.7 ms against 8.7 alone, makes
    the whole step 3 ms slower. Judge by steps.

    >>> import numpy as np
    >>> same, f32 = Geometry((1, 1), ((1, 1), (1, 1))), np.dtype("float32")
    >>> choose((3, 3, 32, 64), same, f32, "cpu").forward
    'winograd'
    >>> [choose((3, 3, 16, 16), same, f32, "cpu", in_loop=loop).forward for loop in (True, False)]
    ['winograd', 'lax']
    """
    if backend != "cpu" or geometry.groups != 1 or dtype.itemsize < 4:
        return Lowering()
    kh, kw, n_in, n_out = w_shape
    if winograd.fits(w_shape, geometry) and min(n_in, n_out) >= 16:
        return Lowering("winograd", "winograd", "winograd") if in_loop or min(n_in, n_out) > 16 else Lowering()
    if (kh, kw) == (1, 1):
        return Lowering("patches", _input_grad_of_patches(geometry), "patches")
    few = n_in <= 3 and kh * kw * n_in <= 27
    narrow = n_in <= 8  # the product of `overlap` is k k C wide, that of `patches` k k O deep
    return Lowering("taps" if few else "lax", "overlap" if narrow else _input_grad_of_patches(geometry), "patches")


_OUTSIDE_LOOPS: contextvars.ContextVar[list[Shape] | None] = contextvars.ContextVar("outside_loops", default=None)


@contextlib.contextmanager
def outside_loops() -> Iterator[list[Shape]]:
    """What is traced inside this context runs in no loop: convolutions take what is fastest there.

    Yields the kernels' shapes for which that makes a difference, so that a caller knows whether to measure both.

    >>> from jaxdl.nn import conv2d
    >>> with outside_loops() as differing:
    ...     y = jax.eval_shape(conv2d, {"w": jax.numpy.ones((3, 3, 16, 16))}, jax.numpy.ones((1, 8, 8, 16)))
    >>> differing if jax.default_backend() == "cpu" else [(3, 3, 16, 16)]
    [(3, 3, 16, 16)]
    """
    differing: list[Shape] = []
    token = _OUTSIDE_LOOPS.set(differing)
    try:
        yield differing
    finally:
        _OUTSIDE_LOOPS.reset(token)


def choose_here(w_shape: Shape, geometry: Geometry, dtype: DType) -> Lowering:
    """`choose` for the backend in use, and for the place where the program is traced: see `outside_loops`."""
    backend, differing = jax.default_backend(), _OUTSIDE_LOOPS.get()
    chosen = choose(w_shape, geometry, dtype, backend, in_loop=differing is None)
    if differing is not None and chosen != choose(w_shape, geometry, dtype, backend):
        differing.append(w_shape)
    return chosen


def choose_transpose(w_shape: Shape, geometry: Geometry, dtype: DType, backend: str) -> Lowering:
    """The measured choice for `convolve_transpose`, whose first part is the input gradient."""
    if backend != "cpu" or dtype.itemsize < 4:
        return Lowering()
    if winograd.fits(w_shape, geometry) and min(w_shape[2:]) >= 16:
        return Lowering("winograd", "winograd", "winograd")
    return Lowering("lax", "overlap", "patches")


def _input_grad_of_patches(geometry: Geometry) -> str:
    return "patches" if geometry.strides == (1, 1) else "overlap"


def named(method: str, w_shape: Shape, geometry: Geometry) -> Lowering:
    """The lowering that a user's `method` names, for all the parts that it covers.

    Raises: ValueError if there is no such method, or it does not compute this convolution.
    """
    if method not in ("taps", "patches", "winograd"):
        raise ValueError(f"convolution: method {method!r} is none of 'auto', 'lax', 'taps', 'patches', 'winograd'")
    if geometry.groups != 1:
        raise ValueError(f"convolution: method {method!r} takes one group, not {geometry.groups}; use method='lax'")
    if method == "winograd" and not winograd.fits(w_shape, geometry):
        raise ValueError(
            f"convolution: 'winograd' is for 3x3 windows with strides and dilation of 1, but w is {w_shape}, "
            f"strides {geometry.strides}, dilation {geometry.dilation}; use method='auto'"
        )
    if method == "winograd":
        return Lowering("winograd", "winograd", "winograd")
    return Lowering(method, _input_grad_of_patches(geometry), "patches")


@functools.partial(jax.custom_vjp, nondiff_argnums=(2, 3))
def convolve(x: Array, w: Array, geometry: Geometry, lowering: Lowering) -> Array:
    """Convolve [N, H, W, C] with [k, k, C, O] to [N, P, Q, O], each part by the formulation that `lowering` names."""
    return FORWARD[lowering.forward](x, w, geometry)


def _convolve_fwd(x, w, geometry, lowering):
    return convolve(x, w, geometry, lowering), (x, w)


def _convolve_bwd(geometry, lowering, residuals, dy):
    x, w = residuals  # the two gradients share no work, so XLA drops the one that nobody asks for
    dx = INPUT_GRAD[lowering.input_grad](dy, w, geometry, x.shape)
    return dx, WEIGHT_GRAD[lowering.weight_grad](x, dy, geometry, w.shape)


convolve.defvjp(_convolve_fwd, _convolve_bwd)


@functools.partial(jax.custom_vjp, nondiff_argnums=(2, 3, 4))
def convolve_transpose(y: Array, w: Array, geometry: Geometry, lowering: Lowering, hw: Window) -> Array:
    """The input gradient of `convolve` as a function: [N, P, Q, O] and [k, k, C, O] to [N, *hw, C]."""
    return INPUT_GRAD[lowering.input_grad](y, w, geometry, (y.shape[0], *hw, w.shape[2]))


def _convolve_transpose_fwd(y, w, geometry, lowering, hw):
    return convolve_transpose(y, w, geometry, lowering, hw), (y, w)


def _convolve_transpose_bwd(geometry, lowering, hw, residuals, dx):
    y, w = residuals
    dw = WEIGHT_GRAD[lowering.weight_grad](dx, y, geometry, w.shape)
    return FORWARD[lowering.forward](dx, w, geometry), dw


convolve_transpose.defvjp(_convolve_transpose_fwd, _convolve_transpose_bwd)


def forward_lax(x: Array, w: Array, geometry: Geometry) -> Array:
    """The native convolution: the reference that every other formulation equals, and the only one with groups."""
    return lax.conv_general_dilated(
        x,
        w,
        geometry.strides,
        geometry.padding,
        rhs_dilation=geometry.dilation,
        dimension_numbers=("NHWC", "HWIO", "NHWC"),
        feature_group_count=geometry.groups,
    )


def _input_grad_lax(dy: Array, w: Array, geometry: Geometry, x_shape: Shape) -> Array:
    x = jax.ShapeDtypeStruct(x_shape, dy.dtype)
    return jax.linear_transpose(lambda x: forward_lax(x, w, geometry), x)(dy)[0]


def _weight_grad_lax(x: Array, dy: Array, geometry: Geometry, w_shape: Shape) -> Array:
    w = jax.ShapeDtypeStruct(w_shape, x.dtype)
    return jax.linear_transpose(lambda w: forward_lax(x, w, geometry), w)(dy)[0]


FORWARD: dict[str, Callable[..., Any]] = {
    "lax": forward_lax,
    "taps": patches.forward_taps,
    "patches": patches.forward,
    "winograd": winograd.forward,
}
INPUT_GRAD: dict[str, Callable[..., Any]] = {
    "lax": _input_grad_lax,
    "patches": patches.input_grad,
    "overlap": patches.input_grad_overlap,
    "winograd": winograd.input_grad,
}
WEIGHT_GRAD: dict[str, Callable[..., Any]] = {
    "lax": _weight_grad_lax,
    "patches": patches.weight_grad,
    "winograd": winograd.weight_grad,
}
