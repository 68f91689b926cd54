"""Spectral normalization: its second derivatives at a settled vector are those of the largest singular value."""

import jax
import jax.numpy as jnp
import numpy as np

from jaxdl import nn


def test_hessian_vector_product_at_a_settled_vector(key, x64):
    w, direction = jax.random.normal(key, (2, 5, 4), jnp.float64)
    settled = {"u": jnp.linalg.svd(w)[2][0]}

    def ours(w):
        return jnp.sin(nn.spectral_norm(w, settled, train=True)[0]).sum()

    def exact(w):
        return jnp.sin(w / jnp.linalg.norm(w, 2)).sum()

    for f in (jax.grad, lambda f: lambda w: jax.jvp(jax.grad(f), (w,), (direction,))[1]):
        np.testing.assert_allclose(f(ours)(w), f(exact)(w), rtol=1e-8, atol=1e-10)
