"""Which form computes each sum of a convolution: the measured table, and where a program runs it.

`choose` picks from the static shapes; `benchmarks/studies/convs.py` measures the table behind it.
"""

import contextlib
import contextvars
import math
from collections.abc import Iterator
from typing import NamedTuple

import jaxlib.version

from jaxdl.kernels.convolution import winograd
from jaxdl.kernels.convolution.geometry import Geometry
from jaxdl.types import DType, Shape

# From jaxlib 0.11 on native convolutions outside of loops run at 130 to 180 GFLOP/s for 3x3 windows over 32 and 64
# channels, all three sums; on 0.10 at 70 to 110, and Winograd's form at 85 to 145. They also compile in half the time.
_FAST_NATIVE = jaxlib.version.__version_info__ >= (0, 11)
METHODS = ("auto", "lax", "taps", "patches", "winograd")


class Lowering(NamedTuple):
    """Which form computes each part."""

    forward: str = "lax"
    input_grad: str = "lax"
    weight_grad: str = "lax"


def choose(w_shape: Shape, geometry: Geometry, dtype: DType, *, in_loop: bool = True) -> Lowering:
    """The measured choice on a CPU: `lax` in half precision and for groups; else by window and channels.

    Inside `scan` and `while` the gradients on a CPU are never `lax`: XLA leaves its fast kernels out there, and the
    native ones were 3 to 400 times slower. Outside of loops they are fastest at 16 channels and, from jaxlib 0.11 on,
    at more, but for windows of one pixel, images of few channels, and strided input gradients. A part alone is not the
    whole story: in the convolutional network, `overlap` for the second input gradient, 4.7 ms against 8.7 alone, makes
    the whole step 3 ms slower. Judge by steps.

    >>> import numpy as np
    >>> same, f32 = Geometry((1, 1), ((1, 1), (1, 1))), np.dtype("float32")
    >>> choose((3, 3, 32, 64), same, f32).forward
    'winograd'
    >>> [choose((3, 3, 16, 16), same, f32, in_loop=loop).forward for loop in (True, False)]
    ['winograd', 'lax']
    """
    if geometry.groups != 1 or dtype.itemsize < 4:
        return Lowering()
    taps, (n_in, n_out) = math.prod(w_shape[:-2]), w_shape[-2:]
    native = not in_loop and _FAST_NATIVE
    if winograd.fits(w_shape, geometry) and min(n_in, n_out) >= 16:
        slow = in_loop or (min(n_in, n_out) > 16 and not native)
        return Lowering("winograd", "winograd", "winograd") if slow else Lowering()
    if taps == 1:
        return Lowering("patches", _input_grad_of_patches(geometry), "patches")
    few = n_in <= 3 and taps * n_in <= 27
    narrow = n_in <= 8  # the product of `overlap` is k k C wide, that of `patches` k k O deep
    input_grad = "overlap" if narrow else _input_grad_of_patches(geometry)
    return Lowering("taps" if few else "lax", input_grad, "lax" if native and not few else "patches")


def _input_grad_of_patches(geometry: Geometry) -> str:
    return "patches" if set(geometry.strides) == {1} else "overlap"


def named(method: str, w_shape: Shape, geometry: Geometry) -> Lowering:
    """The lowering that a user's `method` names, for all the parts that it covers.

    Raises: ValueError if there is no such method, or it does not compute this convolution.
    """
    if method not in METHODS:
        raise ValueError(f"convolution: method {method!r} is none of {', '.join(map(repr, METHODS))}")
    if method != "lax" and geometry.groups != 1:
        raise ValueError(f"convolution: method {method!r} takes one group, not {geometry.groups}; use method='lax'")
    if method == "winograd" and not winograd.fits(w_shape, geometry):
        raise ValueError(
            f"convolution: 'winograd' is for 3x3 windows with strides and dilation of 1, but w is {w_shape}, "
            f"strides {geometry.strides}, dilation {geometry.dilation}; use method='auto'"
        )
    if method == "lax":
        return Lowering()
    if method == "winograd":
        return Lowering("winograd", "winograd", "winograd")
    return Lowering(method, _input_grad_of_patches(geometry), "patches")


_IN_LOOP: contextvars.ContextVar[bool] = contextvars.ContextVar("in_loop", default=True)


@contextlib.contextmanager
def outside_loops() -> Iterator[None]:
    """What is compiled inside this context runs in no loop: convolutions take what is fastest there."""
    token = _IN_LOOP.set(False)
    try:
        yield
    finally:
        _IN_LOOP.reset(token)


def in_loop() -> bool:
    """Whether what is compiled now may run in a loop: so unless `outside_loops` says otherwise."""
    return _IN_LOOP.get()
