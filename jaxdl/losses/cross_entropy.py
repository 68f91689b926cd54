"""Cross-entropies, from logits: binary, with one-hot or soft targets, and with integer labels."""

import jax.numpy as jnp

from jaxdl.kernels.likelihood import negative_log_likelihood, shift
from jaxdl.metrics.masking import checked_mask, keep, keep_rows
from jaxdl.types import Array, at_least_float32
from jaxdl.validation import as_floats, is_traced, require_same_shape


def binary_cross_entropy(
    logits: Array, targets: Array, *, pos_weight: Array | float | None = None, where: Array | None = None
) -> Array:
    """Cross-entropy of Bernoulli targets in [0, 1], from logits, one value per element.

        -w t log s(x) - (1 - t) log(1 - s(x)),    d/dx = s(x) - t for w = 1,   s the sigmoid

    With log s(-|x|) = -log(1 + e^-|x|) no digit is lost where the answer is sure, and a right logit of +-inf costs 0.

    Args:
        logits, targets: of one shape.
        pos_weight: w, how much more the targets of 1 count than those of 0: a number, or [K] for the last axis.
        where: mask of that shape.

    >>> [f"{v:.4f}" for v in binary_cross_entropy(jnp.array([0.0, 100.0]), jnp.array([1.0, 1.0]))]
    ['0.6931', '0.0000']
    """
    require_same_shape("binary_cross_entropy", logits=logits, targets=targets)
    logits, targets = as_floats("binary_cross_entropy", logits=logits, targets=targets)
    where = checked_mask("binary_cross_entropy", where, logits.shape)
    x, t = at_least_float32(keep(logits, where)), at_least_float32(keep(targets, where))
    t = t.astype(x.dtype)
    positive = t if pos_weight is None else t * _over_last(pos_weight, t, "pos_weight")
    wrong = jnp.where(x >= 0, 1 - t, -positive)  # the share of the target on the side where x is not
    linear = wrong * jnp.where((wrong == 0) & jnp.isinf(x), 0, x)
    curved = jnp.log1p(jnp.exp(jnp.where(x >= 0, -x, x)))
    loss = linear + (curved if pos_weight is None else (positive + 1 - t) * curved)
    return keep(loss.astype(logits.dtype), where)


def smooth_labels(targets: Array, smoothing: float) -> Array:
    """Label smoothing: t' = (1 - a) t + a / K over the last axis of K classes, so that no logit must grow forever.

    Reference: Szegedy et al., "Rethinking the Inception architecture", 2016, section 7.

    >>> [f"{v:.3f}" for v in smooth_labels(jnp.array([1.0, 0.0]), 0.1)]
    ['0.950', '0.050']
    """
    (targets,) = as_floats("smooth_labels", targets=targets)
    return (1 - smoothing) * targets + smoothing / targets.shape[-1]


def categorical_cross_entropy(
    logits: Array, targets: Array, *, class_weights: Array | None = None, where: Array | None = None
) -> Array:
    """Cross-entropy with one-hot or soft targets that sum to one over the last axis, from logits; 0 log 0 = 0.

        L = -sum_k w_k t_k log softmax(x)_k,    dL/dx = softmax(x) - t for w = 1

    Args:
        logits, targets: [..., K].
        class_weights: w [K]; all 1 by default.
        where: mask [...].
    Returns: [...].

    >>> f"{categorical_cross_entropy(jnp.array([0.0, 0.0]), jnp.array([0.5, 0.5])):.4f}"
    '0.6931'
    """
    require_same_shape("categorical_cross_entropy", logits=logits, targets=targets)
    logits, targets = as_floats("categorical_cross_entropy", logits=logits, targets=targets)
    _check_classes("categorical_cross_entropy", logits)
    where = checked_mask("categorical_cross_entropy", where, logits.shape[:-1])
    log_p = _log_softmax(keep_rows(at_least_float32(logits), where))
    t = at_least_float32(keep_rows(targets, where)).astype(log_p.dtype)
    if class_weights is not None:
        t = t * _over_last(class_weights, t, "class_weights")
    log_p = jnp.where((t == 0) & (log_p == -jnp.inf), 0, log_p)
    return keep(-(t * log_p).sum(-1).astype(logits.dtype), where)


