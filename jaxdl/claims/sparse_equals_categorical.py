"""The cross-entropy reads one entry of the log-softmax: the label's. A one-hot row of zeros only picks it out.

    categorical    L = - sum_k y_k log softmax(z)_k      y a one-hot row [K]
    sparse         L = - log softmax(z)_c                c the number of the class

Same value, same gradient softmax(z) - y; but the one-hot rows of a batch take B K numbers and the labels B.
"""

from typing import Any

import jax
import jax.numpy as jnp

from jaxdl import losses
from jaxdl.artifacts import pictures
from jaxdl.claims._evidence import Budget, Result, measured
from jaxdl.types import Array, Key

STATEMENT = (
    "Categorical and sparse categorical cross-entropy are equal in value and gradient; the sparse one saves memory."
)
SOURCE = "Keras documentation; Goodfellow et al., Deep Learning, section 6.2.2"
RULE = (
    "Over random logits and labels, values and gradients differ by less than 1e-6 of the largest; the compiled "
    "gradient's arguments of the sparse form are smaller by the one-hot rows, at least 99 % of 4 B K bytes."
)
SEEDS, SECONDS = 20, 3

BATCH = 256
CLASSES = (10, 100, 1_000, 10_000)


def run(key: Key, budget: Budget) -> Result:
    """Both losses on the same rows, and the memory of both compiled gradients."""
    keys = jax.random.split(key, budget.seeds)
    budget.stage("values and gradients")
    value_gap, gradient_gap = jax.jit(jax.vmap(gaps))(keys)
    sizes = {"categorical": [], "sparse": []}
    for n in CLASSES:
        budget.stage(f"memory with {n} classes")
        for name, nbytes in zip(sizes, memory(n), strict=True):
            sizes[name].append(nbytes)
    saved = [(c - s) / (4 * BATCH * n) for c, s, n in zip(*sizes.values(), CLASSES, strict=True)]
    return Result(
        figures=(
            measured("largest difference of values", value_gap),
            measured("largest difference of gradients", gradient_gap),
            measured("memory with 10,000 classes: categorical", sizes["categorical"][-1] / 1e6, "MB"),
            measured("memory with 10,000 classes: sparse", sizes["sparse"][-1] / 1e6, "MB"),
        ),
        checks={
            "equal values": bool((value_gap < 1e-6).all()),
            "equal gradients": bool((gradient_gap < 1e-6).all()),
            "the one-hot rows are saved": all(share > 0.99 for share in saved[1:]),
        },
        drawn=sizes,
    )


def gaps(key: Key) -> tuple[Array, Array]:
    """Of values and of gradients: the largest difference over the largest value."""
    logit_key, label_key = jax.random.split(key)
    logits = 5 * jax.random.normal(logit_key, (BATCH, 100))
    labels = jax.random.randint(label_key, (BATCH,), 0, 100)
    rows = jax.nn.one_hot(labels, 100)
    dense, dense_gradient = jax.value_and_grad(lambda z: losses.categorical_cross_entropy(z, rows).sum())(logits)
    sparse, sparse_gradient = jax.value_and_grad(lambda z: losses.sparse_categorical_cross_entropy(z, labels).sum())(
        logits
    )
    return jnp.abs(dense - sparse) / dense, jnp.abs(dense_gradient - sparse_gradient).max() / jnp.abs(
        dense_gradient
    ).max()


def memory(n: int) -> tuple[int, int]:
    """Bytes that the compiled gradients take in: arguments and temporary arrays."""
    logits, labels = jax.ShapeDtypeStruct((BATCH, n), jnp.float32), jax.ShapeDtypeStruct((BATCH,), jnp.int32)

    def taken(loss: Any, targets: Any) -> int:
        compiled = jax.jit(jax.grad(lambda z, t: loss(z, t).mean())).lower(logits, targets).compile()
        analysis: Any = compiled.memory_analysis()
        return analysis.argument_size_in_bytes + analysis.temp_size_in_bytes

    return taken(losses.categorical_cross_entropy, logits), taken(losses.sparse_categorical_cross_entropy, labels)


def picture(result: Result) -> Any:
    """Memory of the gradient by number of classes."""
    figure, (ax,) = pictures.subplots(1, 1, width=5, height=3.4)
    for (name, sizes), style in zip(result.drawn.items(), ("--o", "-o"), strict=True):
        ax.loglog(CLASSES, [size / 1e6 for size in sizes], style, color="black", label=name, markersize=4)
    ax.set_xlabel("number of classes")
    ax.set_ylabel(f"memory, batch of {BATCH} (MB)")
    ax.grid(alpha=0.25)
    ax.legend(frameon=False)
    return figure
