"""Fields of configurations are of their types: `@dataclass` does not look, so that `widths=[8]` would fail far away."""

import dataclasses
import functools
import numbers
import types
import typing
from typing import Any

from jaxdl.validation import require_name


def require_types(where: str, config: Any) -> None:
    """Raise ValueError unless every field of a dataclass holds a value of its annotated type.

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


def require_seed(where: str, seed: Any) -> None:
    """Raise ValueError unless a seed is a whole number in [0, 2**32): what JAX would wrap round or overflow.

    >>> require_seed("fit", -1)
    Traceback (most recent call last):
        ...
    ValueError: fit: seed must be a whole number from 0 to 2**32 - 1, got -1
    """
    if not fits(seed, int) or not 0 <= seed < 2**32:
        raise ValueError(f"{where}: seed must be a whole number from 0 to 2**32 - 1, got {seed!r}")
