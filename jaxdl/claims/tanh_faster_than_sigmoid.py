"""The sigmoid's outputs are all positive, so all weights into a unit must rise or fall together; tanh is centered.

    s(z) = 1 / (1 + e^-z) in (0, 1), slope <= 1/4        tanh(z) = 2 s(2 z) - 1 in (-1, 1), slope <= 1

The gradient of a weight is dL/dw_i = delta h_i: if every h_i > 0, all have the sign of delta, and descent zigzags. The
mean of the inputs also gives the loss one direction of large curvature (LeCun and others), which bounds the rate.
"""

from typing import Any

import jax
import jax.numpy as jnp

from jaxdl import optim
from jaxdl.artifacts import pictures
from jaxdl.claims._descent import batch_rows, descend, first_below
from jaxdl.claims._digits import digits
from jaxdl.claims._evidence import Budget, Result, measured, surely_above
from jaxdl.models import mlp
from jaxdl.nn import activations
from jaxdl.types import Array, Key

STATEMENT = "Tanh, which is centered at zero, trains faster than sigmoid."
SOURCE = "LeCun, Bottou, Orr, Mueller, Efficient BackProp, 1998, section 4.4"
RULE = (
    "With the best of nine learning rates for each, a network of two hidden layers needs with sigmoid at least 1.5 "
    "times the steps of tanh to a training loss of 0.2; and tanh's hidden units are nearer to zero on average."
)
SEEDS, SECONDS = 8, 9

ACTIVATIONS = ("tanh", "sigmoid")
RATES = tuple(0.02 * 2.0**i for i in range(9))
BOUND, BATCH = 0.2, 64


def run(key: Key, budget: Budget) -> Result:
    """Train both at every rate, seeds and rates side by side."""
    steps = 400 if budget.small else 1500
    keys = jax.random.split(key, budget.seeds)
    needed, centers, curves = {}, {}, {}
    for activation in ACTIVATIONS:
        budget.stage(activation)
        train = jax.vmap(lambda rate, k, a=activation: losses(k, rate, a, steps), (0, None))
        every, means = jax.jit(jax.vmap(train, (None, 0)))(jnp.array(RATES), keys)  # [seeds, rates, steps], [., .]
        counts = first_below(every, BOUND)
        best = int(jnp.median(counts, 0).argmin())
        needed[activation], centers[activation] = counts[:, best], means[:, best]
        curves[activation] = (RATES[best], every[:, best].mean(0))
    ratio = needed["sigmoid"] / needed["tanh"]
    return Result(
        figures=(
            measured("sigmoid's steps over tanh's", ratio),
            *(measured(f"steps to a loss of {BOUND}: {name}", counts) for name, counts in needed.items()),
            *(
                measured(f"mean of the first hidden layer at the start: {name}", means)
                for name, means in centers.items()
            ),
        ),
        checks={
            "tanh needs fewer steps": surely_above(ratio, 1.5),
            "tanh is centered": bool(jnp.abs(centers["tanh"].mean()) < 0.2 * centers["sigmoid"].mean()),
        },
        drawn=curves,
    )


def losses(key: Key, rate: Array, activation: str, steps: int) -> tuple[Array, Array]:
    """The training loss by step, smoothed over ten steps; and the mean of the first hidden layer before training."""
    config = mlp.Config(64, 10, (64, 64), activation, "glorot_uniform")
    x, y, _, _ = digits()
    init_key, order_key = jax.random.split(key)
    params = mlp.init(init_key, config)
    first = params["layer_0"]
    hidden = activations.BY_NAME[activation](x @ first["w"] + first["b"][None])
    rows = batch_rows(order_key, len(x), BATCH, steps)
    noisy = descend(lambda p, r: mlp.mean_loss(p, x[r], y[r], config), params, optim.sgd(rate), rows)[1]
    return jnp.convolve(noisy, jnp.ones(10) / 10, mode="valid"), hidden.mean()


def picture(result: Result) -> Any:
    """Both activations with their slopes, and the training loss at the best rate of each."""
    figure, axes = pictures.subplots(3, 3, width=3.6, height=3.2)
    z = jnp.linspace(-6, 6, 241)
    for name, style in zip(ACTIVATIONS, ("-", "--"), strict=True):
        f = activations.BY_NAME[name]
        axes[0].plot(z, f(z), style, color="black", label=name)
        axes[1].plot(z, jax.vmap(jax.grad(f))(z), style, color="black", label=name)
        rate, curve = result.drawn[name]
        axes[2].semilogy(curve, style, color="black", label=f"{name}, rate {rate:g}")
    for ax, title in zip(axes, ("activation", "slope", "training loss"), strict=True):
        ax.set_title(title, fontsize=10)
        ax.set_xlabel("step" if title == "training loss" else "z")
        ax.grid(alpha=0.25)
    axes[0].legend(frameon=False, fontsize=8, loc="lower right")
    axes[2].legend(frameon=False, fontsize=8)
    return figure
