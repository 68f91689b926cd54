"""Data augmentation: random changes of images that keep their label, as pure functions of a key.

Every function maps images [B, H, W, C] (floating or uint8) to images of the same dtype. Row i draws from
fold_in(key, i), so what happens to an image depends on the key and its place, never on the other images. Shapes are
static: all can be jitted, vmapped and scanned. Use them in the training step only: evaluation sees the images as
they are.
"""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp

from jaxdl.types import Array, Key


def _check_images(images: Array, who: str) -> None:
    if images.ndim != 4:
        raise ValueError(f"{who}: images must be [B, H, W, C], got shape {images.shape}; add the missing axis")


def _per_row(draw: Callable[[Key], Any], key: Key, batch: int) -> Any:
    """One draw for each row from its own key: leaves [B, ...]."""
    return jax.vmap(lambda i: draw(jax.random.fold_in(key, i)))(jnp.arange(batch))


def random_crop(images: Array, size: tuple[int, int], *, padding: int = 0, key: Key) -> Array:
    """Pad with zeros on all sides, then cut a window of `size` at a uniformly random place.

        y[b, i, j] = padded[b, i + top_b, j + left_b],    top_b ~ U{0..H + 2p - h},  left_b ~ U{0..W + 2p - w}

    Args:
        images: [B, H, W, C].
        size: (h, w) of the window.
        padding: p, the zeros added on each side; (32, 32) with padding 4 is the usual choice for CIFAR-10.
        key: one for the batch.
    Returns: [B, h, w, C], dtype of `images`.
    Raises: ValueError for a window that is larger than the padded image, or a negative padding.
    Reference: He et al., "Deep residual learning for image recognition", 2015, section 4.2.

    >>> random_crop(jnp.ones((2, 8, 8, 3)), (6, 6), key=jax.random.key(0)).shape
    (2, 6, 6, 3)
    """
    _check_images(images, "random_crop")
    batch, height, width, channels = images.shape
    spare = (height + 2 * padding - size[0], width + 2 * padding - size[1])
    if padding < 0 or min(spare) < 0 or min(size) < 1:
        raise ValueError(f"random_crop: a window of {size} does not fit into {images.shape} with padding {padding}")
    corner = _per_row(lambda k: jax.random.randint(k, (2,), 0, jnp.array(spare) + 1), key, batch)  # [B, 2]
    padded = jnp.pad(images, ((0, 0), (padding, padding), (padding, padding), (0, 0)))

    def window(image: Array, corner: Array) -> Array:
        start = (corner[0], corner[1], jnp.zeros_like(corner[0]))
        return jax.lax.dynamic_slice(image, start, (*size, channels))

    return jax.vmap(window)(padded, corner)


def random_shift(images: Array, max_shift: int, *, key: Key) -> Array:
    """Move each image by up to `max_shift` pixels in both directions; zeros come in from the border.

        y[b, i, j] = x[b, i + dy_b, j + dx_b],    dy_b, dx_b ~ U{-m..m}

    Args:
        images: [B, H, W, C].
        max_shift: m, in pixels.
        key: one for the batch.
    Returns: shape and dtype of `images`.
    Raises: ValueError for a negative shift.

    >>> moved = random_shift(jnp.ones((1, 4, 4, 1)), 1, key=jax.random.key(1))
    >>> moved.shape, bool(moved.sum() <= 16)
    ((1, 4, 4, 1), True)
    """
    _check_images(images, "random_shift")
    return random_crop(images, (images.shape[1], images.shape[2]), padding=max_shift, key=key)


def random_flip(images: Array, rate: float = 0.5, *, axis: int = 2, key: Key) -> Array:
    """Mirror each image with probability `rate`. Not for digits or letters, whose mirror images mean something else.

    Args:
        images: [B, H, W, C].
        rate: in [0, 1].
        axis: 2 mirrors left and right, 1 top and bottom.
        key: one for the batch.
    Returns: shape and dtype of `images`.
    Raises: ValueError for a rate outside [0, 1] or another axis.

    >>> random_flip(jnp.arange(3.0).reshape(1, 1, 3, 1), 1.0, key=jax.random.key(0)).ravel().tolist()
    [2.0, 1.0, 0.0]
    """
    _check_images(images, "random_flip")
    if not 0 <= rate <= 1 or axis not in (1, 2):
        raise ValueError(f"random_flip: rate must lie in [0, 1] and axis be 1 or 2, got rate={rate}, axis={axis}")
    flipped = _per_row(lambda k: jax.random.bernoulli(k, rate), key, images.shape[0])  # [B]
    return jnp.where(flipped[:, None, None, None], jnp.flip(images, axis), images)


