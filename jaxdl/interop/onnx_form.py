"""A program as an ONNX model, by jax2onnx, for batches of any size.

jax2onnx 0.17 knows no `pad` of an array whose size is a symbol, and makes of a pooling over [B, H, W, C] one over four
axes, which ONNX's runtimes do not have: both are written by slices here.
"""

import functools
import itertools
import logging
from collections.abc import Callable, Sequence
from typing import Any

import jax
import jax.numpy as jnp
from jax import lax
from jax.extend.core import jaxpr_as_fun

from jaxdl.interop.native import native
from jaxdl.types import Array


def to_onnx(function: Callable[..., Any], arguments: Sequence[jax.ShapeDtypeStruct], names: Sequence[str]) -> bytes:
    """The ONNX model of a function of arrays, its inputs under `names` and its output "y".

    Args:
        arguments: shapes and dtypes; sizes may be symbols of one scope of `jax.export`.
    Raises: ValueError if jax2onnx is missing, and for an operation that it does not know, with its name.
    """
    try:
        import jax2onnx
    except ImportError:
        raise ValueError("ONNX is written by jax2onnx, which is missing: pip install 'jaxdl[onnx]'") from None
    program = native(function, *arguments, rules=_RULES)
    logger = logging.getLogger("onnx_ir")  # it warns of shapes without a type, which ONNX does not need
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        model: Any = jax2onnx.to_onnx(
            jaxpr_as_fun(program), list(arguments), input_names=list(names), output_names=["y"], model_name="jaxdl"
        )
    except (NotImplementedError, TypeError) as error:
        raise ValueError(f"jax2onnx cannot write this network: {' '.join(str(error).split())}") from None
    finally:
        logger.setLevel(level)
    return model.SerializeToString()


def _pad(x: Array, value: Array, *, padding_config: Sequence[tuple[int, int, int]]) -> Array:
    """`lax.pad` without interior padding: what is added is joined to x, what is negative is cut off."""
    for axis, (low, high, inside) in enumerate(padding_config):
        if inside:
            raise ValueError("jax2onnx cannot write this network: pad with values between its elements")
        size = x.shape[axis]
        x = lax.slice_in_dim(x, max(-low, 0), size - max(-high, 0), axis=axis) if min(low, high) < 0 else x
        more = [jnp.broadcast_to(value, (*x.shape[:axis], max(n, 0), *x.shape[axis + 1 :])) for n in (low, high)]
        if max(low, high) > 0:
            x = lax.concatenate([part for part in (more[0], x, more[1]) if part.shape[axis] != 0], axis)
    return x


def _window(combine: Callable[[Array, Array], Array], start: float, x: Array, **options: Any) -> Array:
    """A pooling: every window's first elements, its second ones, ..., combined."""
    if {*options["base_dilation"], *options["window_dilation"]} != {1}:
        raise ValueError("jax2onnx cannot write this network: pooling with dilation")
    window, strides = options["window_dimensions"], options["window_strides"]
    x = _pad(x, jnp.asarray(start, x.dtype), padding_config=[(*pads, 0) for pads in options["padding"]])
    axes = [axis for axis, size in enumerate(window) if size > 1 or strides[axis] > 1]

    def taps(offsets: tuple[int, ...]) -> Array:
        y = x
        for axis, i in zip(axes, offsets, strict=True):
            end = x.shape[axis] - window[axis] + i + 1
            y = lax.slice_in_dim(y, i, end, strides[axis], axis)
        return y

    return functools.reduce(combine, map(taps, itertools.product(*(range(window[axis]) for axis in axes))))


_RULES = {
    "pad": _pad,
    "reduce_window_max": functools.partial(_window, jnp.maximum, -jnp.inf),
    "reduce_window_sum": functools.partial(_window, jnp.add, 0.0),
}
