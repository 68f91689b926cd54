"""A convolution as an operation of JAX: one sum of three factors, whose derivatives are of its kind.

    T(x, w, y) = sum_{n, p, q, i, j, c, o} x[n, s p + d i - lo, s q + d j - lo, c] w[i, j, c, o] y[n, p, q, o]

is linear in each of three arrays, and the three parts of a convolution are its gradients:

    forward = dT/dy (x, w)      input_grad = dT/dx (y, w)      weight_grad = dT/dw (x, y)

Each part is bilinear in its two operands, and its transpose in one of them is another of the three. With these two
lines (`_transposed`) JAX derives every kind of derivative: reverse, forward and any mixture, to any order. What
remains to say is how each platform computes a part: a CPU in the form that `choice` names, any other natively; JAX
asks when it lowers a program for a platform, and not before.

Under `vmap` an axis that only one operand has becomes images or channels of one larger convolution. An axis that both
have (networks, or gradients per example) is kept: natively a grouped convolution, on a CPU a loop, since XLA's grouped
convolutions are slow there.
"""

import functools
from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jax import lax
from jax.extend.core import Primitive
from jax.interpreters import ad, batching, mlir

from jaxdl.kernels.convolution import choice, native, patches, winograd
from jaxdl.kernels.convolution.geometry import Geometry
from jaxdl.types import Array, Shape, varying_as

PARTS = {"forward": ("x", "w", "y"), "input_grad": ("y", "w", "x"), "weight_grad": ("x", "y", "w")}  # two in, one out
AXES = {"x": {"N": 0, "C": -1}, "w": {"C": -2, "O": -1}, "y": {"N": 0, "O": -1}}  # what each pair of arrays shares
FORMS: dict[str, dict[str, Callable[..., Any]]] = {
    "forward": {
        "lax": native.forward,
        "taps": patches.forward_taps,
        "patches": patches.forward,
        "winograd": winograd.forward,
    },
    "input_grad": {
        "lax": native.input_grad,
        "patches": patches.input_grad,
        "overlap": patches.input_grad_overlap,
        "winograd": winograd.input_grad,
    },
    "weight_grad": {"lax": native.weight_grad, "patches": patches.weight_grad, "winograd": winograd.weight_grad},
}


class Sum(NamedTuple):
    """What is static about one part of a convolution.

    Attributes:
        part: the key of `PARTS`.
        geometry: strides, padding, dilation, groups.
        shape: of the result, without mapped axes.
        method: "auto" or the form that a user names.
        mapped: for each leading axis that `vmap` has added, outermost first, whether either operand has it.
    """

    part: str
    geometry: Geometry
    shape: Shape
    method: str = "auto"
    mapped: tuple[tuple[bool, bool], ...] = ()


def trilinear(a: Array, b: Array, spec: Sum) -> Array:
    """The part of a convolution that `spec` names, of its two operands in the order of `PARTS`."""
    a, b = jnp.asarray(a), jnp.asarray(b)
    a, b = varying_as(a, b), varying_as(b, a)
    return convolution_p.bind(a, b, spec=spec)


def lowering(spec: Sum, a: Any, b: Any, *, in_loop: bool) -> str:
    """The form in which a CPU computes the part, for operands of these shapes."""
    shapes = _shapes(spec, a, b)
    if not all(isinstance(size, int) for shape in shapes.values() for size in shape[1:]):
        return "lax"  # a height or width that is a symbol (`jax.export`)
    if spec.method == "auto":
        chosen = choice.choose(shapes["w"], spec.geometry, a.dtype, in_loop=in_loop or bool(spec.mapped))
    else:
        chosen = choice.named(spec.method, shapes["w"], spec.geometry)
    return getattr(chosen, spec.part)


def _shapes(spec: Sum, a: Any, b: Any) -> dict[str, Shape]:
    """The shapes of x, w and y without mapped axes."""
    first, second, result = PARTS[spec.part]
    counts = [sum(flags) for flags in zip(*spec.mapped, strict=True)] or [0, 0]
    return {first: a.shape[counts[0] :], second: b.shape[counts[1] :], result: spec.shape}


def _compute(a: Array, b: Array, spec: Sum, form: str, over: Callable[..., Any]) -> Array:
    """The part in one form; `over(f, flags)` is f over the axis that the flagged operands have."""

    def plain(a: Array, b: Array) -> Array:
        compute = FORMS[spec.part][form]
        return compute(a, b, spec.geometry) if spec.part == "forward" else compute(a, b, spec.geometry, spec.shape)

    return functools.reduce(over, reversed(spec.mapped), plain)(a, b)


def _vmap(f: Callable[..., Any], flags: tuple[bool, bool]) -> Callable[..., Any]:
    return jax.vmap(f, tuple(0 if flag else None for flag in flags))


