"""Losses: how far the predictions are from the targets.

The cross-entropies, hinge and Kullback-Leibler return one value per example (shape = batch axes), Huber one per
element; those with "mean" in their name return a scalar. `where=` (bool, the shape of the result before any mean)
leaves elements out: they add nothing to value, gradient or count. Shapes must match exactly: (B,) against (B, 1)
raises instead of broadcasting. Sums run in at least float32; results have the dtype of the predictions.
"""

import jax
import jax.numpy as jnp

from jaxdl.nn.activations import softplus
from jaxdl.types import Array, at_least_float32


def _check_same_shape(loss: str, first: str, a: Array, second: str, b: Array) -> None:
    if jnp.shape(a) != jnp.shape(b):
        raise ValueError(
            f"{loss}: {first} {jnp.shape(a)} and {second} {jnp.shape(b)} differ in shape; reshape one (no broadcasting)"
        )


def _mean(values: Array, where: Array | None) -> Array:
    """Mean over the elements that `where` keeps; 0 if it keeps none."""
    if where is None:
        return values.mean()
    _check_same_shape("where=", "mask", where, "values", values)
    kept = jnp.where(where, values, jnp.zeros_like(values))
    return kept.sum() / jnp.maximum(where.sum(), 1).astype(values.dtype)


def _keep(values: Array, where: Array | None) -> Array:
    """`values` with 0 wherever `where` is False."""
    if where is None:
        return values
    _check_same_shape("where=", "mask", where, "values", values)
    return jnp.where(where, values, jnp.zeros_like(values))


def mean_squared_error(predictions: Array, targets: Array, *, where: Array | None = None) -> Array:
    """MSE = mean (p - t)^2, a scalar;  d/dp = 2 (p - t) / n.

    >>> mean_squared_error(jnp.array([1.0, 2.0]), jnp.array([0.0, 4.0])).item()
    2.5
    """
    _check_same_shape("mean_squared_error", "predictions", predictions, "targets", targets)
    error = _keep(at_least_float32(predictions) - at_least_float32(targets), where)
    return _mean(error * error, where).astype(predictions.dtype)


def root_mean_squared_error(predictions: Array, targets: Array, *, where: Array | None = None) -> Array:
    """RMSE = sqrt(mean (p - t)^2), a scalar in the units of the targets;  d/dp = (p - t) / (n RMSE), 0 at RMSE = 0.

    >>> root_mean_squared_error(jnp.array([3.0, 4.0]), jnp.array([0.0, 8.0])).item()
    3.535533905029297
    """
    _check_same_shape("root_mean_squared_error", "predictions", predictions, "targets", targets)
    error = _keep(at_least_float32(predictions) - at_least_float32(targets), where)
    mse = _mean(error * error, where)
    positive = mse > 0  # the root's slope is infinite at 0: take the root of 1 there and hide it
    rmse = jnp.where(positive, jnp.sqrt(jnp.where(positive, mse, jnp.ones_like(mse))), jnp.zeros_like(mse))
    return rmse.astype(predictions.dtype)


def mean_absolute_error(predictions: Array, targets: Array, *, where: Array | None = None) -> Array:
    """MAE = mean |p - t|, a scalar;  d/dp = sign(p - t) / n.

    >>> mean_absolute_error(jnp.array([1.0, 2.0]), jnp.array([0.0, 4.0])).item()
    1.5
    """
    _check_same_shape("mean_absolute_error", "predictions", predictions, "targets", targets)
    error = _keep(at_least_float32(predictions) - at_least_float32(targets), where)
    return _mean(error * jnp.sign(error), where).astype(predictions.dtype)  # jnp.abs has slope 1 at 0


def huber(predictions: Array, targets: Array, *, delta: float = 1.0, where: Array | None = None) -> Array:
    """Squared near zero, absolute far away, one value per element; outliers pull with a force of at most delta.

        h(e) = e^2 / 2 if |e| <= delta else delta (|e| - delta / 2),    e = p - t

    Reference: Huber, "Robust estimation of a location parameter", 1964.

    >>> huber(jnp.array([0.5, 3.0]), jnp.zeros(2)).tolist()
    [0.125, 2.5]
    """
    _check_same_shape("huber", "predictions", predictions, "targets", targets)
    size = jnp.abs(_keep(predictions - targets, where))
    inside = jnp.minimum(size, delta)  # e^2/2 grows to delta^2/2, the rest grows linearly
    return _keep(0.5 * inside * inside + delta * (size - inside), where)