def sparse_categorical_cross_entropy(
    logits: Array,
    labels: Array,
    *,
    label_smoothing: float = 0.0,
    class_weights: Array | None = None,
    ignore_index: int | None = None,
    where: Array | None = None,
) -> Array:
    """Cross-entropy with integer labels, from logits; the one-hot matrix is never made, forward or backward.

        L = w_y (log sum_k exp(x_k) - x_y),    dL/dx_k = softmax(x)_k - [k = y] for w = 1

    With `label_smoothing` a the target is smooth_labels(one_hot(y), a). The weighted mean that torch computes is
    `metrics.mean(L without class_weights, weights=w[y])`; the plain mean of this L is Keras's.

    Args:
        logits: [..., K].
        labels: [...] integers in [0, K) (checked on the host once per data set: `jaxdl.data.validate`). Any other
            label gives NaN, in value and gradient: a compiled function cannot raise.
        class_weights: w [K]; all 1 by default (`jaxdl.data.class_weights` balances).
        ignore_index: rows with this label are left out, as those that `where` hides.
        where: mask [...].
    Returns: [...], dtype of `logits`.

    >>> [f"{v:.4f}" for v in sparse_categorical_cross_entropy(jnp.array([[0.0, 0.0], [9.0, 0.0]]), jnp.array([1, 0]))]
    ['0.6931', '0.0001']
    """
    (logits,) = as_floats("sparse_categorical_cross_entropy", logits=logits)
    labels = jnp.asarray(labels)
    _check_classes("sparse_categorical_cross_entropy", logits)
    if logits.shape[:-1] != labels.shape:
        raise ValueError(
            f"sparse_categorical_cross_entropy: labels {labels.shape} need the batch shape of logits {logits.shape}"
        )
    if not jnp.issubdtype(labels.dtype, jnp.integer):
        raise ValueError(f"sparse_categorical_cross_entropy: labels must be integers, got {labels.dtype}")
    where = checked_mask("sparse_categorical_cross_entropy", where, labels.shape)
    labels = labels.astype(jnp.int32) if labels.dtype.itemsize < 4 else labels  # 8 bits cannot count 300 classes
    if ignore_index is not None:
        where = (labels != ignore_index) if where is None else where & (labels != ignore_index)
    x = keep_rows(at_least_float32(logits), where)
    loss = _weighted_likelihood(x, keep(labels, where), label_smoothing, class_weights)
    return keep(loss.astype(logits.dtype), where)


def _weighted_likelihood(x: Array, y: Array, smoothing: float, class_weights: Array | None) -> Array:
    """w_y (1 - a) (-log p_y) + a mean_k w_k (-log p_k); NaN where y is no class.

    -log p_y = log sum_k exp(x_k) - x_y; its gradient without a one-hot matrix stands in `kernels.likelihood`.
    """
    loss = negative_log_likelihood(x, y)
    is_class = (y >= 0) & (y < x.shape[-1])
    loss = loss * jnp.where(is_class, 1, jnp.nan).astype(x.dtype)  # a factor: it reaches the gradient too
    weights = None if class_weights is None else _over_last(class_weights, x, "class_weights")
    if weights is not None:
        loss = loss * jnp.take(weights.reshape(-1), y, mode="clip")
    if not is_traced(smoothing) and not smoothing:
        return loss
    each = -_log_softmax(x)
    return (1 - smoothing) * loss + smoothing * (each if weights is None else each * weights).mean(-1)


def _log_softmax(x: Array) -> Array:
    z, _ = shift(x)
    return z - jnp.log(jnp.exp(z).sum(-1, keepdims=True))


def _over_last(weights: Array | float, values: Array, name: str) -> Array:
    """Weights, a number or [K], ready to multiply values [..., K]."""
    array = jnp.asarray(weights, values.dtype)
    if array.ndim and array.shape != values.shape[-1:]:
        raise ValueError(f"{name}: {array.shape} must be ({values.shape[-1]},), a weight for each class")
    return array if array.ndim == 0 else array.reshape((1,) * (values.ndim - 1) + (-1,))


def _check_classes(loss: str, logits: Array) -> None:
    if logits.ndim == 0 or logits.shape[-1] == 0:
        raise ValueError(f"{loss}: logits {logits.shape} need a last axis with at least one class")
