"""Early in the game the discriminator is sure that what the generator makes is false: D(G(z)) is near 0.

    minimax           L_G = log(1 - D(G(z)))     dL/da = -D        for D = s(a): no gradient where D is near 0
    non-saturating    L_G = -log D(G(z))         dL/da = D - 1     the full gradient there

Both have the same fixed point; only the second starts.
"""

import math
from typing import Any

import jax
import jax.numpy as jnp

from jaxdl import losses, optim
from jaxdl.artifacts import pictures
from jaxdl.claims._descent import descend
from jaxdl.claims._digits import digits
from jaxdl.claims._evidence import Budget, Result, measured, surely_above
from jaxdl.models import mlp
from jaxdl.types import Array, Key, Params

STATEMENT = "The generator's minimax loss saturates early in the game; the non-saturating loss does not."
SOURCE = "Goodfellow and others, 2014, section 3; Arjovsky, Bottou, 2017"
RULE = (
    "While a discriminator learns to tell digits from a fresh generator's, the generator's gradient by the minimax "
    "loss falls below a hundredth of that by the non-saturating loss; and then 200 steps of the generator against that "
    "discriminator raise D(G(z)) above 1/2 with the non-saturating loss and leave it below 1/4 with the other."
)
SEEDS, SECONDS = 24, 5

CODE = 16
G = mlp.Config(CODE, 64, (64,), "relu", "he_normal")
D = mlp.Config(64, 1, (64,), "relu", "he_normal")
BATCH = 64


def run(key: Key, budget: Budget) -> Result:
    """Train the discriminator alone, watch both gradients, then let the generator move by either loss."""
    steps = 300
    keys = jax.random.split(key, budget.seeds)
    budget.stage("the discriminator learns")
    g, d, norms = jax.jit(jax.vmap(lambda k: confident(k, steps)))(keys)  # norms: loss name -> [seeds, steps]
    reached = {}
    for name in LOSSES:
        budget.stage(f"the generator moves: {name}")
        reached[name] = jax.jit(jax.vmap(lambda g, d, k, n=name: belief_after(g, d, k, n)))(g, d, keys)
    ratio = norms["non-saturating"][:, -1] / norms["minimax"][:, -1]
    return Result(
        figures=(
            measured(
                "non-saturating gradient over minimax gradient, at the start",
                norms["non-saturating"][:, 0] / norms["minimax"][:, 0],
            ),
            measured("non-saturating gradient over minimax gradient, when D is sure", ratio),
            *(measured(f"D(G(z)) after 200 steps: {name}", values) for name, values in reached.items()),
        ),
        checks={
            "the minimax gradient falls below a hundredth": surely_above(jnp.log(ratio), math.log(100)),
            "the non-saturating loss moves the generator": surely_above(reached["non-saturating"], 0.5),
            "the minimax loss leaves it": surely_above(-reached["minimax"], -0.25),
        },
        drawn=norms,
    )


LOSSES = {
    "minimax": lambda logits: -losses.binary_cross_entropy(logits, jnp.zeros_like(logits)).mean(),
    "non-saturating": lambda logits: losses.binary_cross_entropy(logits, jnp.ones_like(logits)).mean(),
}


def samples(params: Params, key: Key) -> Array:
    """Images of a generator, pixels in (0, 1)."""
    return jax.nn.sigmoid(mlp.apply(params, jax.random.normal(key, (BATCH, CODE)), G))


def generator_loss(g: Params, d: Params, key: Key, name: str) -> Array:
    """By either loss, of what the discriminator says of a batch of samples."""
    return LOSSES[name](mlp.apply(d, samples(g, key), D)[:, 0])


def confident(key: Key, steps: int) -> tuple[Params, Params, dict[str, Array]]:
    """A fresh generator, a discriminator trained against it, and the generator's gradient norms on the way."""
    g_key, d_key, run_key = jax.random.split(key, 3)
    g, d, x = mlp.init(g_key, G), mlp.init(d_key, D), digits()[0]
    optimizer = optim.adam(1e-3)

    def loss(d: Params, k: Key) -> Array:
        row_key, z_key = jax.random.split(k)
        real = x[jax.random.randint(row_key, (BATCH,), 0, len(x))]
        logits = mlp.apply(d, jnp.concatenate([real, samples(g, z_key)]), D)[:, 0]
        return losses.binary_cross_entropy(logits, jnp.repeat(jnp.array([1.0, 0.0]), BATCH)).mean()

    def step(carry: Any, k: Key) -> tuple[Any, dict[str, Array]]:
        d, state = carry
        norms = {name: optim.global_norm(jax.grad(generator_loss)(g, d, k, name)) for name in LOSSES}
        updates, state = optimizer.update(jax.grad(loss)(d, k), state, d)
        return (jax.tree.map(jnp.add, d, updates), state), norms

    (d, _), norms = jax.lax.scan(step, (d, optimizer.init(d)), jax.random.split(run_key, steps))
    return g, d, norms


def belief_after(g: Params, d: Params, key: Key, name: str) -> Array:
    """The mean of D(G(z)) after 200 steps of the generator alone."""
    keys = jax.random.split(jax.random.fold_in(key, 1), 201)
    g, _ = descend(lambda g, k: generator_loss(g, d, k, name), g, optim.sgd(0.1), keys[:-1])
    return jax.nn.sigmoid(mlp.apply(d, samples(g, keys[-1]), D)).mean()


def picture(result: Result) -> Any:
    """The norm of the generator's gradient by either loss while the discriminator learns."""
    figure, (ax,) = pictures.subplots(1, 1, width=5.2, height=3.4)
    for (name, norms), style in zip(result.drawn.items(), ("--", "-"), strict=True):
        ax.semilogy(norms.T, style, color="0.75", linewidth=0.6)
        ax.semilogy(jnp.median(norms, 0), style, color="black", linewidth=2, label=name)
    ax.set_xlabel("step of the discriminator")
    ax.set_ylabel("norm of the generator's gradient")
    ax.legend(frameon=False)
    return figure
