"""Attention sums over a set: nothing in it knows which token came first.

    attention(P Q, P K, P V) = P attention(Q, K, V)        for every permutation P of the positions

for the softmax of (P Q)(P K)^T = P (Q K^T) P^T is P A P^T, and P^T P = 1. Layer norm, the feed-forward layers and the
residual sums act on each position alone, so the whole encoder is permutation-equivariant. Positions break that.
"""

from typing import Any

import jax
import jax.numpy as jnp

from jaxdl import nn
from jaxdl.artifacts import pictures
from jaxdl.claims._evidence import Budget, Result, measured
from jaxdl.types import Array, Key, Params

STATEMENT = "Without positions the Transformer's encoder is permutation-equivariant: word order means nothing to it."
SOURCE = "Vaswani and others, Attention is all you need, 2017, section 3.5; Lee and others, Set Transformer, 2019"
RULE = (
    "With random weights and random permutations, the encoder's outputs move with their inputs to 1e-5 of their size "
    "without positions, and change by more than 1e-2 with sinusoidal positions or with a causal mask."
)
SEEDS, SECONDS = 20, 7

LENGTH, D_MODEL, HEADS, DEPTH = 12, 32, 4, 3


def run(key: Key, budget: Budget) -> Result:
    """Permute the inputs, and compare with the permuted outputs."""
    keys = jax.random.split(key, budget.seeds)
    gaps = {}
    for name, options in {
        "no positions": {},
        "sinusoidal positions": {"positions": True},
        "causal mask": {"causal": True},
    }.items():
        budget.stage(name)
        gaps[name] = jax.jit(jax.vmap(lambda k, o=options: gap(k, **o)))(keys)
    return Result(
        figures=tuple(measured(f"largest change, as a share of the outputs: {name}", g) for name, g in gaps.items()),
        checks={
            "equivariant without positions": bool((gaps["no positions"] < 1e-5).all()),
            "not with positions": bool((gaps["sinusoidal positions"] > 1e-2).all()),
            "not with a causal mask": bool((gaps["causal mask"] > 1e-2).all()),
        },
        drawn=gaps,
        remark="Exact up to float32: sums over the keys are taken in another order.",
    )


def gap(key: Key, *, positions: bool = False, causal: bool = False) -> Array:
    """The largest |encoder(P x) - P encoder(x)|, over the largest output."""
    init_key, x_key, order_key = jax.random.split(key, 3)
    layers = [init_layer(k) for k in jax.random.split(init_key, DEPTH)]
    x = jax.random.normal(x_key, (1, LENGTH, D_MODEL))
    order = jax.random.permutation(order_key, LENGTH)
    straight = encoder(layers, x, positions=positions, causal=causal)
    permuted = encoder(layers, x[:, order], positions=positions, causal=causal)
    return jnp.abs(permuted - straight[:, order]).max() / jnp.abs(straight).max()


def init_layer(key: Key) -> Params:
    """Self-attention and a feed-forward layer, a layer norm before each."""
    attention_key, up_key, down_key = jax.random.split(key, 3)
    return {
        "attention": nn.init_multi_head_attention(attention_key, D_MODEL),
        "up": nn.init_dense(up_key, D_MODEL, 4 * D_MODEL),
        "down": nn.init_dense(down_key, 4 * D_MODEL, D_MODEL),
        "norms": [nn.init_layer_norm(D_MODEL), nn.init_layer_norm(D_MODEL)],
    }


def encoder(layers: list[Params], x: Array, *, positions: bool, causal: bool) -> Array:
    """x = x + attention(norm(x)), x = x + feed_forward(norm(x)), layer by layer."""
    if positions:
        x = x + nn.sinusoidal_positions(jnp.arange(LENGTH), D_MODEL)[None]
    for layer in layers:
        h = nn.layer_norm(layer["norms"][0], x)
        x = x + nn.multi_head_attention(layer["attention"], h, n_heads=HEADS, causal=causal)
        h = nn.layer_norm(layer["norms"][1], x)
        x = x + nn.dense(layer["down"], jax.nn.relu(nn.dense(layer["up"], h)))
    return x


def picture(result: Result) -> Any:
    """The change of the outputs in each encoder, a dot for each seed."""
    figure, (ax,) = pictures.subplots(1, 1, width=5.2, height=2.6)
    for row, gaps in enumerate(result.drawn.values()):
        ax.semilogx(
            jnp.maximum(gaps, 1e-9), [row] * len(gaps), "o", color="black", markerfacecolor="none", markersize=6
        )
    ax.set_yticks(range(len(result.drawn)), list(result.drawn))
    ax.axvline(1e-5, color="0.6", linewidth=0.8)
    ax.set_ylim(-0.6, len(result.drawn) - 0.4)
    ax.set_xlabel("largest change, permuted (share of the outputs)")
    return figure
