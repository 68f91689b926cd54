"""Spectral normalization: weights divided by their largest singular value, so that a layer stretches nothing."""

import math

import jax
import jax.numpy as jnp
from jax import lax

from jaxdl.types import Array, DType, Key, State, at_least_float32
from jaxdl.validation import require_floating


def init_spectral_norm(key: Key, n_out: int, *, dtype: DType = jnp.float32) -> State:
    """State of `spectral_norm`: {"u": [n_out]}, a random unit vector; power iterations turn it.

    >>> f"{jnp.linalg.norm(init_spectral_norm(jax.random.key(0), 8)['u']):.4f}"
    '1.0000'
    """
    return {"u": _unit(jax.random.normal(key, (n_out,), dtype))}


def spectral_norm(w: Array, state: State, *, train: bool) -> tuple[Array, State]:
    """Divide weights by an estimate of their largest singular value, one power iteration per call.

        W = w as a matrix [n_in, n_out] (the leading axes of a kernel are folded),    v = W u / |W u|
        sigma = |W^T v|,    w / sigma,    u <- W^T v / sigma

    Weights move little in a step, so one iteration per step keeps up with them. The derivatives are those of the
    largest singular value and its vectors, exact where u has converged:  dsigma = v . dW u.

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
    require_floating("spectral_norm", w=w)
    if state["u"].shape != w.shape[-1:]:
        raise ValueError(f"spectral_norm: u {state['u'].shape} needs one entry for each output of w {w.shape}")
    wide = at_least_float32(w)
    matrix = wide.reshape(math.prod(w.shape[:-1]), w.shape[-1])
    u = lax.stop_gradient(state["u"].astype(wide.dtype))
    normalized = (wide / _largest_singular_value(matrix, u)).astype(w.dtype)
    if not train:
        return normalized, state
    return normalized, {"u": lax.stop_gradient(_singular_vectors(matrix, u)[1]).astype(state["u"].dtype)}


@jax.custom_jvp
def _largest_singular_value(matrix: Array, u: Array) -> Array:
    stretched = _unit(matrix @ u) @ matrix  # [n_out]
    return jnp.sqrt(jnp.sum(stretched * stretched) + _TINY)


@_largest_singular_value.defjvp
def _largest_singular_value_jvp(primals, tangents):
    """By autodiff through the power iteration the vectors would lack most of their slope, and so second derivatives."""
    v, u = _singular_vectors(*primals)
    return _largest_singular_value(*primals), v @ tangents[0] @ u


@jax.custom_jvp
def _singular_vectors(matrix: Array, u: Array) -> tuple[Array, Array]:
    v = _unit(matrix @ u)
    return v, v @ matrix / _largest_singular_value(matrix, u)


@_singular_vectors.defjvp
def _singular_vectors_jvp(primals, tangents):
    """From W u = s v and W^T v = s u:  (s^2 I - W^T W) du = s dW^T v + W^T dW u - 2 s ds u,  with u . du = 0."""
    matrix, dm = primals[0], tangents[0]
    v, u = _singular_vectors(*primals)
    s = _largest_singular_value(*primals)
    ds, turned = v @ dm @ u, dm @ u
    onto_u = u[:, None] * u[None, :]  # fills up the direction in which the left side has no inverse
    left = s * s * (jnp.eye(u.size, dtype=u.dtype) + onto_u) - matrix.T @ matrix
    du = jnp.linalg.solve(
        left + _TINY * jnp.eye(u.size, dtype=u.dtype), s * (v @ dm) + turned @ matrix - 2 * s * ds * u
    )
    return (v, u), ((turned + matrix @ du - ds * v) / s, du)


_TINY = 1e-24  # under the root: weights that are all zero stay zero, with a finite gradient


def _unit(x: Array) -> Array:
    wide = at_least_float32(x)
    return (wide / jnp.sqrt(jnp.sum(wide * wide) + _TINY)).astype(x.dtype)
