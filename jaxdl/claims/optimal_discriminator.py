"""Fix the generator; then the discriminator's task is a logistic regression between two densities.

    V(D) = E_data[log D(x)] + E_g[log(1 - D(x))]    is largest for    D*(x) = p_data(x) / (p_data(x) + p_g(x))
    V(D*) = -log 4 + 2 JSD(p_data, p_g)

At the end of a game that succeeds p_g = p_data, D* = 1/2 everywhere, and V = -log 4.
"""

from typing import Any

import jax
import jax.numpy as jnp

from jaxdl import losses, optim
from jaxdl.artifacts import pictures
from jaxdl.claims._descent import descend
from jaxdl.claims._evidence import Budget, Result, measured, surely_above
from jaxdl.models import mlp
from jaxdl.types import Array, Key, Params

STATEMENT = (
    "For a fixed generator the optimal discriminator is p_data / (p_data + p_g), and the game's value there is "
    "-log 4 + 2 JSD; at the end D is 1/2."
)
SOURCE = "Goodfellow and others, Generative adversarial nets, 2014, proposition 1 and theorem 1"
RULE = (
    "A discriminator trained on samples of two known mixtures of normals is surely within 0.02 of the formula on "
    "average, and the game's value within 0.02 of -log 4 + 2 JSD by numerical integration; where both densities are "
    "equal it is surely within 0.02 of 1/2 and the value within 0.02 of -log 4."
)
SEEDS, SECONDS = 12, 14

DATA, GENERATOR = ((-1.5, 0.5), (1.5, 0.5)), ((-0.5, 1.0), (2.0, 0.6))  # mean and deviation of two normals each
CONFIG = mlp.Config(1, 1, (64, 64), "tanh", "glorot_uniform")
GRID = jnp.linspace(-5.0, 5.0, 1001)


def run(key: Key, budget: Budget) -> Result:
    """Train the discriminator against a generator that differs from the data, and against one that does not."""
    steps = 750 if budget.small else 2000
    keys = jax.random.split(key, budget.seeds)
    curves, gaps, values = {}, {}, {}
    for name, generator in {"another density": GENERATOR, "the data's density": DATA}.items():
        budget.stage(name)
        d = jax.jit(jax.vmap(lambda k, g=generator: discriminator(k, g, steps)))(keys)  # [seeds, grid]
        p, q = density(DATA), density(generator)
        best = p / (p + q)
        weight = (p + q) / (p + q).sum()
        gaps[name] = (jnp.abs(d - best[None]) * weight[None]).sum(1)
        values[name] = integral(p[None] * jnp.log(d) + q[None] * jnp.log1p(-d))
        theory = -jnp.log(4.0) + integral(p * jnp.log(2 * p / (p + q)) + q * jnp.log(2 * q / (p + q)))
        curves[name] = (d, best, theory)
    return Result(
        figures=tuple(
            figure
            for name in curves
            for figure in (
                measured(f"mean |D - D*|: {name}", gaps[name]),
                measured(f"value of the game: {name}", values[name]),
                measured(f"-log 4 + 2 JSD: {name}", curves[name][2]),
            )
        ),
        checks={
            "D is the ratio of densities": near(gaps["another density"]),
            "the value is -log 4 + 2 JSD": near(values["another density"] - curves["another density"][2]),
            "equal densities give 1/2": near(gaps["the data's density"]),
            "and the value -log 4": near(values["the data's density"] + jnp.log(4.0)),
        },
        drawn=curves,
    )


def near(gaps: Array) -> bool:
    """Whether gaps are surely below 0.02 in size."""
    return surely_above(-jnp.abs(gaps), -0.02)


def density(parts: Any) -> Array:
    """Of an equal mixture of normals, on the grid."""
    each = [jax.scipy.stats.norm.pdf(GRID, mean, deviation) for mean, deviation in parts]
    return sum(each[1:], each[0]) / len(parts)


def integral(values: Array) -> Array:
    """Over the grid."""
    return values.sum(-1) * (GRID[1] - GRID[0])


def sample(key: Key, parts: Any, n: int) -> Array:
    """n draws of an equal mixture of normals, [n, 1]."""
    which_key, normal_key = jax.random.split(key)
    means, deviations = jnp.array(parts).T
    which = jax.random.randint(which_key, (n,), 0, len(parts))
    return (means[which] + deviations[which] * jax.random.normal(normal_key, (n,)))[:, None]


def discriminator(key: Key, generator: Any, steps: int) -> Array:
    """D on the grid after gradient ascent on V with fresh samples at every step."""
    init_key, sample_key = jax.random.split(key)

    def loss(params: Params, k: Key) -> Array:
        real_key, made_key = jax.random.split(k)
        x = jnp.concatenate([sample(real_key, DATA, 512), sample(made_key, generator, 512)])
        labels = jnp.concatenate([jnp.ones(512), jnp.zeros(512)])
        return losses.binary_cross_entropy(mlp.apply(params, x, CONFIG)[:, 0], labels).mean()

    adam = optim.adam(optim.cosine_schedule(0.01, steps))
    params, _ = descend(loss, mlp.init(init_key, CONFIG), adam, jax.random.split(sample_key, steps))
    return jax.nn.sigmoid(mlp.apply(params, GRID[:, None], CONFIG)[:, 0])


def picture(result: Result) -> Any:
    """Both densities, the trained discriminators (thin) and the formula (thick)."""
    figure, axes = pictures.subplots(2, 2, width=4.2, height=3.3)
    for ax, ((name, (d, best, _)), generator) in zip(
        axes, zip(result.drawn.items(), (GENERATOR, DATA), strict=True), strict=True
    ):
        ax.fill_between(GRID, density(DATA), color="0.85", linewidth=0, label="p_data")
        ax.plot(GRID, density(generator), ":", color="black", label="p_g")
        ax.plot(GRID, d.T, color="0.5", linewidth=0.7)
        ax.plot(GRID, best, "--", color="black", linewidth=1.6, label="p_data / (p_data + p_g)")
        ax.set_title(f"p_g is {name}", fontsize=10)
        ax.set_xlabel("x")
        ax.set_ylim(0, 1.35)
    axes[0].set_ylabel("density, D(x)")
    axes[0].legend(frameon=False, fontsize=8, ncols=3, loc="upper center")
    return figure
