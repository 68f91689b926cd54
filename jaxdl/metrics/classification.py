"""Scores of classifiers: accuracy, the confusion matrix and what is read off it, the area under the ROC curve.

Two rules hold for all of them: equal logits are ranked in the order of their classes, so that a constant output is
right for class 0 alone; and a row with NaN among its logits is never right.
"""

from collections.abc import Callable

import jax
import jax.numpy as jnp

from jaxdl.metrics.masking import checked_mask
from jaxdl.metrics.pairs import mean
from jaxdl.types import Array, DType, Pair, at_least_float32
from jaxdl.validation import as_floats, require_same_shape


def accuracy(logits: Array, labels: Array, *, where: Array | None = None) -> Pair:
    """Share of rows whose largest logit is the label's.

    Args:
        logits: [..., K].
        labels: [...] integers; one outside [0, K) is never right.
        where: mask [...].
    Raises: ValueError for other shapes, labels that are not integers.

    >>> from jaxdl.metrics import value
    >>> value(accuracy(jnp.array([[2.0, 1.0], [0.0, 1.0]]), jnp.array([0, 0]))).item()
    0.5
    """
    logits, labels = _checked("accuracy", logits, labels)
    return mean(_predicted(logits, labels.dtype) == labels, where=where)


def binary_accuracy(logits: Array, targets: Array, *, where: Array | None = None) -> Pair:
    """Share of elements on the right side: logit > 0 where the target is above 1/2, <= 0 where it is not.

    >>> from jaxdl.metrics import value
    >>> value(binary_accuracy(jnp.array([2.0, -1.0]), jnp.array([1.0, 1.0]))).item()
    0.5
    """
    require_same_shape("binary_accuracy", logits=logits, targets=targets)
    x, t = as_floats("binary_accuracy", logits=logits, targets=targets)
    return mean(((x > 0) == (t > 0.5)) & ~jnp.isnan(x) & ~jnp.isnan(t), where=where)


def top_k_accuracy(logits: Array, labels: Array, k: int, *, where: Array | None = None) -> Pair:
    """Share of rows whose label is among the k largest logits; `accuracy` for k = 1.

    >>> from jaxdl.metrics import value
    >>> value(top_k_accuracy(jnp.array([[3.0, 2.0, 1.0]]), jnp.array([1]), k=2)).item()
    1.0
    """
    logits, labels = _checked("top_k_accuracy", logits, labels)
    n_classes = logits.shape[-1]
    if not 1 <= k <= n_classes:
        raise ValueError(f"top_k_accuracy: k must be between 1 and the {n_classes} classes, got {k}")
    classes = jax.lax.broadcasted_iota(labels.dtype, logits.shape, logits.ndim - 1)
    is_label, earlier = classes == labels[..., None], classes < labels[..., None]
    label_logit = jnp.where(is_label, logits, 0).sum(-1, keepdims=True)
    rank = ((logits > label_logit) | ((logits == label_logit) & earlier)).sum(-1)
    return mean((rank < k) & is_label.any(-1) & ~jnp.isnan(logits).any(-1), where=where)


def confusion_matrix(logits: Array, labels: Array, *, where: Array | None = None) -> Pair:
    """Counts [K, K]: row = true class, column = predicted class; and the number of rows counted.

    A row with NaN counts as a mistake: as the class after its label.

    >>> confusion_matrix(jnp.array([[2.0, 1.0], [0.0, 1.0]]), jnp.array([0, 0]))[0].tolist()
    [[1, 1], [0, 0]]
    """
    logits, labels = _checked("confusion_matrix", logits, labels)
    where = checked_mask("confusion_matrix", where, labels.shape)
    where = jnp.ones(labels.shape, bool) if where is None else where
    n_classes = logits.shape[-1]
    predicted = _predicted(logits, labels.dtype)
    predicted = jnp.where(predicted < 0, (labels + 1) % n_classes, predicted)
    truth = jax.nn.one_hot(jnp.where(where, labels, -1), n_classes, dtype=jnp.float32).reshape(-1, n_classes)
    columns = jax.nn.one_hot(predicted, n_classes, dtype=jnp.float32).reshape(-1, n_classes)
    return (truth.T @ columns).astype(jnp.int32), where.sum(dtype=jnp.int32)


def precision(confusion: Array, *, average: str = "macro") -> Array:
    """TP / (TP + FP) from a confusion matrix: of what was called a class, the share that is one.

    `average`: "macro" is the mean over classes, "weighted" the mean weighted by the rows of each class, "micro" pools
    the counts (equal to accuracy), "none" gives [K]. A class that was never predicted counts as 0, as in scikit-learn.

    >>> f"{precision(jnp.array([[3.0, 1.0], [0.0, 4.0]])):.3f}"
    '0.900'
    """
    return _average(confusion, lambda c: (jnp.diagonal(c), c.sum(0)), average)


