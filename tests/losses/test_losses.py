"""Losses: refusals, masks with NaN in them, slopes at special points, and the one-hot that is never made."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from jaxdl import losses
from jaxdl.data import one_hot
from jaxdl.nn.activations import log_softmax, softmax

ELEMENTWISE = {
    "mean_squared_error": losses.mean_squared_error,
    "root_mean_squared_error": losses.root_mean_squared_error,
    "mean_absolute_error": losses.mean_absolute_error,
    "huber": losses.huber,
    "binary_cross_entropy": losses.binary_cross_entropy,
    "hinge": losses.hinge,
}
OVER_CLASSES = {
    "categorical_cross_entropy": losses.categorical_cross_entropy,
    "kl_divergence": losses.kl_divergence,
}


@pytest.mark.parametrize("name", ELEMENTWISE | OVER_CLASSES)
@pytest.mark.parametrize(("a", "b"), [((4,), (4, 1)), ((4, 1), (4,)), ((4,), ()), ((4, 2), (1, 2)), ((4,), (5,))])
def test_unequal_shapes_never_broadcast(name, a, b):
    with pytest.raises(ValueError, match="no broadcasting") as caught:
        (ELEMENTWISE | OVER_CLASSES)[name](jnp.zeros(a), jnp.zeros(b))
    message = str(caught.value)
    assert message.startswith(f"{name}: ")
    assert str(a) in message
    assert str(b) in message


@pytest.mark.parametrize(
    ("logits", "labels", "message"),
    [
        (jnp.zeros((4, 3)), jnp.zeros((4, 1), jnp.int32), r"labels \(4, 1\) need the batch shape of logits \(4, 3\)"),
        (jnp.zeros((4, 3)), jnp.zeros((3,), jnp.int32), r"labels \(3,\)"),
        (jnp.zeros((4, 3)), jnp.zeros((4,)), "labels must be integers, got float32"),
    ],
)
def test_sparse_cross_entropy_refuses(logits, labels, message):
    with pytest.raises(ValueError, match=message):
        losses.sparse_categorical_cross_entropy(logits, labels)


@pytest.mark.parametrize("name", ELEMENTWISE)
def test_mask_of_another_shape_is_refused(name):
    with pytest.raises(ValueError, match=r"mask \(4, 1\) and values \(4,\)"):
        ELEMENTWISE[name](jnp.ones(4), jnp.zeros(4), where=jnp.ones((4, 1), bool))


@pytest.mark.parametrize("name", [*OVER_CLASSES, "sparse_categorical_cross_entropy"])
def test_mask_over_classes_is_refused(name):
    targets = jnp.zeros(4, jnp.int32) if name.startswith("sparse") else jnp.full((4, 3), 1 / 3)
    with pytest.raises(ValueError, match=r"mask \(4, 3\)"):
        getattr(losses, name)(jnp.zeros((4, 3)), targets, where=jnp.ones((4, 3), bool))


KEPT = np.array([True, False, True, False])


def _rows(name: str) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(0)
    if name == "sparse_categorical_cross_entropy":
        return rng.normal(size=(4, 3)).astype(np.float32), np.array([0, 1, 2, 1], np.int32)
    if name in OVER_CLASSES:
        x, t = rng.normal(size=(2, 4, 3)).astype(np.float32)
        return np.asarray(log_softmax(x)), np.asarray(softmax(t))
    return rng.normal(size=4).astype(np.float32), np.array([0, 1, 1, 0], np.float32)


ALL = [*ELEMENTWISE, *OVER_CLASSES, "sparse_categorical_cross_entropy"]


@pytest.mark.parametrize("bad", [np.nan, np.inf])
@pytest.mark.parametrize("name", ALL)
def test_masked_rows_may_hold_anything(name, bad):
    """Value and gradients are those of the kept rows alone, and exactly zero for the rest."""
    loss = getattr(losses, name)
    predictions, targets = _rows(name)
    wrt = (0,) if targets.dtype == np.int32 else (0, 1)

    def total(p, t, where=None):
        return loss(p, t, where=where).sum()

    value, slopes = jax.value_and_grad(total, argnums=wrt)(predictions[KEPT], targets[KEPT])
    spoiled = [predictions.copy(), targets.copy()]
    for i in wrt:
        spoiled[i][~KEPT] = bad
    masked_value, masked = jax.value_and_grad(total, argnums=wrt)(*spoiled, jnp.asarray(KEPT))
    assert float(masked_value) == pytest.approx(float(value), rel=1e-6)
    for slope, masked_slope in zip(slopes, masked, strict=True):
        np.testing.assert_allclose(masked_slope[KEPT], slope, rtol=1e-5, atol=1e-7)
        np.testing.assert_array_equal(masked_slope[~KEPT], np.zeros_like(masked_slope[~KEPT]))


@pytest.mark.parametrize("name", ALL)
def test_everything_masked_is_zero(name):
    predictions, targets = (jnp.asarray(a) for a in _rows(name))
    nothing = jnp.zeros(4, bool)
    value, slope = jax.value_and_grad(lambda p: getattr(losses, name)(p, targets, where=nothing).sum())(predictions)
    assert float(value) == 0
    assert not np.any(slope)


def test_rmse_has_a_finite_gradient_at_zero_error():
    x = jnp.arange(3.0)
    value, slope = jax.value_and_grad(losses.root_mean_squared_error)(x, x)
    assert float(value) == 0
    assert slope.tolist() == [0.0, 0.0, 0.0]
    np.testing.assert_allclose(jax.grad(losses.root_mean_squared_error)(x + 1e-3, x), [1 / 3] * 3, rtol=1e-3)


def test_mean_absolute_error_has_no_slope_at_zero_error():
    assert jax.grad(losses.mean_absolute_error)(jnp.array([1.0, 2.0]), jnp.array([1.0, 3.0])).tolist() == [0.0, -0.5]


@pytest.mark.parametrize("dtype", ["float16", "bfloat16", "float32"])
def test_cross_entropies_far_out(dtype):
    x = jnp.asarray([[1e4, -1e4], [-1e4, 1e4]], jnp.dtype(dtype))
    labels = jnp.array([0, 0])
    value, slope = jax.value_and_grad(lambda x: losses.sparse_categorical_cross_entropy(x, labels)[0])(x)
    assert float(value) == 0
    assert bool(jnp.isfinite(slope).all())
    hard = losses.binary_cross_entropy(x[:, 0], jnp.zeros(2, x.dtype))
    assert float(hard[1]) == 0
    assert float(hard[0]) == pytest.approx(1e4, rel=0.01)


def test_binary_cross_entropy_has_the_right_slope_at_the_start():
    """A logit of exactly 0, as from weights that start at zero: s(0) - t."""
    slope = jax.grad(lambda x, t: losses.binary_cross_entropy(x, t).sum())(jnp.zeros(2), jnp.array([0.0, 1.0]))
    assert slope.tolist() == [0.5, -0.5]


@pytest.mark.parametrize("labels_dtype", ["uint8", "int8", "int16", "int32"])
def test_sparse_cross_entropy_of_many_classes_and_narrow_labels(labels_dtype):
    """More classes than an 8-bit label can count: no class may be taken for another."""
    x = jnp.asarray(np.random.default_rng(0).normal(size=(3, 600)), jnp.float32)
    labels = jnp.asarray([0, 44, 100], jnp.dtype(labels_dtype))
    ours = jax.grad(lambda x: losses.sparse_categorical_cross_entropy(x, labels).sum())(x)
    dense = np.asarray(one_hot(np.array([0, 44, 100]), 600))
    np.testing.assert_allclose(ours, np.asarray(softmax(x)) - dense, atol=1e-6)


def _memory(loss, logits, targets) -> int:
    compiled = jax.jit(jax.grad(lambda x, t: loss(x, t).mean())).lower(logits, targets).compile()
    analysis = compiled.memory_analysis()
    assert analysis is not None
    return analysis.temp_size_in_bytes


def test_sparse_cross_entropy_never_makes_the_one_hot():
    """Beside input and result the gradient's program keeps less than half a matrix [B, V], and scatters nothing."""
    b, v = 64, 4096
    logits, labels = jnp.zeros((b, v)), jnp.zeros(b, jnp.int32)
    matrix = b * v * 4

    assert _memory(losses.sparse_categorical_cross_entropy, logits, labels) < matrix / 2
    jaxpr = str(jax.make_jaxpr(jax.grad(lambda x: losses.sparse_categorical_cross_entropy(x, labels).sum()))(logits))
    assert "scatter" not in jaxpr


