"""Weight decay, clipping and the max-norm constraint."""

from collections.abc import Callable

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from jaxdl import optim


def project(block: optax.GradientTransformation, params: jax.Array, update: jax.Array) -> jax.Array:
    """Parameters after a step through the block."""
    return optax.apply_updates(params, block.update(update, block.init(params), params)[0])  # type: ignore[return-value]


def test_decay_follows_the_mask() -> None:
    params = {"w": jnp.full((2, 2), 4.0), "b": jnp.full(2, 4.0)}
    zero = jax.tree.map(jnp.zeros_like, params)
    cases = {None: (0.4, 0.4), "w": (0.4, 0.0), "b": (0.0, 0.4)}
    for only, (w, b) in cases.items():
        block = optim.add_decayed_weights(0.1, None if only is None else {"w": only == "w", "b": only == "b"})
        updates, _ = block.update(zero, block.init(params), params)
        np.testing.assert_allclose(updates["w"], w)  # type: ignore[index,call-overload]
        np.testing.assert_allclose(updates["b"], b)  # type: ignore[index,call-overload]


def test_norm_is_that_of_all_leaves_in_float32() -> None:
    rng = np.random.default_rng(0)
    tree = {"a": rng.normal(size=(3, 4)).astype("float32"), "b": [rng.normal(size=5).astype("float32")]}
    flat = np.concatenate([x.ravel() for x in jax.tree.leaves(tree)])
    np.testing.assert_allclose(optim.global_norm(tree), np.linalg.norm(flat), rtol=1e-6)
    half = jnp.full(4, 300.0, jnp.float16)  # its square is past float16's largest number
    assert optim.global_norm(half).dtype == jnp.float32
    np.testing.assert_allclose(optim.global_norm(half), 600.0)


def test_norm_of_mixed_dtypes(x64: None) -> None:
    norm = optim.global_norm([jnp.array([3.0], jnp.float64), jnp.array([4.0], jnp.float32)])
    assert norm.dtype == jnp.float64
    assert float(norm) == 5.0


@pytest.mark.parametrize(("length", "expected"), [(0.0, 0.0), (0.5, 0.5), (1.0, 1.0), (8.0, 1.0)])
def test_clip_keeps_short_gradients_exactly_and_shortens_long_ones(length: float, expected: float) -> None:
    gradient = {"a": jnp.array([0.6 * length]), "b": jnp.array([0.0, -0.8 * length])}
    block = optim.clip_by_global_norm(1.0)
    clipped, _ = block.update(gradient, block.init(gradient))
    np.testing.assert_allclose(optim.global_norm(clipped), expected, rtol=1e-6)
    if length < 1:
        jax.tree.map(np.testing.assert_array_equal, clipped, gradient)
    else:
        jax.tree.map(lambda c, g: np.testing.assert_allclose(c, g / length, rtol=1e-6), clipped, gradient)


def test_clip_does_not_hide_a_nan() -> None:
    gradient = jnp.array([1.0, jnp.nan])
    block = optim.clip_by_global_norm(1.0)
    assert np.all(np.isnan(block.update(gradient, block.init(gradient))[0]))  # type: ignore[arg-type]


@pytest.mark.parametrize("dtype", ["float16", "bfloat16", "float32"])
def test_max_norm_bounds_every_column(dtype: str) -> None:
    rng = np.random.default_rng(0)
    w = jnp.asarray(rng.normal(size=(5, 40)), dtype)
    update = jnp.asarray(3 * rng.normal(size=(5, 40)), dtype)
    new = project(optim.max_norm(7.0), w, update)
    before, after = (np.linalg.norm(np.asarray(x, "float32"), axis=0) for x in (w + update, new))
    slack = 4 * float(jnp.finfo(dtype).eps)
    assert (before > 7).any()
    assert (before < 6.8).any()
    assert after.max() <= 7 * (1 + slack)
    np.testing.assert_allclose(after, np.minimum(before, 7.0), rtol=slack)
    np.testing.assert_array_equal(new[:, before < 6.8], (w + update)[:, before < 6.8])  # inside the ball: untouched


def test_max_norm_keeps_the_direction_and_spares_biases() -> None:
    params = {"w": jnp.array([[3.0], [4.0]]), "b": jnp.array([30.0])}
    block = optim.max_norm(1.0)
    updates, _ = block.update(jax.tree.map(jnp.zeros_like, params), block.init(params), params)
    new = optax.apply_updates(params, updates)
    np.testing.assert_allclose(new["w"], [[0.6], [0.8]], rtol=1e-6)  # type: ignore[index,call-overload]
    np.testing.assert_array_equal(new["b"], params["b"])  # type: ignore[index,call-overload]


