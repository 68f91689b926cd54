"""Spectral normalization: weights divided by their largest singular value, so that a layer stretches nothing."""

import math

import jax
import jax.numpy as jnp
from jax import lax

from jaxdl.types import Array, DType, Key, State, at_least_float32


def init_spectral_norm(key: Key, n_out: int, *, dtype: DType = jnp.float32) -> State:
    """State of `spectral_norm`: {"u": [n_out]}, a random unit vector; power iterations turn it.

    >>> f"{jnp.linalg.norm(init_spectral_norm(jax.random.key(0), 8)['u']):.4f}"
    '1.0000'
    """
    return {"u": _unit(jax.random.normal(key, (n_out,), dtype))}


def spectral_norm(w: Array, state: State, *, train: bool) -> tuple[Array, State]:
    """Divide weights by an estimate of their largest singular value, one power iteration a call.

        W = w as a matrix [n_in, n_out] (the leading axes of a kernel are folded),    v = W u / |W u|
        sigma = |W^T v|,    w / sigma,    u <- W^T v / sigma

    Weights move little in a step, so one iteration a step keeps up with them. The gradient takes v for a constant:
    exact where u has converged, since the largest singular value is stationary in its vectors.

    Args:
        w: [..., n_in, n_out], any float dtype.
        state: {"u": [n_out]}.
        train: keep the new u; otherwise the state comes back unchanged.
    Returns: weights like `w` and the new state; computed in at least float32.
    Raises: ValueError if u does not have n_out entries.
    Reference: Miyato, Kataoka, Koyama, Yoshida, "Spectral normalization for generative adversarial networks", 2018.

    >>> w, _ = spectral_norm(jnp.array([[4.0, 0.0], [0.0, 1.0]]), {"u": jnp.array([1.0, 0.0])}, train=True)
    >>> w.tolist()
    [[1.0, 0.0], [0.0, 0.25]]
    """
    if state["u"].shape != w.shape[-1:]:
        raise ValueError(f"spectral_norm: u {state['u'].shape} needs one entry for each output of w {w.shape}")
    wide = at_least_float32(w)
    matrix = wide.reshape(math.prod(w.shape[:-1]), w.shape[-1])
    v = lax.stop_gradient(_unit(matrix @ state["u"].astype(wide.dtype)))
    stretched = v @ matrix  # [n_out]
    sigma = jnp.sqrt(jnp.sum(stretched * stretched) + _TINY)
    normalized = (wide / sigma).astype(w.dtype)
    if not train:
        return normalized, state
    return normalized, {"u": lax.stop_gradient(stretched / sigma).astype(state["u"].dtype)}


_TINY = 1e-24  # under the root: weights that are all zero stay zero, with a finite gradient


def _unit(x: Array) -> Array:
    wide = at_least_float32(x)
    return (wide / jnp.sqrt(jnp.sum(wide * wide) + _TINY)).astype(x.dtype)
