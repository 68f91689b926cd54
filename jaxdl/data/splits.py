"""Seeded divisions of a data set: train/validation/test and k folds, optionally stratified. Every example once.

N examples, K classes, M examples of a part.
"""

from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np

from jaxdl.data.arrays import Arrays, count, take


class Splits(NamedTuple):
    """Three disjoint parts that together hold every example; `validation` or `test` has no rows if not asked for.

    A part is arrays, or what is streamed: `data.Records`, `data.Batches`, an iterable of batches.
    """

    train: Any
    validation: Any
    test: Any


class Fold(NamedTuple):
    """One of k folds: fit on `train`, judge on `validation`."""

    train: Arrays
    validation: Arrays


def largest_remainder(quotas: np.ndarray, total: int) -> np.ndarray:
    """Round shares to integers that add up to `total`: floors, then one more for the largest remainders.

    Each result is the floor or the ceiling of its quota. Equal remainders: the earlier one gets the unit.
    Reference: Hamilton's method of apportionment.

    >>> largest_remainder(np.array([1.6, 1.7, 0.7]), 4).tolist()
    [1, 2, 1]
    """
    floors = np.floor(quotas + 1e-9).astype(np.int64)  # a share of 15 may arrive as 14.999999999999998
    remainders = np.round(quotas - floors, 9)
    most = np.argsort(-remainders, kind="stable")[: total - int(floors.sum())]
    floors[most] += 1
    return floors


def _class_of(arrays: Arrays, stratify: str | None, least: int, what: str) -> np.ndarray:
    """The class number of each example, [N]; all zeros when there is nothing to stratify by."""
    n = count(arrays)
    if stratify is None:
        return np.zeros(n, np.int64)
    if stratify not in arrays:
        raise ValueError(f"stratify={stratify!r} is not one of the arrays {sorted(arrays)}")
    labels = np.asarray(arrays[stratify])
    if labels.ndim != 1:
        raise ValueError(f"stratify={stratify!r} needs one label an example, [N], got shape {labels.shape}")
    names, classes, sizes = np.unique(labels, return_inverse=True, return_counts=True)
    if sizes.min() < least:
        rare = int(np.argmin(sizes))
        raise ValueError(
            f"class {names[rare]} of {stratify!r} has {sizes[rare]} example(s), but {what} need(s) at least {least}; "
            f"use stratify=None or merge rare classes"
        )
    return classes


def _draw(pool: np.ndarray, classes: np.ndarray, size: int) -> tuple[np.ndarray, np.ndarray]:
    """Take `size` rows from the front of the shuffled `pool`, each class in proportion; return (taken, rest)."""
    members = classes[pool]
    sizes = np.bincount(members, minlength=int(classes.max()) + 1)
    wanted = largest_remainder(sizes * (size / max(len(pool), 1)), size)
    chosen = np.zeros(len(pool), bool)
    for number, quota in enumerate(wanted):
        chosen[np.flatnonzero(members == number)[:quota]] = True
    return pool[chosen], pool[~chosen]


def split(
    arrays: Arrays, *, validation: float = 0.1, test: float = 0.1, stratify: str | None = None, seed: int = 0
) -> Splits:
    """Shuffle and divide into train, validation and test; every example lies in exactly one of them.

    The sizes are N (1 - v - t), N v and N t, rounded by largest remainder. With `stratify` every class is
    divided in that proportion too: the test part first, then the validation part from what is left, so that each
    class's count is its proportional share in the pool rounded down or up.

    Args:
        arrays: {"x": [N, ...], "y": [N, ...], ...}.
        validation: the fraction v in [0, 1).
        test: the fraction t in [0, 1); 0 where an official test part exists. v + t < 1.
        stratify: the name of the array of labels [N] whose proportions are kept, or None.
        seed: the same seed gives the same division.
    Raises: ValueError for impossible fractions, a part that would be empty, a class with fewer examples than parts.

    >>> parts = split({"x": np.arange(10)}, validation=0.2, test=0.1)
    >>> [len(part["x"]) for part in parts]
    [7, 2, 1]
    """
    n = count(arrays)
    if not (0 <= validation < 1 and 0 <= test < 1 and validation + test < 1 - 1e-9):
        raise ValueError(
            f"split: validation={validation} and test={test} must lie in [0, 1) and leave some examples for training"
        )
    fractions = np.array([1 - validation - test, validation, test])
    sizes = largest_remainder(fractions * n, n)
    for part, fraction, size in zip(Splits._fields, fractions, sizes, strict=True):
        if fraction > 0 and size == 0:
            raise ValueError(f"split: {part}={fraction:.3g} of {n} examples is none; use a larger fraction or 0")
    n_parts = int((sizes > 0).sum())
    classes = _class_of(arrays, stratify, n_parts, f"a split into {n_parts} parts")
    pool = np.random.default_rng(seed).permutation(n)
    test_rows, pool = _draw(pool, classes, int(sizes[2]))
    validation_rows, train_rows = _draw(pool, classes, int(sizes[1]))
    return Splits(take(arrays, train_rows), take(arrays, validation_rows), take(arrays, test_rows))


def k_fold(arrays: Arrays, k: int, *, stratify: str | None = None, seed: int = 0) -> Iterator[Fold]:
    """Shuffle and divide into k folds; each is the validation part once, the other k - 1 are the training part.

    The shuffled examples are dealt to the folds like cards, class by class when stratified: fold sizes, and the
    counts of each class, differ by at most one. For the row numbers alone pass `{"rows": np.arange(n)}`.

    Args:
        arrays: {"x": [N, ...], "y": [N, ...], ...}.
        k: the number of folds, 2 to N.
        stratify: the name of the array of labels [N] whose proportions are kept, or None.
        seed: the same seed gives the same folds.
    Returns: an iterator over k folds (one pair of copies is in memory at a time).
    Raises: ValueError for an impossible k or a class with fewer than k examples.

    >>> folds = list(k_fold({"x": np.arange(5)}, 2))
    >>> [(len(fold.train["x"]), len(fold.validation["x"])) for fold in folds]
    [(2, 3), (3, 2)]
    >>> sorted(np.concatenate([fold.validation["x"] for fold in folds]).tolist())
    [0, 1, 2, 3, 4]
    """
    n = count(arrays)
    if not 2 <= k <= n:
        raise ValueError(f"k_fold: k must be between 2 and the number of examples {n}, got {k}")
    classes = _class_of(arrays, stratify, k, f"{k} folds")
    shuffled = np.random.default_rng(seed).permutation(n)
    dealt = shuffled[np.argsort(classes[shuffled], kind="stable")]
    fold_of = np.empty(n, np.int64)
    fold_of[dealt] = np.arange(n) % k
    in_order = fold_of[shuffled]  # the folds keep the shuffled order, not the order by class
    return (Fold(take(arrays, shuffled[in_order != i]), take(arrays, shuffled[in_order == i])) for i in range(k))
