"""Batch normalization gives every unit zero mean and unit variance over the batch, whatever the layers below do.

    z^ = (z - mean(z)) / sqrt(var(z) + eps),    h = f(scale z^ + bias)

The next layer sees inputs whose size does not depend on the weights: a larger weight gives the same z^ and a smaller
gradient. So large rates do not blow up, and poor first weights do not make signals vanish.
"""

from typing import Any

import jax
import jax.numpy as jnp

from jaxdl import losses as loss_functions
from jaxdl import nn, optim
from jaxdl.artifacts import pictures
from jaxdl.claims._descent import batch_rows, descend, first_below
from jaxdl.claims._digits import digits
from jaxdl.claims._evidence import Budget, Result, measured, surely_above
from jaxdl.nn import initializers
from jaxdl.types import Array, Key, Params

STATEMENT = "Batch normalization trains faster, bears larger learning rates and poor initialization."
SOURCE = "Ioffe, Szegedy, 2015, section 4.1 and figure 1 (three hidden layers of 100 sigmoid units)"
RULE = (
    "In that network on digits, at the best of eight rates for each, batch normalization needs at most half the steps "
    "to a training loss of 0.3; its largest rate that reaches 0.3 is at least four times the other's; from weights of "
    "0.01 it reaches 0.3 and the plain network does not."
)
SEEDS, SECONDS = 6, 25

WIDTHS, BATCH, BOUND = (100, 100, 100), 60, 0.3
RATES = tuple(0.05 * 4.0**i for i in range(8))
STARTS = {"Glorot": initializers.glorot_uniform, "N(0, 0.01²)": initializers.normal(0.01)}


def run(key: Key, budget: Budget) -> Result:
    """Train with and without, from good and from poor weights, at every rate."""
    steps, tried = (250, RATES[::2]) if budget.small else (800, RATES)
    keys = jax.random.split(key, budget.seeds)
    curves = {}
    for start in STARTS:
        for normalized in (True, False):
            budget.stage(f"{start}, {'batch norm' if normalized else 'plain'}")
            train = jax.vmap(lambda r, k, s=start, n=normalized: losses(k, r, s, n, steps), (0, None))
            curves[start, normalized] = jax.jit(jax.vmap(train, (None, 0)))(jnp.array(tried), keys)
    needed = {kind: first_below(curve, BOUND) for kind, curve in curves.items()}  # [seeds, rates]
    best = {kind: int(jnp.median(counts, 0).argmin()) for kind, counts in needed.items()}
    reached = {kind: (counts < curves[kind].shape[-1]) for kind, counts in needed.items()}
    rates = jnp.array(tried)[None]
    largest = {kind: jnp.where(ok, rates, 0.0).max(1) for kind, ok in reached.items()}
    steps_of = {n: needed["Glorot", n][:, best["Glorot", n]] for n in (True, False)}
    poor = {n: reached["N(0, 0.01²)", n].any(1) for n in (True, False)}
    return Result(
        figures=(
            measured(f"steps to a loss of {BOUND}: batch norm", steps_of[True]),
            measured(f"steps to a loss of {BOUND}: plain", steps_of[False]),
            measured("largest rate that reaches it: batch norm", largest["Glorot", True]),
            measured("largest rate that reaches it: plain", largest["Glorot", False]),
            measured("share that learns from weights of 0.01: batch norm", poor[True]),
            measured("share that learns from weights of 0.01: plain", poor[False]),
        ),
        checks={
            "half the steps": surely_above(steps_of[False] / steps_of[True], 2),
            "four times the rate": bool((largest["Glorot", True] >= 4 * largest["Glorot", False]).all()),
            "poor weights are borne": bool(poor[True].all()) and not bool(poor[False].any()),
        },
        drawn={kind: (tried[best[kind]], curve[:, best[kind]].mean(0)) for kind, curve in curves.items()},
    )


def init(key: Key, start: str) -> Params:
    """Dense layers, and a scale and a bias for each hidden unit."""
    sizes = (64, *WIDTHS, 10)
    keys = jax.random.split(key, len(sizes) - 1)
    layers = [
        nn.init_dense(k, n_in, n_out, initializer=STARTS[start])
        for k, n_in, n_out in zip(keys, sizes[:-1], sizes[1:], strict=True)
    ]
    return {"dense": layers, "norm": [nn.init_batch_norm(n)[0] for n in WIDTHS]}


def logits(params: Params, x: Array, normalized: bool) -> Array:
    """Three hidden layers of sigmoids; the batch's own statistics normalize what goes into them."""
    for dense, norm in zip(params["dense"], params["norm"], strict=False):
        z = nn.dense(dense, x)
        if normalized:
            z, _ = nn.batch_norm(norm, nn.init_batch_norm(z.shape[-1])[1], z, train=True)
        x = jax.nn.sigmoid(z)
    return nn.dense(params["dense"][-1], x)


def losses(key: Key, rate: Array, start: str, normalized: bool, steps: int) -> Array:
    """The training loss by step, smoothed over ten steps."""
    x, y, _, _ = digits()
    init_key, order_key = jax.random.split(key)

    def loss(params: Params, rows: Array) -> Array:
        return loss_functions.sparse_categorical_cross_entropy(logits(params, x[rows], normalized), y[rows]).mean()

    rows = batch_rows(order_key, len(x), BATCH, steps)
    noisy = descend(loss, init(init_key, start), optim.sgd(rate), rows)[1]
    return jnp.convolve(noisy, jnp.ones(10) / 10, mode="valid")


def picture(result: Result) -> Any:
    """Training loss by step at the best rate, from good and from poor weights."""
    figure, axes = pictures.subplots(2, 2, width=4, height=3.3)
    for ax, start in zip(axes, STARTS, strict=True):
        for normalized, style in ((True, "-"), (False, "--")):
            rate, curve = result.drawn[start, normalized]
            label = f"{'batch norm' if normalized else 'plain'}, rate {rate:g}"
            ax.semilogy(curve, style, color="black", label=label)
        ax.set_title(f"weights: {start}", fontsize=10)
        ax.set_xlabel("step")
        ax.legend(frameon=False, fontsize=9)
    axes[0].set_ylabel("training loss")
    return figure
