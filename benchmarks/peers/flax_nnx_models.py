"""The workloads as flax.nnx modules, with jaxdl's weights copied into the attributes of the same names."""

from typing import Any

import jax
import jax.numpy as jnp
from flax import nnx

from benchmarks.workloads.cases import N_CLASSES, Case


class Mlp(nnx.Module):
    """Dense layers with ReLU between them."""

    def __init__(self, sizes: tuple[int, ...], rngs: nnx.Rngs) -> None:
        self.n_layers = len(sizes) - 1
        for i in range(self.n_layers):
            setattr(self, f"layer_{i}", nnx.Linear(sizes[i], sizes[i + 1], rngs=rngs))

    def __call__(self, x: jax.Array) -> jax.Array:
        for i in range(self.n_layers - 1):
            x = nnx.relu(getattr(self, f"layer_{i}")(x))
        return getattr(self, f"layer_{self.n_layers - 1}")(x)


class Autoencoder(nnx.Module):
    """Dense layers down to the code and up again."""

    def __init__(self, sizes: tuple[int, ...], rngs: nnx.Rngs) -> None:
        self.encoder, self.decoder = Mlp(sizes, rngs), Mlp(sizes[::-1], rngs)

    def __call__(self, x: jax.Array) -> jax.Array:
        return self.decoder(self.encoder(x))


class Cnn(nnx.Module):
    """Convolution, ReLU and max pooling, twice; a dense layer."""

    def __init__(self, channels: tuple[int, ...], n_features: int, rngs: nnx.Rngs) -> None:
        self.conv_0 = nnx.Conv(1, channels[0], (3, 3), padding="VALID", rngs=rngs)
        self.conv_1 = nnx.Conv(channels[0], channels[1], (3, 3), padding="VALID", rngs=rngs)
        self.dense_0 = nnx.Linear(n_features, N_CLASSES, rngs=rngs)

    def __call__(self, x: jax.Array) -> jax.Array:
        x = nnx.max_pool(nnx.relu(self.conv_0(x)), (2, 2), strides=(2, 2))
        x = nnx.max_pool(nnx.relu(self.conv_1(x)), (2, 2), strides=(2, 2))
        return self.dense_0(x.reshape(x.shape[0], -1))


class ConvNorm(nnx.Module):
    """A convolution without bias and its batch norm."""

    def __init__(self, n_in: int, n_out: int, window: int, stride: int, rngs: nnx.Rngs) -> None:
        self.conv = nnx.Conv(n_in, n_out, (window, window), (stride, stride), use_bias=False, rngs=rngs)
        self.norm = nnx.BatchNorm(n_out, use_running_average=False, momentum=0.9, epsilon=1e-5, rngs=rngs)

    def __call__(self, x: jax.Array) -> jax.Array:
        return self.norm(self.conv(x))


class Block(nnx.Module):
    """relu(second(relu(first(x))) + shortcut(x))."""

    def __init__(self, n_in: int, n_out: int, stride: int, rngs: nnx.Rngs) -> None:
        self.first = ConvNorm(n_in, n_out, 3, stride, rngs)
        self.second = ConvNorm(n_out, n_out, 3, 1, rngs)
        self.projects = n_in != n_out
        if self.projects:
            self.shortcut = ConvNorm(n_in, n_out, 1, stride, rngs)

    def __call__(self, x: jax.Array) -> jax.Array:
        y = self.second(nnx.relu(self.first(x)))
        return nnx.relu((self.shortcut(x) if self.projects else x) + y)


class ResNet(nnx.Module):
    """A stem, stages of residual blocks, the mean over the pixels, a dense layer."""

    def __init__(self, channels: tuple[int, ...], blocks: int, rngs: nnx.Rngs) -> None:
        n_in = channels[0]
        self.stem = ConvNorm(3, n_in, 3, 1, rngs)
        self.names = tuple(f"stage_{stage}_block_{i}" for stage in range(len(channels)) for i in range(blocks))
        for j, name in enumerate(self.names):
            stage, i = divmod(j, blocks)
            setattr(self, name, Block(n_in, channels[stage], 2 if stage and i == 0 else 1, rngs))
            n_in = channels[stage]
        self.dense = nnx.Linear(n_in, N_CLASSES, rngs=rngs)

    def __call__(self, x: jax.Array) -> jax.Array:
        x = nnx.relu(self.stem(x))
        for name in self.names:
            x = getattr(self, name)(x)
        return self.dense(x.mean((1, 2)))


