"""The entrance of every model: inputs have the kind and the shape that its Config says, or one line says so."""

import math
from typing import Any

from jaxdl.types import Array
from jaxdl.validation import require_arrays, require_floating


def require_examples(where: str, x: Array, shape: tuple[int | None, ...]) -> None:
    """Raise ValueError unless x is floating, [B, *shape]; None is an axis of any size.

    >>> import jax.numpy as jnp
    >>> require_examples("cnn", jnp.zeros((2, 28, 28)), (28, 28, 1))
    Traceback (most recent call last):
        ...
    ValueError: cnn: x (2, 28, 28) must be [B, 28, 28, 1]; write x[..., None] for the missing axis of channels
    """
    require_floating(where, x=x)
    given = x.shape[1:]
    if len(given) != len(shape) or any(n is not None and n != size for n, size in zip(shape, given, strict=True)):
        wanted = ", ".join("any" if n is None else str(n) for n in shape)
        fix = "; write x[..., None] for the missing axis of channels" if len(given) == 2 and shape[2:] == (1,) else ""
        raise ValueError(f"{where}: x {x.shape} must be [B, {wanted}]{fix}")


def require_features(where: str, x: Array, n_in: int) -> None:
    """Raise ValueError unless x is floating with a batch axis, and its other axes hold n_in numbers.

    >>> import jax.numpy as jnp
    >>> require_features("mlp", jnp.zeros((2, 5)), 4)
    Traceback (most recent call last):
        ...
    ValueError: mlp: x (2, 5) has 5 numbers for each example, but n_in is 4
    """
    require_floating(where, x=x)
    if x.ndim < 2:
        raise ValueError(f"{where}: x {x.shape} must be [B, ...]; write x[None] for a single example")
    if math.prod(x.shape[1:]) != n_in:
        raise ValueError(
            f"{where}: x {x.shape} has {math.prod(x.shape[1:])} numbers for each example, but n_in is {n_in}"
        )


def require_integers(where: str, n_axes: int, **arrays: Any) -> None:
    """Raise ValueError unless every array holds integers on so many axes: tokens [B, T], labels [B].

    >>> import jax.numpy as jnp
    >>> require_integers("transformer", 2, source=jnp.zeros((3, 4)))
    Traceback (most recent call last):
        ...
    ValueError: transformer: source must be [B, T] integers, got float32 (3, 4)
    """
    require_arrays(where, **arrays)
    for name, array in arrays.items():
        if array.ndim != n_axes or array.dtype.kind not in "iu":
            form = "[B, T]" if n_axes == 2 else "[B]"
            raise ValueError(f"{where}: {name} must be {form} integers, got {array.dtype} {array.shape}")
