"""Rows for jaxdl.data.corrupt: with a fixed key each is a function of x alone."""

import functools

import jax
import jax.numpy as jnp
from cases import Case

from jaxdl.data import corrupt

NOISE = jax.random.key(3)


def _x(key):
    return (jax.random.uniform(key, (6, 5), minval=0.1, maxval=0.9),)


def _salted(x):
    u = jax.random.uniform(NOISE, x.shape)
    return jnp.where(u < 0.2, 0.0, jnp.where(u < 0.4, 1.0, x))


CASES = [
    Case(
        "corrupt.masking",
        functools.partial(corrupt.masking, rate=0.3, key=NOISE),
        _x,
        references={"product": lambda x: x * (1 - jax.random.bernoulli(NOISE, 0.3, x.shape))},
    ),
    Case("corrupt.gaussian", functools.partial(corrupt.gaussian, std=0.3, key=NOISE), _x),
    Case(
        "corrupt.salt_and_pepper",
        functools.partial(corrupt.salt_and_pepper, rate=0.4, key=NOISE),
        _x,
        references={"where": _salted},
    ),
]
