"""Hidden units that start equal stay equal: they compute the same, so they are corrected in the same way.

With h = f(W x + b) and logits V h + c, the gradient of row i of W is

    dL/dW_i = sum_k V_ki delta_k f'(z_i) x^T

Equal rows of W and equal columns of V make this the same for every i, at every step. If V is zero as well, the gradient
of W is zero too, and W that of V where f(0) = 0: nothing moves but the last bias. Random weights break the symmetry.
"""

from typing import Any

import jax
import jax.numpy as jnp

from jaxdl import optim
from jaxdl.artifacts import pictures
from jaxdl.claims._descent import batch_rows, descend
from jaxdl.claims._digits import digits
from jaxdl.claims._evidence import Budget, Result, measured, surely_above
from jaxdl.models import mlp
from jaxdl.types import Array, Key, Params

STATEMENT = "All-zero weights learn nothing, for hidden units that start equal get equal gradients and stay equal."
SOURCE = "Rumelhart, Hinton, Williams, 1986; Goodfellow, Bengio, Courville, Deep Learning, 2016, section 8.4"
RULE = (
    "After training from zero, and from a constant, all hidden units have the same weights to 1e-4, which is rounding; "
    "from zero the test accuracy stays within 5 points of always saying the commonest class; random weights are at "
    "least 50 points better."
)
SEEDS, SECONDS = 8, 8

STEPS = 60
CONFIG = mlp.Config(n_in=64, n_out=10, widths=(32,), activation="tanh", initializer="glorot_uniform")
STARTS = {"zero": 0.0, "constant 0.1": 0.1, "random (Glorot)": None}


def run(key: Key, budget: Budget) -> Result:
    """Train the same network on digits from three kinds of first weights."""
    x, y, test_x, test_y = digits()
    keys = jax.random.split(key, budget.seeds)
    accuracy, spread, weights = {}, {}, {}
    for name, constant in STARTS.items():
        budget.stage(name)
        params = jax.jit(jax.vmap(lambda k, c=constant: train(k, c, x, y, STEPS)))(keys)
        logits = jax.vmap(lambda p: mlp.apply(p, test_x, CONFIG))(params)
        accuracy[name] = (logits.argmax(-1) == test_y[None]).mean(1)
        w = params["layer_0"]["w"]  # [seeds, 64, 32]: a column for each hidden unit
        spread[name] = jnp.abs(w - w[..., :1]).max((1, 2))
        weights[name] = w[0]
    commonest = float(jnp.bincount(test_y).max() / len(test_y))
    gain = accuracy["random (Glorot)"] - accuracy["zero"]
    return Result(
        figures=(
            *(measured(f"test accuracy, {name}", values) for name, values in accuracy.items()),
            *(measured(f"largest difference of two units' weights, {name}", values) for name, values in spread.items()),
            measured("share of the commonest class", commonest),
        ),
        checks={
            "units that start equal stay equal": bool(max(spread["zero"].max(), spread["constant 0.1"].max()) < 1e-4),
            "zero learns nothing": bool((accuracy["zero"] < commonest + 0.05).all()),
            "random weights learn": surely_above(gain, 0.5),
        },
        drawn=weights,
        remark="In real numbers the units stay equal for ever. A machine may add up the columns of a matrix product in "
        "different orders; the last digits then differ, and Adam amplifies such differences step by step.",
    )


def train(key: Key, constant: float | None, x: Array, y: Array, steps: int) -> Params:
    """Mini-batches of 32 with Adam; `constant` replaces every first weight."""
    init_key, order_key = jax.random.split(key)
    params = mlp.init(init_key, CONFIG)
    if constant is not None:
        params = jax.tree.map(lambda leaf: jnp.full_like(leaf, constant), params)
    rows = batch_rows(order_key, len(x), 32, steps)
    return descend(lambda p, r: mlp.mean_loss(p, x[r], y[r], CONFIG), params, optim.adam(3e-3), rows)[0]


def picture(result: Result) -> Any:
    """The weights of all hidden units after training, a column for each."""
    figure, axes = pictures.subplots(3, 3, width=3.2, height=4.2)
    for ax, (name, w) in zip(axes, result.drawn.items(), strict=True):
        limit = max(float(jnp.abs(w).max()), 1e-3)
        ax.imshow(w, cmap="gray", vmin=-limit, vmax=limit, aspect="auto")
        ax.set_title(f"from {name}: ±{limit:.2g}", fontsize=9)
        ax.set_xlabel("hidden unit")
    axes[0].set_ylabel("input pixel")
    return figure
