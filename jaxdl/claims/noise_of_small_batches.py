"""How many examples an update looks at: all of them (batch descent), one (stochastic), or a few (mini-batch).

    w <- w - a g_B,    g_B = mean_{i in B} grad L_i(w)        right on average, but noisy:

    E |g_B - g|^2 = sigma^2 / B,    sigma^2 = mean_i |grad L_i - g|^2        examples drawn independently

Four times the examples halve the noise. Batch descent has none: with a rate below 2 / L every update lowers the loss.
The others come down just as well while the slope is larger than the noise, and then wander about the lowest point.
"""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax

from jaxdl import data, losses, optim
from jaxdl.artifacts import pictures
from jaxdl.claims._descent import batch_rows
from jaxdl.claims._evidence import Budget, Result, measured, surely_above
from jaxdl.types import Array, Key

STATEMENT = "The path of stochastic descent is noisy, that of mini-batches less, and that of batch descent smooth."
SOURCE = "Bottou, Curtis, Nocedal, 2018, sections 3 and 4; Goodfellow et al., Deep Learning, section 8.1.3"
RULE = (
    "A regression with two weights on real data: of 200 updates after the first 50, none of batch descent raises the "
    "loss, and at least a fifth of the others' do. The way of stochastic descent is surely three times as long as "
    "batch descent's, that of mini-batches surely between the two, and so are the mean losses after 50 updates; "
    "the gradient's noise is theory's within 10 %."
)
SEEDS, SECONDS = 20, 4

BATCHES = {"stochastic": 1, "mini-batch": 32, "batch": None}  # None is all of the data
RATE, STEPS, COMING_DOWN = 0.1, 250, 50


def run(key: Key, budget: Budget) -> Result:
    """Descend on one surface with three sizes of batches, and measure the noise of their gradients."""
    keys = jax.random.split(key, budget.seeds)
    x, y = table()
    lowest = surface(jnp.asarray(np.linalg.lstsq(x, y)[0]), x, y)
    paths, raised, above, way, noisy = {}, {}, {}, {}, {}
    for name, size in BATCHES.items():
        budget.stage(name)
        paths[name], values = jax.jit(jax.vmap(lambda k, b=size: descend(k, b)))(keys)
        late = values[:, COMING_DOWN:]
        raised[name] = (jnp.diff(late, axis=1) > 1e-6).mean(1)
        way[name] = jnp.sqrt((jnp.diff(paths[name], axis=1) ** 2).sum(-1)).sum(1)
        above[name] = 100 * (late.mean(1) / lowest - 1)
        if size:
            noisy[name] = jax.jit(jax.vmap(lambda k, b=size: noise(k, b)))(keys)
    return Result(
        figures=(
            *(measured(f"updates that raise the loss: {name}", 100 * share, "%") for name, share in raised.items()),
            *(measured(f"length of the way: {name}", length) for name, length in way.items()),
            *(measured(f"above the lowest loss in the end: {name}", percent, "%") for name, percent in above.items()),
            *(measured(f"the gradient's noise over theory's: {name}", ratio) for name, ratio in noisy.items()),
        ),
        checks={
            "batch descent's path is smooth": bool((raised["batch"] == 0).all()),
            "the others go up and down": all(surely_above(raised[name], 0.2) for name in noisy),
            "stochastic descent takes the longest way": surely_above(way["stochastic"] / way["batch"], 3)
            and surely_above(way["stochastic"] - way["mini-batch"])
            and surely_above(way["mini-batch"] - way["batch"]),
            "and stays further above the lowest point": surely_above(above["stochastic"] - above["mini-batch"])
            and surely_above(above["mini-batch"] - above["batch"]),
            "the noise is theory's": all(abs(float(ratio.mean()) - 1) < 0.1 for ratio in noisy.values()),
        },
        drawn={name: points[0] for name, points in paths.items()},
    )


def table() -> tuple[Array, Array]:
    """Body mass index and a blood value of 442 patients [N, 2], and how their diabetes went on [N]; standardized."""
    train, scale = data.load("diabetes").train, data.standardize()
    columns = np.concatenate([train["x"][:, [2, 8]], train["y"][:, None]], 1)
    columns = jnp.asarray(scale.apply(scale.fit(columns), columns))
    return columns[:, :2], columns[:, 2]


def surface(w: Array, x: Array, y: Array) -> Array:
    """L(w) for weights [2]."""
    return losses.mean_squared_error(x @ w, y)


def descend(key: Key, size: int | None) -> tuple[Array, Array]:
    """The weights [STEPS, 2] that descent visits, and the loss of each on all rows."""
    x, y = table()
    optimizer = optim.sgd(RATE)

    def step(w: Any, rows: Array) -> tuple[Any, Array]:
        updates, _ = optimizer.update(jax.grad(surface)(w, x[rows], y[rows]), optimizer.init(w), w)
        return optax.apply_updates(w, updates), w

    _, points = jax.lax.scan(step, jnp.array([-0.9, 1.5]), batch_rows(key, len(x), size or len(x), STEPS))
    return points, jax.vmap(lambda w: surface(w, x, y))(points)


def noise(key: Key, size: int) -> Array:
    """E |g_B - g|^2 at the start over 8,000 batches, divided by what theory says."""
    x, y = table()
    each = jax.vmap(lambda a, b: jax.grad(surface)(jnp.array([-0.9, 1.5]), a[None], b[None]))(x, y)  # [N, 2]
    around = each - each.mean(0, keepdims=True)
    drawn = jax.random.randint(key, (8000, size), 0, len(x))
    return (around[drawn].mean(1) ** 2).sum(1).mean() / ((around**2).sum(1).mean() / size)


def picture(result: Result) -> Any:
    """The three paths on the same surface."""
    figure, axes = pictures.subplots(3, 3, width=3.3, height=3.3)
    x, y = table()
    grid = jnp.stack(jnp.meshgrid(jnp.linspace(-1.1, 1.1, 41), jnp.linspace(-0.5, 1.7, 41)), -1)
    level = jax.vmap(jax.vmap(lambda w: surface(w, x, y)))(grid)
    for ax, (name, points) in zip(axes, result.drawn.items(), strict=True):
        ax.contour(grid[0, :, 0], grid[:, 0, 1], level, levels=16, colors="0.75", linewidths=0.6)
        ax.plot(points[:100, 0], points[:100, 1], ".-", color="black", linewidth=0.7, markersize=3)
        ax.set_title(f"{name}: 100 updates", fontsize=10)
        ax.set_xlabel("weight of the body mass index")
    axes[0].set_ylabel("weight of the blood value")
    return figure
