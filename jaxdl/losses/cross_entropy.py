"""Cross-entropies, from logits: binary, with one-hot or soft targets, and with integer labels."""

import jax
import jax.numpy as jnp
from jax.nn import softplus

from jaxdl.kernels.likelihood import negative_log_likelihood
from jaxdl.losses.masking import check_same_shape, keep, over_classes
from jaxdl.types import Array, at_least_float32


def binary_cross_entropy(logits: Array, targets: Array, *, where: Array | None = None) -> Array:
    """Cross-entropy of Bernoulli targets in [0, 1], from logits, one value per element.

        -t log s(x) - (1 - t) log(1 - s(x)) = softplus(x) - t x,    d/dx = s(x) - t,   s the sigmoid

    >>> [f"{v:.4f}" for v in binary_cross_entropy(jnp.array([0.0, 100.0]), jnp.array([1.0, 1.0]))]
    ['0.6931', '0.0000']
    """
    check_same_shape("binary_cross_entropy", "logits", logits, "targets", targets)
    x, t = at_least_float32(keep(logits, where)), at_least_float32(targets)
    return keep((softplus(x) - t * x).astype(logits.dtype), where)


def smooth_labels(targets: Array, smoothing: float) -> Array:
    """Label smoothing: t' = (1 - a) t + a / K over the last axis of K classes, so that no logit must grow forever.

    Reference: Szegedy et al., "Rethinking the Inception architecture", 2016, section 7.

    >>> [f"{v:.3f}" for v in smooth_labels(jnp.array([1.0, 0.0]), 0.1)]
    ['0.950', '0.050']
    """
    return (1 - smoothing) * targets + smoothing / targets.shape[-1]


def categorical_cross_entropy(logits: Array, targets: Array, *, where: Array | None = None) -> Array:
    """Cross-entropy with one-hot or soft targets that sum to one over the last axis, from logits.

        L = -sum_k t_k log softmax(x)_k,    dL/dx = softmax(x) - t

    Args:
        logits, targets: [..., K].
    Returns: [...].

    >>> f"{categorical_cross_entropy(jnp.array([0.0, 0.0]), jnp.array([0.5, 0.5])):.4f}"
    '0.6931'
    """
    check_same_shape("categorical_cross_entropy", "logits", logits, "targets", targets)
    x = keep(at_least_float32(logits), None if where is None else over_classes(where, logits))
    t = at_least_float32(targets)
    loss = t.sum(-1) * jax.nn.logsumexp(x, axis=-1) - (t * x).sum(-1)
    return keep(loss.astype(logits.dtype), where)


def sparse_categorical_cross_entropy(
    logits: Array, labels: Array, *, label_smoothing: float = 0.0, where: Array | None = None
) -> Array:
    """Cross-entropy with integer labels, from logits; the one-hot matrix is never made, forward or backward.

        L = log sum_k exp(x_k) - x_y,    dL/dx_k = softmax(x)_k - [k = y]

    With `label_smoothing` a the target is smooth_labels(one_hot(y), a): L = lse - (1 - a) x_y - a mean_k x_k.

    Args:
        logits: [..., K].
        labels: [...] integers in [0, K) (checked on the host once per data set: `jaxdl.data.validate`).
    Returns: [...], dtype of `logits`.

    >>> [f"{v:.4f}" for v in sparse_categorical_cross_entropy(jnp.array([[0.0, 0.0], [9.0, 0.0]]), jnp.array([1, 0]))]
    ['0.6931', '0.0001']
    """
    if logits.shape[:-1] != labels.shape:
        raise ValueError(
            f"sparse_categorical_cross_entropy: labels {labels.shape} need the batch shape of logits {logits.shape}"
        )
    if not jnp.issubdtype(labels.dtype, jnp.integer):
        raise ValueError(f"sparse_categorical_cross_entropy: labels must be integers, got {labels.dtype}")
    x = keep(at_least_float32(logits), None if where is None else over_classes(where, logits))
    loss = negative_log_likelihood(x, labels)
    if label_smoothing:
        uniform = jax.nn.logsumexp(x, axis=-1) - x.mean(-1)
        loss = (1 - label_smoothing) * loss + label_smoothing * uniform
    return keep(loss.astype(logits.dtype), where)
