"""Checks of configurations and arrays: one clear line that names the field, the value and the nearest right one."""

import dataclasses
import difflib
import functools
import math
import numbers
import sys
import types
import typing
from collections.abc import Iterable
from typing import Any


def is_traced(value: Any) -> bool:
    """Whether a number is one of a program that JAX traces: its value is known only when the program runs.

    >>> is_traced(0.1)
    False
    """
    jax = sys.modules.get("jax")  # nothing is traced before it is imported
    return jax is not None and isinstance(value, jax.core.Tracer)


def require_positive(where: str, **values: Any) -> None:
    """Raise ValueError unless every value (or every element of a tuple) is a positive, finite number.

    >>> require_positive("mlp.Config", n_in=-1)
    Traceback (most recent call last):
        ...
    ValueError: mlp.Config: n_in must be positive, got -1
    """
    for name, value in values.items():
        if any(not is_traced(v) and not 0 < v < math.inf for v in (value if isinstance(value, tuple) else (value,))):
            raise ValueError(f"{where}: {name} must be positive, got {value}")


def require_not_negative(where: str, **values: float) -> None:
    """Raise ValueError unless every value is finite and at least 0."""
    for name, value in values.items():
        if not is_traced(value) and not 0 <= value < math.inf:
            raise ValueError(f"{where}: {name} must be finite and at least 0, got {value}")


def require_numbers(where: str, **values: Any) -> None:
    """Raise ValueError unless every value is a real number or a scalar array, which may be traced.

    >>> require_numbers("optim.adam", learning_rate="0.1")
    Traceback (most recent call last):
        ...
    ValueError: optim.adam: learning_rate must be a number, got '0.1'
    """
    for name, value in values.items():
        python_number = isinstance(value, int | float) and not isinstance(value, bool)
        kind = getattr(getattr(value, "dtype", None), "kind", "")  # "V" is bfloat16
        if not python_number and not (kind and kind in "iufV" and getattr(value, "shape", None) == ()):
            raise ValueError(f"{where}: {name} must be a number, got {value!r}")


def require_seed(where: str, seed: Any) -> None:
    """Raise ValueError unless a seed is a whole number in [0, 2**32): what JAX would wrap round or overflow.

    >>> require_seed("fit", -1)
    Traceback (most recent call last):
        ...
    ValueError: fit: seed must be a whole number from 0 to 2**32 - 1, got -1
    """
    if not fits(seed, int) or not 0 <= seed < 2**32:
        raise ValueError(f"{where}: seed must be a whole number from 0 to 2**32 - 1, got {seed!r}")


def require_arrays(where: str, **arrays: Any) -> None:
    """Raise ValueError for a list or a number where a layer takes arrays.

    >>> require_arrays("nn.dense", x=[1.0, 2.0])
    Traceback (most recent call last):
        ...
    ValueError: nn.dense: x must be an array, got list; write jnp.asarray(x)
    """
    for name, array in arrays.items():
        if not hasattr(array, "dtype"):
            raise ValueError(f"{where}: {name} must be an array, got {type(array).__name__}; write jnp.asarray({name})")


def require_floating(where: str, **arrays: Any) -> None:
    """Raise ValueError unless every one is an array, real and floating: learned weights are no whole numbers.

    Layers cast their weights to the dtype of their input, so that bytes would round every weight to 0 or 1.

    >>> import numpy as np
    >>> require_floating("nn.conv2d", x=np.zeros((1, 8, 8, 3), np.uint8))
    Traceback (most recent call last):
        ...
    ValueError: nn.conv2d: x must be floating, got uint8; for bytes of an image: x.astype("float32") / 255
    """
    import jax.numpy as jnp  # not above: the command line checks its options before it needs JAX

    require_arrays(where, **arrays)
    for name, array in arrays.items():
        dtype = array.dtype
        if jnp.issubdtype(dtype, jnp.floating):
            continue
        if jnp.issubdtype(dtype, jnp.complexfloating):
            fix = f"take its real and imaginary parts as two channels, or {name}.real"
        elif dtype == jnp.uint8:
            fix = f'for bytes of an image: {name}.astype("float32") / 255'
        else:
            fix = f'write {name}.astype("float32"), and bring it to the size of 1 (divide bytes by 255)'
        raise ValueError(f"{where}: {name} must be floating, got {dtype}; {fix}")


