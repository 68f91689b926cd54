"""A layer multiplies the variance of what passes through it; thirty layers do so thirty times.

With independent weights of variance s^2 and n inputs, z = W h has the variance n s^2 E[h^2]. To keep it,

    tanh (slope 1 near zero)    n s^2 = 1:  LeCun's 1 / sqrt(n); Glorot's 2 / (n_in + n_out) also for the way back
    ReLU (half of it is zero)   n s^2 = 2:  He's sqrt(2 / n)

Smaller weights make activations and gradients vanish with depth, and Glorot's for ReLU lose a factor of two per layer.
"""

from typing import Any

import jax
import jax.numpy as jnp

from jaxdl.artifacts import pictures
from jaxdl.claims._evidence import Budget, Result, measured
from jaxdl.nn import activations, initializers
from jaxdl.types import Array, Key

STATEMENT = (
    "Small random weights make activations and gradients vanish with depth; weights of 1 / sqrt(n) (LeCun, Xavier) "
    "keep their variance with tanh, and He's with ReLU, through thirty layers."
)
SOURCE = "Glorot, Bengio, 2010, figures 6 and 7; He, Zhang, Ren, Sun, 2015, section 2.2 (the 30-layer network)"
RULE = (
    "Over 30 layers of 256 units, the root mean square of activations and of gradients shrinks below 1e-9 with "
    "weights of 0.01; it changes by less than a factor of 10 for tanh with LeCun's or Xavier's and for ReLU with "
    "He's; for ReLU with Xavier's it shrinks more than a thousandfold."
)
SEEDS, SECONDS = 10, 10

DEPTH, WIDTH, BATCH = 30, 256, 64
NETWORKS = {
    "tanh, N(0, 0.01²)": ("tanh", initializers.normal(0.01)),
    "tanh, LeCun": ("tanh", initializers.lecun_normal),
    "tanh, Xavier": ("tanh", initializers.glorot_normal),
    "ReLU, Xavier": ("relu", initializers.glorot_normal),
    "ReLU, He": ("relu", initializers.he_normal),
}


def run(key: Key, budget: Budget) -> Result:
    """Send normal inputs forward and normal gradients back through fresh networks."""
    keys = jax.random.split(key, budget.seeds)
    forward, backward = {}, {}
    for name, (activation, draw) in NETWORKS.items():
        budget.stage(name)
        sizes = jax.jit(jax.vmap(lambda k, f=activations.BY_NAME[activation], d=draw: root_mean_squares(k, f, d)))
        forward[name], backward[name] = sizes(keys)  # [seeds, DEPTH] each
    ends = {
        name: (forward[name][:, -1] / forward[name][:, 0], backward[name][:, 0] / backward[name][:, -1])
        for name in forward
    }

    def stays(name: str) -> bool:
        return all(bool((jnp.median(end) > 0.1) & (jnp.median(end) < 10)) for end in ends[name])

    return Result(
        figures=tuple(
            measured(f"{way}, last over first: {name}", jnp.log10(end), "(log10)")
            for name, both in ends.items()
            for way, end in zip(("activations", "gradients"), both, strict=True)
        ),
        checks={
            "small weights vanish": all(bool((end < 1e-9).all()) for end in ends["tanh, N(0, 0.01²)"]),
            "tanh with LeCun's stays": stays("tanh, LeCun"),
            "tanh with Xavier's stays": stays("tanh, Xavier"),
            "ReLU with He's stays": stays("ReLU, He"),
            "ReLU with Xavier's vanishes": all(bool(jnp.median(end) < 1e-3) for end in ends["ReLU, Xavier"]),
        },
        drawn={"forward": forward, "backward": backward},
    )


def root_mean_squares(key: Key, f: Any, draw: Any) -> tuple[Array, Array]:
    """Of every layer's activations on the way forward, and of the gradient with respect to them on the way back."""
    weight_key, x_key, gradient_key = jax.random.split(key, 3)
    weights = jax.vmap(lambda k: draw(k, (WIDTH, WIDTH)))(jax.random.split(weight_key, DEPTH))
    x = jax.random.normal(x_key, (BATCH, WIDTH))

    def network(nudges: Array) -> tuple[Array, Array]:
        def layer(h: Array, inputs: tuple[Array, Array]) -> tuple[Array, Array]:
            w, nudge = inputs
            h = f(h @ w) + nudge  # a nudge of zero: the gradient by it is the gradient by h
            return h, h

        return jax.lax.scan(layer, x, (weights, nudges))

    (last, every), pull_back = jax.vjp(network, jnp.zeros((DEPTH, BATCH, WIDTH)))
    (gradients,) = pull_back((jax.random.normal(gradient_key, last.shape), jnp.zeros_like(every)))
    return size(every), size(gradients)


def size(layers: Array) -> Array:
    """The root mean square of each layer's entries; scaled first, for squares of 1e-30 are zero in float32."""
    largest = jnp.maximum(jnp.abs(layers).max((1, 2), keepdims=True), 1e-37)
    return jnp.sqrt(jnp.mean((layers / largest) ** 2, (1, 2))) * largest[:, 0, 0]


def picture(result: Result) -> Any:
    """The size of activations and of gradients by layer, on a logarithmic axis."""
    figure, axes = pictures.subplots(2, 2, width=4.2, height=3.6)
    styles = dict(zip(NETWORKS, (":", "-", "--", "-.", "-"), strict=True))
    for ax, way in zip(axes, ("forward", "backward"), strict=True):
        for name, values in result.drawn[way].items():
            shade = "0.6" if name.startswith("tanh") else "black"
            ax.semilogy(range(1, DEPTH + 1), jnp.median(values, 0), styles[name], color=shade, label=name)
        ax.set_ylim(1e-37, 1e3)
        ax.set_xlabel("layer")
        ax.set_title("activations, forward" if way == "forward" else "gradients, backward", fontsize=10)
        ax.grid(alpha=0.25)
    axes[0].set_ylabel("root mean square")
    axes[0].legend(frameon=False, fontsize=8, loc="lower left")
    return figure
