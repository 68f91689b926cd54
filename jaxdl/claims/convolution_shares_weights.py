"""A convolution looks for the same thing everywhere: one small set of weights for all places of the image.

    y[i, j] = sum_{a, b} w[a, b] x[i + a, j + b]        k^2 C_in C_out weights, however large the image

Moving the input moves the output (translation equivariance), so what is learned at one place is known at all. A dense
layer of the same output has a weight for every pair of pixels, and must learn every place on its own.
"""

from typing import Any

import jax
import jax.numpy as jnp

from jaxdl import losses, nn, optim
from jaxdl.artifacts import pictures
from jaxdl.claims._descent import batch_rows, descend
from jaxdl.claims._digits import digits
from jaxdl.claims._evidence import Budget, Result, measured, surely_above
from jaxdl.types import Array, Key, Params

STATEMENT = (
    "Sharing weights, a convolution has fewer parameters than a dense layer and is more accurate on images; and it is "
    "translation-equivariant."
)
SOURCE = "LeCun and others, 1989 and 1998; Goodfellow et al., Deep Learning, section 9.2"
RULE = (
    "Trained on 600 digits, a network with two convolutions has fewer parameters than one of two dense layers and "
    "surely a higher test accuracy; on test digits moved by one pixel it is surely better by more; a circular "
    "convolution of a moved image is the moved convolution to 1e-5."
)
SEEDS, SECONDS = 10, 10

EXAMPLES, CHANNELS, WIDTHS = 600, (16, 32), (64, 64)


def run(key: Key, budget: Budget) -> Result:
    """Train both networks on few digits, test on others and on moved ones."""
    steps = 240 if budget.small else 480
    keys = jax.random.split(key, budget.seeds)
    accuracy, moved, size = {}, {}, {}
    for name, (init, apply) in {"convolutions": (init_conv, conv), "dense layers": (init_dense, dense)}.items():
        budget.stage(name)
        size[name] = sum(leaf.size for leaf in jax.tree.leaves(init(key)))
        scores_of = jax.jit(lambda k, i=init, a=apply: train(k, i, a, steps))
        scores = [scores_of(k) for k in keys]
        accuracy[name], moved[name] = (jnp.array(values) for values in zip(*scores, strict=True))
    gain = accuracy["convolutions"] - accuracy["dense layers"]
    gain_moved = moved["convolutions"] - moved["dense layers"]
    gap = equivariance_gap(key)
    return Result(
        figures=(
            *(measured(f"parameters: {name}", n) for name, n in size.items()),
            *(measured(f"test accuracy: {name}", values) for name, values in accuracy.items()),
            *(measured(f"test accuracy, moved by one pixel: {name}", values) for name, values in moved.items()),
            measured("largest |conv(move x) - move conv(x)|", gap),
        ),
        checks={
            "fewer parameters": size["convolutions"] < size["dense layers"],
            "more accurate": surely_above(gain),
            "more so on moved digits": surely_above(gain_moved - gain),
            "translation-equivariant": bool(gap < 1e-5),
        },
        drawn={"accuracy": accuracy, "moved": moved, "size": size},
    )


def init_conv(key: Key) -> Params:
    """Two 3 x 3 convolutions, and a dense layer on what is left after pooling twice."""
    first, second, last = jax.random.split(key, 3)
    return {
        "first": nn.init_conv2d(first, 1, CHANNELS[0], (3, 3)),
        "second": nn.init_conv2d(second, CHANNELS[0], CHANNELS[1], (3, 3)),
        "last": nn.init_dense(last, 4 * CHANNELS[1], 10),
    }


def conv(params: Params, x: Array) -> Array:
    """[B, 8, 8, 1] -> logits [B, 10]."""
    x = nn.max_pool2d(jax.nn.relu(nn.conv2d(params["first"], x)), (2, 2))
    x = nn.max_pool2d(jax.nn.relu(nn.conv2d(params["second"], x)), (2, 2))
    return nn.dense(params["last"], nn.flatten(x))


def init_dense(key: Key) -> Params:
    """Two hidden layers."""
    sizes = (64, *WIDTHS, 10)
    keys = jax.random.split(key, 3)
    return {str(i): nn.init_dense(k, sizes[i], sizes[i + 1]) for i, k in enumerate(keys)}


def dense(params: Params, x: Array) -> Array:
    """[B, 8, 8, 1] -> logits [B, 10]."""
    x = jax.nn.relu(nn.dense(params["0"], nn.flatten(x)))
    return nn.dense(params["2"], jax.nn.relu(nn.dense(params["1"], x)))


def train(key: Key, init: Any, apply: Any, steps: int) -> tuple[Array, Array]:
    """Test accuracy, and test accuracy on digits that are moved by one pixel to each side."""
    init_key, part_key, order_key = jax.random.split(key, 3)
    x, y, test_x, test_y = digits(flat=False)
    part = jax.random.permutation(part_key, len(x))[:EXAMPLES]
    rows = part[batch_rows(order_key, EXAMPLES, 50, steps)]

    def loss(params: Params, rows: Array) -> Array:
        return losses.sparse_categorical_cross_entropy(apply(params, x[rows]), y[rows]).mean()

    params, _ = descend(loss, init(init_key), optim.adam(3e-3), rows)

    def accuracy(images: Array) -> Array:
        return (apply(params, images).argmax(-1) == test_y).mean()

    moved = [jnp.roll(test_x, shift, axis) for shift in (-1, 1) for axis in (1, 2)]
    return accuracy(test_x), jnp.stack([accuracy(images) for images in moved]).mean()


def equivariance_gap(key: Key) -> Array:
    """The largest difference between the convolution of a moved image and the moved convolution, edges joined."""
    x_key, w_key = jax.random.split(key)
    x, params = jax.random.normal(x_key, (4, 8, 8, 3)), nn.init_conv2d(w_key, 3, 5, (3, 3))

    def circular(x: Array) -> Array:
        wrapped = jnp.pad(x, ((0, 0), (1, 1), (1, 1), (0, 0)), mode="wrap")
        return nn.conv2d(params, wrapped, padding="VALID")

    return jnp.abs(circular(jnp.roll(x, (2, 3), (1, 2))) - jnp.roll(circular(x), (2, 3), (1, 2))).max()


def picture(result: Result) -> Any:
    """Test accuracy of both, as digits lie in the data and moved by one pixel."""
    figure, (ax,) = pictures.subplots(1, 1, width=5.2, height=3.4)
    for number, (name, marker) in enumerate((("convolutions", "o"), ("dense layers", "s"))):
        for x, scores in enumerate((result.drawn["accuracy"][name], result.drawn["moved"][name])):
            label = f"{name}: {result.drawn['size'][name]:,} parameters" if x == 0 else None
            at = [x - 0.08 + 0.16 * number] * len(scores)
            face = "black" if number == 0 else "white"
            ax.plot(at, 100 * scores, marker, color="black", markerfacecolor=face, label=label)
    ax.set_xticks([0, 1], ["as they are", "moved by one pixel"])
    ax.set_xlim(-0.5, 1.5)
    ax.set_xlabel("test digits")
    ax.set_ylabel("accuracy (%)")
    ax.legend(frameon=False, loc="lower left")
    return figure
