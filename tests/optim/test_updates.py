"""What every optimizer keeps: dtype, one compilation, the numbers of a sweep under vmap; and that it optimizes."""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from jaxdl import optim

Make = Callable[[Any], optax.GradientTransformation]

OPTIMIZERS: dict[str, tuple[Make, float]] = {  # a learning rate -> optimizer, and a rate that suits `slope`
    "sgd": (optim.sgd, 0.1),
    "momentum": (optim.momentum, 0.02),
    "nesterov": (lambda rate: optim.momentum(rate, nesterov=True), 0.02),
    "ewma_momentum": (optim.ewma_momentum, 0.1),
    "ewma_momentum/debias": (lambda rate: optim.ewma_momentum(rate, debias=True), 0.1),
    "rmsprop": (optim.rmsprop, 0.01),
    "rmsprop/eps_inside_root": (lambda rate: optim.rmsprop(rate, eps_inside_root=True), 0.01),
    "rmsprop/debias": (lambda rate: optim.rmsprop(rate, debias=True), 0.01),
    "adagrad": (optim.adagrad, 0.5),
    "adam": (optim.adam, 0.02),
    "adam/no debias": (lambda rate: optim.adam(rate, debias=False), 0.02),
    "adamw": (lambda rate: optim.adamw(rate, weight_decay=1e-4), 0.02),
    "chain": (
        lambda rate: optax.chain(optim.clip_by_global_norm(10.0), optim.momentum(rate), optim.max_norm(100.0)),
        0.02,
    ),
}
TARGET = {"w": np.array([[1.0, -2.0], [0.5, 3.0]]), "b": np.array([-1.0, 2.0])}
CURVATURE = {"w": np.array([[1.0, 2.0], [0.5, 1.5]]), "b": np.array([1.0, 0.7])}


def start(dtype: str = "float32") -> Any:
    return {"w": jnp.zeros((2, 2), dtype), "b": jnp.zeros(2, dtype)}


def slope(params: Any) -> Any:
    """The gradient of a quadratic bowl around TARGET."""
    return jax.tree.map(
        lambda h, p, t: jnp.asarray(h, p.dtype) * (p - jnp.asarray(t, p.dtype)), CURVATURE, params, TARGET
    )


def descend(optimizer: optax.GradientTransformation, params: Any, steps: int) -> Any:
    def step(_: Any, carry: Any) -> Any:
        params, state = carry
        updates, state = optimizer.update(slope(params), state, params)
        return optax.apply_updates(params, updates), state

    return jax.lax.fori_loop(0, steps, step, (params, optimizer.init(params)))[0]


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_converges(name: str) -> None:
    make, rate = OPTIMIZERS[name]
    params = jax.jit(lambda p: descend(make(rate), p, 1000))(start())
    for leaf, target in zip(jax.tree.leaves(params), jax.tree.leaves(TARGET), strict=True):
        np.testing.assert_allclose(leaf, target, atol=0.02)


@pytest.mark.parametrize("dtype", ["float16", "bfloat16", "float32", "float64"])
@pytest.mark.parametrize("name", OPTIMIZERS)
def test_parameters_keep_their_dtype_and_moments_have_float32(name: str, dtype: str, x64: None) -> None:
    make, rate = OPTIMIZERS[name]
    optimizer, params = make(rate), start(dtype)
    state = optimizer.init(params)
    updates, new = optimizer.update(slope(params), state, params)
    assert {u.dtype.name for u in jax.tree.leaves(updates)} == {dtype}
    wide = "float64" if dtype == "float64" else "float32"
    assert {leaf.dtype.name for leaf in jax.tree.leaves(new)} <= {wide, "int32"}
    # the state is a loop's carry: same structure, shapes, dtypes, and no weak types
    assert jax.tree.structure(state) == jax.tree.structure(new)
    for a, b in zip(jax.tree.leaves(state), jax.tree.leaves(new), strict=True):
        assert (a.shape, a.dtype, a.weak_type) == (b.shape, b.dtype, b.weak_type) == (b.shape, b.dtype, False)


@pytest.mark.parametrize("name", ["rmsprop", "adagrad", "adam", "adamw"])
def test_squares_do_not_overflow_in_half_precision(name: str) -> None:
    make, _ = OPTIMIZERS[name]
    optimizer, params = make(0.5), start("float16")
    gradient = jax.tree.map(lambda p: jnp.full_like(p, 1000.0), params)  # its square is past float16's 65504
    updates, _ = optimizer.update(gradient, optimizer.init(params), params)
    for u in jax.tree.leaves(updates):
        assert np.all(u < -0.4)
        assert np.all(u > -2)


