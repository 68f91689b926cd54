"""The hinge loss, and the divergence of two distributions."""

import jax
import jax.numpy as jnp

from jaxdl.losses.masking import check_same_shape, keep, over_classes
from jaxdl.types import Array, at_least_float32


def hinge(scores: Array, targets: Array, *, where: Array | None = None) -> Array:
    """Hinge loss of a margin classifier, targets -1 or +1: L = max(0, 1 - t s), one value per example.

    >>> hinge(jnp.array([0.5, 2.0, -1.0]), jnp.array([1.0, 1.0, 1.0])).tolist()
    [0.5, 0.0, 2.0]
    """
    check_same_shape("hinge", "scores", scores, "targets", targets)
    return keep(jnp.maximum(0, 1 - targets * keep(scores, where)), where)


def kl_divergence(log_predictions: Array, targets: Array, *, where: Array | None = None) -> Array:
    """Kullback-Leibler divergence of the predictions from the targets, over the last axis; 0 log 0 = 0.

        KL(t || q) = sum_k t_k (log t_k - log q_k) >= 0

    Args:
        log_predictions: [..., K] log-probabilities (`log_softmax`).
        targets: [..., K] probabilities.
    Returns: [...].

    >>> f"{kl_divergence(jnp.log(jnp.array([0.5, 0.5])), jnp.array([1.0, 0.0])):.4f}"
    '0.6931'
    """
    check_same_shape("kl_divergence", "log_predictions", log_predictions, "targets", targets)
    rows = None if where is None else over_classes(where, log_predictions)
    q, t = keep(at_least_float32(log_predictions), rows), keep(at_least_float32(targets), rows)
    terms = jax.scipy.special.xlogy(t, t) - t * q
    return keep(terms.sum(-1).astype(log_predictions.dtype), where)
