"""A finite difference errs twice: by the curvature that it leaves out, and by the digits that a small step destroys.

    (f(x + h) - f(x - h)) / (2 h) = f'(x) + h^2 f'''(x) / 6 + O(eps |f| / h)

The sum is least near h = eps^(1/3): about 5e-3 in float32 (eps 6e-8) and 5e-6 in float64 (eps 1e-16), with errors of
eps^(2/3): 1e-5 and 1e-11. So float32 cannot tell a gradient that is wrong by 1e-4 of a percent, and float64 can.
"""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from jaxdl import checks
from jaxdl.artifacts import pictures
from jaxdl.claims._digits import digits
from jaxdl.claims._evidence import Budget, Result, measured
from jaxdl.models import mlp
from jaxdl.types import Key

STATEMENT = (
    "Finite differences have an optimal step; float32 cannot check what float64 can; a gradient that is wrong by 1e-4"
    " is caught."
)
SOURCE = "Nocedal, Wright, Numerical optimization, 2006, section 8.1; Press and others, Numerical recipes, section 5.7"
RULE = (
    "For the gradient of a network's loss, the step of least error lies within a factor of 30 of eps^(1/3) in float32 "
    "and in float64; the least error in float32 is at least a hundred times that in float64; the gradient check "
    "accepts the right gradient and rejects one with a leaf that is wrong by 1e-4."
)
SEEDS, SECONDS = 5, 7

CONFIG = mlp.Config(64, 10, (16,), "tanh", "glorot_uniform")
STEPS = 10.0 ** np.arange(-12, 0.5, 0.5)


def run(key: Key, budget: Budget) -> Result:
    """Central differences of a network's loss along a random direction, over steps and precisions."""
    errors = {"float32": [], "float64": []}
    caught, accepted = [], []
    with jax.enable_x64(True):
        x, y = (jnp.asarray(np.asarray(part[:32])) for part in digits()[:2])
        x = x.astype(jnp.float64)
        for seed in range(budget.seeds):
            budget.stage(f"seed {seed}")
            init_key, direction_key = jax.random.split(jax.random.fold_in(jax.random.key(0), seed))
            params = jax.tree.map(lambda leaf: leaf.astype(jnp.float64), mlp.init(init_key, CONFIG))
            direction = random_like(direction_key, params)
            for name in errors:
                errors[name].append(error_by_step(params, direction, x, y, jnp.dtype(name)))
            if seed < 3:
                accepted.append(passes(lambda p: loss(p, x, y), params))
                caught.append(not passes(lambda p: loss(skewed(p), x, y), params))
    curves = {name: np.median(rows, 0) for name, rows in errors.items()}
    best = {name: STEPS[curve.argmin()] for name, curve in curves.items()}
    least = {name: [float(row.min()) for row in rows] for name, rows in errors.items()}
    expected = {name: float(jnp.finfo(name).eps) ** (1 / 3) for name in errors}
    return Result(
        figures=(
            *(measured(f"best step: {name}", step) for name, step in best.items()),
            *(measured(f"least relative error: {name}", values) for name, values in least.items()),
            measured("right gradients accepted", accepted),
            measured("gradients wrong by 1e-4 caught", caught),
        ),
        checks={
            "there is a best step near eps^(1/3)": all(1 / 30 < best[n] / expected[n] < 30 for n in best),
            "float64 sees a hundred times more": bool(np.mean(least["float32"]) > 100 * np.mean(least["float64"])),
            "the right gradient passes": all(accepted),
            "a gradient that is wrong by 1e-4 is caught": all(caught),
        },
        drawn=curves,
    )


def passes(f: Any, params: Any) -> bool:
    """Whether the gradient check accepts the gradient of f."""
    try:
        return checks.check_gradients(f, params).ok
    except AssertionError:
        return False


def loss(params: Any, x: Any, y: Any) -> Any:
    """Mean cross-entropy of the network."""
    return mlp.mean_loss(params, x, y, CONFIG)


def random_like(key: Key, params: Any) -> Any:
    """A direction of unit length."""
    leaves, tree = jax.tree.flatten(params)
    drawn = [
        jax.random.normal(k, leaf.shape, leaf.dtype)
        for k, leaf in zip(jax.random.split(key, len(leaves)), leaves, strict=True)
    ]
    length = jnp.sqrt(sum(((d**2).sum() for d in drawn), jnp.zeros((), drawn[0].dtype)))
    return jax.tree.unflatten(tree, [d / length for d in drawn])


def error_by_step(params: Any, direction: Any, x: Any, y: Any, dtype: Any) -> Any:
    """|difference - derivative| / |derivative| along a direction for every step, all computed in `dtype`."""
    exact = float(jax.jvp(lambda p: loss(p, x, y), (params,), (direction,))[1])
    low = lambda tree: jax.tree.map(lambda leaf: leaf.astype(dtype), tree)  # noqa: E731
    p, v, inputs = low(params), low(direction), x.astype(dtype)

    @jax.jit
    def difference(h: Any) -> Any:
        ahead, back = (jax.tree.map(lambda a, b, s=s: a + s * h * b, p, v) for s in (1, -1))
        return (loss(ahead, inputs, y) - loss(back, inputs, y)) / (2 * h)

    return np.array([abs(float(difference(jnp.asarray(h, dtype))) / exact - 1) + 1e-16 for h in STEPS])


@jax.custom_vjp
def skewed(params: Any) -> Any:
    """The identity with a planted error: the gradient of the first weights is 1.0001 times the right one."""
    return params


skewed.defvjp(
    lambda params: (params, None),
    lambda _, g: (g | {"layer_0": {"w": g["layer_0"]["w"] * (1 + 1e-4), "b": g["layer_0"]["b"]}},),
)


def picture(result: Result) -> Any:
    """Relative error by step in both precisions."""
    figure, (ax,) = pictures.subplots(1, 1, width=5.2, height=3.6)
    for (name, curve), style in zip(result.drawn.items(), ("--", "-"), strict=True):
        ax.loglog(STEPS, curve, style, color="black", label=name)
        ax.axvline(float(np.finfo(name).eps) ** (1 / 3), color="0.7", linestyle=style, linewidth=0.8)
    ax.set_xlabel("step h (thin lines: eps^(1/3))")
    ax.set_ylabel("relative error of the difference")
    ax.set_ylim(1e-13, 1e3)
    ax.legend(frameon=False)
    return figure
