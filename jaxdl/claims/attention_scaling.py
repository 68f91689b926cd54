"""The dot product of two random vectors of d entries has the variance d; a softmax of large numbers is nearly one-hot.

    Var(q . k) = d    for independent entries of variance 1        softmax(q . k / sqrt(d)): variance 1 for every d

The softmax's slope is diag(p) - p p^T: where one p is near 1 all of it is near 0, and no gradient reaches q and k.
"""

from typing import Any

import jax
import jax.numpy as jnp

from jaxdl import nn
from jaxdl.artifacts import pictures
from jaxdl.claims._evidence import Budget, Result, measured
from jaxdl.types import Array, Key

STATEMENT = "Dividing the scores by sqrt(d) keeps attention's softmax out of saturation, whatever the width d."
SOURCE = "Vaswani and others, Attention is all you need, 2017, section 3.2.1, footnote 4"
RULE = (
    "For random queries and 64 keys: scaled, the entropy of the weights and the softmax's slope change by less than 10 "
    "% from d = 16 to d = 1,024; not scaled, at d = 1,024 the entropy is below a tenth and the slope below a fifth of "
    "the scaled one's."
)
SEEDS, SECONDS = 10, 7

WIDTHS, KEYS = (4, 16, 64, 256, 1024), 64


def run(key: Key, budget: Budget) -> Result:
    """Entropy of the attention weights and slope of the softmax, with and without the division."""
    queries = 64 if budget.small else 512
    keys = jax.random.split(key, budget.seeds)
    entropy, slope = {}, {}
    for scaled in (True, False):
        name = "scaled" if scaled else "not scaled"
        budget.stage(name)
        by_width = [jax.jit(jax.vmap(lambda k, d=d, s=scaled: attend(k, d, s, queries)))(keys) for d in WIDTHS]
        entropy[name], slope[name] = (jnp.stack(values, 1) for values in zip(*by_width, strict=True))  # [seeds, widths]

    def steady(values: Array) -> bool:
        means = values.mean(0)
        return bool(means.max() / means.min() < 1.1)

    return Result(
        figures=tuple(
            measured(f"{what} at d = 1,024: {name}", values[name][:, -1])
            for what, values in (("entropy of the weights (nats)", entropy), ("slope of the softmax", slope))
            for name in ("scaled", "not scaled")
        ),
        checks={
            "scaled, the entropy is steady": steady(entropy["scaled"][:, 1:]),
            "scaled, the slope is steady": steady(slope["scaled"][:, 1:]),
            "not scaled, the weights are nearly one-hot": bool(
                (entropy["not scaled"][:, -1] < 0.1 * entropy["scaled"][:, -1]).all()
            ),
            "not scaled, the slope is gone": bool((slope["not scaled"][:, -1] < 0.2 * slope["scaled"][:, -1]).all()),
        },
        drawn={"entropy": entropy, "slope": slope},
    )


def attend(key: Key, d: int, scaled: bool, queries: int) -> tuple[Array, Array]:
    """Mean entropy of the weights, and the mean of sum_i p_i (1 - p_i), the trace of the softmax's slope."""
    q_key, k_key = jax.random.split(key)
    q, k = jax.random.normal(q_key, (queries, d)), jax.random.normal(k_key, (KEYS, d))
    if not scaled:
        q = q * jnp.sqrt(float(d))  # undoes the division
    p = nn.attention_weights(q[None, :, None], k[None, :, None])[0, 0]  # [queries, KEYS]
    return -jax.scipy.special.xlogy(p, p).sum(-1).mean(), (p * (1 - p)).sum(-1).mean()


def picture(result: Result) -> Any:
    """Entropy and slope by width."""
    figure, axes = pictures.subplots(2, 2, width=4, height=3.3)
    for ax, (what, by_name) in zip(axes, result.drawn.items(), strict=True):
        for (name, values), style in zip(by_name.items(), ("-o", "--s"), strict=True):
            ax.semilogx(WIDTHS, values.mean(0), style, color="black", label=name, markersize=4)
        ax.set_ylim(0)
        ax.set_xlabel("width d")
        ax.set_title("entropy of the weights (nats)" if what == "entropy" else "slope of the softmax", fontsize=10)
        ax.grid(alpha=0.25)
    axes[0].legend(frameon=False)
    return figure
