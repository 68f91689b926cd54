"""Convolutional classifiers: blocks of convolution, activation and pooling, then dense layers.

    h <- pool(f(norm(conv(h))))   for every entry of `channels`      [B, H, W, C]
    logits = dense(... f(dense(flatten(h))))                         [B, n_classes]

`LENET5` and `CONVNET` are two well-known members:

    LENET5    6 and 16 channels of 5x5, average pooling, tanh, dense 120 and 84     61,706 parameters
    CONVNET   32 and 64 channels of 3x3, max pooling, ReLU, dropout 1/2 (the Keras mnist_convnet)   34,826

Reference: LeCun, Bottou, Bengio, Haffner, "Gradient-based learning applied to document recognition", 1998 (here with
plain average pooling, all-to-all channels and a softmax output).
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import jax
import jax.numpy as jnp

from jaxdl.losses import sparse_categorical_cross_entropy
from jaxdl.models._inputs import require_examples
from jaxdl.nn import activations, initializers
from jaxdl.nn.affine import dense, flatten, init_dense
from jaxdl.nn.conv import conv2d, init_conv2d
from jaxdl.nn.noise import dropout, split_key
from jaxdl.nn.norm import batch_norm, init_batch_norm
from jaxdl.nn.pool import avg_pool2d, max_pool2d
from jaxdl.types import Array, Key, Params, State
from jaxdl.validation import require_name, require_not_negative, require_positive, require_rate, require_types


@dataclass(frozen=True)
class Config:
    """Any number of convolution blocks and dense layers.

    Attributes:
        size: height and width of the images.
        n_in: channels of the images.
        n_out: number of classes.
        channels: output channels of each convolution; a 2x2 pooling follows each.
        window: side of the square kernels.
        padding: "VALID" keeps to the image, "SAME" keeps its size.
        border: pixels of zeros around the image first (LeNet-5 sees 28x28 digits as 32x32).
        pool: "max" or "avg".
        widths: units of each hidden dense layer.
        activation: a name in `nn.activations.DERIVATIVES`.
        initializer: a name in `nn.initializers.BY_NAME`.
        normalization: "batch" or "none", between convolution and activation.
        dropout: rate in front of each dense layer, in [0, 1).
    """

    size: tuple[int, int] = (28, 28)
    n_in: int = 1
    n_out: int = 10
    channels: tuple[int, ...] = (32, 64)
    window: int = 3
    padding: Literal["VALID", "SAME"] = "VALID"
    border: int = 0
    pool: Literal["max", "avg"] = "max"
    widths: tuple[int, ...] = ()
    activation: str = "relu"
    initializer: str = "he_normal"
    normalization: Literal["none", "batch"] = "none"
    dropout: float = 0.0

    def __post_init__(self) -> None:
        require_types("cnn", self)
        require_positive("cnn", size=self.size, n_in=self.n_in, n_out=self.n_out, channels=self.channels)
        require_positive("cnn", window=self.window, widths=self.widths)
        require_not_negative("cnn", border=self.border)
        require_rate("cnn", dropout=self.dropout)
        require_name("cnn", "activation", self.activation, activations.DERIVATIVES)
        require_name("cnn", "initializer", self.initializer, initializers.BY_NAME)
        if min(map_size(self)) < 1:
            raise ValueError(f"cnn: {self.size} images are too small for {len(self.channels)} blocks of {self.window}")


def map_size(config: Config) -> tuple[int, int]:
    """Height and width of the last feature maps."""
    shrink = config.window - 1 if config.padding == "VALID" else 0
    h, w = (side + 2 * config.border for side in config.size)
    for _ in config.channels:
        h, w = (h - shrink) // 2, (w - shrink) // 2
    return h, w


LENET5 = Config(
    channels=(6, 16),
    window=5,
    border=2,
    pool="avg",
    widths=(120, 84),
    activation="tanh",
    initializer="glorot_uniform",
)
CONVNET = Config(channels=(32, 64), dropout=0.5)


def init(key: Key, config: Config) -> Params:
    """{"conv_0": {"w", "b"}, ..., "norm_0": {"scale", "bias"}, ..., "dense_0": {"w", "b"}, ...}.

    >>> from jaxdl.tree import parameter_count
    >>> parameter_count(init(jax.random.key(0), LENET5)), parameter_count(init(jax.random.key(0), CONVNET))
    (61706, 34826)
    """
    draw = initializers.BY_NAME[config.initializer]
    conv_key, dense_key = jax.random.split(key)
    maps = (config.n_in, *config.channels)
    h, w = map_size(config)
    sizes = (h * w * maps[-1], *config.widths, config.n_out)
    params = {}
    for i, k in enumerate(jax.random.split(conv_key, len(config.channels))):
        window = (config.window, config.window)
        normalized = config.normalization == "batch"  # its bias takes the place of the convolution's
        params[f"conv_{i}"] = init_conv2d(k, maps[i], maps[i + 1], window, bias=not normalized, initializer=draw)
        if normalized:
            params[f"norm_{i}"] = init_batch_norm(maps[i + 1])[0]
    for i, k in enumerate(jax.random.split(dense_key, len(sizes) - 1)):
        params[f"dense_{i}"] = init_dense(k, sizes[i], sizes[i + 1], initializer=draw)
    return params


def init_state(config: Config) -> State:
    """Running statistics of the batch norms: {"norm_0": {"mean", "var"}, ...}; {} without normalization."""
    if config.normalization == "none":
        return {}
    return {f"norm_{i}": init_batch_norm(n)[1] for i, n in enumerate(config.channels)}


def apply(
    params: Params, state: State, x: Array, config: Config, *, train: bool, key: Key | None = None
) -> tuple[Array, State]:
    """Logits [B, n_out] of images x [B, H, W, C], and the new running statistics.

    Args:
        train: normalize by the batch and update the statistics; otherwise normalize by them and leave them.
        key: for dropout; None drops nothing.

    >>> config = Config(size=(8, 8), channels=(4,))
    >>> y, _ = apply(init(jax.random.key(0), config), {}, jnp.ones((2, 8, 8, 1)), config, train=False)
    >>> y.shape
    (2, 10)
    """
    require_examples("cnn", x, (*config.size, config.n_in))
    f = activations.BY_NAME[config.activation]
    features, state = feature_maps(params, state, x, config, train=train)
    h = flatten(features[-1])  # [B, h w C]
    n_dense = len(config.widths) + 1
    keys = split_key(key, n_dense)
    for i in range(n_dense):
        h = dense(params[f"dense_{i}"], dropout(h, config.dropout, key=keys[i]))
        h = f(h) if i < n_dense - 1 else h
    return h, state


def feature_maps(
    params: Params, state: State, x: Array, config: Config, *, train: bool = False
) -> tuple[list[Array], State]:
    """The output [B, h, w, C] of every block, and the new running statistics."""
    require_examples("cnn", x, (None, None, config.n_in))
    f = activations.BY_NAME[config.activation]
    pool = max_pool2d if config.pool == "max" else avg_pool2d
    b = config.border
    h = jnp.pad(x, ((0, 0), (b, b), (b, b), (0, 0))) if b else x
    maps, state = [], dict(state)
    for i in range(len(config.channels)):
        h = conv2d(params[f"conv_{i}"], h, padding=config.padding)  # [B, h, w, channels[i]]
        if config.normalization == "batch":
            name = f"norm_{i}"
            h, state[name] = batch_norm(params[name], state[name], h, train=train)
        h = pool(f(h), (2, 2))  # [B, h/2, w/2, channels[i]]
        maps.append(h)
    return maps, state


def example(key: Key) -> tuple[Callable[[Params], Array], Params]:
    """A small loss of the parameters, with every layer kind of the model in it."""
    params_key, x_key, y_key, dropout_key = jax.random.split(key, 4)
    config = Config(
        size=(7, 6), n_out=3, channels=(3, 4), padding="SAME", widths=(5,), activation="gelu", normalization="batch"
    )
    x, y = jax.random.normal(x_key, (4, 7, 6, 1)), jax.random.randint(y_key, (4,), 0, 3)

    def loss(params: Params) -> Array:
        dtype = params["conv_0"]["w"].dtype
        state = jax.tree.map(lambda leaf: leaf.astype(dtype), init_state(config))
        logits, _ = apply(params, state, x.astype(dtype), config, train=True, key=dropout_key)
        return sparse_categorical_cross_entropy(logits, y).mean()

    return loss, init(params_key, config)
