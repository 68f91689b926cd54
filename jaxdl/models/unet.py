"""The U-Net: an image to an image of the same size, through smaller and smaller maps and back, with ways across.

    h   = conv(x)                                                    [B, H, W, C_0]
    down, level l     `blocks` residual blocks to C_l channels; the maps are kept; H and W are halved by stride 2
    middle            one residual block at the smallest size
    up, level l       H and W are doubled; the kept maps of level l stand beside them; `blocks` residual blocks
    y   = conv(silu(norm(h)))                                        [B, H, W, C], 0 at the start

A network of diffusion is told how much noise is in x by the time t [B], and may be told a class. Every residual block

    r = conv(silu(norm(h))) + W silu(e) + b,    r = conv(dropout(silu(norm(r)))),    h <- shortcut(h) + r

adds a linear map of e = MLP(positions(t)) + label to all pixels alike. `norm` is group normalization: no example knows
of the others. The shortcut is h itself, or a 1x1 convolution where the channels change; the second convolution starts
at 0, so that every block starts as its shortcut. There is no attention: maps of 8x8 pixels are seen whole.

References: Ronneberger, Fischer, Brox, "U-Net: convolutional networks for biomedical image segmentation", 2015. Ho,
Jain, Abbeel, "Denoising diffusion probabilistic models", 2020, appendix B.

Dims: B batch, H x W x C image, C_l channels of level l, E entries of e.
"""

from collections.abc import Callable
from dataclasses import dataclass

import jax
import jax.numpy as jnp

from jaxdl.models._inputs import require_examples, require_integers
from jaxdl.nn.activations import silu
from jaxdl.nn.affine import dense, init_dense
from jaxdl.nn.conv import conv2d, init_conv2d
from jaxdl.nn.embeddings import embedding, init_embedding, sinusoidal_positions
from jaxdl.nn.initializers import he_normal, normal, zeros
from jaxdl.nn.noise import dropout, split_key
from jaxdl.nn.norm import group_norm, init_group_norm
from jaxdl.nn.pool import upsample2d
from jaxdl.types import Array, Key, Params
from jaxdl.validation import require_not_negative, require_positive, require_rate, require_types


@dataclass(frozen=True)
class Config:
    """The network.

    Attributes:
        size: (H, W, C) of the images; a level halves H and W, so 2^(levels - 1) divides both.
        channels: C_l of every level, from the largest maps to the smallest.
        blocks: residual blocks of a level, down and up.
        groups: of the group norms; divides all channels.
        n_embedding: E, even.
        n_classes: K; 0 for a network that knows no classes.
        dropout: rate inside of every residual block.
    """

    size: tuple[int, int, int] = (8, 8, 1)
    channels: tuple[int, ...] = (32, 64)
    blocks: int = 1
    groups: int = 8
    n_embedding: int = 64
    n_classes: int = 0
    dropout: float = 0.0

    def __post_init__(self) -> None:
        require_types("unet", self)
        require_positive("unet", size=self.size, channels=self.channels, blocks=self.blocks, groups=self.groups)
        require_positive("unet", n_embedding=self.n_embedding)
        require_not_negative("unet", n_classes=self.n_classes)
        require_rate("unet", dropout=self.dropout)
        times = 2 ** (len(self.channels) - 1)
        if not self.channels or any(side % times for side in self.size[:2]):
            raise ValueError(
                f"unet: {len(self.channels)} levels halve H and W {len(self.channels) - 1} times: {times} must divide "
                f"both of size {self.size}"
            )
        if any(n % self.groups for n in self.channels):
            raise ValueError(f"unet: {self.groups} groups must divide all channels {self.channels}")
        if self.n_embedding % 2:
            raise ValueError(f"unet: n_embedding is even, for sines and cosines, got {self.n_embedding}")


def init(key: Key, config: Config) -> Params:
    """{"time", "label"?, "input", "down_0_0", ..., "halve_0", ..., "middle", "double_0", ..., "up_0_0", ..., "output"}.

    >>> params = init(jax.random.key(0), Config(channels=(8, 16)))
    >>> [name for name in params if name not in ("time", "output")]
    ['input', 'down_0_0', 'halve_0', 'down_1_0', 'middle', 'up_1_0', 'double_0', 'up_0_0']
    >>> params["up_0_0"]["first"]["w"].shape  # 8 channels from below, 8 from the side
    (3, 3, 16, 8)
    """
    e, n, blocks = config.n_embedding, config.channels, config.blocks
    time_key, hidden_key, label_key, in_key, middle_key, layers_key = jax.random.split(key, 6)
    keys = iter(jax.random.split(layers_key, 2 * len(n) * (blocks + 1)))
    params: Params = {"time": {"hidden": init_dense(time_key, e, e), "out": init_dense(hidden_key, e, e)}}
    if config.n_classes:
        params["label"] = init_embedding(label_key, config.n_classes, e, initializer=normal(1.0))
    params["input"] = init_conv2d(in_key, config.size[2], n[0], 3)
    for level, c in enumerate(n):
        for i in range(blocks):
            params[f"down_{level}_{i}"] = init_residual_block(next(keys), c if i or not level else n[level - 1], c, e)
        if level < len(n) - 1:
            params[f"halve_{level}"] = init_conv2d(next(keys), c, c, 3)
    params["middle"] = init_residual_block(middle_key, n[-1], n[-1], e)
    for level in reversed(range(len(n))):
        if level < len(n) - 1:
            params[f"double_{level}"] = init_conv2d(next(keys), n[level + 1], n[level], 3)
        for i in range(blocks):
            params[f"up_{level}_{i}"] = init_residual_block(next(keys), n[level] * (1 if i else 2), n[level], e)
    last = init_conv2d(next(keys), n[0], config.size[2], 3, initializer=zeros)
    return params | {"output": {"norm": init_group_norm(n[0]), "conv": last}}


