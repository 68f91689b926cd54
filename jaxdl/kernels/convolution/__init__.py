"""Convolutions rewritten for XLA's CPU backend: the sums of `lax`, in an order that it runs faster.

A convolution has three parts, each a convolution-like sum of its own:

    forward       y[n, p, q, o]  = sum_{i, j, c} x[n, s p + d i - lo, s q + d j - lo, c] w[i, j, c, o]
    input_grad    dx[n, u, v, c] = sum of dy[n, p, q, o] w[i, j, c, o] over all (p, q, i, j, o) that read x[n, u, v, c]
    weight_grad   dw[i, j, c, o] = sum_{n, p, q} x[n, s p + d i - lo, s q + d j - lo, c] dy[n, p, q, o]

A transposed convolution is the same three parts in another order. The forms of each part:

    lax        the native operation: everywhere but on a CPU, in half precision, and for groups
    taps       forward: k k C fused multiply-adds, for one to three input channels
    patches    a patch matrix [N P Q, k k C] times the kernel, a few images at a time so that it stays in the cache
    overlap    input_grad: one product [N P Q, O] @ [O, k k C], then shifted slices are added up
    winograd   F(2x2, 3x3): 16 products in place of 36 multiply-adds for each 2x2 tile of outputs

`choice` names the form for a CPU; `primitive` gives JAX the derivatives, `vmap` and the choice by the platform that a
program is lowered for. Results agree with `lax` to rounding.

Dims: N images, P/Q output height and width, C channels in, O channels out, k window, s strides, d dilation.
"""

from collections.abc import Iterator
from typing import Any, NamedTuple

import jax

from jaxdl.kernels.convolution import choice
from jaxdl.kernels.convolution.choice import outside_loops as outside_loops
from jaxdl.kernels.convolution.geometry import Geometry, Window, output_size
from jaxdl.kernels.convolution.primitive import Sum, convolution_p, lowering, trilinear
from jaxdl.types import Array


def convolve(x: Array, w: Array, geometry: Geometry, method: str = "auto") -> Array:
    """Convolve [N, H, W, C] with [k, k, C / groups, O] to [N, P, Q, O], in the form that the platform runs fastest.

    Any number of axes for H, W. `method` names one form instead: "lax", "taps", "patches", "winograd".
    Raises: ValueError if there is no such method, or it does not compute this convolution.
    """
    _check(method, w, geometry)
    y_shape = (x.shape[0], *output_size(x.shape, w.shape, geometry), w.shape[-1])
    return trilinear(x, w, Sum("forward", geometry, y_shape, method))


def convolve_transpose(y: Array, w: Array, geometry: Geometry, size: Window, method: str = "auto") -> Array:
    """The input gradient of `convolve` as a function: [N, P, Q, O] and [k, k, C / groups, O] to [N, *size, C]."""
    _check(method, w, geometry)
    x_shape = (y.shape[0], *size, w.shape[-2] * geometry.groups)
    return trilinear(y, w, Sum("input_grad", geometry, x_shape, method))


def _check(method: str, w: Any, geometry: Geometry) -> None:
    if method != "auto":
        choice.named(method, w.shape, geometry)


class InLoops(NamedTuple):
    """What loops do to the convolutions of a program on a CPU; both are reasons to measure it without one.

    Attributes:
        differ: some convolution takes another form outside of loops.
        native_gradients: some native weight gradient runs inside of them all the same, 3 to 400 times slower.
    """

    differ: bool
    native_gradients: bool


def in_loops(program: Any) -> InLoops:
    """Whether a traced program (a jaxpr) wants to run outside of loops."""
    differ = native = False
    for operation in _operations(program):
        if operation.primitive is convolution_p:
            spec, operands = operation.params["spec"], [v.aval for v in operation.invars]
            inside, outside = (lowering(spec, *operands, in_loop=loop) for loop in (True, False))
            differ |= inside != outside
            native |= spec.part == "weight_grad" and outside == "lax"
        elif operation.primitive.name == "conv_general_dilated":  # a weight gradient sums over the batch, and so has it
            native |= operation.params["dimension_numbers"].lhs_spec[0] != 0  # in another axis than the first
    return InLoops(differ, native)


def _operations(program: Any) -> Iterator[Any]:
    """All of a traced program, with those of the programs inside it."""
    for operation in program.eqns:
        yield operation
        for inner in jax.tree.leaves(list(operation.params.values())):
            if hasattr(inner, "eqns"):
                yield from _operations(inner)
