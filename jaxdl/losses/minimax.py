"""The minimax game of generative adversarial networks: its value function, both players' losses, its solution.

A generator G turns noise z into examples, a discriminator D gives the probability that an example is real. They play

    min_G max_D  V(D, G) = E_x log D(x) + E_z log(1 - D(G(z)))

For a fixed generator with density p_g beside the data's p the best answer, and what the generator then minimizes, are

    D*(x) = p(x) / (p(x) + p_g(x)),    V(D*, G) = -log 4 + 2 JSD(p, p_g)

so that at the equilibrium p_g = p, D = 1/2 everywhere and V = -log 4. The functions here take logits, D = s(logit) with
s the sigmoid, and return scalars: the two expectations are means over two different batches.

Reference: Goodfellow et al., "Generative adversarial nets", 2014.
"""

from collections.abc import Callable

import chex
import jax
import jax.numpy as jnp
from jax.nn import softplus

from jaxdl.losses.cross_entropy import binary_cross_entropy
from jaxdl.losses.margins import kl_divergence
from jaxdl.metrics.masking import checked_mask
from jaxdl.metrics.pairs import mean
from jaxdl.metrics.pairs import value as mean_value
from jaxdl.types import Array, at_least_float32
from jaxdl.validation import as_floats, require_same_shape


def value(real_logits: Array, fake_logits: Array, *, where: Array | None = None) -> Array:
    """V(D, G) = mean log D(x) + mean log(1 - D(G(z))): what D raises and G lowers; at most 0.

    Args:
        real_logits: [B] of D on examples of the data.
        fake_logits: [M] of D on generated examples.
        where: [B] bool, the rows of the data that count.

    >>> f"{value(jnp.zeros(4), jnp.zeros(4)):.4f}"  # D = 1/2: -log 4
    '-1.3863'
    """
    return -discriminator_loss(real_logits, fake_logits, where=where)


def discriminator_loss(
    real_logits: Array, fake_logits: Array, *, label_smoothing: float = 0.0, where: Array | None = None
) -> Array:
    """-V(D, G) as two cross-entropies, with the target 1 - a for the data and 0 for what is generated.

        L_D = mean [ -(1 - a) log D(x) - a log(1 - D(x)) ] + mean [ -log(1 - D(G(z))) ]

    The smoothing a is one-sided: a target above 0 for generated examples would reward the generator for staying where
    it is. With it the best answer is D*(x) = (1 - a) p(x) / (p(x) + p_g(x)).

    Args:
        real_logits, fake_logits, where: as in `value`.
        label_smoothing: a in [0, 1).
    Reference: Salimans et al., "Improved techniques for training GANs", 2016, section 3.4 (smoothing).

    >>> f"{discriminator_loss(jnp.array([2.0]), jnp.array([-2.0])):.4f}"
    '0.2539'
    """
    real_logits, fake_logits = as_floats("minimax", real_logits=real_logits, fake_logits=fake_logits)
    chex.assert_rank([real_logits, fake_logits], 1)
    where = checked_mask("minimax", where, real_logits.shape)
    each = binary_cross_entropy(real_logits, jnp.full_like(real_logits, 1 - label_smoothing), where=where)
    real = mean_value(mean(each, where=where))
    fake = jnp.mean(binary_cross_entropy(fake_logits, jnp.zeros_like(fake_logits)))
    return real.astype(real_logits.dtype) + fake.astype(real_logits.dtype)


def saturating_generator_loss(fake_logits: Array) -> Array:
    """The generator's part of V:  L_G = mean log(1 - D(G(z))),  dL/dlogit = -D / M.

    Its gradient vanishes while D is sure that the examples are generated: at the start, when it is needed most.

    >>> f"{saturating_generator_loss(jnp.array([-5.0])):.4f}"
    '-0.0067'
    """
    (fake_logits,) = as_floats("minimax", fake_logits=fake_logits)
    return -jnp.mean(softplus(fake_logits))


def non_saturating_generator_loss(fake_logits: Array) -> Array:
    """The loss used in practice:  L_G = -mean log D(G(z)),  dL/dlogit = -(1 - D) / M.

    It has the same fixed point, and its gradient is largest where D is sure.

    >>> f"{non_saturating_generator_loss(jnp.array([-5.0])):.4f}"
    '5.0067'
    """
    (fake_logits,) = as_floats("minimax", fake_logits=fake_logits)
    return jnp.mean(softplus(-fake_logits))


def gradient_penalty(discriminator: Callable[[Array], Array], x: Array, *, where: Array | None = None) -> Array:
    """R1:  mean_x 1/2 |d logit(x) / d x|^2 on examples of the data; the training loss adds gamma times it.

    It keeps D flat where the data are, so that it comes to rest at the equilibrium instead of circling round it.

    Args:
        discriminator: [B, ...] -> logits [B], row i from row i alone (no batch normalization: the gradient of the sum
            of all logits is each row's own).
        x: [B, ...].
        where: [B] bool, the rows that count; the others are given to D as zeros.
    Reference: Mescheder, Geiger, Nowozin, "Which training methods for GANs do actually converge?", 2018, equation 9.

    >>> gradient_penalty(lambda x: 3.0 * x[:, 0], jnp.ones((2, 4))).item()
    4.5
    """
    (x,) = as_floats("gradient_penalty", x=x)
    where = checked_mask("gradient_penalty", where, x.shape[:1])
    kept = x if where is None else jnp.where(where.reshape(-1, *(1,) * (x.ndim - 1)), x, 0)
    gradient = jax.grad(lambda x: discriminator(x).sum())(kept)
    squares = jnp.square(at_least_float32(gradient)).reshape(x.shape[0], -1).sum(1)
    return (0.5 * mean_value(mean(squares, where=where))).astype(x.dtype)


def optimal_discriminator(density: Array, generator_density: Array) -> Array:
    """D*(x) = p(x) / (p(x) + p_g(x)) of two densities at the same places; 1/2 where both are 0.

    >>> optimal_discriminator(jnp.array([3.0, 0.0]), jnp.array([1.0, 0.0])).tolist()
    [0.75, 0.5]
    """
    require_same_shape("optimal_discriminator", density=density, generator_density=generator_density)
    p, q = as_floats("optimal_discriminator", density=density, generator_density=generator_density)
    nowhere = p + q == 0
    return jnp.where(nowhere, 0.5, p / jnp.where(nowhere, 1, p + q))


def jensen_shannon_divergence(p: Array, q: Array) -> Array:
    """JSD(p, q) = KL(p || m) / 2 + KL(q || m) / 2,  m = (p + q) / 2, over the last axis; from 0 to log 2.

    Args:
        p, q: [..., K] probabilities.
    Returns: [...].

    >>> f"{jensen_shannon_divergence(jnp.array([1.0, 0.0]), jnp.array([0.0, 1.0])):.4f}"
    '0.6931'
    """
    require_same_shape("jensen_shannon_divergence", p=p, q=q)
    p, q = as_floats("jensen_shannon_divergence", p=p, q=q)
    middle = 0.5 * at_least_float32(p) + 0.5 * at_least_float32(q)
    log_middle = jnp.log(jnp.where(middle == 0, 1, middle))
    return (0.5 * (kl_divergence(log_middle, p) + kl_divergence(log_middle, q))).astype(p.dtype)
