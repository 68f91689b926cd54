"""In a valley c times longer than wide, plain descent must keep its rate small for the steep sides and then crawls.

    L(x) = 1/2 (x_1^2 + c x_2^2)         rate per step, at the best learning rate (and decay):
    gradient descent                     (c - 1) / (c + 1)
    momentum (heavy ball, Polyak)        (sqrt(c) - 1) / (sqrt(c) + 1)

RMSProp and Adam divide each coordinate by the size of its own gradients, which makes this valley nearly round.
"""

from typing import Any

import jax
import jax.numpy as jnp

from jaxdl import optim
from jaxdl.artifacts import pictures
from jaxdl.claims._descent import first_below
from jaxdl.claims._evidence import Budget, Result, measured, surely_above
from jaxdl.types import Array, Key

STATEMENT = "In an ill-conditioned valley momentum, RMSProp and Adam are many times faster than plain gradient descent."
SOURCE = "Polyak, 1964; Tieleman, Hinton, 2012; Kingma, Ba, 2015; Goodfellow et al., Deep Learning, section 8.3"
RULE = (
    "At condition number 100 the loss falls per step by the factor that theory gives, within 2 % for descent and 5 % "
    "for momentum; momentum, RMSProp and Adam need at most a third of descent's steps to a thousandth of the loss."
)
SEEDS, SECONDS = 20, 2

CONDITION, STEPS = 100.0, 1200


def optimizers() -> dict[str, Any]:
    """Descent and momentum with the best constants in closed form; the others at a falling rate."""
    root = CONDITION**0.5
    decay = ((root - 1) / (root + 1)) ** 2
    falling = optim.cosine_schedule(0.2, 200, end=1e-3)
    return {
        "gradient descent": optim.sgd(2 / (1 + CONDITION)),
        "momentum": optim.momentum(4 / (root + 1) ** 2, decay),
        "RMSProp": optim.rmsprop(falling),
        "Adam": optim.adam(falling),
    }


def run(key: Key, budget: Budget) -> Result:
    """Descend from random places on the valley's walls."""
    angles = jax.random.uniform(key, (budget.seeds,), minval=0.3, maxval=1.2)
    starts = 2 * jnp.stack([jnp.cos(angles), jnp.sin(angles)], 1)
    paths, losses, needed = {}, {}, {}
    for name, optimizer in optimizers().items():
        budget.stage(name)
        paths[name] = jax.jit(jax.vmap(lambda x, o=optimizer: path(x, o)))(starts)  # [seeds, STEPS, 2]
        losses[name] = valley(paths[name])
        needed[name] = first_below(losses[name] / losses[name][:, :1], 1e-3)
    root = CONDITION**0.5
    theory = {"gradient descent": (CONDITION - 1) / (CONDITION + 1), "momentum": (root - 1) / (root + 1)}
    spans = {"gradient descent": (200, 400), "momentum": (40, 80)}  # after the start, before float32's end
    rates = {
        name: jnp.sqrt((losses[name][:, last] / losses[name][:, first]) ** (1 / (last - first)))
        for name, (first, last) in spans.items()
    }
    gain = {name: needed["gradient descent"] / needed[name] for name in needed if name != "gradient descent"}
    return Result(
        figures=(
            *(measured(f"steps to a thousandth: {name}", steps) for name, steps in needed.items()),
            *(measured(f"factor per step: {name}", rate) for name, rate in rates.items()),
            *(measured(f"factor per step in theory: {name}", rate) for name, rate in theory.items()),
        ),
        checks={
            "descent's rate is theory's": abs(float(rates["gradient descent"].mean()) / theory["gradient descent"] - 1)
            < 0.02,
            "momentum's rate is theory's": abs(float(rates["momentum"].mean()) / theory["momentum"] - 1) < 0.05,
            **{f"{name} needs a third": surely_above(times, 3) for name, times in gain.items()},
        },
        drawn={"paths": {name: xs[0] for name, xs in paths.items()}, "losses": losses},
    )


def valley(x: Array) -> Array:
    """L(x) for points [..., 2]."""
    return 0.5 * (x[..., 0] ** 2 + CONDITION * x[..., 1] ** 2)


def path(start: Array, optimizer: Any) -> Array:
    """The points [STEPS, 2] that an optimizer visits."""

    def step(carry: tuple[Array, Any], _: None) -> tuple[tuple[Array, Any], Array]:
        x, state = carry
        update, state = optimizer.update(jax.grad(valley)(x), state, x)
        return (x + update, state), x

    return jax.lax.scan(step, (start, optimizer.init(start)), length=STEPS)[1]


def picture(result: Result) -> Any:
    """The first steps of each path on the valley's contours, and the loss by step."""
    figure, axes = pictures.subplots(5, 3, width=3.3, height=2.9)
    x, y = jnp.linspace(-2.2, 2.2, 81), jnp.linspace(-2.2, 2.2, 81)
    surface = valley(jnp.stack(jnp.meshgrid(x, y), -1))
    for ax, (name, points) in zip(axes, result.drawn["paths"].items(), strict=False):
        ax.contour(x, y, jnp.sqrt(surface), levels=12, colors="0.8", linewidths=0.6)
        ax.plot(points[:60, 0], points[:60, 1], ".-", color="black", linewidth=0.8, markersize=3)
        ax.set_title(f"{name}: 60 steps", fontsize=9)
        ax.set_xlabel("x₁ (flat)")
    for ax in (axes[0], axes[3]):
        ax.set_ylabel("x₂ (steep)")
    for (name, losses), style in zip(result.drawn["losses"].items(), ("-", "--", "-.", ":"), strict=True):
        axes[4].semilogy(jnp.maximum(jnp.median(losses, 0)[:500], 1e-9), style, color="black", label=name)
    axes[4].set_xlabel("step")
    axes[4].set_title("loss", fontsize=9)
    axes[4].legend(frameon=False, fontsize=8, loc="upper right")
    return figure
