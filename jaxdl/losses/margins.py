"""The hinge loss, and divergences of two distributions."""

import jax.numpy as jnp

from jaxdl.metrics.masking import checked_mask, keep, keep_rows
from jaxdl.types import Array, at_least_float32
from jaxdl.validation import as_floats, require_same_shape


def hinge(scores: Array, targets: Array, *, where: Array | None = None) -> Array:
    """Hinge loss of a margin classifier, targets -1 or +1: L = max(0, 1 - t s), one value per example.

    >>> hinge(jnp.array([0.5, 2.0, -1.0]), jnp.array([1.0, 1.0, 1.0])).tolist()
    [0.5, 0.0, 2.0]
    """
    require_same_shape("hinge", scores=scores, targets=targets)
    scores, targets = as_floats("hinge", scores=scores, targets=targets)
    where = checked_mask("hinge", where, scores.shape)
    s, t = at_least_float32(keep(scores, where)), at_least_float32(keep(targets, where))
    return keep(jnp.maximum(0, 1 - t * s).astype(scores.dtype), where)


def kl_divergence(
    log_predictions: Array, targets: Array, *, log_targets: bool = False, where: Array | None = None
) -> Array:
    """Kullback-Leibler divergence of the predictions from the targets, over the last axis; 0 log 0 = 0.

        KL(t || q) = sum_k t_k (log t_k - log q_k) >= 0

    The slope in a target of exactly 0 is infinite; its finite part, -log q_k, is given instead.

    Args:
        log_predictions: [..., K] log-probabilities (`log_softmax`).
        targets: [..., K] probabilities.
        log_targets: whether `targets` are log-probabilities too: nothing then underflows on the way.
        where: mask [...].
    Returns: [...].

    >>> f"{kl_divergence(jnp.log(jnp.array([0.5, 0.5])), jnp.array([1.0, 0.0])):.4f}"
    '0.6931'
    """
    require_same_shape("kl_divergence", log_predictions=log_predictions, targets=targets)
    log_predictions, targets = as_floats("kl_divergence", log_predictions=log_predictions, targets=targets)
    where = checked_mask("kl_divergence", where, log_predictions.shape[:-1])
    log_q, t = (at_least_float32(keep_rows(a, where)) for a in (log_predictions, targets))
    if log_targets:
        impossible = t == -jnp.inf
        log_t, t = jnp.where(impossible, 0, t), jnp.exp(t)
    else:
        impossible = t == 0
        log_t = jnp.log(jnp.where(impossible, 1, t))
    log_q = jnp.where(impossible & (log_q == -jnp.inf), 0, log_q)
    return keep((t * (log_t - log_q)).sum(-1).astype(log_predictions.dtype), where)


def gaussian_kl(mean: Array, log_variance: Array, *, where: Array | None = None) -> Array:
    """Divergence of a diagonal Gaussian from the standard one, over the last axis: what a code costs, in nats.

        KL(N(m, diag v) || N(0, I)) = 1/2 sum_j (m_j^2 + v_j - 1 - log v_j) >= 0

    Args:
        mean: m [..., Z].
        log_variance: log v [..., Z].
        where: mask [...].
    Returns: [...].
    Reference: Kingma, Welling, "Auto-encoding variational Bayes", 2014, appendix B.

    >>> gaussian_kl(jnp.array([[0.0, 0.0], [1.0, 2.0]]), jnp.zeros((2, 2))).tolist()
    [0.0, 2.5]
    """
    require_same_shape("gaussian_kl", mean=mean, log_variance=log_variance)
    mean, log_variance = as_floats("gaussian_kl", mean=mean, log_variance=log_variance)
    where = checked_mask("gaussian_kl", where, mean.shape[:-1])
    m, log_v = (at_least_float32(keep_rows(a, where)) for a in (mean, log_variance))
    return keep((0.5 * (m * m + jnp.expm1(log_v) - log_v).sum(-1)).astype(mean.dtype), where)
