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
    "rmsprop/centered": (lambda rate: optim.rmsprop(rate, eps=1.0, centered=True), 0.1),
    "adagrad": (optim.adagrad, 0.5),
    "adam": (optim.adam, 0.02),
    "adam/no debias": (lambda rate: optim.adam(rate, debias=False), 0.02),
    "adam/nesterov": (lambda rate: optim.adam(rate, nesterov=True), 0.02),
    "adam/amsgrad": (lambda rate: optim.adam(rate, amsgrad=True), 0.02),
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
    assert step._cache_size() <= 1  # type: ignore[attr-defined]


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
    assert run._cache_size() <= 1  # type: ignore[attr-defined]
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


THEIRS: dict[str, Callable[[], optax.GradientTransformation]] = {  # the same in optax, for complex parameters
    "sgd": lambda: optax.sgd(0.1),
    "nesterov": lambda: optax.sgd(0.02, momentum=0.9, nesterov=True),
    "ewma_momentum/debias": lambda: optax.chain(optax.ema(0.9, debias=True), optax.scale(-0.1)),
    "rmsprop": lambda: optax.rmsprop(0.01, eps_in_sqrt=False),
    "rmsprop/centered": lambda: optax.rmsprop(0.1, eps=1.0, eps_in_sqrt=False, centered=True),
    "adagrad": lambda: optax.adagrad(0.5, initial_accumulator_value=1e-20, eps=1e-20),
    "adam": lambda: optax.adam(0.02),
    "adam/nesterov": lambda: optax.nadam(0.02),
    "adam/amsgrad": lambda: optax.amsgrad(0.02),
    "adamw": lambda: optax.adamw(0.02, weight_decay=1e-4),
}


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_complex_parameters(name: str) -> None:
    """Squares are |g|^2: both parts are kept, and turning all numbers by an angle turns the whole path."""
    make, rate = OPTIMIZERS[name]
    turn = np.exp(0.7j).astype(np.complex64)
    p = {"w": jnp.array([[1 + 2j, -0.5j]], jnp.complex64)}
    g = {"w": jnp.array([[3 - 4j, 0.25 + 1j]], jnp.complex64)}

    def path(optimizer: optax.GradientTransformation, factor: Any = 1) -> Any:
        params: Any = jax.tree.map(lambda a: a * factor, p)
        state = optimizer.init(params)
        for scale in (1.0, -0.5, 2.0):
            updates, state = optimizer.update(jax.tree.map(lambda a, s=scale: a * s * factor, g), state, params)
            params = optax.apply_updates(params, updates)
        return params["w"]

    ours = path(make(rate))
    assert ours.dtype == jnp.complex64
    np.testing.assert_allclose(path(make(rate), turn), ours * turn, rtol=1e-5)
    if name in THEIRS:
        with jax.numpy_dtype_promotion("standard"):
            np.testing.assert_allclose(ours, path(THEIRS[name]()), rtol=3e-5)


@pytest.mark.parametrize(
    ("make", "arguments"),
    [
        (optim.sgd, {"learning_rate": 0.1}),
        (optim.momentum, {"learning_rate": 0.1, "decay": 0.9}),
        (optim.ewma_momentum, {"learning_rate": 0.1, "decay": 0.9, "debias": True}),
        (optim.rmsprop, {"learning_rate": 0.1, "decay": 0.9, "eps": 1e-8, "centered": True}),
        (optim.adagrad, {"learning_rate": 0.1, "initial_accumulator": 0.1, "eps": 1e-10}),
        (optim.adam, {"learning_rate": 0.1, "b1": 0.9, "b2": 0.999, "eps": 1e-8, "nesterov": True}),
        (optim.adamw, {"learning_rate": 0.1, "weight_decay": 0.01}),
        (optim.clip_by_global_norm, {"limit": 1.0}),
        (optim.max_norm, {"limit": 1.0}),
    ],
)
def test_numbers_may_be_injected_as_state(make: Any, arguments: Any) -> None:
    """`optax.inject_hyperparams` turns every number into an array of the state, which is traced under jit."""
    injected, plain = optax.inject_hyperparams(make)(**arguments), make(**arguments)

    def twice(optimizer: optax.GradientTransformation) -> Any:
        @jax.jit
        def run(params: Any) -> Any:
            state = optimizer.init(params)
            for _ in range(2):
                updates, state = optimizer.update(slope(params), state, params)
                params = optax.apply_updates(params, updates)
            return params

        return run(start())

    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-5), twice(injected), twice(plain))


@pytest.mark.parametrize(
    ("make", "names"),
    [
        (lambda: optim.momentum(0.1), ["trace"]),
        (lambda: optim.ewma_momentum(0.1), ["ema", "count"]),
        (lambda: optim.rmsprop(0.1, centered=True), ["mu", "nu"]),
        (lambda: optim.adagrad(0.1), ["sum_of_squares"]),
        (lambda: optim.adam(0.1, amsgrad=True), ["mu", "nu", "nu_max", "count"]),
        (lambda: optim.sgd(optim.cosine_schedule(0.1, 10)), ["count"]),
    ],
)
def test_state_has_the_names_of_optax(make: Any, names: list[str]) -> None:
    state = make().init(start())
    for name in names:
        found = optax.tree.get(state, name)
        if name != "count":
            assert jax.tree.structure(found) == jax.tree.structure(start())


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_slope_of_an_update_at_a_zero_gradient_is_finite(name: str) -> None:
    """Adam's first step is g / (|g| + eps): its slope at 0 is 1 / eps, and no NaN."""
    make, _ = OPTIMIZERS[name]
    optimizer, params = make(1.0), start()

    def moved(gradient: Any) -> Any:
        updates, _ = optimizer.update(gradient, optimizer.init(params), params)
        return sum(jnp.sum(u) for u in jax.tree.leaves(updates))

    slopes = jax.grad(moved)(start())
    assert all(np.isfinite(leaf).all() for leaf in jax.tree.leaves(slopes))
    if name == "adam":
        np.testing.assert_allclose(slopes["b"], -1e8, rtol=1e-5)


def test_a_mean_of_half_the_memory() -> None:
    """What is kept is rounded to bfloat16, what is computed is not: the first step is that of float32, bit for bit."""
    half, full = optim.adam(0.02, mu_dtype=jnp.bfloat16), optim.adam(0.02)
    for steps, tolerance in ((1, 0.0), (20, 0.01)):
        jax.tree.map(
            lambda a, b, rtol=tolerance: np.testing.assert_allclose(a, b, rtol=rtol),
            descend(half, start(), steps),
            descend(full, start(), steps),
        )
    _, state = half.update(slope(start()), half.init(start()), start())
    assert {leaf.dtype.name for leaf in jax.tree.leaves(optax.tree.get(state, "mu"))} == {"bfloat16"}
    assert {leaf.dtype.name for leaf in jax.tree.leaves(optax.tree.get(state, "nu"))} == {"float32"}
