"""An autoencoder with more hidden units than inputs could just copy. Noise or sparsity give it something to find.

    plain        J = L(g(f(x)), x)                                 a wide f may pass everything through
    denoising    J = L(g(f(c(x))), x)                              what c wiped out must be told from the rest
    sparse       J = L(g(f(x)), x) + beta sum_j KL(rho || h_j)     few units may be on, each must stand for something

A feature is good if little is left to do: a linear classifier on the frozen code says how good. Here all three have 128
units for 64 pixels, and the classifier gets the labels of 1,000 digits, or of 100.
"""

import dataclasses
from typing import Any

import jax
import jax.numpy as jnp

from jaxdl import losses, optim
from jaxdl.artifacts import pictures
from jaxdl.claims._descent import batch_rows, descend
from jaxdl.claims._digits import digits
from jaxdl.claims._drawing import dots
from jaxdl.claims._evidence import Budget, Result, measured, surely_above
from jaxdl.models import autoencoder
from jaxdl.nn import dense
from jaxdl.types import Array, Key, Params

STATEMENT = (
    "The features of a denoising autoencoder are better than a plain one's; those of a sparse one too, though its "
    "hidden layer is wider than the input."
)
SOURCE = "Vincent, Larochelle, Bengio, Manzagol, 2008; Ng, Sparse autoencoder, 2011 (UFLDL)"
RULE = (
    "128 sigmoid units for 64 pixels: with the labels of 1,000 digits a linear classifier on the denoising "
    "autoencoder's code (half of the pixels masked) is surely more accurate on the test part than on the plain one's, "
    "and so it is on the sparse one's (KL, rho = 0.05)."
)
SEEDS, SECONDS = 16, 21

PLAIN = autoencoder.Config((64,), 128, activation="sigmoid", code_activation="sigmoid")
KINDS = {
    "plain": PLAIN,
    "denoising": dataclasses.replace(PLAIN, corruption="masking", corruption_level=0.5),
    "sparse": dataclasses.replace(PLAIN, sparsity="kl", sparsity_rate=1.0, rho=0.05),
}
LABELS, STEPS = (100, 1000), 1500


def run(key: Key, budget: Budget) -> Result:
    """Train each kind without labels, and a linear classifier on its code; and one on the pixels."""
    x, _, test_x, _ = digits()
    keys = jax.random.split(key, budget.seeds)
    budget.stage("pixels")
    accuracy = {"pixels": jax.jit(jax.vmap(lambda k: probes(k, x, test_x)))(keys)}  # [seeds, LABELS]
    features = {}
    for name, config in KINDS.items():
        budget.stage(name)
        accuracy[name], features[name] = jax.jit(jax.vmap(lambda k, c=config: evaluate(k, c)))(keys)
    gain = {name: accuracy[name] - accuracy["plain"] for name in ("denoising", "sparse")}
    return Result(
        figures=tuple(
            measured(f"test accuracy with {n:,} labels: {name}", 100 * values[:, i], "%")
            for i, n in enumerate(LABELS)
            for name, values in accuracy.items()
        ),
        checks={f"{name} features are better": surely_above(values[:, -1]) for name, values in gain.items()},
        remark="With the labels of 100 digits the three do not differ: what the classifier lacks there is labels.",
        drawn={"features": {name: weights[0] for name, weights in features.items()}, "accuracy": accuracy},
    )


def train(key: Key, config: autoencoder.Config) -> Params:
    """An autoencoder of the training digits by mini-batches of 32; no label is seen."""
    x = digits()[0]
    init_key, order_key, noise_key = jax.random.split(key, 3)
    rows, noise = batch_rows(order_key, len(x), 32, STEPS), jax.random.split(noise_key, STEPS)

    def loss(params: Params, batch: tuple[Array, Key]) -> Array:
        return autoencoder.objective(params, x[batch[0]], config, key=batch[1])[0]

    optimizer = optim.adam(optim.cosine_schedule(1e-2, STEPS))
    return descend(loss, autoencoder.init(init_key, config), optimizer, (rows, noise))[0]


def evaluate(key: Key, config: autoencoder.Config) -> tuple[Array, Array]:
    """The accuracies of linear classifiers on the code [LABELS], and the weights of 24 units [64, 24]."""
    x, _, test_x, _ = digits()
    params = train(key, config)
    codes = (autoencoder.encode(params, images, config) for images in (x, test_x))
    return probes(key, *codes), params["encoder"]["layer_0"]["w"][:, :24]


def probes(key: Key, h: Array, test_h: Array) -> Array:
    """Test accuracy of linear classifiers on standardized features h, by number of labels: means of two draws."""
    _, y, _, test_y = digits()
    mean, std = h.mean(0, keepdims=True), h.std(0, keepdims=True) + 0.01
    h, test_h = (h - mean) / std, (test_h - mean) / std

    def probe(key: Key, n: int) -> Array:
        order = jax.random.permutation(key, len(h))

        def loss(params: Params, _: Array) -> Array:
            each = losses.sparse_categorical_cross_entropy(dense(params, h[order[:n]]), y[order[:n]])
            return each.mean() + 1e-3 * (params["w"] ** 2).sum()

        start = {"w": jnp.zeros((h.shape[1], 10)), "b": jnp.zeros(10)}
        params, _ = descend(loss, start, optim.adam(0.02), jnp.arange(200))
        return (dense(params, test_h).argmax(-1) == test_y).mean()

    draws = jax.random.split(key)
    return jnp.stack([jax.vmap(lambda k, n=n: probe(k, n))(draws).mean() for n in LABELS])


def picture(result: Result) -> Any:
    """What 24 units of each kind look for, and the accuracy of a linear classifier on each."""
    figure, axes = pictures.subplots(4, 4, width=3.0, height=3.0)
    for ax, (name, weights) in zip(axes, result.drawn["features"].items(), strict=False):
        tiles = (weights / jnp.abs(weights).max(0, keepdims=True)).T.reshape(6, 4, 8, 8)
        tiles = jnp.pad(tiles, ((0, 0), (0, 0), (0, 1), (0, 1)), constant_values=1.0)
        ax.imshow(tiles.transpose(0, 2, 1, 3).reshape(54, 36), cmap="gray")
        ax.set_axis_off()
        ax.set_title(name)
    names = list(result.drawn["accuracy"])
    for column, name in enumerate(names):
        dots(axes[3], column, 100 * result.drawn["accuracy"][name][:, -1])
    axes[3].set_xticks(range(len(names)), names, fontsize=8)
    axes[3].set_xlabel("linear classifier on")
    axes[3].set_ylabel(f"test accuracy, {LABELS[-1]:,} labels (%)")
    return figure