@pytest.mark.parametrize("smoothing", [0.0, 0.1, 0.5])
def test_label_smoothing_is_that_of_the_dense_targets(smoothing):
    rng = np.random.default_rng(0)
    x, labels = jnp.asarray(rng.normal(size=(5, 7)), jnp.float32), jnp.asarray(rng.integers(0, 7, 5))
    dense = losses.smooth_labels(one_hot(labels, 7), smoothing)
    np.testing.assert_allclose(dense, optax.smooth_labels(one_hot(labels, 7), smoothing), rtol=1e-6)
    np.testing.assert_allclose(dense.sum(-1), np.ones(5), rtol=1e-6)
    sparse = functools.partial(losses.sparse_categorical_cross_entropy, label_smoothing=smoothing)
    np.testing.assert_allclose(sparse(x, labels), losses.categorical_cross_entropy(x, dense), rtol=1e-5)
    ours = jax.grad(lambda x: sparse(x, labels).sum())(x)
    np.testing.assert_allclose(ours, jax.grad(lambda x: losses.categorical_cross_entropy(x, dense).sum())(x), atol=1e-6)


def test_label_smoothing_with_a_mask():
    x, labels = jnp.array([[1.0, 2.0], [jnp.nan, 0.0]]), jnp.array([0, 1])
    value = losses.sparse_categorical_cross_entropy(x, labels, label_smoothing=0.2, where=jnp.array([True, False]))
    assert float(value[1]) == 0
    assert float(value[0]) == pytest.approx(np.log(1 + np.e) - 0.1)


