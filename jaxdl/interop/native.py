"""A traced program in JAX's own operations alone: what converters that know these and no others can read.

Where a program holds several forms of equal value for different platforms, the one for any platform is taken, and
jaxdl's convolution becomes JAX's. Calls are written out in place: functions under `jit`, and those with derivatives of
their own, which a program that only predicts does not need.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeAlias

import jax
from jax.extend.core import ClosedJaxpr, Jaxpr, Literal

from jaxdl.kernels.convolution.primitive import convolution_p, natively

Rules: TypeAlias = Mapping[str, Callable[..., Any]]
"""The name of an operation -> (its operands, its parameters) -> its result, by other operations."""

_CALLS = {"jit", "pjit", "closed_call", "core_call", "custom_jvp_call", "custom_vjp_call", "checkpoint", "remat2"}


def native(function: Callable[..., Any], *arguments: Any, rules: Rules | None = None) -> ClosedJaxpr:
    """The program of a function for arguments of these shapes (`jax.ShapeDtypeStruct`, sizes may be symbols).

    Args:
        rules: for operations that the converter does not know either.

    >>> import jax.numpy as jnp
    >>> from jaxdl import nn
    >>> x = jax.ShapeDtypeStruct((2, 4, 4, 1), jnp.float32)
    >>> program = native(lambda x: nn.max_pool2d(x, 2), x)
    >>> [operation.primitive.name for operation in program.jaxpr.eqns]
    ['reduce_window_max']
    """
    return _rewritten(jax.make_jaxpr(function)(*arguments), rules or {})


def _rewritten(program: ClosedJaxpr, rules: Rules) -> ClosedJaxpr:
    avals = [jax.ShapeDtypeStruct(aval.shape, aval.dtype) for aval in program.in_avals]
    return jax.make_jaxpr(lambda *inputs: _evaluate(program.jaxpr, program.consts, inputs, rules))(*avals)


def _evaluate(jaxpr: Jaxpr, consts: Sequence[Any], inputs: Sequence[Any], rules: Rules) -> list[Any]:
    known: dict[Any, Any] = dict(zip([*jaxpr.constvars, *jaxpr.invars], [*consts, *inputs], strict=True))

    def value(variable: Any) -> Any:
        return variable.val if isinstance(variable, Literal) else known[variable]

    for operation in jaxpr.eqns:
        outputs = _operation(operation, [value(variable) for variable in operation.invars], rules)
        known.update(zip(operation.outvars, outputs, strict=True))
    return [value(variable) for variable in jaxpr.outvars]


def _operation(operation: Any, inputs: list[Any], rules: Rules) -> Sequence[Any]:
    primitive, options = operation.primitive, operation.params
    if primitive is convolution_p:
        return [natively(*inputs, spec=options["spec"])]
    if primitive.name in _CALLS:
        inner: Any = next(one for one in options.values() if isinstance(one, ClosedJaxpr | Jaxpr))
        return _evaluate(getattr(inner, "jaxpr", inner), getattr(inner, "consts", ()), inputs, rules)
    if primitive.name in rules:
        return [rules[primitive.name](*inputs, **options)]
    if primitive.name == "platform_index":
        return [0]  # only the choice below asks
    if (platforms := options.get("branches_platforms")) is not None:
        inner = options["branches"][platforms.index(None)]
        return _evaluate(inner.jaxpr, inner.consts, inputs[1:], rules)
    outputs = primitive.bind(*inputs, **{name: _inside(one, rules) for name, one in options.items()})
    return outputs if primitive.multiple_results else [outputs]


def _inside(option: Any, rules: Rules) -> Any:
    """The programs inside of loops and branches."""
    if isinstance(option, ClosedJaxpr):
        return _rewritten(option, rules)
    if isinstance(option, tuple) and option and all(isinstance(one, ClosedJaxpr) for one in option):
        return tuple(_rewritten(one, rules) for one in option)
    return option