@pytest.mark.parametrize("scheduled", [False, True])
@pytest.mark.parametrize("name", OPTIMIZERS)
def test_one_compilation(name: str, scheduled: bool) -> None:
    make, rate = OPTIMIZERS[name]
    optimizer = make(optim.cosine_schedule(rate, 100) if scheduled else rate)
    params, traces = start(), []

    @jax.jit
    def step(params: Any, state: Any) -> Any:
        traces.append(1)
        updates, state = optimizer.update(slope(params), state, params)
        return optax.apply_updates(params, updates), state

    state = optimizer.init(params)
    for _ in range(3):
        params, state = step(params, state)
    assert len(traces) == 1
    assert step._cache_size() == 1  # type: ignore[attr-defined]


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_a_sweep_under_vmap_equals_one_rate_at_a_time(name: str) -> None:
    make, rate = OPTIMIZERS[name]
    rates, traces = rate * jnp.array([0.25, 0.5, 1.0]), []

    def run(rate: Any) -> Any:
        traces.append(1)
        return descend(make(rate), start(), 10)

    swept = jax.jit(jax.vmap(run))(rates)
    assert len(traces) == 1
    for i, one in enumerate(rates.tolist()):
        alone = descend(make(one), start(), 10)
        jax.tree.map(lambda s, a, i=i: np.testing.assert_allclose(s[i], a, rtol=2e-6), swept, alone)


def test_a_rate_as_an_argument_compiles_once() -> None:
    run = jax.jit(lambda rate: descend(optim.adam(rate), start(), 3))
    first, second = run(jnp.float32(0.1)), run(jnp.float32(0.2))
    assert run._cache_size() == 1  # type: ignore[attr-defined]
    assert not np.allclose(first["w"], second["w"])


def test_blocks_of_both_libraries_mix() -> None:
    """Ours around optax's and optax's around ours: the same steps as optax alone."""
    theirs = optax.chain(optax.clip_by_global_norm(1.0), optax.trace(0.9), optax.scale(-0.1))
    mixed = [
        optax.chain(optim.clip_by_global_norm(1.0), optax.trace(0.9), optim.scale_by_learning_rate(0.1)),
        optax.chain(optax.clip_by_global_norm(1.0), optim.scale_by_momentum(0.9), optax.scale(-0.1)),
        optax.masked(optim.momentum(0.1), {"w": True, "b": True}),
    ]
    paths = [descend(optimizer, start(), 5) for optimizer in (theirs, *mixed[:2])]
    for path in paths[1:]:
        jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-6), path, paths[0])
    plain = descend(optim.momentum(0.1), start(), 5)
    jax.tree.map(np.testing.assert_array_equal, descend(mixed[2], start(), 5), plain)


def test_averaged_momentum_is_momentum_with_a_smaller_rate() -> None:
    a, b = (descend(o, start(), 20) for o in (optim.ewma_momentum(0.1, 0.9), optim.momentum(0.01, 0.9)))
    jax.tree.map(lambda x, y: np.testing.assert_allclose(x, y, rtol=1e-5), a, b)


def test_adams_first_step_is_the_rate_whatever_the_gradient() -> None:
    """The bias correction is exact to float32: optax's float32 correction is off by 7e-6 here."""
    gradient = jnp.array([1e-3, 1.0, 1e3])
    updates, _ = optim.adam(1.0, eps=0.0).update(gradient, optim.adam(1.0).init(gradient))
    np.testing.assert_allclose(np.asarray(updates), -1.0, rtol=3e-7)


def test_adams_default_eps_is_that_of_the_paper() -> None:
    gradient = jnp.array([1e-8])
    updates, _ = optim.adam(1.0).update(gradient, optim.adam(1.0).init(gradient))
    np.testing.assert_allclose(np.asarray(updates), [-0.5], rtol=1e-5)  # g / (|g| + eps) with g = eps


@pytest.mark.parametrize("name", ["rmsprop", "adagrad", "adam", "adamw"])
def test_a_zero_gradient_gives_a_zero_step(name: str) -> None:
    make, rate = OPTIMIZERS[name]
    optimizer, params = make(rate), start()
    updates, _ = optimizer.update(jax.tree.map(jnp.zeros_like, params), optimizer.init(params), params)
    jax.tree.map(lambda u: np.testing.assert_array_equal(u, np.zeros_like(u)), updates)


def test_bad_arguments_are_refused() -> None:
    with pytest.raises(ValueError, match="the learning rate must be >= 0"):
        optim.sgd(-0.1)
    with pytest.raises(ValueError, match=r"has shape \(3,\), expected a scalar.*vmap"):
        optim.adam(jnp.ones(3))
    with pytest.raises(ValueError, match=r"in \[0, 1\), got 1.5"):
        optim.momentum(0.1, 1.5)
    with pytest.raises(ValueError, match=r"in \[0, 1\), got 1"):
        optim.adam(0.1, 0.9, 1)
    with pytest.raises(ValueError, match="initial_accumulator"):
        optim.adagrad(0.1, initial_accumulator=-1.0)
    optimizer = optim.adamw(0.1)
    with pytest.raises(ValueError, match="needs the parameters"):
        optimizer.update(start(), optimizer.init(start()))


@pytest.mark.parametrize("make", [optim.momentum, optim.rmsprop, optim.adagrad, optim.adam])
def test_a_gradient_of_another_shape_is_refused(make: Make) -> None:
    optimizer = make(0.1)
    state = optimizer.init({"w": jnp.zeros((3, 1))})
    with pytest.raises(ValueError, match=r"\['w'\] has shape \(3,\).*\(3, 1\)"):
        optimizer.update({"w": jnp.zeros(3)}, state)