class Generator(nnx.Module):
    """A dense layer to the smallest maps, then transposed convolutions, each doubles height and width."""

    def __init__(self, config: Any, rngs: nnx.Rngs) -> None:
        side, channels = config.size[0] // 2 ** len(config.generator), (*config.generator, config.size[2])
        self.first, self.n_up = (side, side, channels[0]), len(config.generator)
        self.layer_0 = nnx.Linear(config.n_latent, side * side * channels[0], use_bias=False, rngs=rngs)
        for i in range(self.n_up):
            setattr(self, f"norm_{i}", _norm(channels[i], rngs))
            options = {"use_bias": i == self.n_up - 1, "rngs": rngs}
            layer = nnx.ConvTranspose(channels[i], channels[i + 1], (4, 4), (2, 2), **options)
            setattr(self, f"layer_{i + 1}", layer)

    def __call__(self, z: jax.Array) -> jax.Array:
        h = self.layer_0(z).reshape(-1, *self.first)
        for i in range(self.n_up):
            h = getattr(self, f"layer_{i + 1}")(nnx.relu(getattr(self, f"norm_{i}")(h)))
        return 0.5 * (1 + jnp.tanh(h))


class Discriminator(nnx.Module):
    """Convolutions that halve height and width, then a dense layer; no batch norm in the first."""

    def __init__(self, config: Any, rngs: nnx.Rngs) -> None:
        channels, self.n_down = (config.size[2], *config.discriminator), len(config.discriminator)
        for i in range(self.n_down):
            layer = nnx.Conv(channels[i], channels[i + 1], (4, 4), (2, 2), use_bias=i == 0, rngs=rngs)
            setattr(self, f"layer_{i}", layer)
            if i:
                setattr(self, f"norm_{i}", _norm(channels[i + 1], rngs))
        side = config.size[0] // 2**self.n_down
        setattr(self, f"layer_{self.n_down}", nnx.Linear(side * side * channels[-1], 1, rngs=rngs))

    def __call__(self, x: jax.Array) -> jax.Array:
        h = 2 * x - 1
        for i in range(self.n_down):
            h = getattr(self, f"layer_{i}")(h)
            h = nnx.leaky_relu(getattr(self, f"norm_{i}")(h) if i else h, 0.2)
        return getattr(self, f"layer_{self.n_down}")(h.reshape(h.shape[0], -1))[:, 0]


class Players(nnx.Module):
    """Both players of a game."""

    def __init__(self, config: Any, rngs: nnx.Rngs) -> None:
        self.generator, self.discriminator = Generator(config, rngs), Discriminator(config, rngs)


def _norm(n_channels: int, rngs: nnx.Rngs) -> nnx.BatchNorm:
    return nnx.BatchNorm(n_channels, use_running_average=False, momentum=0.9, epsilon=1e-5, rngs=rngs)


def model(case: Case) -> Any:
    """The module of a case, with the case's weights; of a game both players."""
    rngs, weights, config = nnx.Rngs(0), case.weights(), case.config
    if case.name == "mlp":
        module = Mlp((config.n_in, *config.widths, config.n_out), rngs)
    elif case.name == "cnn":
        module = Cnn(config.channels, weights["dense_0"]["w"].shape[0], rngs)
    elif case.name == "autoencoder":
        module = Autoencoder((*config.shape, *config.widths, config.n_code), rngs)
    elif case.kind == "game":
        module = Players(config, rngs)
    else:
        module = ResNet(config.channels, config.blocks, rngs)
    load(module, weights)
    return module


def load(module: Any, weights: dict[str, Any]) -> None:
    """Copy a tree of jaxdl's parameters into the attributes of the same names."""
    for name, leaf in weights.items():
        if isinstance(leaf, dict):
            load(getattr(module, name), leaf)
        else:
            variable = getattr(module, {"w": "kernel", "b": "bias"}.get(name, name))
            if variable[...].shape != leaf.shape:
                raise ValueError(f"nnx: {name} has shape {variable[...].shape}, jaxdl's has {leaf.shape}")
            variable[...] = jnp.array(leaf)
