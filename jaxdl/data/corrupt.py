"""Corruptions: noise for a denoising autoencoder to remove, as pure functions of a key.

Each maps x [B, ...] (floating, of any rank) to x~ of the same shape and dtype; every element draws for itself.
Unlike `augment`, whose images keep their label, these destroy information: the target stays the clean x.

Reference: Vincent, Larochelle, Lajoie, Bengio, Manzagol, "Stacked denoising autoencoders", 2010, section 3.3.
"""

import jax
import jax.numpy as jnp

from jaxdl.data import augment
from jaxdl.types import Array, Key


def masking(x: Array, rate: float, *, key: Key) -> Array:
    """Set a random share of the elements to zero; the others stay as they are (dropout would scale them up).

        x~ = m x,    m ~ Bernoulli(1 - rate)

    Args:
        x: [B, ...], floating.
        rate: probability of a zero, in [0, 1].
        key: one for the batch.
    Raises: ValueError for a rate outside [0, 1] or an `x` of integers.

    >>> x = masking(jnp.ones((100, 100)), 0.25, key=jax.random.key(0))
    >>> f"{x.mean():.2f}", jnp.unique(x).tolist()
    ('0.75', [0.0, 1.0])
    """
    _check("masking", x, rate)
    return jnp.where(jax.random.bernoulli(key, rate, x.shape), 0, x)


def gaussian(x: Array, std: float, *, key: Key) -> Array:
    """Add normal noise, not clipped: `augment.gaussian_noise` for examples of any rank.

        x~ = x + std n,    n ~ N(0, 1)

    Raises: ValueError for a negative std or an `x` of integers.

    >>> f"{gaussian(jnp.ones((100, 100)), 0.5, key=jax.random.key(0)).std():.1f}"
    '0.5'
    """
    _check("gaussian", x, 0.0)
    return augment.gaussian_noise(x.reshape(len(x), 1, 1, -1), std, key=key).reshape(x.shape)


def salt_and_pepper(x: Array, rate: float, *, low: float = 0.0, high: float = 1.0, key: Key) -> Array:
    """Set a random share of the elements to the lowest or the highest value, either with the same probability.

        x~ = low if u < rate / 2,  high if rate / 2 <= u < rate,  else x,    u ~ U[0, 1)

    Args:
        x: [B, ...], floating, usually in [low, high].
        rate: probability of a change, in [0, 1].
        low, high: pepper and salt.
        key: one for the batch.
    Raises: ValueError for a rate outside [0, 1] or an `x` of integers.

    >>> x = salt_and_pepper(jnp.full((100, 100), 0.5), 0.5, key=jax.random.key(0))
    >>> [f"{(x == v).mean():.2f}" for v in (0.0, 0.5, 1.0)]
    ['0.25', '0.50', '0.25']
    """
    _check("salt_and_pepper", x, rate)
    u = jax.random.uniform(key, x.shape)
    extreme = jnp.where(u < rate / 2, jnp.full_like(x, low), jnp.full_like(x, high))
    return jnp.where(u < rate, extreme, x)


def _check(who: str, x: Array, rate: float) -> None:
    if not 0 <= rate <= 1:
        raise ValueError(f"{who}: rate is a probability in [0, 1], got {rate}")
    if not jnp.issubdtype(x.dtype, jnp.floating):
        raise ValueError(f"{who}: x must be floating, got {x.dtype} {x.shape}; scale bytes to [0, 1] first")


BY_NAME = {"masking": masking, "gaussian": gaussian, "salt_and_pepper": salt_and_pepper}
"""For configurations: the corruptions by name, each (x, level, *, key) -> x~."""
