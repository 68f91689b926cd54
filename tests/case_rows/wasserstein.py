"""Rows for jaxdl.losses.wasserstein."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
from cases import Case

from jaxdl.losses import wasserstein

MASK = jnp.array([True, False, True, True, False])


def _values(key):
    real_key, fake_key = jax.random.split(key)
    return 2 * jax.random.normal(real_key, (5,)), 2 * jax.random.normal(fake_key, (7,))


def _critic(key):
    w_key, v_key, x_key = jax.random.split(key, 3)
    x = jax.random.normal(x_key, (2, 5, 3))
    return jax.random.normal(w_key, (3, 4)), jax.random.normal(v_key, (4,)), x[0], x[1]


def _penalty(w, v, real, fake):
    critic = lambda x: jnp.tanh(x @ w) @ v  # noqa: E731
    return wasserstein.gradient_penalty(critic, real, fake, key=jax.random.key(7), where=MASK)


def _torch_penalty(w, v, real, fake):
    import torch

    s = torch.tensor(np.asarray(jax.random.uniform(jax.random.key(7), (5,), str(real.dtype)[6:])))[:, None]
    u = (s * real + (1 - s) * fake).requires_grad_(True)
    (slope,) = torch.autograd.grad((torch.tanh(u @ w) @ v).sum(), u)
    return (slope.norm(dim=1) - 1).square()[torch.tensor(MASK.tolist())].mean()


CASES = [
    Case(
        "wasserstein.distance",
        wasserstein.distance,
        _values,
        wrt=(0, 1),
        references={"numpy": lambda r, f: r.mean() - f.mean()},
    ),
    Case(
        "wasserstein.critic_loss/where",
        functools.partial(wasserstein.critic_loss, where=MASK),
        _values,
        wrt=(0, 1),
        references={"numpy": lambda r, f: f.mean() - r[np.asarray(MASK)].mean()},
    ),
    Case(
        "wasserstein.generator_loss",
        wasserstein.generator_loss,
        lambda key: (_values(key)[1],),
        references={"numpy": lambda f: -f.mean()},
    ),
    Case(
        "wasserstein.gradient_penalty",
        _penalty,
        _critic,
        wrt=(0, 1, 2, 3),
        references={"torch": _torch_penalty},
    ),
]
