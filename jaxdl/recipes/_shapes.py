"""Circles, squares and triangles of any size and place, in noise: an example of images."""

import numpy as np

CLASSES = ("circle", "square", "triangle")
SIDE = 24


def images(n: int = 1200, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """([n, 24, 24, 1] bytes, [n] classes in turn).

    >>> x, y = images(6)
    >>> x.shape, y.tolist()
    ((6, 24, 24, 1), [0, 1, 2, 0, 1, 2])
    """
    from PIL import Image, ImageDraw

    draw = np.random.default_rng(seed)
    x = np.zeros((n, SIDE, SIDE, 1), np.uint8)
    y = np.arange(n, dtype=np.int32) % len(CLASSES)
    for i, kind in enumerate(y):
        radius = draw.uniform(6, 10)
        center = draw.uniform(radius + 1, SIDE - radius - 1, 2)
        picture = Image.new("L", (SIDE, SIDE), int(draw.integers(60)))
        corners = 64 if kind == 0 else 4 if kind == 1 else 3
        turns = draw.uniform() + np.arange(corners) / corners
        points = center + radius * np.stack([np.cos(2 * np.pi * turns), np.sin(2 * np.pi * turns)], axis=1)
        ImageDraw.Draw(picture).polygon([tuple(point) for point in points], fill=int(draw.integers(120, 256)))
        noisy = np.asarray(picture, float) + draw.normal(0, 10, (SIDE, SIDE))
        x[i, :, :, 0] = np.clip(noisy, 0, 255)
    return x, y