def init_residual_block(key: Key, n_in: int, n_out: int, n_embedding: int) -> Params:
    """Parameters of `residual_block`: {"norm", "first", "embedding", "second_norm", "second", "shortcut"?}.

    >>> sorted(init_residual_block(jax.random.key(0), 4, 8, 2))
    ['embedding', 'first', 'norm', 'second', 'second_norm', 'shortcut']
    """
    first_key, embedding_key, second_key, shortcut_key = jax.random.split(key, 4)
    params = {
        "norm": init_group_norm(n_in),
        "first": init_conv2d(first_key, n_in, n_out, 3, initializer=he_normal),
        "embedding": init_dense(embedding_key, n_embedding, n_out),
        "second_norm": init_group_norm(n_out),
        "second": init_conv2d(second_key, n_out, n_out, 3, initializer=zeros),
    }
    if n_in != n_out:
        params["shortcut"] = init_conv2d(shortcut_key, n_in, n_out, 1)
    return params


def residual_block(
    params: Params, h: Array, e: Array, *, groups: int, rate: float = 0.0, key: Key | None = None
) -> Array:
    """One block; the equations stand at the top of this file.

    Args:
        params: as from `init_residual_block`.
        h: [B, H, W, n_in].
        e: [B, E].
        groups: of both norms.
        rate, key: of dropout; None drops nothing.
    Returns: [B, H, W, n_out].

    >>> params = init_residual_block(jax.random.key(0), 4, 8, 2)
    >>> residual_block(params, jnp.ones((3, 5, 5, 4)), jnp.ones((3, 2)), groups=2).shape
    (3, 5, 5, 8)
    """
    r = conv2d(params["first"], silu(group_norm(params["norm"], h, groups=groups)))
    r = r + dense(params["embedding"], silu(e))[:, None, None]  # [B, H, W, n_out]
    r = dropout(silu(group_norm(params["second_norm"], r, groups=groups)), rate, key=key)
    shortcut = conv2d(params["shortcut"], h) if "shortcut" in params else h
    return shortcut + conv2d(params["second"], r)


def apply(
    params: Params, x: Array, t: Array, config: Config, *, labels: Array | None = None, key: Key | None = None
) -> Array:
    """y [B, H, W, C] of noisy images x [B, H, W, C].

    Args:
        params: as from `init`.
        x: floats.
        t: [B] integers, the times.
        labels: [B] integers in [0, K), for a network that knows classes.
        key: of dropout; None drops nothing.
    Raises: ValueError for images of another size, labels that are missing, or none to take.

    >>> config = Config(channels=(8, 16))
    >>> params = init(jax.random.key(0), config)
    >>> apply(params, jnp.ones((3, 8, 8, 1)), jnp.array([1, 5, 9]), config).shape
    (3, 8, 8, 1)
    """
    require_examples("unet", x, config.size)
    require_integers("unet", 1, t=t)
    keys = iter(split_key(key, 2 * len(config.channels) * config.blocks + 1))
    e = _embed(params, t, labels, config, x)

    def block(name: str, h: Array) -> Array:
        return residual_block(params[name], h, e, groups=config.groups, rate=config.dropout, key=next(keys))

    h, kept, last = conv2d(params["input"], x), [], len(config.channels) - 1
    for level in range(last + 1):
        for i in range(config.blocks):
            h = block(f"down_{level}_{i}", h)  # [B, H / 2^level, W / 2^level, C_level]
        kept.append(h)
        if level < last:
            h = conv2d(params[f"halve_{level}"], h, strides=2)
    h = block("middle", h)
    for level in reversed(range(last + 1)):
        if level < last:
            h = conv2d(params[f"double_{level}"], upsample2d(h, 2))
        h = jnp.concatenate([h, kept[level]], axis=-1)
        for i in range(config.blocks):
            h = block(f"up_{level}_{i}", h)
    h = silu(group_norm(params["output"]["norm"], h, groups=config.groups))
    return conv2d(params["output"]["conv"], h)


def _embed(params: Params, t: Array, labels: Array | None, config: Config, x: Array) -> Array:
    """e = W_2 silu(W_1 positions(t) + b_1) + b_2 + label, [B, E] in the dtype of x."""
    if (labels is None) != (config.n_classes == 0):
        has = "no labels were given" if labels is None else f"labels {labels.shape} were given"
        raise ValueError(f"unet: the network has n_classes={config.n_classes}, but {has}")
    positions = sinusoidal_positions(t, config.n_embedding, dtype=x.dtype)
    e = dense(params["time"]["out"], silu(dense(params["time"]["hidden"], positions)))
    if labels is not None:
        require_integers("unet", 1, labels=labels)
        e = e + embedding(params["label"], labels).astype(x.dtype)
    return e


def example(key: Key) -> tuple[Callable[[Params], Array], Params]:
    """A small loss of the parameters: two levels, a shortcut of both kinds, times and classes; nothing is 0."""
    params_key, move_key, x_key = jax.random.split(key, 3)
    config = Config(size=(4, 2, 1), channels=(2, 4), groups=1, n_embedding=4, n_classes=2)
    x, t, y = jax.random.normal(x_key, (3, *config.size)), jnp.array([1, 4, 9]), jnp.array([0, 1, 1])

    def loss(params: Params) -> Array:
        out = apply(params, x.astype(params["input"]["w"].dtype), t, config, labels=y)
        return (out * out).mean()

    leaves, tree = jax.tree.flatten(init(params_key, config))
    keys = jax.random.split(move_key, len(leaves))
    return loss, tree.unflatten([p + 0.1 * jax.random.normal(k, p.shape) for p, k in zip(leaves, keys, strict=True)])
