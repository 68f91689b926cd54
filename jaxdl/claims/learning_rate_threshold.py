"""Gradient descent on a quadratic multiplies each coordinate by a constant per step.

    L(x) = 1/2 sum_i c_i x_i^2,    x_i <- x_i - a c_i x_i = (1 - a c_i) x_i

|1 - a c_i| < 1 for all i exactly when a < 2 / L with L the largest curvature; the best single rate is 2 / (c_min +
c_max). The sign of the slope says which way to go, the curvature how far it is safe to go.
"""

from typing import Any

import jax
import jax.numpy as jnp

from jaxdl import optim
from jaxdl.artifacts import pictures
from jaxdl.claims._descent import descend
from jaxdl.claims._evidence import Budget, Result, measured
from jaxdl.types import Array, Key

STATEMENT = (
    "The sign of the slope says which way to go; a learning rate that is too small is slow, one that is too large "
    "diverges, and on a quadratic the threshold is 2 / L."
)
SOURCE = "Nesterov, Introductory lectures on convex optimization, 2004; Goodfellow et al., Deep Learning, section 4.3"
RULE = (
    "On random quadratics of 20 dimensions, a small step against the sign of the slope lowers the loss at each of "
    "1,000 random points and one along it raises it. Every rate up to 0.99 times 2 / L lowers the loss and every "
    "rate from 1.01 times 2 / L on raises it; a hundredth of the best rate needs at least 20 times its steps."
)
SEEDS, SECONDS = 20, 3

DIMENSIONS, STEPS = 20, 2000
FACTORS = jnp.array([0.01, 0.1, 0.5, 0.9, 0.99, 1.01, 1.1, 1.5])  # of 2 / L


def run(key: Key, budget: Budget) -> Result:
    """Descend on random quadratics with rates around 2 / L, all at once."""
    keys = jax.random.split(key, budget.seeds)
    budget.stage("rates around the threshold")
    by_rate = jax.jit(jax.vmap(jax.vmap(path, (None, 0)), (0, None)))(keys, FACTORS)  # [seeds, rates, STEPS] losses
    budget.stage("the best rate and a hundredth of it")
    fast, slow = (jax.jit(jax.vmap(lambda k, s=share: steps_needed(k, s)))(keys) for share in (1.0, 0.01))
    downhill, uphill = jax.jit(jax.vmap(small_steps))(keys)
    lowered = by_rate[..., -1] < by_rate[..., 0]
    return Result(
        figures=(
            measured("share of small steps against the slope that descend", downhill),
            measured("share of small steps along the slope that ascend", uphill),
            measured("share that descends at 0.99 x 2 / L", lowered[:, 4]),
            measured("share that descends at 1.01 x 2 / L", lowered[:, 5]),
            measured("steps to a thousandth of the loss, best rate", fast),
            measured("steps to a thousandth of the loss, a hundredth of it", slow),
        ),
        checks={
            "the sign says which way": bool((downhill == 1).all() and (uphill == 1).all()),
            "below 2 / L it descends": bool(lowered[:, FACTORS < 1].all()),
            "above 2 / L it diverges": not bool(lowered[:, FACTORS > 1].any()),
            "a small rate is slow": bool((slow / fast).mean() >= 20),
        },
        drawn={"losses": by_rate[0]},
    )


def curvatures(key: Key) -> Array:
    """Of a random quadratic: 1 and 10 are the ends, the others lie between them."""
    return jnp.concatenate([jnp.array([1.0, 10.0]), jax.random.uniform(key, (DIMENSIONS - 2,), minval=1, maxval=10)])


def small_steps(key: Key) -> tuple[Array, Array]:
    """The shares of 1,000 random points from which a small step against the slope's sign descends, along it ascends."""
    c, points = curvatures(key), jax.random.normal(jax.random.fold_in(key, 1), (1000, DIMENSIONS))

    def loss(x: Array) -> Array:
        return 0.5 * (c * x * x).sum()

    def moves(x: Array) -> tuple[Array, Array]:
        step = 1e-3 * jnp.sign(jax.grad(loss)(x))
        return loss(x - step) < loss(x), loss(x + step) > loss(x)

    return jax.tree.map(jnp.mean, jax.vmap(moves)(points))


def path(key: Key, factor: Array) -> Array:
    """The losses of descent with the rate `factor` times 2 / L."""
    c = curvatures(key)
    rate = factor * 2 / c.max()
    return descend(lambda x, _: 0.5 * (c * x * x).sum(), jnp.ones(DIMENSIONS), optim.sgd(rate), jnp.arange(STEPS))[1]


def steps_needed(key: Key, share: float) -> Array:
    """Steps to a thousandth of the first loss with a share of the best rate 2 / (c_min + c_max)."""
    c = curvatures(key)
    losses = path(key, jnp.asarray(share) * c.max() / (c.min() + c.max()))
    reached = losses < 1e-3 * losses[0]
    return jnp.where(reached.any(), jnp.argmax(reached), STEPS)


def picture(result: Result) -> Any:
    """Loss by step for rates below (black) and above (gray) the threshold."""
    figure, (ax,) = pictures.subplots(1, 1, width=5.4, height=3.6)
    for factor, losses, style in zip(FACTORS, result.drawn["losses"], ("-", "--", "-.", ":") * 2, strict=True):
        shown = jnp.clip(losses[:200], 1e-9, 1e9)
        ax.semilogy(shown, style, color="black" if factor < 1 else "0.6", label=f"{factor:.2f} x 2 / L")
    ax.set_ylim(1e-9, 1e9)
    ax.set_xlabel("step")
    ax.set_ylabel("loss")
    ax.legend(frameon=False, fontsize=8, loc="center left", bbox_to_anchor=(1.0, 0.5))
    return figure