def require_mask(where: str, mask: Any, shape: tuple[int, ...], dims: str) -> None:
    """Raise ValueError unless `mask` is bool and broadcasts to `shape`, axis by axis. True is what counts.

    >>> import numpy as np
    >>> require_mask("nn.recurrent", np.ones((2, 4), bool), (2, 5), "[B, T]")
    Traceback (most recent call last):
        ...
    ValueError: nn.recurrent: the mask bool(2, 4) must be bool and broadcast to [B, T] (2, 5)
    """
    fits = mask.ndim == len(shape) and all(m in (1, n) for m, n in zip(mask.shape, shape, strict=True))
    if mask.dtype != bool or not fits:
        raise ValueError(f"{where}: the mask {mask.dtype}{mask.shape} must be bool and broadcast to {dims} {shape}")


def as_floats(where: str, **arrays: Any) -> list[Any]:
    """The arrays as JAX arrays of floats, for functions of numbers that have one right answer: losses and scores.

    Integers and bools take the dtype of the first floating array; where there is none, JAX's default. They come from
    the host exactly: a large int64 is rounded to a float and never cut to 32 bits.

    Raises: ValueError for complex numbers, and for what are no numbers.

    >>> [a.dtype.name for a in as_floats("losses.hinge", scores=[1, 2], targets=[1.0, -1.0])]
    ['float32', 'float32']
    """
    import jax  # not above: the command line checks its options before it needs JAX
    import jax.numpy as jnp
    import numpy as np

    arrays = {name: a if hasattr(a, "dtype") else np.asarray(a) for name, a in arrays.items()}
    for name, array in arrays.items():
        if jnp.issubdtype(array.dtype, jnp.complexfloating):
            raise ValueError(f"{where}: {name} must be real, got {array.dtype}; take {name}.real or abs({name})")
        if not jnp.issubdtype(array.dtype, jnp.number) and array.dtype != bool:
            raise ValueError(f"{where}: {name} must be numbers, got {array.dtype}")
    floating = [a.dtype for a in arrays.values() if jnp.issubdtype(a.dtype, jnp.floating)]
    dtype = jax.dtypes.canonicalize_dtype(floating[0] if floating else float)
    return [jnp.asarray(a if jnp.issubdtype(a.dtype, jnp.floating) else a.astype(dtype)) for a in arrays.values()]


def require_same_shape(where: str, **arrays: Any) -> None:
    """Raise ValueError unless all arrays have one shape: (B,) against (B, 1) would broadcast to (B, B).

    >>> import numpy as np
    >>> require_same_shape("losses.hinge", scores=np.zeros(4), targets=np.zeros((4, 1)))
    Traceback (most recent call last):
        ...
    ValueError: losses.hinge: scores (4,) and targets (4, 1) differ in shape; reshape one (no broadcasting)
    """
    import numpy as np

    shapes = {name: np.shape(array) for name, array in arrays.items()}
    if len(set(shapes.values())) > 1:
        named = " and ".join(f"{name} {shape}" for name, shape in shapes.items())
        raise ValueError(f"{where}: {named} differ in shape; reshape one (no broadcasting)")


def require_rate(where: str, **values: float) -> None:
    """Raise ValueError unless every value lies in [0, 1).

    >>> require_rate("mlp.Config", dropout=1.5)
    Traceback (most recent call last):
        ...
    ValueError: mlp.Config: dropout must be in [0, 1), got 1.5
    """
    for name, value in values.items():
        if not is_traced(value) and not 0 <= value < 1:
            raise ValueError(f"{where}: {name} must be in [0, 1), got {value}")


def require_name(where: str, field: str, value: str, names: Iterable[str]) -> None:
    """Raise ValueError unless `value` is one of `names`; the message suggests the nearest.

    >>> require_name("mlp.Config", "activation", "rellu", ["relu", "tanh"])
    Traceback (most recent call last):
        ...
    ValueError: mlp.Config: unknown activation 'rellu', did you mean 'relu'? One of: relu, tanh
    """
    names = list(names)
    if value not in names:
        raise ValueError(f"{where}: unknown {field} {value!r}{did_you_mean(value, names)} One of: {', '.join(names)}")


