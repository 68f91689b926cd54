"""A unit that is wrong and sure of it has a flat sigmoid; squared error multiplies the gradient by that slope.

    squared error     L = (s(z) - y)^2 / 2       dL/dz = (s - y) s (1 - s)    near 0 where s is near 0 or 1
    cross-entropy     L = -log p(y)              dL/dz = s - y                near 1 where s is wrong

So from a bad start squared error stalls on a plateau, and the cross-entropy leaves it at once.
"""

from typing import Any

import jax
import jax.numpy as jnp

from jaxdl import losses, optim
from jaxdl.artifacts import pictures
from jaxdl.claims._descent import batch_rows, descend
from jaxdl.claims._digits import digits
from jaxdl.claims._evidence import Budget, Result, measured, surely_above
from jaxdl.data import one_hot
from jaxdl.models import mlp
from jaxdl.types import Array, Key

STATEMENT = "Cross-entropy with sigmoid or softmax learns where squared error stalls."
SOURCE = (
    "Solla, Levin, Fleisher, 1988; Nielsen, Neural networks and deep learning, 2015, chapter 3; Goodfellow, section 6.2"
)
RULE = (
    "From output weights that make the network sure and wrong, the cross-entropy reaches at least 30 points more "
    "training accuracy than squared error in the same steps, each at the best of six learning rates, with sigmoid "
    "outputs and with softmax."
)
SEEDS, SECONDS = 16, 8

CONFIG = mlp.Config(64, 10, (32,), "tanh", "glorot_uniform")
RATES = tuple(0.03 * 3.0**i for i in range(6))
SCALE = 30.0  # of the output's first weights


def run(key: Key, budget: Budget) -> Result:
    """Both losses after both outputs, at every rate."""
    steps = 100 if budget.small else 300
    keys = jax.random.split(key, budget.seeds)
    accuracy, curves = {}, {}
    for output in ("sigmoid", "softmax"):
        for loss in ("cross-entropy", "squared error"):
            budget.stage(f"{output}, {loss}")
            train = jax.vmap(lambda rate, k, o=output, f=loss: accuracies(k, rate, o, f, steps), (0, None))
            every = jax.jit(jax.vmap(train, (None, 0)))(jnp.array(RATES), keys)  # [seeds, rates, points]
            best = int(every[..., -1].mean(0).argmax())
            accuracy[output, loss], curves[output, loss] = every[:, best, -1], every[:, best].mean(0)
    gain = {o: accuracy[o, "cross-entropy"] - accuracy[o, "squared error"] for o in ("sigmoid", "softmax")}
    return Result(
        figures=tuple(measured(f"training accuracy: {o}, {loss}", values) for (o, loss), values in accuracy.items()),
        checks={f"30 points better with {output}": surely_above(values, 0.3) for output, values in gain.items()},
        drawn=curves,
        remark="Output weights start thirty times too large; from a good start both losses learn digits.",
    )


def accuracies(key: Key, rate: Array, output: str, loss: str, steps: int) -> Array:
    """Training accuracy at ten moments of the training."""
    x, y, _, _ = digits()
    init_key, order_key = jax.random.split(key)
    params = mlp.init(init_key, CONFIG)
    params["layer_1"]["w"] = SCALE * params["layer_1"]["w"]
    targets = one_hot(y, 10)

    def objective(params: Any, rows: Array) -> Array:
        logits, t = mlp.apply(params, x[rows], CONFIG), targets[rows]
        if loss == "squared error":
            outputs = jax.nn.sigmoid(logits) if output == "sigmoid" else jax.nn.softmax(logits)
            return 0.5 * ((outputs - t) ** 2).sum(-1).mean()
        if output == "sigmoid":
            return losses.binary_cross_entropy(logits, t).sum(-1).mean()
        return losses.categorical_cross_entropy(logits, t).mean()

    rows = batch_rows(order_key, len(x), 64, steps).reshape(10, steps // 10, 64)

    def tenth(params: Any, rows: Array) -> tuple[Any, Array]:
        params, _ = descend(objective, params, optim.sgd(rate), rows)
        return params, (mlp.apply(params, x, CONFIG).argmax(-1) == y).mean()

    return jax.lax.scan(tenth, params, rows)[1]


def picture(result: Result) -> Any:
    """Training accuracy by step for both losses after both outputs."""
    figure, axes = pictures.subplots(2, 2, width=4, height=3.3)
    for ax, output in zip(axes, ("sigmoid", "softmax"), strict=True):
        for loss, style in (("cross-entropy", "-"), ("squared error", "--")):
            ax.plot(range(10, 101, 10), result.drawn[output, loss], style, color="black", label=loss)
        ax.set_title(f"{output} outputs", fontsize=10)
        ax.set_xlabel("share of the training (%)")
        ax.set_ylim(0, 1.02)
        ax.grid(alpha=0.25)
    axes[0].set_ylabel("training accuracy")
    axes[0].legend(frameon=False, fontsize=9, loc="center right")
    return figure
