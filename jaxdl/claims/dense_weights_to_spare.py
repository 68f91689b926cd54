"""A dense layer joins everything with everything. After training, set the smallest of its weights to zero:

    w <- m w,    m_ij = 1 where |w_ij| is among the largest, else 0        then train the rest on, with m as it is

What is left says nearly the same. The gain is one of memory; of time only where the machine skips the zeros.
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

STATEMENT = "A dense network is inefficient for its parameters: most of its weights can go."
SOURCE = "LeCun, Denker, Solla, 1990; Han, Pool, Tran, Dally, 2015"
RULE = (
    "Of a network with one hidden layer of 128 units on digits, four fifths of the weights can be set to zero, if the "
    "others are trained on, for surely less than one point of test accuracy; and just cutting them off surely costs "
    "more than three points."
)
SEEDS, SECONDS = 30, 6

LEFT = (0.5, 0.2, 0.1, 0.05)  # shares of the weights
CONFIG = mlp.Config(64, 10, (128,), "relu", "he_normal")


def run(key: Key, budget: Budget) -> Result:
    """Train, cut off the smallest weights, train the others on."""
    steps = 300 if budget.small else 600
    keys = jax.random.split(key, budget.seeds)
    budget.stage("training, cutting, training on")
    whole, cut, trained = jax.jit(jax.vmap(lambda k: pruned(k, jnp.array(LEFT), steps)))(keys)
    fifth = LEFT.index(0.2)
    return Result(
        figures=(
            measured("test accuracy with all weights", 100 * whole, "%"),
            *(
                measured(f"test accuracy with {100 * left:g} % of the weights: {name}", 100 * scores[:, i], "%")
                for i, left in enumerate(LEFT)
                for name, scores in (("cut off", cut), ("trained on", trained))
            ),
        ),
        checks={
            "four fifths can go": surely_above(0.01 - (whole - trained[:, fifth])),
            "but not without training on": surely_above(whole - cut[:, fifth], 0.03),
        },
        drawn={"cut off": cut, "trained on": trained},
    )


def train(key: Key, params: Params, mask: Params, steps: int) -> Params:
    """Adam on the weights that a mask leaves, the others stay zero."""
    x, y, _, _ = digits()

    def masked(params: Params) -> Params:
        return jax.tree.map(jnp.multiply, params, mask)

    def loss(params: Params, rows: Array) -> Array:
        return mlp.mean_loss(masked(params), x[rows], y[rows], CONFIG)

    rows = batch_rows(key, len(x), 50, steps)
    return masked(descend(loss, params, optim.adam(optim.cosine_schedule(1e-2, steps)), rows)[0])


def keep_largest(params: Params, share: Array) -> Params:
    """The mask of a share of the weights, over all layers; biases stay."""
    sizes = jnp.concatenate([jnp.abs(layer["w"]).ravel() for layer in params.values()])
    least = jnp.quantile(sizes, 1 - share)
    return {
        name: {"w": (jnp.abs(layer["w"]) >= least).astype(jnp.float32), "b": jnp.ones_like(layer["b"])}
        for name, layer in params.items()
    }


def pruned(key: Key, shares: Array, steps: int) -> tuple[Array, Array, Array]:
    """Test accuracy: before [], and for every share of the weights without [S] and with training these on [S]."""
    _, _, test_x, test_y = digits()
    init_key, first, second = jax.random.split(key, 3)
    params = mlp.init(init_key, CONFIG)
    params = train(first, params, jax.tree.map(jnp.ones_like, params), steps)

    def accuracy(params: Params) -> Array:
        return (mlp.apply(params, test_x, CONFIG).argmax(-1) == test_y).mean()

    def prune(share: Array) -> tuple[Array, Array]:
        mask = keep_largest(params, share)
        left = jax.tree.map(jnp.multiply, params, mask)
        return accuracy(left), accuracy(train(second, left, mask, steps))

    return accuracy(params), *jax.vmap(prune)(shares)


def picture(result: Result) -> Any:
    """Test accuracy by the share of weights that are left."""
    figure, (ax,) = pictures.subplots(1, 1, width=5.2, height=3.4)
    for (name, scores), style in zip(result.drawn.items(), ("--s", "-o"), strict=True):
        ax.errorbar(
            [100 * left for left in LEFT],
            100 * scores.mean(0),
            100 * scores.std(0),
            fmt=style,
            color="black",
            capsize=3,
            markerfacecolor="white",
            label=name,
        )
    ax.set_xlabel("weights that are left (%)")
    ax.set_ylabel("accuracy on the test digits (%)")
    ax.legend(frameon=False, loc="lower right")
    return figure
