"""Dropout: train an ensemble of thinned networks that share their weights; and the keys that switch it on."""

import jax
import jax.numpy as jnp

from jaxdl.types import Array, Key
from jaxdl.validation import is_traced, require_floating


def split_key(key: Key | None, n: int) -> list[Key | None]:
    """n keys out of one; n times None out of None, which means deterministic all the way down a model.

    >>> split_key(None, 2), len(split_key(jax.random.key(0), 3))
    ([None, None], 3)
    """
    return [None] * n if key is None else list(jax.random.split(key, n))


def dropout(x: Array, rate: float | Array, *, key: Key | None = None) -> Array:
    """Inverted dropout: set each element to zero with probability `rate`, scale the rest so that the mean stays.

        y = x m / (1 - rate),    m ~ Bernoulli(1 - rate)

    `rate` is the probability of dropping (as in Keras and torch, not of keeping). Without a key nothing is dropped:
    that is how a model is evaluated, and no scaling is needed then.

    Args:
        x: any shape and float dtype.
        rate: in [0, 1); may be traced.
    Returns: shape and dtype of `x`.
    Raises: ValueError for a rate outside [0, 1).
    Reference: Srivastava et al., "Dropout: a simple way to prevent neural networks from overfitting", 2014.

    >>> sorted(set(dropout(jnp.ones(100), 0.5, key=jax.random.key(0)).tolist()))
    [0.0, 2.0]
    >>> dropout(jnp.ones(2), 0.5).tolist()
    [1.0, 1.0]
    """
    if not is_traced(rate) and not 0 <= rate < 1:
        raise ValueError(f"dropout: the rate is the probability of dropping, in [0, 1), got {rate}")
    require_floating("dropout", x=x)
    if key is None or (not is_traced(rate) and rate == 0):
        return x
    rate = jnp.asarray(rate, x.dtype) if is_traced(rate) else rate
    keep = jax.random.bernoulli(key, 1 - rate, x.shape)
    return jnp.where(keep, x / (1 - rate), 0)
