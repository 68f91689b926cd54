"""Windows, strides and padding of any number of axes, as convolutions and pooling take them."""

from typing import Any

from jax import lax

from jaxdl.types import Shape
from jaxdl.validation import require_positive

Window = int | tuple[int, ...]  # one number for all axes, or one for each
Padding = tuple[tuple[int, int], ...]
PaddingLike = str | Padding | tuple[int, int]  # "SAME", "VALID" or ((lo, hi), ...); (lo, hi) for a single axis


def per_axis(where: str, n: int, name: str, value: Any) -> tuple[int, ...]:
    """One positive integer for each of n axes.

    >>> per_axis("nn.max_pool2d", 2, "window", 3)
    (3, 3)
    >>> per_axis("nn.conv2d", 2, "strides", (2, 0))
    Traceback (most recent call last):
        ...
    ValueError: nn.conv2d: strides must be positive, got (2, 0)
    """
    values = tuple(value) if isinstance(value, tuple | list) else (value,) * n
    if len(values) != n or any(isinstance(v, bool) or not hasattr(v, "__index__") for v in values):
        raise ValueError(f"{where}: {name} must be an integer or {n} of them, got {value!r}")
    numbers = tuple(int(v) for v in values)
    require_positive(where, **{name: numbers})
    return numbers


def explicit(where: str, padding: Any, sizes: Shape, reach: tuple[int, ...], strides: tuple[int, ...]) -> Padding:
    """Padding as (lo, hi) for each axis of these sizes, under windows that reach over so many of its values.

    >>> explicit("nn.conv2d", "SAME", (5, 8), (3, 3), (1, 2))
    ((1, 1), (0, 1))
    """
    n, form = len(reach), ", ".join(["(lo, hi)"] * len(reach)) + ("," if len(reach) == 1 else "")
    if isinstance(padding, str):
        if padding not in ("SAME", "VALID"):
            raise ValueError(f"{where}: padding {padding!r} is neither 'SAME' nor 'VALID' nor ({form})")
        return tuple((int(lo), int(hi)) for lo, hi in lax.padtype_to_pads(sizes, reach, strides, padding))
    pairs = ((padding,) if n == 1 and len(padding) == 2 else padding) if isinstance(padding, tuple | list) else ()
    if len(pairs) != n or any(not isinstance(pair, tuple | list) or len(pair) != 2 for pair in pairs):
        raise ValueError(f"{where}: padding must be 'SAME', 'VALID' or ({form}), got {padding!r}")
    return tuple((int(lo), int(hi)) for lo, hi in pairs)
