"""A linear autoencoder that is trained well finds the space of the first principal components, no better and no other.

    J(W, V) = mean |x - V W x|^2,    rank of V W at most k

Eckart and Young: no matrix of rank k rebuilds centered data better than the projection on the first k eigenvectors of
its covariance. Baldi and Hornik: J has no other local minimum. The axes within the space are free: only the space is
PCA's, not the components.
"""

from typing import Any

import jax
import jax.numpy as jnp

from jaxdl import optim
from jaxdl.artifacts import pictures
from jaxdl.claims._descent import descend
from jaxdl.claims._digits import digits
from jaxdl.claims._evidence import Budget, Result, measured
from jaxdl.types import Array, Key, Params

STATEMENT = "A linear autoencoder is PCA: it learns the space of the first principal components."
SOURCE = "Bourlard, Kamp, 1988; Baldi, Hornik, 1989"
RULE = (
    "For codes of 2, 8 and 16 units on digits, the squared error after training is within 1 % of PCA's and never "
    "below it, and the largest angle between the learned space and PCA's is below 5 degrees for 8 units."
)
SEEDS, SECONDS = 6, 5

CODES, RATE = (2, 8, 16), 0.02


def run(key: Key, budget: Budget) -> Result:
    """Train linear autoencoders from random weights, and compare with the eigenvectors of the covariance."""
    steps = 3000
    x = digits()[0]
    x = x - x.mean(0, keepdims=True)
    _, variances, axes = jnp.linalg.svd(x, full_matrices=False)
    best = {k: float((variances[k:] ** 2).sum() / len(x)) for k in CODES}
    keys = jax.random.split(key, budget.seeds)
    errors, angles, decoders = {}, {}, {}
    for k in CODES:
        budget.stage(f"{k} units")
        decoders[k], errors[k] = jax.jit(jax.vmap(lambda key, k=k: train(key, x, k, steps)))(keys)
        angles[k] = jax.vmap(lambda d, k=k: largest_angle(d, axes[:k]))(decoders[k])
    excess = {k: errors[k] / best[k] - 1 for k in CODES}
    return Result(
        figures=(
            *(measured(f"squared error over PCA's, less 1: {k} units", excess[k]) for k in CODES),
            *(measured(f"largest angle to PCA's space: {k} units", angles[k], "degrees") for k in CODES),
        ),
        checks={
            "as good as PCA": all(bool((excess[k] < 0.01).all()) for k in CODES),
            "never better": all(bool((excess[k] > -1e-4).all()) for k in CODES),
            "the same space": bool((angles[8] < 5).all()),
        },
        drawn={"learned": decoders[8][0].T, "PCA": axes[:8]},
    )


def train(key: Key, x: Array, k: int, steps: int) -> tuple[Array, Array]:
    """The decoder [k, D] and the mean squared error after full-batch Adam with a falling rate.

    The error sees x through x^T x alone, so that D rows R with R^T R = x^T x stand for all: the same error, faster.
    """
    encoder_key, decoder_key = jax.random.split(key)
    d = x.shape[1]
    params = {
        "encoder": jax.random.normal(encoder_key, (d, k)) / d**0.5,
        "decoder": jax.random.normal(decoder_key, (k, d)) / d**0.5,
    }

    r = jnp.linalg.qr(x, mode="r")

    def loss(params: Params, _: Array) -> Array:
        return ((r @ params["encoder"] @ params["decoder"] - r) ** 2).sum() / len(x)

    params, _ = descend(loss, params, optim.adam(optim.cosine_schedule(RATE, steps)), jnp.arange(steps))
    return params["decoder"], loss(params, r)


def largest_angle(decoder: Array, axes: Array) -> Array:
    """Between the row spaces of two matrices [k, D], in degrees; the rows of `axes` are orthonormal."""
    basis, _ = jnp.linalg.qr(decoder.T)
    cosines = jnp.linalg.svd(axes @ basis, compute_uv=False)
    return jnp.degrees(jnp.arccos(jnp.clip(cosines.min(), -1, 1)))


def picture(result: Result) -> Any:
    """The eight learned features above, PCA's components below: other axes of the same space."""
    figure, axes = pictures.subplots(16, 8, width=1.0, height=1.15)
    for row, (name, features) in enumerate(result.drawn.items()):
        features = features if features.shape[0] == 8 else features.T
        for i in range(8):
            ax = axes[8 * row + i]
            ax.imshow(features[i].reshape(8, 8), cmap="gray")
            ax.set_axis_off()
            ax.set_title(f"{name} {i + 1}", fontsize=8)
    return figure
