"""The workloads as flax.linen modules.

They carry jaxdl's names, so that a parameter tree is copied by renaming its leaves.
"""

from typing import Any

import jax
import jax.numpy as jnp
from flax import linen as nn

from benchmarks.workloads.cases import N_CLASSES, Case


class Mlp(nn.Module):
    """Dense layers with ReLU between them."""

    sizes: tuple[int, ...]

    @nn.compact
    def __call__(self, x: jax.Array) -> jax.Array:
        for i, size in enumerate(self.sizes[:-1]):
            x = nn.relu(nn.Dense(size, name=f"layer_{i}")(x))
        return nn.Dense(self.sizes[-1], name=f"layer_{len(self.sizes) - 1}")(x)


class Autoencoder(nn.Module):
    """Dense layers down to the code and up again."""

    down: tuple[int, ...]
    up: tuple[int, ...]

    @nn.compact
    def __call__(self, x: jax.Array) -> jax.Array:
        return Mlp(self.up, name="decoder")(Mlp(self.down, name="encoder")(x))


class Cnn(nn.Module):
    """Convolution, ReLU and max pooling, twice; a dense layer."""

    channels: tuple[int, ...]

    @nn.compact
    def __call__(self, x: jax.Array) -> jax.Array:
        for i, n_out in enumerate(self.channels):
            x = nn.relu(nn.Conv(n_out, (3, 3), padding="VALID", name=f"conv_{i}")(x))
            x = nn.max_pool(x, (2, 2), strides=(2, 2))
        return nn.Dense(N_CLASSES, name="dense_0")(x.reshape(x.shape[0], -1))


class ConvNorm(nn.Module):
    """A convolution without bias and its batch norm."""

    n_out: int
    window: int = 3
    stride: int = 1

    @nn.compact
    def __call__(self, x: jax.Array) -> jax.Array:
        window, strides = (self.window, self.window), (self.stride, self.stride)
        x = nn.Conv(self.n_out, window, strides, use_bias=False, name="conv")(x)
        return nn.BatchNorm(use_running_average=False, momentum=0.9, epsilon=1e-5, name="norm")(x)


class Block(nn.Module):
    """relu(second(relu(first(x))) + shortcut(x))."""

    n_out: int
    stride: int

    @nn.compact
    def __call__(self, x: jax.Array) -> jax.Array:
        y = nn.relu(ConvNorm(self.n_out, stride=self.stride, name="first")(x))
        y = ConvNorm(self.n_out, name="second")(y)
        if x.shape[-1] != self.n_out:
            x = ConvNorm(self.n_out, window=1, stride=self.stride, name="shortcut")(x)
        return nn.relu(x + y)


class ResNet(nn.Module):
    """A stem, stages of residual blocks, the mean over the pixels, a dense layer."""

    channels: tuple[int, ...]
    blocks: int

    @nn.compact
    def __call__(self, x: jax.Array) -> jax.Array:
        x = nn.relu(ConvNorm(self.channels[0], name="stem")(x))
        for stage, n_out in enumerate(self.channels):
            for i in range(self.blocks):
                stride = 2 if stage and i == 0 else 1
                x = Block(n_out, stride, name=f"stage_{stage}_block_{i}")(x)
        return nn.Dense(N_CLASSES, name="dense")(x.mean((1, 2)))


class Generator(nn.Module):
    """A dense layer to the smallest maps, then transposed convolutions, each doubles height and width."""

    size: tuple[int, int, int]
    channels: tuple[int, ...]

    @nn.compact
    def __call__(self, z: jax.Array) -> jax.Array:
        side = self.size[0] // 2 ** len(self.channels)
        h = nn.Dense(side * side * self.channels[0], use_bias=False, name="layer_0")(z)
        h = h.reshape(-1, side, side, self.channels[0])
        for i, n_out in enumerate((*self.channels[1:], self.size[2])):
            h = nn.relu(_norm(f"norm_{i}")(h))
            last = i == len(self.channels) - 1
            h = nn.ConvTranspose(n_out, (4, 4), (2, 2), use_bias=last, name=f"layer_{i + 1}")(h)
        return 0.5 * (1 + jnp.tanh(h))


class Discriminator(nn.Module):
    """Convolutions that halve height and width, then a dense layer; no batch norm in the first."""

    channels: tuple[int, ...]

    @nn.compact
    def __call__(self, x: jax.Array) -> jax.Array:
        h = 2 * x - 1
        for i, n_out in enumerate(self.channels):
            h = nn.Conv(n_out, (4, 4), (2, 2), use_bias=i == 0, name=f"layer_{i}")(h)
            h = nn.leaky_relu(_norm(f"norm_{i}")(h) if i else h, 0.2)
        return nn.Dense(1, name=f"layer_{len(self.channels)}")(h.reshape(h.shape[0], -1))[:, 0]


def _norm(name: str) -> nn.BatchNorm:
    return nn.BatchNorm(use_running_average=False, momentum=0.9, epsilon=1e-5, name=name)


def model(case: Case) -> nn.Module:
    """The module of a case that is no game."""
    config = case.config
    if case.name == "mlp":
        return Mlp((*config.widths, N_CLASSES))
    if case.name == "cnn":
        return Cnn(config.channels)
    if case.name == "autoencoder":
        return Autoencoder((*config.widths, config.n_code), (*config.widths[::-1], *config.shape))
    return ResNet(config.channels, config.blocks)


def players(case: Case) -> dict[str, nn.Module]:
    """The modules of a game."""
    config = case.config
    return {"generator": Generator(config.size, config.generator), "discriminator": Discriminator(config.discriminator)}


def renamed(tree: Any) -> Any:
    """jaxdl's leaf names to flax's: w -> kernel, b -> bias."""
    if not isinstance(tree, dict):
        return jnp.array(tree)
    return {{"w": "kernel", "b": "bias"}.get(name, name): renamed(leaf) for name, leaf in tree.items()}