def _loop(f: Callable[..., Any], flags: tuple[bool, bool]) -> Callable[..., Any]:
    if all(flags):
        return lambda a, b: lax.map(lambda ab: f(*ab), (a, b))
    return lambda a, b: lax.map(lambda a: f(a, b), a) if flags[0] else lax.map(lambda b: f(a, b), b)


def natively(a: Array, b: Array, *, spec: Sum) -> Array:
    """The part by JAX's own operations, as every platform but a CPU computes it."""
    return _compute(a, b, spec, "lax" if spec.method == "auto" else lowering(spec, a, b, in_loop=True), _vmap)


def _on_cpu(a: Array, b: Array, *, spec: Sum) -> Array:
    return _compute(a, b, spec, lowering(spec, a, b, in_loop=choice.in_loop()), _loop)


@functools.partial(jax.jit, static_argnames="spec")
def _compiled(a: Array, b: Array, spec: Sum) -> Array:
    return convolution_p.bind(a, b, spec=spec)


def _at_once(a: Array, b: Array, *, spec: Sum) -> Array:
    """A call outside of any program is a program of its own, under `jax.disable_jit` too: only lowering has a form."""
    with jax.disable_jit(False):
        return _compiled(a, b, spec)


@functools.lru_cache(maxsize=1024)
def _result_type(a: Any, b: Any, spec: Sum) -> Any:
    """The type of the result, sharding and all: that of the native operation."""
    return jax.make_jaxpr(functools.partial(_compute, spec=spec, form="lax", over=_vmap))(a, b).out_avals[0]


def _transposed(operand: int, cotangent: Any, a: Any, b: Any, *, spec: Sum) -> Any:
    """The cotangent of one operand: the part that has it for its result, of the cotangent and the other operand."""
    names = PARTS[spec.part]
    known = {names[2]: cotangent, names[1 - operand]: (a, b)[1 - operand]}
    flags = [{names[2]: True, names[1 - operand]: level[1 - operand]} for level in spec.mapped]
    part = next(part for part, (*_, result) in PARTS.items() if result == names[operand])
    first, second, _ = PARTS[part]
    counts = sum(level[operand] for level in spec.mapped)
    shape = (a, b)[operand].aval.shape[counts:]
    mapped = tuple((level[first], level[second]) for level in flags)
    total = trilinear(known[first], known[second], spec._replace(part=part, shape=shape, mapped=mapped))
    shared = tuple(i for i, level in enumerate(spec.mapped) if not level[operand])
    return total.sum(shared) if shared else total


def _batched(operands: tuple[Array, Array], dims: tuple[Any, Any], *, spec: Sum) -> tuple[Array, int]:
    """Under `vmap`: fold the axis of one operand into one that the result has too, or keep it as mapped."""
    flags = dims[0] is not None, dims[1] is not None
    a, b = (jnp.moveaxis(x, dim, 0) if flag else x for x, dim, flag in zip(operands, dims, flags, strict=True))
    *names, result = PARTS[spec.part]
    alone = flags.index(True)
    shared = next(letter for letter in AXES[names[alone]] if letter in AXES[result])
    if all(flags) or (shared != "N" and spec.geometry.groups > 1):
        return trilinear(a, b, spec._replace(mapped=(flags, *spec.mapped))), 0
    copies, rank = (a, b)[alone].shape[0], len(spec.shape)
    axis = sum(level[alone] for level in spec.mapped) + AXES[names[alone]][shared] % rank
    a, b = (_merge(x, axis) if flag else x for x, flag in zip((a, b), flags, strict=True))
    axis = AXES[result][shared] % rank
    size = spec.shape[axis]
    shape = (*spec.shape[:axis], copies * size, *spec.shape[axis + 1 :])
    total, axis = trilinear(a, b, spec._replace(shape=shape)), len(spec.mapped) + axis
    return total.reshape(*total.shape[:axis], copies, size, *total.shape[axis + 1 :]), axis


def _merge(x: Array, axis: int) -> Array:
    """The leading axis put before `axis` of the rest, and made one with it."""
    x = jnp.moveaxis(x, 0, axis)
    return x.reshape(*x.shape[:axis], -1, *x.shape[axis + 2 :])


convolution_p = Primitive("convolution")
convolution_p.def_impl(_at_once)
convolution_p.def_abstract_eval(_result_type)
ad.defbilinear(convolution_p, functools.partial(_transposed, 0), functools.partial(_transposed, 1))
batching.primitive_batchers[convolution_p] = _batched
mlir.register_lowering(convolution_p, mlir.lower_fun(natively, multiple_results=False))
mlir.register_lowering(convolution_p, mlir.lower_fun(_on_cpu, multiple_results=False), platform="cpu")
