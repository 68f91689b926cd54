"""Each optimizer against optax and torch: 50 steps on three problems, every step compared, in float32 and float64.

The three problems run side by side as one tree, so that each optimizer compiles once for all of them. eps is 1e-3
everywhere: at the usual 1e-8 a misplaced eps would change nothing that float32 can see. The gradients come from JAX for
all libraries; only the update differs.
"""

import functools
from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from jaxdl import optim

STEPS = 50
EPS = 1e-3
TOLERANCE = {"float32": 1e-6, "float64": 1e-12}


class Row(NamedTuple):
    """An optimizer of ours, the same one in optax, and in torch: (class name, arguments), each where it exists."""

    ours: Callable[[], optax.GradientTransformation]
    in_optax: Callable[[], optax.GradientTransformation] | None = None
    in_torch: tuple[str, dict[str, Any]] | None = None
    cancels: bool = False  # theirs, in float32: ours is then held to theirs in float64


def optax_schedule(steps: Any) -> Any:
    """optax's warm-up and cosine; it computes in float32 unless the step is float64."""
    return optax.warmup_cosine_decay_schedule(0.0, 0.01, 5, 40, 0.001)(steps.astype(jnp.float64))


ROWS = {
    "sgd": Row(lambda: optim.sgd(0.05), lambda: optax.sgd(0.05), ("SGD", {"lr": 0.05})),
    "momentum": Row(
        lambda: optim.momentum(0.02, 0.9),
        lambda: optax.sgd(0.02, momentum=0.9),
        ("SGD", {"lr": 0.02, "momentum": 0.9}),
    ),
    "nesterov": Row(
        lambda: optim.momentum(0.02, 0.9, nesterov=True),
        lambda: optax.sgd(0.02, momentum=0.9, nesterov=True),
        ("SGD", {"lr": 0.02, "momentum": 0.9, "nesterov": True}),
    ),
    "ewma_momentum": Row(
        lambda: optim.ewma_momentum(0.1, 0.9),
        lambda: optax.chain(optax.ema(0.9, debias=False), optax.scale(-0.1)),
        # torch starts the buffer with the whole first gradient, whatever the dampening: `torch_trajectory` sets it to 0
        ("SGD", {"lr": 0.1, "momentum": 0.9, "dampening": 0.9}),
    ),
    "ewma_momentum/debias": Row(
        lambda: optim.ewma_momentum(0.1, 0.9, debias=True),
        lambda: optax.chain(optax.ema(0.9, debias=True), optax.scale(-0.1)),
    ),
    "rmsprop": Row(
        lambda: optim.rmsprop(0.005, 0.9, eps=EPS),
        lambda: optax.rmsprop(0.005, 0.9, eps=EPS, eps_in_sqrt=False),
        ("RMSprop", {"lr": 0.005, "alpha": 0.9, "eps": EPS}),
    ),
    "rmsprop/eps_inside_root": Row(
        lambda: optim.rmsprop(0.005, 0.9, eps=EPS, eps_inside_root=True),
        lambda: optax.rmsprop(0.005, 0.9, eps=EPS, eps_in_sqrt=True),
    ),
    "rmsprop/debias": Row(
        lambda: optim.rmsprop(0.005, 0.9, eps=EPS, debias=True),
        lambda: optax.rmsprop(0.005, 0.9, eps=EPS, eps_in_sqrt=False, bias_correction=True),
    ),
    "rmsprop/centered": Row(
        lambda: optim.rmsprop(0.005, 0.9, eps=EPS, centered=True),
        lambda: optax.rmsprop(0.005, 0.9, eps=EPS, eps_in_sqrt=False, centered=True),
        ("RMSprop", {"lr": 0.005, "alpha": 0.9, "eps": EPS, "centered": True}),
        cancels=True,  # both take s - m^2
    ),
    "rmsprop/centered, debias": Row(  # inside the root: at step one the variance is 0, and only eps remains
        lambda: optim.rmsprop(0.005, 0.9, eps=EPS, eps_inside_root=True, centered=True, debias=True),
        lambda: optax.rmsprop(0.005, 0.9, eps=EPS, centered=True, bias_correction=True),
        cancels=True,
    ),
    "adagrad": Row(lambda: optim.adagrad(0.05, eps=EPS), None, ("Adagrad", {"lr": 0.05, "eps": EPS})),
    "adagrad/eps_inside_root": Row(
        lambda: optim.adagrad(0.05, initial_accumulator=0.1, eps=EPS, eps_inside_root=True),
        lambda: optax.adagrad(0.05, initial_accumulator_value=0.1, eps=EPS),
    ),
    "adam": Row(
        lambda: optim.adam(0.01, eps=EPS),
        lambda: optax.adam(0.01, eps=EPS),
        ("Adam", {"lr": 0.01, "eps": EPS}),
    ),
    "adam/schedule": Row(
        lambda: optim.adam(optim.warmup_cosine_schedule(0.01, 5, 40, end=0.001), eps=EPS),
        lambda: optax.adam(optax_schedule, eps=EPS),
    ),
    "nadam": Row(lambda: optim.adam(0.01, eps=EPS, nesterov=True), lambda: optax.nadam(0.01, eps=EPS)),
    "amsgrad": Row(
        lambda: optim.adam(0.05, b2=0.9, eps=EPS, amsgrad=True), lambda: optax.amsgrad(0.05, b2=0.9, eps=EPS)
    ),
    # torch multiplies by 1 - lr * decay, whose rounding alone adds up to 1e-6 in float32: here the factor is exact
    "adamw": Row(
        lambda: optim.adamw(2**-8, eps=EPS, weight_decay=2**-3),
        lambda: optax.adamw(2**-8, eps=EPS, weight_decay=2**-3),
        ("AdamW", {"lr": 2**-8, "eps": EPS, "weight_decay": 2**-3}),
    ),
    "adamw/mask": Row(
        lambda: optim.adamw(0.01, eps=EPS, weight_decay=0.1, mask=optim.weights),
        lambda: optax.adamw(0.01, eps=EPS, weight_decay=0.1, mask=optim.weights),
    ),
    "l2 before momentum": Row(
        lambda: optax.chain(optim.add_decayed_weights(0.1), optim.momentum(0.02)),
        lambda: optax.chain(optax.add_decayed_weights(0.1), optax.sgd(0.02, momentum=0.9)),
        ("SGD", {"lr": 0.02, "momentum": 0.9, "weight_decay": 0.1}),
    ),
    "clipped sgd": Row(
        lambda: optax.chain(optim.clip_by_global_norm(1.0), optim.sgd(0.1)),
        lambda: optax.chain(optax.clip_by_global_norm(1.0), optax.sgd(0.1)),
    ),
}
PROBLEMS = ("quadratic", "logistic", "mlp")
PAIRS = [
    (name, library) for name, row in ROWS.items() for library in ("optax", "torch") if getattr(row, f"in_{library}")
]


