"""What losses, scores and similarities make of NaN, of whole numbers, and of numbers far from zero, small or large."""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from cases import Case, all_cases, arguments, cast, is_floating

from jaxdl import losses, metrics
from jaxdl.metrics import ranking, sample_scores
from jaxdl.types import Array

FLOORS = ("losses", "minimax", "similarity", "term_weights")
CASES = [case for case in all_cases() if case.name.split(".")[0] in FLOORS]
ALL, FIRST = jnp.ones((2, 3), bool), jnp.array([[True, False, False]] * 2)
LABELS = jnp.array([0, 2])
SCORES: dict[str, Callable[[Array], Any]] = {  # of two rows of three numbers
    "mean": metrics.mean,
    "accuracy": lambda x: metrics.accuracy(x, LABELS),
    "top_k_accuracy": lambda x: metrics.top_k_accuracy(x, LABELS, 2),
    "binary_accuracy": lambda x: metrics.binary_accuracy(x, FIRST),
    "confusion_matrix": lambda x: metrics.confusion_matrix(x, LABELS),
    "roc_auc": lambda x: metrics.roc_auc(x.reshape(-1), FIRST.reshape(-1)),
    "r2": lambda x: metrics.r2(metrics.squared_errors(x[0], x[1], center=float(x[0, 0]))),
    "perplexity": lambda x: metrics.perplexity(metrics.mean(x)),
    "peak_signal_to_noise": lambda x: metrics.peak_signal_to_noise(metrics.mean(x * x)),
    "ranked_score": lambda x: ranking.ranked_score(x, FIRST, ALL),
    "precision_at_k": lambda x: ranking.precision_at_k(x, FIRST, ALL, 1),
    "recall_at_k": lambda x: ranking.recall_at_k(x, FIRST, ALL, 1),
    "ndcg_at_k": lambda x: ranking.ndcg_at_k(x, FIRST, ALL, 2),
    "ranking.coverage": lambda x: ranking.coverage(x, ALL, 1),
    "class_entropy": lambda x: sample_scores.class_entropy(x),
    "parzen_log_likelihood": lambda x: sample_scores.parzen_log_likelihood(x, x[::-1], 1.0),
}
COUNTS = ("accuracy", "top_k_accuracy", "binary_accuracy", "confusion_matrix")  # of what is right: NaN never is
ROWS = jnp.array([[3.0, 1.0, 0.0], [1.0, 0.0, 2.0]])


def each(cases):
    return pytest.mark.parametrize("case", cases, ids=lambda c: c.name)


def floats(output: Any) -> list[np.ndarray]:
    return [np.asarray(leaf, np.float64) for leaf in jax.tree.leaves(output)]


@each([case for case in CASES if "where" not in case.name])
def test_nan_in_any_argument_comes_out(case: Case):
    args = list(arguments(case))
    for i, arg in enumerate(args):
        leaves, tree = jax.tree.flatten(arg)
        for j, leaf in enumerate(leaves):
            if is_floating(leaf):
                spoiled = [*leaves[:j], leaf.at[(0,) * leaf.ndim].set(jnp.nan), *leaves[j + 1 :]]
                output = case.function(*args[:i], jax.tree.unflatten(tree, spoiled), *args[i + 1 :])
                assert any(np.isnan(found).any() for found in floats(output)), f"argument {i}"


@pytest.mark.parametrize("name", SCORES)
def test_nan_makes_no_score_better(name: str):
    right, nan = SCORES[name](ROWS), SCORES[name](ROWS.at[0, 0].set(jnp.nan))
    if name in COUNTS:
        hits, n = nan
        assert np.trace(hits) < np.trace(right[0]) if hits.ndim else float(hits) == float(right[0]) - 1
        assert int(n) == int(right[1])
    else:
        assert np.isnan(floats(nan)).any()


@each([case for case in CASES if "where" not in case.name and case.name != "minimax.gradient_penalty"])
def test_whole_numbers_are_numbers(case: Case):
    """int32 and int64 of the host as well as bytes: the value of the floats, never a whole number's arithmetic."""
    whole = jax.tree.map(lambda x: np.asarray(jnp.abs(3 * x).round()) if is_floating(x) else x, arguments(case))
    expected = case.function(*jax.tree.map(jnp.asarray, whole))
    for dtype in (np.uint8, np.int32, np.int64):
        found = case.function(*jax.tree.map(lambda x, d=dtype: x.astype(d) if is_floating(x) else x, whole))
        assert all(is_floating(leaf) for leaf in jax.tree.leaves(found))
        jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-6), found, expected)


@pytest.mark.parametrize("name", [name for name in SCORES if name != "parzen_log_likelihood"])
def test_scores_of_whole_numbers(name: str):
    for dtype in ("uint8", "int32"):
        found, expected = floats(SCORES[name](ROWS.astype(dtype))), floats(SCORES[name](ROWS))
        jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-6), found, expected)


BOTH = ("error", "huber", "similarity")  # predictions and targets, both vectors: moved together
MOVES = {"far": lambda x: x + 1e4, "small": lambda x: 1e-6 * x, "large": lambda x: 1e6 * x}
CANCELS = ("similarity.cosine", "similarity.cosine_matrix")  # their slope among vectors that are nearly parallel


@each([c for c in CASES if c.wrt and not c.name.startswith("term") and c.name != "minimax.optimal_discriminator"])
@pytest.mark.parametrize("move", MOVES)
def test_values_and_gradients_far_from_zero_small_and_large_beside_float64(case: Case, move: str):
    args = list(arguments(case))
    for i in case.wrt:
        if i == 0 or any(word in case.name for word in BOTH):
            args[i] = MOVES[move](args[i])

    @jax.jit
    def both(*args):
        value, slope = jax.vjp(lambda x: case.function(x, *args[1:]), args[0])
        return (value,) if case.name in CANCELS and move == "far" else (value, slope(jnp.ones_like(value))[0])

    with jax.enable_x64(True):
        exact = both(*cast(args, jnp.float64))
    for found, true in zip(both(*args), exact, strict=True):
        np.testing.assert_allclose(found, true, rtol=1e-5, atol=1e-5 * max(float(np.abs(true).max()), 1e-30))


@pytest.mark.parametrize("name", [name for name in SCORES if name != "perplexity"])
@pytest.mark.parametrize("move", MOVES)
def test_scores_far_from_zero_small_and_large_beside_float64(name: str, move: str):
    x = MOVES[move](ROWS)
    with jax.enable_x64(True):
        exact = floats(SCORES[name](x.astype(jnp.float64)))
    for found, true in zip(floats(SCORES[name](x)), exact, strict=True):
        np.testing.assert_allclose(found, true, rtol=2e-5)


def test_a_count_passes_what_float32_counts_one_by_one():
    pair = metrics.accuracy(ROWS, LABELS)
    total = jax.tree.map(lambda n: n * 2**24, pair)
    assert [int(n) for n in metrics.merge({"a": total}, {"a": pair})["a"]] == [2**25 + 2] * 2
    assert losses.hinge(jnp.array([2]), jnp.array([1])).dtype == jnp.float32
