"""The data that most claims train on: 1,797 real handwritten digits of 8 x 8 pixels, which come with scikit-learn."""

import functools

import jax.numpy as jnp

from jaxdl import data
from jaxdl.types import Array


def digits(*, flat: bool = True) -> tuple[Array, Array, Array, Array]:
    """Training and test parts (x, y, test_x, test_y): pixels in [0, 1], a fifth to test on, each class in proportion.

    >>> [a.shape for a in digits()]
    [(1438, 64), (1438,), (359, 64), (359,)]
    """
    splits = _splits()
    x, test_x = (part["x"].reshape(len(part["x"]), -1) if flat else part["x"] for part in (splits.train, splits.test))
    return jnp.asarray(x), jnp.asarray(splits.train["y"]), jnp.asarray(test_x), jnp.asarray(splits.test["y"])


@functools.cache
def _splits() -> data.Splits:
    return data.split(data.load("digits").train, validation=0.0, test=0.2, stratify="y")
