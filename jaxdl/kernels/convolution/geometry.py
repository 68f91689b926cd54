"""The static numbers of a convolution over any number of axes, and loops over a few images at a time."""

from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp
from jax import lax

from jaxdl.types import Array, Shape

Window = tuple[int, ...]
Padding = tuple[tuple[int, int], ...]


class Geometry(NamedTuple):
    """Padding is explicit, ((top, bottom), (left, right)); negative padding crops."""

    strides: Window
    padding: Padding
    dilation: Window = (1, 1)
    groups: int = 1


def output_size(x_shape: Shape, w_shape: Shape, geometry: Geometry) -> Window:
    """Output height and width: floor((size + lo + hi - dilation (k - 1) - 1) / stride) + 1, at least 0.

    >>> output_size((1, 7, 7, 3), (3, 3, 3, 8), Geometry((2, 2), ((1, 1), (0, 0))))
    (4, 3)
    """
    axes = zip(x_shape[1:-1], w_shape[:-2], *geometry[:3], strict=True)
    return tuple(max(0, (size + sum(pad) - d * (k - 1) - 1) // stride + 1) for size, k, stride, pad, d in axes)


def map_chunks(f: Callable[[Array], Array], x: Array, images: int) -> Array:
    """f(x), at most `images` at a time, for an f that treats each image by itself and keeps the leading axis."""
    count, images = _chunks(x, images)
    if count < 2:
        return f(x)
    head = lax.map(f, x[: count * images].reshape(count, images, *x.shape[1:]))
    head = head.reshape(count * images, *head.shape[2:])
    return head if head.shape[0] == x.shape[0] else jnp.concatenate([head, f(x[count * images :])])


def sum_chunks(f: Callable[[Array, Array], Array], x: Array, dy: Array, images: int) -> Array:
    """f(x, dy), at most `images` at a time, for an f that is a sum over images."""
    count, images = _chunks(x, images)
    if count < 2:
        return f(x, dy)

    def chunks(a: Array) -> Array:
        return a[: count * images].reshape(count, images, *a.shape[1:])

    rest = x[count * images :], dy[count * images :]
    start = f(*rest) if rest[0].shape[0] else jnp.zeros_like(jax.eval_shape(f, *rest))
    return lax.scan(lambda total, chunk: (total + f(*chunk), None), start, (chunks(x), chunks(dy)))[0]


def _chunks(x: Array, images: int) -> tuple[int, int]:
    """The number of chunks and their size: a divisor of the batch if one is at least half of `images`, or `images`.

    Without a rest the loop's body is all there is to compile: a convolution by Winograd's form takes half the time.
    The number is 0 for a batch whose size is a symbol, as `jax.export` may have it.
    """
    n = x.shape[0]
    if not isinstance(n, int):
        return 0, images
    images = next((size for size in range(min(images, n), images // 2, -1) if n % size == 0), images)
    return n // images, images