@functools.cache
def problem(dtype: str) -> tuple[Any, Callable[[Any], Any]]:
    """Start and gradient of a quadratic, a logistic regression and a small tanh network (not convex), as one tree."""
    rng = np.random.default_rng(0)

    def normal(*shape: int) -> Any:
        return rng.normal(size=shape)

    root, center, x, z = normal(6, 6), normal(6), normal(40, 5), normal(32, 3)
    labels = (x @ normal(5) > 0).astype(float)
    targets = np.sin(2 * z[:, :1]) + z[:, 1:2] * z[:, 2:]
    curvature = root @ root.T / 6 + np.eye(6)
    constants = jax.tree.map(lambda a: jnp.asarray(a, dtype), (curvature, center, x, labels, z, targets))
    start = {
        "quadratic": {"x": normal(6)},
        "logistic": {"w": normal(5), "b": normal()},
        "mlp": {"w1": normal(3, 8), "b1": normal(8), "w2": normal(8, 1), "b2": normal(1)},
    }

    def loss(params: Any) -> Any:
        curvature, center, x, labels, z, targets = constants
        d = params["quadratic"]["x"] - center
        logits = x @ params["logistic"]["w"] + params["logistic"]["b"]
        p = params["mlp"]
        y = jnp.tanh(z @ p["w1"] + p["b1"][None, :]) @ p["w2"] + p["b2"][None, :]
        cross_entropy = jnp.mean(jax.nn.softplus(logits) - labels * logits)
        return 0.5 * d @ curvature @ d + cross_entropy + jnp.mean(jnp.square(y - targets))

    return jax.tree.map(lambda a: jnp.asarray(a, dtype), start), jax.jit(jax.grad(loss))


