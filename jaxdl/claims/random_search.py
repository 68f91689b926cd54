"""A grid of n trials tries only sqrt(n) values of each of two parameters; random search tries n of each.

Where only one of them matters, the grid wastes sqrt(n) - 1 of every sqrt(n) trials on repetitions:

    distinct values of the parameter that matters:    grid n^(1/d),    random n
"""

from typing import Any

import jax
import jax.numpy as jnp

from jaxdl.artifacts import pictures
from jaxdl.claims._descent import batch_rows, descend
from jaxdl.claims._digits import digits
from jaxdl.claims._evidence import Budget, Result, measured, surely_above
from jaxdl.models import mlp
from jaxdl.optim import momentum
from jaxdl.types import Array, Key

STATEMENT = "With equally many trials random search beats grid search when few of the parameters matter."
SOURCE = "Bergstra, Bengio, 2012, figure 1"
RULE = (
    "Over the learning rate (1e-4 to 10), the momentum's decay in a range that hardly matters (0 to 0.3) and the l2 "
    "rate (1e-8 to 1e-5), the best of 27 random trials has surely a lower validation loss than the best of a 3 x 3 x "
    "3 grid."
)
SEEDS, SECONDS = 16, 6

LOWER, UPPER = jnp.array([-4.0, 0.0, -8.0]), jnp.array([1.0, 0.3, -5.0])  # log10 rate, decay, log10 l2
CONFIG = mlp.Config(64, 10, (32,), "relu", "he_normal")


def run(key: Key, budget: Budget) -> Result:
    """Train all trials of both searches, and keep the best of each, seed by seed."""
    steps = 60 if budget.small else 150
    train = jax.jit(jax.vmap(lambda k, trial: validation_loss(k, trial, steps), (None, 0)))
    best = {"grid": [], "random": []}
    points = {"grid": grid(3), "random": grid(3)}
    for seed, k in enumerate(jax.random.split(key, 3 * budget.seeds)):
        budget.stage(f"search {seed}")
        draw_key, shift_key, train_key = jax.random.split(k, 3)
        # a grid has a phase: with the ends always in it, luck would decide whether a good rate is
        points["grid"] = jnp.mod(grid(3) + jax.random.uniform(shift_key, (1, 3)) / 3, 1.0)
        points["random"] = jax.random.uniform(draw_key, (27, 3))
        for name in best:
            losses = train(train_key, LOWER[None] + points[name] * (UPPER - LOWER)[None])
            best[name].append(float(jnp.nanmin(losses)))
    difference = jnp.array(best["grid"]) - jnp.array(best["random"])
    return Result(
        figures=(
            measured("grid's best validation loss less random's", difference),
            *(measured(f"best validation loss: {name}", values) for name, values in best.items()),
        ),
        checks={"random search finds lower losses": surely_above(difference)},
        drawn={"points": points, "best": best},
    )


def grid(n: int) -> Array:
    """[n^3, 3] the corners of n x n x n cells of the unit cube."""
    axis = jnp.arange(n) / n
    return jnp.stack(jnp.meshgrid(axis, axis, axis, indexing="ij"), -1).reshape(-1, 3)


def validation_loss(key: Key, trial: Array, steps: int) -> Array:
    """Of a network trained with log10 of the rate, the decay, and log10 of the l2 rate."""
    rate, decay, weight = 10 ** trial[0], trial[1], 10 ** trial[2]
    x, y, held_x, held_y = digits()
    init_key, order_key = jax.random.split(key)

    def loss(params: Any, rows: Array) -> Array:
        penalty = sum((jnp.sum(layer["w"] ** 2) for layer in params.values()), jnp.zeros(()))
        return mlp.mean_loss(params, x[rows], y[rows], CONFIG) + weight * penalty

    rows = batch_rows(order_key, len(x), 64, steps)
    params, _ = descend(loss, mlp.init(init_key, CONFIG), momentum(rate, decay), rows)
    return mlp.mean_loss(params, held_x, held_y, CONFIG)


def picture(result: Result) -> Any:
    """The trials of the last seed over two of the parameters, and the best losses by seed."""
    figure, axes = pictures.subplots(3, 3, width=3.3, height=3.2)
    for ax, (name, points) in zip(axes, result.drawn["points"].items(), strict=False):
        ax.plot(points[:, 0], points[:, 1], "o", color="black", markerfacecolor="none")
        ax.plot(points[:, 0], [-0.06] * len(points), "|", color="black", markersize=9)
        ax.set_title(f"{name}: 27 trials, {len(jnp.unique(points[:, 0].round(4)))} rates", fontsize=9)
        ax.set_xlabel("learning rate (share of the range)")
    axes[0].set_ylabel("decay (hardly matters)")
    best = result.drawn["best"]
    for pair in zip(*best.values(), strict=True):
        axes[2].plot([0, 1], pair, "-", color="0.7", linewidth=0.8)
    for column, values in enumerate(best.values()):
        axes[2].plot([column] * len(values), values, "o", color="black", markersize=4)
    axes[2].set_xticks([0, 1], list(best))
    axes[2].set_xlabel("search")
    axes[2].set_ylabel("best validation loss")
    axes[2].set_xlim(-0.4, 1.4)
    return figure
