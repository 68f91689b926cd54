"""Metrics as (sum, count) pairs: add the pairs of batches, epochs or devices, then divide once.

A metric function takes a batch and returns such a pair; `merge` adds, `value` divides. So a mean over an epoch is exact
also when the last batch is smaller, and where= masks rows that are only padding.
"""

import functools
from collections.abc import Sequence

import jax
import jax.numpy as jnp

from jaxdl.types import Array, Metrics, Pair, at_least_float32


def mean(values: Array, *, where: Array | None = None) -> Pair:
    """The pair (sum of values, how many), of values of any shape; `where` has the same shape.

    >>> value(mean(jnp.array([1.0, 2.0, 9.0]), where=jnp.array([True, True, False]))).item()
    1.5
    """
    wide = at_least_float32(values)
    if where is None:
        return wide.sum(), jnp.asarray(values.size, wide.dtype)
    return jnp.where(where, wide, jnp.zeros_like(wide)).sum(), where.sum().astype(wide.dtype)


def value(pair: Pair) -> Array:
    """sum / count, and 0 where the count is 0."""
    total, count = pair
    return total / jnp.maximum(count, 1)


def merge(a: Metrics, b: Metrics) -> Metrics:
    """Add two metrics of the same structure: associative and commutative, so any partition gives the whole.

    >>> one = {"loss": mean(jnp.array([1.0, 2.0]))}; two = {"loss": mean(jnp.array([6.0]))}
    >>> value(merge(one, two)["loss"]).item()
    3.0
    """
    return jax.tree.map(jnp.add, a, b)


def accuracy(logits: Array, labels: Array, *, where: Array | None = None) -> Pair:
    """Share of rows whose largest logit is the label's.

    Args:
        logits: [..., K].
        labels: [...] integers.

    >>> value(accuracy(jnp.array([[2.0, 1.0], [0.0, 1.0]]), jnp.array([0, 0]))).item()
    0.5
    """
    return mean((logits.argmax(-1) == labels).astype(jnp.float32), where=where)


def binary_accuracy(logits: Array, targets: Array, *, where: Array | None = None) -> Pair:
    """Share of elements on the right side: logit > 0 where the target is 1, <= 0 where it is 0.

    >>> value(binary_accuracy(jnp.array([2.0, -1.0]), jnp.array([1.0, 1.0]))).item()
    0.5
    """
    return mean(((logits > 0) == (targets > 0.5)).astype(jnp.float32), where=where)


def top_k_accuracy(logits: Array, labels: Array, k: int, *, where: Array | None = None) -> Pair:
    """Share of rows whose label is among the k largest logits. Equal logits count in the label's favor.

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


def squared_errors(predictions: Array, targets: Array, *, where: Array | None = None) -> dict[str, Pair]:
    """The three pairs that R2 is made of: residual (t - p)^2, targets t, targets t^2.

    The total sum of squares is a difference of two large sums when the mean of t is far from 0: standardize first.
    """
    wide = at_least_float32(targets)
    return {
        "residual": mean((wide - at_least_float32(predictions)) ** 2, where=where),
        "target": mean(wide, where=where),
        "target_squared": mean(wide**2, where=where),
    }


def r2(pairs: dict[str, Pair]) -> Array:
    """Coefficient of determination from `squared_errors`: R2 = 1 - sum (t - p)^2 / sum (t - mean t)^2.

    1 is perfect, 0 as good as always saying the mean. A single target, or equal ones, have no spread to explain: then
    it is 1 if every prediction is right, else 0 (as in scikit-learn).

    >>> t = jnp.array([1.0, 2.0, 3.0])
    >>> f"{r2(squared_errors(t + 0.1, t)):.3f}"
    '0.985'
    """
    total = pairs["target_squared"][0] - pairs["target"][0] ** 2 / pairs["target"][1]
    residual = pairs["residual"][0]
    spread = total > 0
    explained = 1 - residual / jnp.where(spread, total, jnp.ones_like(total))
    return jnp.where(spread, explained, (residual == 0).astype(explained.dtype))


def perplexity(cross_entropy: Pair) -> Array:
    """exp(mean cross-entropy in nats per token): as unsure as among that many equally likely tokens.

    >>> f"{perplexity(mean(jnp.log(jnp.array([4.0, 4.0])))):.3f}"
    '4.000'
    """
    return jnp.exp(value(cross_entropy))


def peak_signal_to_noise(squared_error: Pair, *, peak: float = 1.0) -> Array:
    """PSNR = 10 log10(peak^2 / MSE) in decibels, of the mean squared error over all images together.

    `peak` is the largest value that a pixel can have. (The mean of the images' own PSNRs is never smaller.)

    >>> f"{peak_signal_to_noise(mean(jnp.array([0.01, 0.01]))):.1f}"
    '20.0'
    """
    return 10 * jnp.log10(peak**2 / value(squared_error))


def scalars(metrics: Metrics) -> dict[str, float]:
    """Every metric that is a single number, as a Python float: what logs and histories hold. Matrices are left out.

    A dict of pairs from `squared_errors` becomes its R2.

    >>> scalars({"loss": mean(jnp.array([1.0, 2.0]))})
    {'loss': 1.5}
    """
    numbers = {}
    for name, pair in jax.device_get(metrics).items():  # one transfer, and no dispatch for each division
        if isinstance(pair, dict):
            numbers[name] = float(r2(pair))
        elif pair[0].ndim == 0:
            numbers[name] = float(pair[0] / max(pair[1], 1))
    return numbers


def merge_all(parts: Sequence[Metrics]) -> Metrics:
    """`merge` over a sequence of at least one."""
    return functools.reduce(merge, parts)
