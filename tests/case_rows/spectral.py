"""Rows for spectral normalization."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
from cases import Case

from jaxdl.nn.spectral import spectral_norm


def _arguments(key, shape=(4, 3)):
    """Weights, and a vector that is not the largest singular vector."""
    w_key, u_key = jax.random.split(key)
    u = jax.random.normal(u_key, shape[-1:])
    return jax.random.normal(w_key, shape), {"u": u / jnp.linalg.norm(u)}


def _settled(key):
    """Weights with their largest singular vector, where the gradient that takes it for a constant is exact."""
    w, _ = _arguments(key, (2, 2, 2, 3))
    _, _, vt = np.linalg.svd(np.asarray(w, np.float64).reshape(-1, 3), full_matrices=False)
    return w, {"u": jnp.asarray(vt[0], jnp.float32)}


def _torch(w, state):
    import torch

    layer = torch.nn.utils.spectral_norm(torch.nn.Linear(w.shape[0], w.shape[1], bias=False, dtype=w.dtype))
    layer.weight_orig.data = w.T.contiguous()
    layer.weight_u = state["u"].clone()
    layer.train()
    layer(torch.zeros(1, w.shape[0], dtype=w.dtype))
    return layer.weight.T, {"u": layer.weight_u}


CASES = [
    Case(
        "nn.spectral_norm/train",
        functools.partial(spectral_norm, train=True),
        _arguments,
        wrt=(),
        references={"torch": _torch},
        tolerance64=1e-10,
        why="torch divides by norms with an eps of its own, 1e-12",
    ),
    Case(
        "nn.spectral_norm/settled",
        lambda w, state: spectral_norm(w, state, train=False)[0],
        _settled,
        references={"numpy": lambda w, state: w / np.linalg.norm(w.reshape(-1, 3), 2)},
        tolerance64=1e-6,
        why="the singular vector was rounded to float32, and one power iteration was done since",
    ),
]