def did_you_mean(value: str, names: Iterable[str]) -> str:
    """ ", did you mean 'x'?" for the nearest name, or "." where none is near.

    >>> did_you_mean("digits_mpl", ["digits_mlp", "iris_mlp"])
    ", did you mean 'digits_mlp'?"
    """
    near = difflib.get_close_matches(value, list(names), n=1, cutoff=0.4)
    return f", did you mean {near[0]!r}?" if near else "."


def require_types(where: str, config: Any) -> None:
    """Raise ValueError unless every field of a dataclass holds a value of its annotated type.

    `@dataclass` itself does not look, so that `widths=[8]` would fail far away.

    An int stands in for a float and numpy's numbers for Python's, a bool for neither. Call it first in `__post_init__`:
    the checks of values may then count on the types.

    Args:
        where: the name of what is configured, for the message.
        config: an instance of a dataclass.

    >>> @dataclasses.dataclass
    ... class Config:
    ...     widths: tuple[int, ...]
    >>> require_types("mlp", Config(widths=[8]))
    Traceback (most recent call last):
        ...
    ValueError: mlp: widths must be a tuple of whole numbers, got [8]; write (8,)
    """
    for name, hint in _hints(type(config)).items():
        value = getattr(config, name)
        if typing.get_origin(hint) is typing.Literal and isinstance(value, str):
            require_name(where, name, value, typing.get_args(hint))
        if not fits(value, hint):
            fix = f"; write {tuple(value)}" if isinstance(value, list) and fits(tuple(value), hint) else ""
            raise ValueError(f"{where}: {name} must be {describe(hint)}, got {value!r}{fix}")


@functools.cache
def _hints(kind: type) -> dict[str, Any]:
    hints = typing.get_type_hints(kind)
    return {field.name: hints[field.name] for field in dataclasses.fields(kind)}


def fits(value: Any, hint: Any) -> bool:
    """Whether a value is of an annotated type: a class, a union, a Literal or a tuple of those.

    >>> fits((8, 4), tuple[int, ...]), fits((8.0,), tuple[int, ...]), fits(None, int | None)
    (True, False, True)
    """
    origin, inner = typing.get_origin(hint), typing.get_args(hint)
    if origin in (typing.Union, types.UnionType):
        return any(fits(value, choice) for choice in inner)
    if origin is typing.Literal:
        return any(type(value) is type(choice) and value == choice for choice in inner)
    if origin is tuple:
        kinds = [inner[0]] * len(value) if isinstance(value, tuple) and inner[1:] == (Ellipsis,) else list(inner)
        return isinstance(value, tuple) and len(value) == len(kinds) and all(map(fits, value, kinds))
    if is_traced(value):
        return hint is float and value.shape == ()
    if hint in _NUMBERS:
        return isinstance(value, _NUMBERS[hint]) and not isinstance(value, bool)
    return isinstance(value, hint) if isinstance(hint, type) else True


_NUMBERS: dict[Any, type] = {int: numbers.Integral, float: numbers.Real}
_WORDS: dict[Any, tuple[str, str]] = {
    int: ("a whole number", "whole numbers"),
    float: ("a number", "numbers"),
    str: ("a text", "texts"),
    bool: ("True or False", "truth values"),
    type(None): ("None", "Nones"),
}


def describe(hint: Any) -> str:
    """An annotated type in words.

    >>> describe(int | None), describe(tuple[int, int])
    ('a whole number or None', 'a tuple of 2 whole numbers')
    """
    origin, inner = typing.get_origin(hint), typing.get_args(hint)
    if origin in (typing.Union, types.UnionType):
        return " or ".join(map(describe, inner))
    if origin is typing.Literal:
        return f"one of {', '.join(map(repr, inner))}"
    if origin is tuple:
        size = "" if inner[1:] == (Ellipsis,) else f"{len(inner)} "
        return f"a tuple of {size}{_WORDS.get(inner[0], ('', str(inner[0])))[1]}"
    if dataclasses.is_dataclass(hint):
        return f"a {hint.__module__.removeprefix('jaxdl.')}.{hint.__qualname__}"  # pyright: ignore
    return _WORDS.get(hint, (f"a {getattr(hint, '__name__', hint)}", ""))[0]
