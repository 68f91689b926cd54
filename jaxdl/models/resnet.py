"""A small residual network: a stem and stages of residual blocks, each stage half the size and twice the channels.

    block:   y = relu(norm(conv(relu(norm(conv(x))))) + shortcut(x))
    logits = dense(mean over the pixels of the last stage)

The shortcut is x itself, or a 1x1 convolution of every second pixel where the shape changes. With n blocks in each of
three stages there are 6 n + 2 layers.

Reference: He, Zhang, Ren, Sun, "Deep residual learning for image recognition", 2016, section 4.2 (with the projection
shortcut B).
"""

from collections.abc import Callable
from dataclasses import dataclass

import jax

from jaxdl.losses import sparse_categorical_cross_entropy
from jaxdl.models._inputs import require_examples
from jaxdl.nn import initializers
from jaxdl.nn.activations import relu
from jaxdl.nn.affine import dense, init_dense
from jaxdl.nn.conv import conv2d, init_conv2d
from jaxdl.nn.noise import dropout
from jaxdl.nn.norm import batch_norm, init_batch_norm
from jaxdl.nn.pool import global_avg_pool2d
from jaxdl.types import Array, Key, Params, State
from jaxdl.validation import require_name, require_positive, require_rate, require_types


@dataclass(frozen=True)
class Config:
    """Depth and width.

    Attributes:
        n_in: channels of the images, of any size.
        n_out: number of classes.
        channels: of each stage; the first is also the stem's.
        blocks: residual blocks in each stage.
        initializer: a name in `nn.initializers.BY_NAME`.
        dropout: rate in front of the last layer, in [0, 1).
    """

    n_in: int = 3
    n_out: int = 10
    channels: tuple[int, ...] = (16, 32, 64)
    blocks: int = 2
    initializer: str = "he_normal"
    dropout: float = 0.0

    def __post_init__(self) -> None:
        require_types("resnet", self)
        require_positive("resnet", n_in=self.n_in, n_out=self.n_out, channels=self.channels, blocks=self.blocks)
        require_rate("resnet", dropout=self.dropout)
        require_name("resnet", "initializer", self.initializer, initializers.BY_NAME)


def _layout(config: Config) -> dict[str, tuple[int, int, int]]:
    """Block name -> (input channels, output channels, stride)."""
    layout, n_in = {}, config.channels[0]
    for stage, n_out in enumerate(config.channels):
        for i in range(config.blocks):
            layout[f"stage_{stage}_block_{i}"] = (n_in, n_out, 2 if i == 0 and stage > 0 else 1)
            n_in = n_out
    return layout


def _init_conv_norm(key: Key, n_in: int, n_out: int, window: int, config: Config) -> Params:
    draw = initializers.BY_NAME[config.initializer]
    conv = init_conv2d(key, n_in, n_out, (window, window), bias=False, initializer=draw)
    return {"conv": conv, "norm": init_batch_norm(n_out)[0]}


def init(key: Key, config: Config) -> Params:
    """{"stem": {"conv", "norm"}, "stage_0_block_0": {"first", "second", ("shortcut")}, ..., "dense"}.

    >>> from jaxdl.tree import parameter_count
    >>> parameter_count(init(jax.random.key(0), Config(blocks=3)))  # 20 layers
    272474
    """
    stem_key, dense_key, blocks_key = jax.random.split(key, 3)
    params = {"stem": _init_conv_norm(stem_key, config.n_in, config.channels[0], 3, config)}
    layout = _layout(config)
    for k, (name, (n_in, n_out, stride)) in zip(jax.random.split(blocks_key, len(layout)), layout.items(), strict=True):
        first, second, shortcut = jax.random.split(k, 3)
        params[name] = {
            "first": _init_conv_norm(first, n_in, n_out, 3, config),
            "second": _init_conv_norm(second, n_out, n_out, 3, config),
        }
        if stride != 1 or n_in != n_out:
            params[name]["shortcut"] = _init_conv_norm(shortcut, n_in, n_out, 1, config)
    return params | {"dense": init_dense(dense_key, config.channels[-1], config.n_out)}


def init_state(config: Config) -> State:
    """Running statistics with the structure of the parameters' norms: {"stem": {"mean", "var"}, ...}."""
    state: State = {"stem": init_batch_norm(config.channels[0])[1]}
    for name, (n_in, n_out, stride) in _layout(config).items():
        parts = ("first", "second", "shortcut") if stride != 1 or n_in != n_out else ("first", "second")
        state[name] = {part: init_batch_norm(n_out)[1] for part in parts}
    return state


def apply(
    params: Params, state: State, x: Array, config: Config, *, train: bool, key: Key | None = None
) -> tuple[Array, State]:
    """Logits [B, n_out] of images x [B, H, W, C], and the new running statistics.

    >>> import jax.numpy as jnp
    >>> config = Config(channels=(4, 8), blocks=1)
    >>> y, _ = apply(init(jax.random.key(0), config), init_state(config), jnp.ones((2, 8, 8, 3)), config, train=False)
    >>> y.shape
    (2, 10)
    """

    def conv_norm(part: Params, running: State, h: Array, stride: int = 1) -> tuple[Array, State]:
        return batch_norm(part["norm"], running, conv2d(part["conv"], h, strides=(stride, stride)), train=train)

    require_examples("resnet", x, (None, None, config.n_in))
    new: State = {}
    h, new["stem"] = conv_norm(params["stem"], state["stem"], x)
    h = relu(h)  # [B, H, W, channels[0]]
    for name, (_, _, stride) in _layout(config).items():
        block, running, updated = params[name], state[name], {}
        residual, updated["first"] = conv_norm(block["first"], running["first"], h, stride)
        residual, updated["second"] = conv_norm(block["second"], running["second"], relu(residual))
        if "shortcut" in block:
            h, updated["shortcut"] = conv_norm(block["shortcut"], running["shortcut"], h, stride)
        h = relu(h + residual)  # [B, H / 2^stage, W / 2^stage, channels[stage]]
        new[name] = updated
    return dense(params["dense"], dropout(global_avg_pool2d(h), config.dropout, key=key)), new


def example(key: Key) -> tuple[Callable[[Params], Array], Params]:
    """A small loss of the parameters, with both kinds of shortcut in it."""
    params_key, x_key, y_key = jax.random.split(key, 3)
    config = Config(n_in=2, n_out=3, channels=(3, 4), blocks=1)
    x, y = jax.random.normal(x_key, (3, 5, 6, 2)), jax.random.randint(y_key, (3,), 0, 3)

    def loss(params: Params) -> Array:
        dtype = params["dense"]["w"].dtype
        state = jax.tree.map(lambda leaf: leaf.astype(dtype), init_state(config))
        logits, _ = apply(params, state, x.astype(dtype), config, train=True)
        return sparse_categorical_cross_entropy(logits, y).mean()

    return loss, init(params_key, config)