def cutout(images: Array, size: int, *, key: Key) -> Array:
    """Blank a square of `size` x `size` pixels whose center is uniformly random; the border clips it.

        y[b, i, j] = 0 where 0 <= i - cy_b + size // 2 < size and 0 <= j - cx_b + size // 2 < size, else x[b, i, j]

    As in the paper the center, not the square, lies inside the image, so that part of the images keep most of their
    pixels. Zero is the mean of standardized images.

    Args:
        images: [B, H, W, C].
        size: side of the square in pixels; 0 changes nothing.
        key: one for the batch.
    Returns: shape and dtype of `images`.
    Raises: ValueError for a negative size.
    Reference: DeVries, Taylor, "Improved regularization of convolutional neural networks with cutout", 2017.

    >>> int((cutout(jnp.ones((1, 9, 9, 1)), 3, key=jax.random.key(0)) == 0).sum()) in (4, 6, 9)
    True
    """
    _check_images(images, "cutout")
    if size < 0:
        raise ValueError(f"cutout: size is a number of pixels >= 0, got {size}")
    batch, height, width, _ = images.shape
    center = _per_row(lambda k: jax.random.randint(k, (2,), 0, jnp.array((height, width))), key, batch)  # [B, 2]

    def covered(length: int, center: Array) -> Array:
        offset = jnp.arange(length)[None, :] - center[:, None] + size // 2
        return (offset >= 0) & (offset < size)  # [B, length]

    hole = covered(height, center[:, 0])[:, :, None, None] & covered(width, center[:, 1])[:, None, :, None]
    return jnp.where(hole, 0, images)


def gaussian_noise(images: Array, std: float, *, key: Key) -> Array:
    """Add independent normal noise to every pixel and channel.

        y = x + std n,    n ~ N(0, 1)

    Args:
        images: [B, H, W, C]. uint8 images are rounded and clipped to 0..255; floating ones are not clipped.
        std: in the units of the images (of 255 for uint8), >= 0.
        key: one for the batch.
    Returns: shape and dtype of `images`.
    Raises: ValueError for a negative std.

    >>> noisy = gaussian_noise(jnp.zeros((1, 64, 64, 1)), 0.5, key=jax.random.key(0))
    >>> f"{float(noisy.std()):.1f}"
    '0.5'
    """
    _check_images(images, "gaussian_noise")
    if std < 0:
        raise ValueError(f"gaussian_noise: std must be >= 0, got {std}")
    work = jnp.float64 if images.dtype == jnp.float64 else jnp.float32
    noise = _per_row(lambda k: jax.random.normal(k, images.shape[1:], work), key, images.shape[0])
    noisy = images.astype(work) + std * noise
    if not jnp.issubdtype(images.dtype, jnp.floating):
        limits = jnp.iinfo(images.dtype)
        noisy = jnp.clip(jnp.round(noisy), limits.min, limits.max)
    return noisy.astype(images.dtype)


def compose(*transforms: Callable[..., Array]) -> Callable[..., Array]:
    """Apply several augmentations one after the other, each with its own key.

    Args:
        *transforms: functions `f(images, *, key)`; bind their options with `functools.partial`.
    Returns: one function `f(images, *, key)`.

    >>> from functools import partial
    >>> augment = compose(partial(random_crop, size=(32, 32), padding=4), random_flip, partial(cutout, size=8))
    >>> augment(jnp.ones((2, 32, 32, 3)), key=jax.random.key(0)).shape
    (2, 32, 32, 3)
    """

    def transform(images: Array, *, key: Key) -> Array:
        for j, step in enumerate(transforms):
            images = step(images, key=jax.random.fold_in(key, j))
        return images

    return transform
