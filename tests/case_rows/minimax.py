"""Rows for jaxdl.losses.minimax."""

import functools

import jax
import jax.numpy as jnp
from cases import Case

from jaxdl.losses import minimax
from jaxdl.nn.activations import softmax

MASK = jnp.array([True, False, True, True, False])


def _logits(key):
    real_key, fake_key = jax.random.split(key)
    return 2 * jax.random.normal(real_key, (5,)), 2 * jax.random.normal(fake_key, (7,))


def _fake(key):
    return (2 * jax.random.normal(key, (7,)),)


def _densities(key):
    p_key, q_key = jax.random.split(key)
    return softmax(jax.random.normal(p_key, (3, 4))), softmax(jax.random.normal(q_key, (3, 4)))


def _torch_losses(real, fake, target=1.0):
    import torch

    loss = torch.nn.functional.binary_cross_entropy_with_logits
    return loss(real, torch.full_like(real, target)) + loss(fake, torch.zeros_like(fake))


def _weights(key):
    w_key, v_key, x_key = jax.random.split(key, 3)
    return (
        jax.random.normal(w_key, (3, 4)),
        jax.random.normal(v_key, (4,)),
        jax.random.normal(x_key, (5, 3)),
    )


def _penalty(w, v, x):
    return minimax.gradient_penalty(lambda x: jnp.tanh(x @ w) @ v, x, where=MASK)


def _torch_penalty(w, v, x):
    import torch

    x = x.clone().requires_grad_(True)
    (slope,) = torch.autograd.grad((torch.tanh(x @ w) @ v).sum(), x)
    return 0.5 * slope.square().sum(1)[torch.tensor(MASK.tolist())].mean()


def _scipy_divergence(p, q):
    from scipy.special import rel_entr

    mean = (p + q) / 2
    return (rel_entr(p, mean).sum(-1) + rel_entr(q, mean).sum(-1)) / 2


CASES = [
    Case(
        "minimax.value",
        minimax.value,
        _logits,
        wrt=(0, 1),
        references={"log": lambda r, f: jnp.log(jax.nn.sigmoid(r)).mean() + jnp.log(1 - jax.nn.sigmoid(f)).mean()},
    ),
    Case(
        "minimax.discriminator_loss",
        minimax.discriminator_loss,
        _logits,
        wrt=(0, 1),
        references={"torch": _torch_losses},
    ),
    Case(
        "minimax.discriminator_loss/label-smoothing",
        functools.partial(minimax.discriminator_loss, label_smoothing=0.1),
        _logits,
        wrt=(0, 1),
        references={"torch": functools.partial(_torch_losses, target=0.9)},
    ),
    Case(
        "minimax.discriminator_loss/where",
        functools.partial(minimax.discriminator_loss, where=MASK),
        _logits,
        wrt=(0, 1),
        references={"kept": lambda r, f: jax.nn.softplus(-r)[MASK].mean() + jax.nn.softplus(f).mean()},
    ),
    Case(
        "minimax.saturating_generator_loss",
        minimax.saturating_generator_loss,
        _fake,
        references={"log": lambda f: jnp.log(1 - jax.nn.sigmoid(f)).mean()},
    ),
    Case(
        "minimax.non_saturating_generator_loss",
        minimax.non_saturating_generator_loss,
        _fake,
        references={"log": lambda f: -jnp.log(jax.nn.sigmoid(f)).mean()},
    ),
    Case(
        "minimax.gradient_penalty",
        _penalty,
        _weights,
        wrt=(0, 1, 2),
        references={"torch": _torch_penalty},
    ),
    Case(
        "minimax.optimal_discriminator",
        minimax.optimal_discriminator,
        _densities,
        wrt=(0, 1),
        batched=(0, 1),
        references={"formula": lambda p, q: p / (p + q)},
    ),
    Case(
        "minimax.jensen_shannon_divergence",
        minimax.jensen_shannon_divergence,
        _densities,
        wrt=(0, 1),
        batched=(0, 1),
        references={"scipy": _scipy_divergence},
    ),
]
