"""Splits and folds: every example exactly once, the sizes asked for, the classes in proportion."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jaxdl.data.arrays import count, one_hot, take, validate
from jaxdl.data.splits import k_fold, largest_remainder, split


def numbered(labels):
    """Arrays whose x says which row each example was."""
    labels = np.asarray(labels)
    return {"x": np.arange(len(labels)), "y": labels}


def rows(*parts):
    return np.concatenate([part["x"] for part in parts])


labelings = st.lists(st.integers(0, 3), min_size=40, max_size=120).map(lambda rest: [*range(4)] * 5 + rest)
fractions = st.floats(0.06, 0.45)


@given(st.lists(st.floats(0, 50), min_size=1, max_size=8), st.integers(1, 500))
def test_largest_remainder(weights, total):
    weights = np.array(weights) + 1e-3
    quotas = weights / weights.sum() * total
    sizes = largest_remainder(quotas, total)
    assert sizes.sum() == total
    assert (np.abs(sizes - quotas) < 1 + 1e-6).all()


def test_largest_remainder_ties_go_to_the_front():
    assert largest_remainder(np.array([0.5, 0.5, 0.5, 0.5]), 2).tolist() == [1, 1, 0, 0]


@given(labelings, fractions, fractions, st.sampled_from([None, "y"]), st.integers(0, 9))
def test_every_example_lies_in_one_part(labels, validation, test, stratify, seed):
    arrays = numbered(labels)
    parts = split(arrays, validation=validation, test=test, stratify=stratify, seed=seed)
    n = len(labels)
    assert sorted(rows(*parts)) == list(range(n))
    sizes = [len(part["x"]) for part in parts]
    assert np.abs(np.array(sizes) - n * np.array([1 - validation - test, validation, test])).max() < 1 + 1e-6
    for part in parts:
        np.testing.assert_array_equal(part["y"], arrays["y"][part["x"]])  # rows stay together


@given(labelings, fractions, fractions, st.integers(0, 9))
def test_stratification_keeps_the_proportions(labels, validation, test, seed):
    arrays = numbered(labels)
    parts = split(arrays, validation=validation, test=test, stratify="y", seed=seed)
    whole = np.bincount(arrays["y"], minlength=4)
    tested = np.bincount(parts.test["y"], minlength=4)
    assert np.abs(tested - whole * len(parts.test["y"]) / len(labels)).max() < 1 + 1e-6
    pool = whole - tested
    validated = np.bincount(parts.validation["y"], minlength=4)
    assert np.abs(validated - pool * len(parts.validation["y"]) / pool.sum()).max() < 1 + 1e-6


def test_iris_splits_evenly():
    parts = split(numbered(np.repeat([0, 1, 2], 50)), validation=0.1, test=0.2, stratify="y")
    assert [np.bincount(part["y"]).tolist() for part in parts] == [[35] * 3, [5] * 3, [10] * 3]


def test_parts_are_shuffled_and_seeded():
    arrays = numbered(np.repeat([0, 1], 50))
    first, again, other = (split(arrays, stratify="y", seed=seed) for seed in (3, 3, 4))
    np.testing.assert_array_equal(rows(*first), rows(*again))
    assert (rows(*first) != rows(*other)).any()
    assert np.abs(np.diff(first.train["y"])).sum() > 0
    assert np.abs(np.diff(first.train["y"])).sum() > 20  # classes are mixed, not one block after the other


def test_parts_that_were_not_asked_for_are_empty():
    parts = split(numbered([0, 1, 2]), validation=0, test=0)
    assert [len(part["x"]) for part in parts] == [3, 0, 0]
    parts = split(numbered([0, 1, 0, 1]), validation=0.5, test=0, stratify="y")
    assert [sorted(part["y"]) for part in parts] == [[0, 1], [0, 1], []]


@pytest.mark.parametrize(
    ("n", "options", "message"),
    [
        (10, {"validation": -0.1}, r"validation=-0.1 and test=0.1 must lie in \[0, 1\)"),
        (10, {"validation": 0.5, "test": 0.5}, "leave some examples for training"),
        (10, {"test": float("nan")}, "must lie in"),
        (10, {"test": 10}, "must lie in"),
        (4, {"validation": 0.01, "test": 0.3}, "validation=0.01 of 4 examples is none"),
        (10, {"stratify": "label"}, r"'label' is not one of the arrays \['x', 'y'\]"),
    ],
)
def test_impossible_splits(n, options, message):
    with pytest.raises(ValueError, match=message):
        split(numbered([0] * n), **options)


def test_classes_with_too_few_examples():
    with pytest.raises(
        ValueError, match=r"class 7 of 'y' has 2 example\(s\), but a split into 3 parts need\(s\) at least 3"
    ):
        split(numbered([1] * 20 + [7] * 2), stratify="y")
    with pytest.raises(ValueError, match="has 2 example"):
        k_fold(numbered([1] * 20 + [7] * 2), 3, stratify="y")
    with pytest.raises(ValueError, match="one label an example"):
        split({"x": np.arange(30), "y": np.eye(30)}, stratify="y")


@given(labelings, st.integers(2, 5), st.sampled_from([None, "y"]), st.integers(0, 9))
def test_folds(labels, k, stratify, seed):
    arrays = numbered(labels)
    folds = list(k_fold(arrays, k, stratify=stratify, seed=seed))
    assert len(folds) == k
    assert sorted(rows(*(fold.validation for fold in folds))) == list(range(len(labels)))
    for fold in folds:
        assert sorted(rows(*fold)) == list(range(len(labels)))
        np.testing.assert_array_equal(fold.train["y"], arrays["y"][fold.train["x"]])
    sizes = [len(fold.validation["x"]) for fold in folds]
    assert max(sizes) - min(sizes) <= 1
    if stratify:
        counts = np.array([np.bincount(fold.validation["y"], minlength=4) for fold in folds])
        assert (counts.max(axis=0) - counts.min(axis=0) <= 1).all()


def test_folds_are_seeded_and_shuffled():
    arrays = numbered(np.repeat([0, 1], 20))
    first, again, other = (rows(*(f.validation for f in k_fold(arrays, 4, stratify="y", seed=s))) for s in (0, 0, 1))
    np.testing.assert_array_equal(first, again)
    assert (first != other).any()
    labels = next(k_fold(arrays, 2, stratify="y")).train["y"]
    assert np.abs(np.diff(labels)).sum() > 2


@pytest.mark.parametrize("k", [1, 0, -1, 6])
def test_impossible_folds(k):
    with pytest.raises(ValueError, match=f"between 2 and the number of examples 5, got {k}"):
        k_fold(numbered([0] * 5), k)  # at once, not when the first fold is asked for


# ---------------------------------------------------------------- arrays.py


def test_count_and_take():
    with pytest.raises(ValueError, match=r"same number of rows, got shapes \{'x': \(3, 2\), 'y': \(2,\)\}"):
        count({"x": np.zeros((3, 2)), "y": np.zeros(2)})
    with pytest.raises(ValueError, match="is empty"):
        count({"x": np.zeros((0, 2))})
    with pytest.raises(ValueError, match="leading axis"):
        count({"x": np.zeros(())})
    with pytest.raises(ValueError, match="leading axis"):
        count({})
    assert take(numbered([5, 6, 7]), np.array([1]))["y"].tolist() == [6]


@pytest.mark.parametrize(
    ("x", "y", "message"),
    [
        ([[0.0], [1.0], [np.nan]], [0, 1, 1], "toy: x holds nan in row 2"),
        ([[0.0], [-np.inf], [1.0]], [0, 1, 1], "toy: x holds -inf in row 1"),
        ([[0.0], [1.0], [2.0]], [0, 2, 1], r"toy: y is 2 in row 1, not a label in \[0, 2\)"),
        ([[0.0], [1.0], [2.0]], [0, 1, -1], "toy: y is -1 in row 2"),
        ([[0.0], [1.0], [2.0]], [0.0, 1.0, 1.0], r"integer labels, got float64 \(3,\)"),
        ([[0.0], [1.0], [2.0]], [[0], [1], [1]], r"integer labels, got int64 \(3, 1\)"),
        ([[0.0], [1.0]], [0, 1, 1], "same number of rows"),
    ],
)
def test_validate(x, y, message):
    with pytest.raises(ValueError, match=message):
        validate({"x": np.array(x), "y": np.array(y)}, 2, name="toy")


def test_validate_accepts_what_is_right():
    arrays = {"x": np.zeros((2, 3), np.uint8), "y": np.array([0, 1])}
    assert validate(arrays, 2) is arrays
    validate({"x": np.zeros((2, 3)), "y": np.array([0.5, -7.0])})
    with pytest.raises(ValueError, match="no labels 'y'"):
        validate({"x": np.zeros(2)}, 2)
    with pytest.raises(ValueError, match="y holds inf in row 0"):
        validate({"x": np.zeros(1), "y": np.array([np.inf])})


@settings(deadline=None, max_examples=20)
@given(st.lists(st.integers(0, 4), min_size=1, max_size=9))
def test_one_hot(labels):
    import jax
    import jax.numpy as jnp

    expected = np.eye(5, dtype=np.float32)[labels]
    np.testing.assert_array_equal(one_hot(np.array(labels), 5), expected)
    result = one_hot(jnp.array(labels), 5)
    assert isinstance(result, jax.Array)
    assert result.dtype == jnp.float32
    np.testing.assert_array_equal(result, expected)


def test_one_hot_edges():
    import jax
    import jax.numpy as jnp

    labels = jnp.array([[0, 7], [2, -1]], jnp.int32)
    compiled = jax.jit(lambda y: one_hot(y, 3, jnp.bfloat16))(labels)
    assert (compiled.shape, compiled.dtype) == ((2, 2, 3), jnp.bfloat16)
    assert compiled.astype(jnp.float32).sum(axis=2).tolist() == [[1, 0], [1, 0]]  # out of range: all zeros
    assert one_hot(np.array([200], np.uint8), 300).argmax() == 200
    with pytest.raises(ValueError, match="must be integers, got float32"):
        one_hot(jnp.ones(2), 3)