def recall(confusion: Array, *, average: str = "macro") -> Array:
    """TP / (TP + FN) from a confusion matrix: of what is a class, the share that was found.

    >>> f"{recall(jnp.array([[3.0, 1.0], [0.0, 4.0]])):.3f}"
    '0.875'
    """
    return _average(confusion, lambda c: (jnp.diagonal(c), c.sum(1)), average)


def f1(confusion: Array, *, average: str = "macro") -> Array:
    """2 TP / (2 TP + FP + FN): the harmonic mean of precision and recall.

    >>> f"{f1(jnp.array([[3.0, 1.0], [0.0, 4.0]])):.3f}"
    '0.873'
    """
    return _average(confusion, lambda c: (2 * jnp.diagonal(c), c.sum(0) + c.sum(1)), average)


def roc_auc(scores: Array, targets: Array, *, weights: Array | None = None, where: Array | None = None) -> Array:
    """Area under the ROC curve: the probability that a positive example has a larger score than a negative one.

        AUC = sum_{i: t = 1} sum_{j: t = 0} w_i w_j ([s_i > s_j] + [s_i = s_j] / 2) / (sum_i w_i sum_j w_j)

    Not a pair: it compares all examples with each other, so it needs them at once. Computed by one sort.

    Args:
        scores: [N], in any order-preserving scale: logits or probabilities.
        targets: [N], positive above 1/2.
        weights: w >= 0 [N]; 1 by default.
        where: mask [N].
    Returns: a scalar; 1/2 for constant scores, NaN with a NaN among the scores or without both kinds of examples.
    Reference: Hanley and McNeil, "The meaning and use of the area under a ROC curve", 1982.

    >>> roc_auc(jnp.array([0.1, 0.4, 0.35, 0.8]), jnp.array([0, 0, 1, 1])).item()
    0.75
    """
    require_same_shape("roc_auc", scores=scores, targets=targets)
    scores, t = as_floats("roc_auc", scores=scores, targets=targets)
    s = at_least_float32(scores)
    if s.ndim != 1:
        raise ValueError(f"roc_auc: scores {s.shape} must be [N]; of K classes score each alone")
    where = checked_mask("roc_auc", where, s.shape)
    kept = jnp.ones(s.shape, bool) if where is None else where
    w = jnp.ones_like(s) if weights is None else jnp.asarray(weights, s.dtype)
    require_same_shape("roc_auc", weights=w, scores=s)
    positive, negative = (jnp.where(kept & side, w, 0) for side in (t > 0.5, t <= 0.5))
    s = jnp.where(kept, s, 0)
    order = jnp.argsort(s)
    below = jnp.pad(jnp.cumsum(negative[order]) / negative.sum(), (1, 0))  # share of negatives before each place
    ranked = s[order]
    smaller, not_larger = (below[jnp.searchsorted(ranked, s, side=side)] for side in ("left", "right"))
    area = (positive / positive.sum() * (smaller + not_larger)).sum() / 2
    return jnp.where(jnp.isnan(s).any() | (kept & jnp.isnan(t)).any(), jnp.nan, area).astype(scores.dtype)


def _checked(name: str, logits: Array, labels: Array) -> tuple[Array, Array]:
    """Real logits [..., K] and int labels [...] of at least 32 bits."""
    (logits,) = as_floats(name, logits=logits)
    labels = jnp.asarray(labels)
    if logits.ndim == 0 or logits.shape[:-1] != labels.shape or not logits.shape[-1]:
        raise ValueError(f"{name}: labels {labels.shape} need the batch shape of logits {logits.shape} [..., K]")
    if not jnp.issubdtype(labels.dtype, jnp.integer):
        raise ValueError(f"{name}: labels must be integers, got {labels.dtype}")
    return logits, (labels.astype(jnp.int32) if labels.dtype.itemsize < 4 else labels)


def _predicted(logits: Array, dtype: DType) -> Array:
    """The class with the largest logit, the first of equal ones; -1 for a row with NaN."""
    best = logits.argmax(-1, keepdims=True)  # the place of a NaN if there is one
    return jnp.where(jnp.isnan(jnp.take_along_axis(logits, best, -1)), -1, best)[..., 0].astype(dtype)


def _average(confusion: Array, count: Callable[[Array], tuple[Array, Array]], average: str) -> Array:
    """Hits of each class by what they are a share of, averaged."""
    c = at_least_float32(jnp.asarray(confusion))
    hits, of = count(c)
    if average == "micro":
        return hits.sum() / of.sum()
    per_class = hits / jnp.where(of == 0, 1, of)
    if average == "none":
        return per_class
    if average == "macro":
        return per_class.mean()
    if average == "weighted":
        return (per_class * c.sum(1)).sum() / c.sum()
    raise ValueError(f'average must be "macro", "weighted", "micro" or "none", got {average!r}')