def jax_trajectory(optimizer: optax.GradientTransformation, dtype: str) -> Any:
    """The parameters after each step, leaves [STEPS, ...]."""
    params, grad = problem(dtype)

    @jax.jit
    def step(params: Any, state: Any, gradient: Any) -> tuple[Any, Any]:
        updates, state = optimizer.update(gradient, state, params)
        return optax.apply_updates(params, updates), state

    state, history = optimizer.init(params), []
    for _ in range(STEPS):
        params, state = step(params, state, grad(params))
        history.append(jax.device_get(params))
    return jax.tree.map(lambda *steps: np.stack(steps), *history)


def torch_trajectory(name: str, arguments: dict[str, Any], dtype: str) -> Any:
    """The same for torch; its buffers of momentum with dampening start at zero as ours do."""
    torch = pytest.importorskip("torch")
    start, grad = problem(dtype)
    leaves, structure = jax.tree.flatten(start)
    params = [torch.tensor(np.asarray(leaf)) for leaf in leaves]
    optimizer = getattr(torch.optim, name)(params, **arguments)
    if "dampening" in arguments:
        for p in params:
            optimizer.state[p]["momentum_buffer"] = torch.zeros_like(p)
    history = []
    for _ in range(STEPS):
        gradients = jax.tree.leaves(grad(jax.tree.unflatten(structure, [jnp.asarray(p.numpy()) for p in params])))
        for p, g in zip(params, gradients, strict=True):
            p.grad = torch.tensor(np.asarray(g))
        optimizer.step()
        history.append([p.numpy().copy() for p in params])
    return jax.tree.unflatten(structure, [np.stack(steps) for steps in zip(*history, strict=True)])


@functools.cache
def trajectory(name: str, library: str, dtype: str) -> Any:
    row = ROWS[name]
    # optax gets x64 for float32 parameters too: it then computes 1 - decay^t in float64, where it does not cancel
    with jax.enable_x64(library == "optax" or dtype == "float64"):
        if library == "ours":
            return jax_trajectory(row.ours(), dtype)
        if library == "torch":
            assert row.in_torch is not None
            return torch_trajectory(*row.in_torch, dtype)
        assert row.in_optax is not None
        with jax.numpy_dtype_promotion("standard"):  # optax's bias correction raises under strict promotion
            return jax_trajectory(row.in_optax(), dtype)


def error(ours: Any, theirs: Any) -> float:
    """Largest difference over all steps and leaves, relative to the largest entry of the leaf."""
    pairs = zip(jax.tree.leaves(ours), jax.tree.leaves(theirs), strict=True)
    return max(float(np.max(np.abs(a - b)) / np.max(np.abs(b))) for a, b in pairs)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("where", PROBLEMS)
@pytest.mark.parametrize(("name", "library"), PAIRS)
def test_same_path_as_the_reference(name: str, library: str, where: str, dtype: str) -> None:
    ours = trajectory(name, "ours", dtype)[where]
    theirs = trajectory(name, library, "float64" if ROWS[name].cancels else dtype)[where]
    assert {leaf.dtype.name for leaf in jax.tree.leaves(ours)} == {dtype}
    assert error(ours, theirs) <= TOLERANCE[dtype]