@pytest.mark.parametrize("size", [1e-37, 1e-25, 1e-15, 1.0, 3e20, 1e25, 2e38])
def test_norm_neither_overflows_nor_vanishes(size: float) -> None:
    tree = {"a": jnp.array([size]), "b": jnp.array([-size])}
    np.testing.assert_allclose(float(optim.global_norm(tree)), np.sqrt(2) * size, rtol=1e-6)
    slope = jax.grad(optim.global_norm)(tree)
    np.testing.assert_allclose([slope["a"][0], slope["b"][0]], np.sqrt(0.5) * np.array([1, -1]), rtol=1e-6)
    block = optim.clip_by_global_norm(size / 2)
    clipped, _ = block.update(tree, block.init(tree))
    np.testing.assert_allclose(clipped["a"], np.sqrt(0.5) * size / 2, rtol=1e-6)  # type: ignore[index,call-overload]
    np.testing.assert_array_equal(clipped["b"], -clipped["a"])  # type: ignore[index,call-overload]
    bounded = project(optim.max_norm(size / 2), jnp.array([[size], [-size]]), jnp.zeros((2, 1)))
    np.testing.assert_allclose(bounded[:, 0], np.sqrt(0.5) * size / 2 * np.array([1, -1]), rtol=1e-5)


def test_a_long_gradient_keeps_its_direction() -> None:
    gradient = jnp.array([3e20, -4e20])
    block = optim.clip_by_global_norm(1.0)
    np.testing.assert_allclose(block.update(gradient, block.init(gradient))[0], [0.6, -0.8], rtol=1e-6)  # type: ignore[arg-type]


@pytest.mark.parametrize("entry", [np.inf, np.nan])
def test_norm_of_what_is_not_finite(entry: float) -> None:
    np.testing.assert_equal(float(optim.global_norm(jnp.array([1.0, entry]))), entry)


@pytest.mark.parametrize(
    "function",
    [
        optim.global_norm,
        lambda g: optim.clip_by_global_norm(1.0).update(g, optax.EmptyState())[0],
        lambda g: optim.max_norm(1.0).update(g, optax.EmptyState(), jnp.zeros((2, 3)))[0],
    ],
)
def test_slope_at_zero_is_finite(function: Callable[..., jax.Array]) -> None:
    """The norm's is 0, as of every norm here; within the limit the blocks are the identity."""
    slope = jax.grad(lambda g: jnp.sum(function(g)))(jnp.zeros((2, 3)))
    np.testing.assert_array_equal(slope, np.full((2, 3), float(function is not optim.global_norm)))


def test_max_norm_axes() -> None:
    kernel = jnp.ones((3, 3, 2, 4))  # one norm for each output channel, sqrt(18)
    new = project(optim.max_norm(1.0), kernel, jnp.zeros_like(kernel))
    np.testing.assert_allclose(jnp.sum(new**2, (0, 1, 2)), np.ones(4), rtol=1e-5)
    stacked = jnp.ones((7, 9, 2))  # seven layers of nine inputs, each column has norm 3
    new = project(optim.max_norm(1.5, axis=-2), stacked, jnp.zeros_like(stacked))
    np.testing.assert_allclose(jnp.sqrt(jnp.sum(new**2, 1)), np.full((7, 2), 1.5), rtol=1e-5)


def test_max_norm_at_zero_weights_is_finite() -> None:
    zero = jnp.zeros((3, 2))
    np.testing.assert_array_equal(project(optim.max_norm(1.0), zero, zero), zero)


def test_training_under_max_norm_stays_within_it() -> None:
    optimizer = optax.chain(optim.momentum(0.1), optim.max_norm(1.0))
    params = jnp.ones((2, 3))
    state = optimizer.init(params)
    for _ in range(20):
        updates, state = optimizer.update(params - 10.0, state, params)  # pulls every weight to 10
        params = jnp.asarray(optax.apply_updates(params, updates))
        assert float(jnp.max(jnp.linalg.norm(params, axis=0))) <= 1 + 1e-6


def test_bad_arguments_are_refused() -> None:
    with pytest.raises(ValueError, match="limit must be > 0"):
        optim.clip_by_global_norm(0.0)
    with pytest.raises(ValueError, match="limit must be > 0"):
        optim.max_norm(-1.0)
    for block in (optim.max_norm(1.0), optim.add_decayed_weights(0.1)):
        with pytest.raises(ValueError, match=r"optimizer.update\(grads, state, params\)"):
            block.update(jnp.ones((2, 2)), block.init(jnp.ones((2, 2))))
