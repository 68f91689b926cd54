"""Scores of classifiers: accuracy, the confusion matrix, and what is read off it."""

import jax
import jax.numpy as jnp

from jaxdl.metrics.pairs import mean
from jaxdl.types import Array, Pair


def accuracy(logits: Array, labels: Array, *, where: Array | None = None) -> Pair:
    """Share of rows whose largest logit is the label's.

    Args:
        logits: [..., K].
        labels: [...] integers.

    >>> from jaxdl.metrics import value
    >>> value(accuracy(jnp.array([[2.0, 1.0], [0.0, 1.0]]), jnp.array([0, 0]))).item()
    0.5
    """
    return mean((logits.argmax(-1) == labels).astype(jnp.float32), where=where)


def binary_accuracy(logits: Array, targets: Array, *, where: Array | None = None) -> Pair:
    """Share of elements on the right side: logit > 0 where the target is 1, <= 0 where it is 0.

    >>> from jaxdl.metrics import value
    >>> value(binary_accuracy(jnp.array([2.0, -1.0]), jnp.array([1.0, 1.0]))).item()
    0.5
    """
    return mean(((logits > 0) == (targets > 0.5)).astype(jnp.float32), where=where)


def top_k_accuracy(logits: Array, labels: Array, k: int, *, where: Array | None = None) -> Pair:
    """Share of rows whose label is among the k largest logits. Equal logits count in the label's favor.

    >>> from jaxdl.metrics import value
    >>> value(top_k_accuracy(jnp.array([[3.0, 2.0, 1.0]]), jnp.array([1]), k=2)).item()
    1.0
    """
    own = jnp.take_along_axis(logits, labels[..., None], axis=-1)
    rank = (logits > own).sum(-1)
    return mean((rank < k).astype(jnp.float32), where=where)


def confusion_matrix(logits: Array, labels: Array, *, where: Array | None = None) -> Pair:
    """Counts [K, K]: row = true class, column = predicted class; and the number of rows counted.

    >>> confusion_matrix(jnp.array([[2.0, 1.0], [0.0, 1.0]]), jnp.array([0, 0]))[0].tolist()
    [[1.0, 1.0], [0.0, 0.0]]
    """
    n_classes = logits.shape[-1]
    keep = jnp.ones(labels.shape, bool) if where is None else where
    truth = jax.nn.one_hot(labels, n_classes, dtype=jnp.float32) * keep[..., None].astype(jnp.float32)
    predicted = jax.nn.one_hot(logits.argmax(-1), n_classes, dtype=jnp.float32)
    counts = truth.reshape(-1, n_classes).T @ predicted.reshape(-1, n_classes)
    return counts, keep.sum().astype(jnp.float32)


def precision(confusion: Array, *, average: str = "macro") -> Array:
    """TP / (TP + FP) from a confusion matrix: of what was called a class, the share that is one.

    `average`: "macro" is the mean over classes, "micro" pools the counts (equal to accuracy), "none" gives [K].
    A class that was never predicted counts as 0, as in scikit-learn.

    >>> f"{precision(jnp.array([[3.0, 1.0], [0.0, 4.0]])):.3f}"
    '0.900'
    """
    return _ratio(jnp.diagonal(confusion), confusion.sum(0), average)


def recall(confusion: Array, *, average: str = "macro") -> Array:
    """TP / (TP + FN) from a confusion matrix: of what is a class, the share that was found.

    >>> f"{recall(jnp.array([[3.0, 1.0], [0.0, 4.0]])):.3f}"
    '0.875'
    """
    return _ratio(jnp.diagonal(confusion), confusion.sum(1), average)


def f1(confusion: Array, *, average: str = "macro") -> Array:
    """2 TP / (2 TP + FP + FN): the harmonic mean of precision and recall.

    >>> f"{f1(jnp.array([[3.0, 1.0], [0.0, 4.0]])):.3f}"
    '0.873'
    """
    return _ratio(2 * jnp.diagonal(confusion), confusion.sum(0) + confusion.sum(1), average)


def _ratio(hits: Array, of: Array, average: str) -> Array:
    if average == "micro":
        return hits.sum() / of.sum()
    per_class = jnp.where(of > 0, hits / jnp.maximum(of, 1), jnp.zeros_like(of))
    if average == "none":
        return per_class
    if average == "macro":
        return per_class.mean()
    raise ValueError(f'average must be "macro", "micro" or "none", got {average!r}')