def binary_cross_entropy(logits: Array, targets: Array, *, where: Array | None = None) -> Array:
    """Cross-entropy of Bernoulli targets in [0, 1], from logits, one value per element.

        -t log s(x) - (1 - t) log(1 - s(x)) = softplus(x) - t x,    d/dx = s(x) - t,   s the sigmoid

    >>> [f"{v:.4f}" for v in binary_cross_entropy(jnp.array([0.0, 100.0]), jnp.array([1.0, 1.0]))]
    ['0.6931', '0.0000']
    """
    _check_same_shape("binary_cross_entropy", "logits", logits, "targets", targets)
    x, t = at_least_float32(_keep(logits, where)), at_least_float32(targets)
    return _keep((softplus(x) - t * x).astype(logits.dtype), where)


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
    _check_same_shape("categorical_cross_entropy", "logits", logits, "targets", targets)
    x = _keep(at_least_float32(logits), None if where is None else _over_classes(where, logits))
    t = at_least_float32(targets)
    loss = t.sum(-1) * jax.nn.logsumexp(x, axis=-1) - (t * x).sum(-1)
    return _keep(loss.astype(logits.dtype), where)


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
    x = _keep(at_least_float32(logits), None if where is None else _over_classes(where, logits))
    loss = _negative_log_likelihood(x, labels)
    if label_smoothing:
        uniform = jax.nn.logsumexp(x, axis=-1) - x.mean(-1)
        loss = (1 - label_smoothing) * loss + label_smoothing * uniform
    return _keep(loss.astype(logits.dtype), where)


@jax.custom_jvp
def _negative_log_likelihood(x: Array, labels: Array) -> Array:
    picked = jnp.take_along_axis(x, labels[..., None], axis=-1)[..., 0]
    return jax.nn.logsumexp(x, axis=-1) - picked


@_negative_log_likelihood.defjvp
def _negative_log_likelihood_jvp(primals, tangents):
    """Autodiff would scatter into a zero matrix of the size of the logits; a comparison fuses into one loop.

    The exponentials behind the sum serve the slope too. A CPU computes them once, in the memory of the slope: 29.7 ms
    in place of 32.4 for [2048, 8000] on two cores, where XLA by itself computes them in both loops.
    """
    (x, labels), (dx, _) = primals, tangents
    largest = jax.lax.stop_gradient(x.max(-1, keepdims=True))
    largest = jnp.where(jnp.isfinite(largest), largest, 0)
    exp = jnp.exp(x - largest)
    if jax.default_backend() == "cpu":
        exp = jax.lax.optimization_barrier(exp)
    total = exp.sum(-1, keepdims=True)
    labels = labels.astype(jnp.int32)  # 8 bits would count the classes wrongly from 256 on
    classes = jax.lax.broadcasted_iota(jnp.int32, x.shape, x.ndim - 1)
    slope = exp * (1 / total) - (classes == labels[..., None]).astype(x.dtype)
    picked = jnp.take_along_axis(x, labels[..., None], axis=-1)
    return (jnp.log(total) + largest - picked)[..., 0], (slope * dx).sum(-1)


def _over_classes(where: Array, logits: Array) -> Array:
    if where.shape != logits.shape[:-1]:
        raise ValueError(
            f"where= mask {where.shape} must have the batch shape {logits.shape[:-1]} of logits {logits.shape}"
        )
    return jnp.broadcast_to(where[..., None], logits.shape)


def hinge(scores: Array, targets: Array, *, where: Array | None = None) -> Array:
    """Hinge loss of a margin classifier, targets -1 or +1: L = max(0, 1 - t s), one value per example.

    >>> hinge(jnp.array([0.5, 2.0, -1.0]), jnp.array([1.0, 1.0, 1.0])).tolist()
    [0.5, 0.0, 2.0]
    """
    _check_same_shape("hinge", "scores", scores, "targets", targets)
    return _keep(jnp.maximum(0, 1 - targets * _keep(scores, where)), where)


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
    _check_same_shape("kl_divergence", "log_predictions", log_predictions, "targets", targets)
    rows = None if where is None else _over_classes(where, log_predictions)
    q, t = _keep(at_least_float32(log_predictions), rows), _keep(at_least_float32(targets), rows)
    terms = jax.scipy.special.xlogy(t, t) - t * q
    return _keep(terms.sum(-1).astype(log_predictions.dtype), where)