def test_adam_without_bias_correction_against_numpy(x64: None) -> None:
    """Neither library can leave the correction out, so that the equations are written once more, in numpy."""
    start, grad = problem("float64")
    leaves, structure = jax.tree.flatten(start)
    p = [np.array(leaf) for leaf in leaves]
    m, s = [0.0] * len(p), [0.0] * len(p)
    history = []
    for _ in range(STEPS):
        g = [np.asarray(leaf) for leaf in jax.tree.leaves(grad(jax.tree.unflatten(structure, p)))]
        m = [0.9 * a + 0.1 * b for a, b in zip(m, g, strict=True)]
        s = [0.999 * a + 0.001 * b * b for a, b in zip(s, g, strict=True)]
        p = [a - 0.01 * b / (np.sqrt(c) + EPS) for a, b, c in zip(p, m, s, strict=True)]
        history.append(p)
    theirs = jax.tree.unflatten(structure, [np.stack(steps) for steps in zip(*history, strict=True)])
    assert error(jax_trajectory(optim.adam(0.01, eps=EPS, debias=False), "float64"), theirs) <= 1e-12


def late_correction(b1: float = 0.9, b2: float = 0.999) -> optax.GradientTransformation:
    """Adam whose bias correction counts one step too many."""
    right = optim.scale_by_adam(b1, b2, eps=EPS)

    def init(params: Any) -> Any:
        state: Any = right.init(params)
        one = jnp.ones((), jnp.int32)
        return state._replace(count=one)

    return optax.chain(optax.GradientTransformation(init, right.update), optim.scale_by_learning_rate(0.01))


def coupled_decay() -> optax.GradientTransformation:
    """AdamW with the decay before the scaling: Adam with an L2 penalty."""
    return optax.chain(optim.add_decayed_weights(2**-3), optim.adam(2**-8, eps=EPS))


MUTANTS = {
    "bias correction left out": ("adam", lambda: optim.adam(0.01, eps=EPS, debias=False)),
    "bias correction of the next step": ("adam", late_correction),
    "eps left at its default": ("adam", lambda: optim.adam(0.01)),
    "eps inside the root": ("rmsprop", lambda: optim.rmsprop(0.005, eps=EPS, eps_inside_root=True)),
    "eps outside the root": ("adagrad/eps_inside_root", lambda: optim.adagrad(0.05, initial_accumulator=0.1, eps=EPS)),
    "decay coupled": ("adamw", coupled_decay),
    "decay of the biases": ("adamw/mask", lambda: optim.adamw(0.01, eps=EPS, weight_decay=0.1)),
    "heavy ball for Nesterov": ("nesterov", lambda: optim.momentum(0.02)),
    "b2 off by 1e-5": ("adam", lambda: optim.adam(0.01, 0.9, 0.99901, eps=EPS)),
    "centered around zero": ("rmsprop/centered", lambda: optim.rmsprop(0.005, eps=EPS)),
    "the newest square for the largest": ("amsgrad", lambda: optim.adam(0.05, b2=0.9, eps=EPS)),
    "Adam for NAdam": ("nadam", lambda: optim.adam(0.01, eps=EPS)),
    "learning rate off by 1e-4": ("sgd", lambda: optim.sgd(0.05 * 1.0001)),
}


@pytest.mark.parametrize("mutant", MUTANTS)
def test_a_planted_error_is_seen(mutant: str) -> None:
    name, make = MUTANTS[mutant]
    library = "optax" if ROWS[name].in_optax else "torch"
    assert error(jax_trajectory(make(), "float32"), trajectory(name, library, "float32")) > TOLERANCE["float32"]


def test_a_centered_average_keeps_the_digits_of_a_gradient_that_hardly_changes() -> None:
    """1000 +- 0.1: s - m^2 in float32 is noise of the size of the variance, 0.01."""
    g = 1000 + 0.1 * np.random.default_rng(0).choice([-1.0, 1.0], 200)
    block = optim.scale_by_rms(0.9, eps=0.0, centered=True, debias=True)
    state = block.init(jnp.zeros(1))
    update, u = jax.jit(block.update), jnp.zeros(1)
    weights = 0.1 * 0.9 ** np.arange(200)[::-1]
    for value in g:
        u, state = update(jnp.array([value], jnp.float32), state)
    mean = weights @ g / weights.sum()
    spread = np.sqrt(weights @ (g - mean) ** 2 / weights.sum())
    np.testing.assert_allclose(u, g[-1] / spread, rtol=2e-3)