def test_kl_of_equal_distributions_is_zero_and_zero_targets_are_allowed():
    t = jnp.array([0.0, 0.25, 0.75])
    log_q = jnp.log(jnp.array([0.1, 0.2, 0.7]))
    expected = 0.25 * np.log(0.25 / 0.2) + 0.75 * np.log(0.75 / 0.7)
    assert float(losses.kl_divergence(log_q, t)) == pytest.approx(expected, rel=1e-5)
    assert float(losses.kl_divergence(jnp.log(t[1:]), t[1:])) == pytest.approx(0, abs=1e-7)


def test_huber_is_smooth_where_its_pieces_meet():
    for side in (-1, 1):
        slopes = [
            float(jax.grad(losses.huber)(jnp.float32(side * e), jnp.float32(0), delta=0.5)) for e in (0.499, 0.5, 0.501)
        ]
        assert slopes == pytest.approx([side * 0.499, side * 0.5, side * 0.5], abs=1e-6)


@pytest.mark.parametrize("name", ["mean_squared_error", "mean_absolute_error", "root_mean_squared_error"])
def test_half_precision_sums_do_not_overflow_or_stall(name):
    """4096 errors of 8: their squares sum to 262144, more than float16 holds."""
    value = getattr(losses, name)(jnp.full(4096, 8.0, jnp.float16), jnp.zeros(4096, jnp.float16))
    assert value.dtype == jnp.float16
    assert float(value) == {"mean_squared_error": 64, "mean_absolute_error": 8, "root_mean_squared_error": 8}[name]
