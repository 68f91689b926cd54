"""An exponentially weighted moving average gives the value of k steps ago the weight (1 - b) b^k.

    m_t = b m_{t-1} + (1 - b) x_t,    m_0 = 0

The last 1 / (1 - b) values hold 1 - b^(1 / (1 - b)), about 1 - 1/e = 63 % of the weight. Because of m_0 = 0 the weights
of the first t values sum to 1 - b^t only; dividing by that (bias correction) makes them sum to 1. Adam divides by the
root of such an average: without the correction its first steps are too large by up to 1 / sqrt(1 - b2).
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
from jaxdl.types import Array, Key

STATEMENT = (
    "An EWMA with decay b averages about the last 1 / (1 - b) values; bias correction repairs its start, and without "
    "it Adam is unstable for b2 near 1."
)
SOURCE = "Kingma, Ba, 2015, sections 3 and 6.4 and figure 4"
RULE = (
    "For b = 0.9, 0.99 and 0.999 the last 1 / (1 - b) values hold between 60 % and 67 % of the weight; the corrected "
    "average of ones is 1 to 1e-5 at every step; with b2 = 0.9999 the highest training loss in the first 50 steps is "
    "at least twice as high without the correction as with it, and with b2 = 0.9 it is not."
)
SEEDS, SECONDS = 10, 13

DECAYS = (0.9, 0.99, 0.999)
CONFIG = mlp.Config(64, 10, (64,), "relu", "he_normal")
RATE, STEPS = 0.02, 50


def run(key: Key, budget: Budget) -> Result:
    """The weights of the average by its own gradient, its start, and Adam with and without the correction."""
    shares, starts = {}, {}
    for decay in DECAYS:
        window = round(1 / (1 - decay))
        weights = jax.grad(lambda x, b=decay: average(x, b, debias=False)[-1])(jnp.ones(8 * window))
        shares[decay] = weights[-window:].sum()
        starts[decay] = (average(jnp.ones(window), decay, debias=False), average(jnp.ones(window), decay, debias=True))
    keys = jax.random.split(key, budget.seeds)
    curves = {}
    for b2 in (0.9, 0.9999):
        budget.stage(f"Adam, b2 = {b2}")
        for debias in (True, False):
            curves[b2, debias] = jax.jit(jax.vmap(lambda k, b=b2, d=debias: losses(k, b, d)))(keys)
    height = {kind: curve.max(1) for kind, curve in curves.items()}
    ratio = {b2: height[b2, False] / height[b2, True] for b2 in (0.9, 0.9999)}
    return Result(
        figures=(
            *(measured(f"weight of the last {1 / (1 - b):.0f} values, b = {b}", share) for b, share in shares.items()),
            *(measured(f"highest loss without over with correction, b2 = {b2}", r) for b2, r in ratio.items()),
        ),
        checks={
            "the window is 1 / (1 - b)": all(0.60 < float(share) < 0.67 for share in shares.values()),
            "the correction repairs the start": all(bool((jnp.abs(s[1] - 1) < 1e-5).all()) for s in starts.values()),
            "without it Adam is unstable for b2 near 1": surely_above(ratio[0.9999], 2),
            "for b2 = 0.9 it is not": not surely_above(ratio[0.9], 2),
        },
        remark="Adam at the rate 0.02 on digits; at small rates the larger first steps are only faster.",
        drawn={"starts": starts[0.99], "losses": {kind: curve.mean(0) for kind, curve in curves.items()}},
    )


def average(x: Array, decay: float, *, debias: bool) -> Array:
    """The EWMA after each value of x [T]."""
    rule = optim.ewma(decay, debias=debias)

    def step(state: Any, value: Array) -> tuple[Any, Array]:
        state = rule.update(state, value)
        return state, rule.value(state)

    return jax.lax.scan(step, rule.init(x[0]), x)[1]


def losses(key: Key, b2: float, debias: bool) -> Array:
    """The training loss of the first steps of Adam on digits."""
    x, y, _, _ = digits()
    init_key, order_key = jax.random.split(key)
    rows = batch_rows(order_key, len(x), 64, STEPS)
    adam = optim.adam(RATE, b2=b2, debias=debias)
    return descend(lambda p, r: mlp.mean_loss(p, x[r], y[r], CONFIG), mlp.init(init_key, CONFIG), adam, rows)[1]


def picture(result: Result) -> Any:
    """The start of an average of ones, and Adam's first steps."""
    figure, axes = pictures.subplots(2, 2, width=4.2, height=3.4)
    raw, corrected = result.drawn["starts"]
    axes[0].plot(raw, "--", color="black", label="m, b = 0.99")
    axes[0].plot(corrected, "-", color="black", label="m / (1 - b^t)")
    axes[0].set_xlabel("values seen")
    axes[0].set_title("average of ones", fontsize=10)
    for (b2, debias), curve in result.drawn["losses"].items():
        shade, style = ("black" if b2 > 0.99 else "0.6"), ("-" if debias else "--")
        axes[1].semilogy(curve, style, color=shade, label=f"b2 = {b2}, {'corrected' if debias else 'not corrected'}")
    axes[1].set_xlabel("step")
    axes[1].set_title("training loss with Adam", fontsize=10)
    axes[0].legend(frameon=False, fontsize=8, loc="lower right")
    axes[1].legend(frameon=False, fontsize=8)
    return figure
