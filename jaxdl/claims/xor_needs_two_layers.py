"""The four rows of a truth table are four points of the plane, and a single unit draws one straight line.

    one layer    y = s(w . x + b)                      a line w . x + b = 0 parts the plane
    two layers   y = s(v . tanh(W x + c) + b)          bent: several lines, joined

AND and OR put one point on one side and three on the other: a line does it. XOR puts the two ends of each diagonal on
different sides, and no line does. That is exact (add up the four inequalities that w and b would have to satisfy: they
contradict each other), so the question to an experiment is whether training finds what exists.
"""

from typing import Any

import jax
import jax.numpy as jnp

from jaxdl import losses, optim
from jaxdl.artifacts import pictures
from jaxdl.claims._descent import descend
from jaxdl.claims._evidence import Budget, Result, measured
from jaxdl.models import mlp
from jaxdl.types import Array, Key, Params

STATEMENT = "A single layer cannot learn exclusive or (XOR), two layers can; AND and OR need only one."
SOURCE = "Minsky, Papert, Perceptrons, 1969; Rumelhart, Hinton, Williams, 1986"
RULE = (
    "One layer learns all four rows of AND and of OR in every seed; one layer never learns all four rows of XOR; "
    "two layers learn all four rows of XOR in at least 90 % of the seeds."
)
SEEDS, SECONDS = 50, 7

POINTS = jnp.array([[0.0, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 1.0]])
TABLES = {
    "AND": jnp.array([0.0, 0.0, 0.0, 1.0]),
    "OR": jnp.array([0.0, 1.0, 1.0, 1.0]),
    "XOR": jnp.array([0.0, 1.0, 1.0, 0.0]),
}
LAYERS = {"one layer": (), "two layers": (8,)}


def run(key: Key, budget: Budget) -> Result:
    """Train every table with one layer and with two, all seeds side by side."""
    steps = 300 if budget.small else 1000
    keys = jax.random.split(key, budget.seeds)
    right, trained = {}, {}
    for table, targets in TABLES.items():
        for name, widths in LAYERS.items():
            budget.stage(f"{table}, {name}")
            config = network(widths)
            params = jax.jit(jax.vmap(lambda k, c=config, t=targets: train(k, c, t, steps)))(keys)
            logits = jax.vmap(lambda p, c=config: mlp.apply(p, POINTS, c)[:, 0])(params)
            right[table, name] = ((logits > 0) == (targets[None] > 0.5)).mean(1)  # [seeds] share of the rows
            trained[table, name] = jax.tree.map(lambda leaf: leaf[0], params)
    whole = {kind: (share == 1).mean() for kind, share in right.items()}
    return Result(
        figures=tuple(measured(f"{table}, {name}: rows right", share) for (table, name), share in right.items()),
        checks={
            "one layer learns AND and OR": whole["AND", "one layer"] == 1 and whole["OR", "one layer"] == 1,
            "one layer never learns XOR": whole["XOR", "one layer"] == 0,
            "two layers learn XOR": whole["XOR", "two layers"] >= 0.9,
        },
        drawn=trained,
    )


def network(widths: tuple[int, ...]) -> mlp.Config:
    """A network from two inputs to one logit."""
    return mlp.Config(n_in=2, n_out=1, widths=widths, activation="tanh", initializer="glorot_uniform")


def train(key: Key, config: mlp.Config, targets: Array, steps: int) -> Params:
    """Full-batch Adam on the four rows of a truth table."""

    def loss(params: Params, _: Array) -> Array:
        return losses.binary_cross_entropy(mlp.apply(params, POINTS, config)[:, 0], targets).mean()

    return descend(loss, mlp.init(key, config), optim.adam(0.05), jnp.arange(steps))[0]


def picture(result: Result) -> Any:
    """What each trained network says of every point of the plane, with the four rows of its table."""
    figure, axes = pictures.subplots(6, 2, width=2.6, height=2.4)
    grid = jnp.linspace(-0.5, 1.5, 101)
    plane = jnp.stack(jnp.meshgrid(grid, grid), -1).reshape(-1, 2)
    for ax, ((table, name), params) in zip(axes, result.drawn.items(), strict=True):
        y = jax.nn.sigmoid(mlp.apply(params, plane, network(LAYERS[name])))[:, 0].reshape(101, 101)
        ax.contourf(grid, grid, y, levels=20, cmap="Blues", vmin=0, vmax=1.4)
        ax.contour(grid, grid, y, levels=[0.5], colors="black", linewidths=1.2)
        for point, target in zip(POINTS, TABLES[table], strict=True):
            ax.plot(*point, "o", color="black", markerfacecolor="black" if target else "white", markersize=8)
        ax.set_title(f"{table}, {name}", fontsize=9)
        ax.set_xlabel("x₁")
        ax.set_ylabel("x₂")
    return figure
