"""The Wasserstein game: a critic whose slope is at most 1 measures how far what is generated lies from the data.

    W(p, p_g) = max_{|df/dx| <= 1}  E_x f(x) - E_z f(G(z))                  (the dual of Kantorovich and Rubinstein)

The critic f gives any number, not a probability. It raises the difference of the two means, the generator lowers it:

    L_f = mean f(G(z)) - mean f(x) + lambda P,    L_G = -mean f(G(z)),    P = mean (|df/dx (u)| - 1)^2

with u between an example and a sample. W falls as the two come closer even where they do not overlap, and there the
minimax loss stands still. The critic should be close to its best before each step of the generator: several steps of it
for one of the generator's.

References: Arjovsky, Chintala, Bottou, "Wasserstein generative adversarial networks", 2017. Gulrajani et al., "Improved
training of Wasserstein GANs", 2017 (the penalty; lambda = 10, five steps of the critic).
"""

from collections.abc import Callable

import chex
import jax
import jax.numpy as jnp

from jaxdl.metrics.masking import checked_mask
from jaxdl.metrics.pairs import mean, value
from jaxdl.types import Array, Key, at_least_float32
from jaxdl.validation import as_floats, require_same_shape


def distance(real: Array, fake: Array, *, where: Array | None = None) -> Array:
    """mean f(x) - mean f(G(z)): the Wasserstein distance itself for the best critic, less for any other.

    Args:
        real: [B] of the critic on examples of the data.
        fake: [M] of the critic on generated examples.
        where: [B] bool, the rows of the data that count.

    >>> distance(jnp.array([3.0, 5.0]), jnp.array([1.0])).item()
    3.0
    """
    real, fake = as_floats("wasserstein", real=real, fake=fake)
    chex.assert_rank([real, fake], 1)
    where = checked_mask("wasserstein", where, real.shape)
    return value(mean(real, where=where)).astype(real.dtype) - jnp.mean(fake).astype(real.dtype)


def critic_loss(real: Array, fake: Array, *, where: Array | None = None) -> Array:
    """L_f = mean f(G(z)) - mean f(x), without the penalty.

    >>> critic_loss(jnp.array([3.0, 5.0]), jnp.array([1.0])).item()
    -3.0
    """
    return -distance(real, fake, where=where)


def generator_loss(fake: Array) -> Array:
    """L_G = -mean f(G(z)).

    >>> generator_loss(jnp.array([1.0, 2.0])).item()
    -1.5
    """
    (fake,) = as_floats("wasserstein", fake=fake)
    return -jnp.mean(fake)


def gradient_penalty(
    critic: Callable[[Array], Array], real: Array, fake: Array, *, key: Key, where: Array | None = None
) -> Array:
    """P = mean_i (|df/dx (u_i)| - 1)^2,  u_i = s_i x_i + (1 - s_i) G(z)_i,  s_i uniform in [0, 1].

    The best critic has slope 1 almost everywhere on lines between the data and what is generated; so both sides are
    penalized, steeper and flatter. Where the slope is 0 the penalty is 1 and has no gradient.

    Args:
        critic: [B, ...] -> [B], row i from row i alone (no batch normalization).
        real, fake: [B, ...], of one shape.
        key: of s.
        where: [B] bool, the rows that count; the others are given to the critic as zeros.
    Reference: Gulrajani et al., "Improved training of Wasserstein GANs", 2017, equation 3.

    >>> x = jnp.ones((2, 4))
    >>> gradient_penalty(lambda x: 3.0 * x[:, 0], x, 0 * x, key=jax.random.key(0)).item()
    4.0
    """
    real, fake = as_floats("gradient_penalty", real=real, fake=fake)
    require_same_shape("gradient_penalty", real=real, fake=fake)
    where = checked_mask("gradient_penalty", where, real.shape[:1])
    rows = (-1, *(1,) * (real.ndim - 1))
    s = jax.random.uniform(key, real.shape[:1], real.dtype).reshape(rows)
    between = s * real + (1 - s) * fake
    between = between if where is None else jnp.where(where.reshape(rows), between, 0)
    slopes = at_least_float32(jax.grad(lambda u: critic(u).sum())(between))
    squares = jnp.square(slopes).reshape(len(real), -1).sum(1)
    flat = squares == 0  # where the root has no slope
    norms = jnp.where(flat, 0, jnp.sqrt(jnp.where(flat, 1, squares)))
    return value(mean((norms - 1) ** 2, where=where)).astype(real.dtype)
