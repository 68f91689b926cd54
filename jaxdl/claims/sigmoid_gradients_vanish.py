"""Going back through a layer multiplies the gradient by the slope of its activation.

    dL/dz_{l-1} = f'(z_{l-1}) * (W_l^T dL/dz_l)

The sigmoid's slope is at most 1/4, so the gradient loses at least that factor per layer (times what W does); ReLU's is
1 wherever a unit is on. Each network starts from the initializer made for it: Xavier's for sigmoid, He's for ReLU.
"""

from typing import Any

import jax
import jax.numpy as jnp

from jaxdl.artifacts import pictures
from jaxdl.claims._digits import digits
from jaxdl.claims._evidence import Budget, Result, measured, surely_above
from jaxdl.models import mlp
from jaxdl.types import Array, Key

STATEMENT = "In a deep sigmoid network the gradient shrinks layer by layer towards the input; ReLU keeps it."
SOURCE = "Hochreiter, 1991; Glorot, Bengio, 2010; Nair, Hinton, 2010"
RULE = (
    "In a network of 8 hidden layers on digits, the gradient of the first layer's weights is less than a thousandth "
    "of the last hidden layer's with sigmoid, and more than a tenth with ReLU; with sigmoid it falls from every layer"
    " to the one before it."
)
SEEDS, SECONDS = 20, 4

DEPTH = 8
INITIALIZERS = {"sigmoid": "glorot_uniform", "tanh": "glorot_uniform", "relu": "he_normal"}


def run(key: Key, budget: Budget) -> Result:
    """The gradient of the mean cross-entropy at the start, layer by layer."""
    keys = jax.random.split(key, budget.seeds)
    norms = {}
    for activation in INITIALIZERS:
        budget.stage(activation)
        norms[activation] = jax.jit(jax.vmap(lambda k, a=activation: layer_gradients(k, a)))(keys)  # [seeds, DEPTH]
    ratio = {name: jnp.log10(values[:, 0] / values[:, -1]) for name, values in norms.items()}
    return Result(
        figures=tuple(
            measured(f"first over last hidden layer: {name}", values, "(log10)") for name, values in ratio.items()
        ),
        checks={
            "sigmoid loses a thousandfold": surely_above(-ratio["sigmoid"], 3),
            "sigmoid loses in every layer": bool((jnp.diff(jnp.median(norms["sigmoid"], 0)) > 0).all()),
            "ReLU keeps a tenth": surely_above(ratio["relu"], -1),
        },
        drawn=norms,
    )


def layer_gradients(key: Key, activation: str) -> Array:
    """Root mean square of the gradient of each hidden layer's weights, [DEPTH]; equal widths, so that they compare."""
    config = mlp.Config(64, 10, (64,) * DEPTH, activation, INITIALIZERS[activation])
    x, y, _, _ = digits()
    gradient = jax.grad(mlp.mean_loss)(mlp.init(key, config), x[:256], y[:256], config)
    return jnp.stack([jnp.sqrt(jnp.mean(gradient[f"layer_{i}"]["w"] ** 2)) for i in range(DEPTH)])


def picture(result: Result) -> Any:
    """Gradient by layer for each activation, every seed a thin line, the median a thick one."""
    figure, (ax,) = pictures.subplots(1, 1, width=5.2, height=3.6)
    for (name, norms), style in zip(result.drawn.items(), ("-", "--", ":"), strict=True):
        ax.semilogy(range(1, DEPTH + 1), norms.T, style, color="0.8", linewidth=0.6)
        ax.semilogy(range(1, DEPTH + 1), jnp.median(norms, 0), style, color="black", linewidth=2, label=name)
    ax.set_xlabel("hidden layer (1 is next to the input)")
    ax.set_ylabel("root mean square of dL/dW")
    ax.grid(alpha=0.25)
    ax.legend(frameon=False)
    return figure
