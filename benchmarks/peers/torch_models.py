"""The workloads as PyTorch modules, with jaxdl's weights copied into them."""

import math
import os
from typing import Any

import jax
import numpy as np
import torch
from torch import nn
from torch.nn import functional as F

from benchmarks.peers import torch_sequences
from benchmarks.workloads.cases import N_CLASSES, Case


class Mlp(nn.Module):
    """Dense layers with ReLU between them."""

    def __init__(self, sizes: tuple[int, ...]) -> None:
        super().__init__()
        self.n_layers = len(sizes) - 1
        for i in range(self.n_layers):
            self.add_module(f"layer_{i}", nn.Linear(sizes[i], sizes[i + 1]))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        for i in range(self.n_layers - 1):
            x = F.relu(self.get_submodule(f"layer_{i}")(x))
        return self.get_submodule(f"layer_{self.n_layers - 1}")(x)


class Autoencoder(nn.Module):
    """Dense layers down to the code and up again."""

    def __init__(self, sizes: tuple[int, ...]) -> None:
        super().__init__()
        self.encoder, self.decoder = Mlp(sizes), Mlp(sizes[::-1])

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.decoder(self.encoder(x))


class Cnn(nn.Module):
    """Convolution, ReLU and max pooling, twice; a dense layer."""

    def __init__(self, channels: tuple[int, ...], n_features: int) -> None:
        super().__init__()
        self.conv_0 = nn.Conv2d(1, channels[0], 3)
        self.conv_1 = nn.Conv2d(channels[0], channels[1], 3)
        self.dense_0 = nn.Linear(n_features, N_CLASSES)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = F.max_pool2d(F.relu(self.conv_0(x)), 2)
        x = F.max_pool2d(F.relu(self.conv_1(x)), 2)
        return self.dense_0(x.flatten(1))


class ConvNorm(nn.Module):
    """A convolution without bias and its batch norm.

    Padding is asymmetric where jaxdl, flax and Keras ("SAME" with stride 2 on an even side) pad on the right only.
    """

    def __init__(self, n_in: int, n_out: int, window: int, stride: int) -> None:
        super().__init__()
        self.pad_right = window == 3 and stride == 2
        padding = 1 if window == 3 and stride == 1 else 0
        self.conv = nn.Conv2d(n_in, n_out, window, stride, padding, bias=False)
        self.norm = nn.BatchNorm2d(n_out, eps=1e-5, momentum=0.1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.norm(self.conv(F.pad(x, (0, 1, 0, 1)) if self.pad_right else x))


class Block(nn.Module):
    """relu(second(relu(first(x))) + shortcut(x))."""

    def __init__(self, n_in: int, n_out: int, stride: int) -> None:
        super().__init__()
        self.first = ConvNorm(n_in, n_out, 3, stride)
        self.second = ConvNorm(n_out, n_out, 3, 1)
        self.shortcut = ConvNorm(n_in, n_out, 1, stride) if n_in != n_out else nn.Identity()

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return F.relu(self.shortcut(x) + self.second(F.relu(self.first(x))))


class ResNet(nn.Module):
    """A stem, stages of residual blocks, the mean over the pixels, a dense layer."""

    def __init__(self, channels: tuple[int, ...], blocks: int) -> None:
        super().__init__()
        n_in = channels[0]
        self.stem = ConvNorm(3, n_in, 3, 1)
        self.names = [f"stage_{stage}_block_{i}" for stage in range(len(channels)) for i in range(blocks)]
        for j, name in enumerate(self.names):
            stage, i = divmod(j, blocks)
            self.add_module(name, Block(n_in, channels[stage], 2 if stage and i == 0 else 1))
            n_in = channels[stage]
        self.dense = nn.Linear(n_in, N_CLASSES)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = F.relu(self.stem(x))
        for name in self.names:
            x = self.get_submodule(name)(x)
        return self.dense(x.mean((2, 3)))


class Generator(nn.Module):
    """A dense layer to the smallest maps, then transposed convolutions, each doubles height and width."""

    def __init__(self, config: Any) -> None:
        super().__init__()
        channels, self.n_up = (*config.generator, config.size[2]), len(config.generator)
        self.first = (channels[0], config.size[0] // 2**self.n_up, config.size[1] // 2**self.n_up)
        self.layer_0 = nn.Linear(config.n_latent, math.prod(self.first), bias=False)
        for i in range(self.n_up):
            self.add_module(f"norm_{i}", nn.BatchNorm2d(channels[i], eps=1e-5, momentum=0.1))
            bias = i == self.n_up - 1
            self.add_module(f"layer_{i + 1}", nn.ConvTranspose2d(channels[i], channels[i + 1], 4, 2, 1, bias=bias))

    def forward(self, z: torch.Tensor) -> torch.Tensor:
        h = self.layer_0(z).unflatten(1, self.first)
        for i in range(self.n_up):
            h = self.get_submodule(f"layer_{i + 1}")(F.relu(self.get_submodule(f"norm_{i}")(h)))
        return 0.5 * (1 + torch.tanh(h))


class Discriminator(nn.Module):
    """Convolutions that halve height and width, then a dense layer; no batch norm in the first."""

    def __init__(self, config: Any) -> None:
        super().__init__()
        channels, self.n_down = (config.size[2], *config.discriminator), len(config.discriminator)
        for i in range(self.n_down):
            self.add_module(f"layer_{i}", nn.Conv2d(channels[i], channels[i + 1], 4, 2, 1, bias=i == 0))
            if i:
                self.add_module(f"norm_{i}", nn.BatchNorm2d(channels[i + 1], eps=1e-5, momentum=0.1))
        n_features = math.prod(side // 2**self.n_down for side in config.size[:2]) * channels[-1]
        self.add_module(f"layer_{self.n_down}", nn.Linear(n_features, 1))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        h = 2 * x - 1
        for i in range(self.n_down):
            h = self.get_submodule(f"layer_{i}")(h)
            h = F.leaky_relu(self.get_submodule(f"norm_{i}")(h) if i else h, 0.2)
        return self.get_submodule(f"layer_{self.n_down}")(h.flatten(1))[:, 0]


class Players(nn.Module):
    """Both players of a game."""

    def __init__(self, config: Any) -> None:
        super().__init__()
        self.generator, self.discriminator = Generator(config), Discriminator(config)


def device() -> str:
    """Where torch computes: on a GPU as JAX does.

    Raises: ImportError if JAX computes on a GPU, but torch was built without CUDA.
    """
    if jax.default_backend() == "cpu":
        return "cpu"
    if not torch.cuda.is_available():
        raise ImportError("torch sees no GPU here; on the CPU its rows would say nothing beside JAX's")
    return "cuda"


def configure() -> None:
    """One thread a core, denormals flushed to zero as XLA does, and new tensors on the device."""
    torch.set_default_device(device())
    torch.set_num_threads(len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1)
    torch.set_flush_denormal(True)


def model(case: Case, *, channels_last: bool = False) -> Any:
    """The module of a case, with the case's weights; of a game both players."""
    if case.kind == "sequences":
        return torch_sequences.model(case)
    weights, config = case.weights(), case.config
    if case.name == "mlp":
        module: nn.Module = Mlp((config.n_in, *config.widths, config.n_out))
    elif case.name == "cnn":
        dense = weights["dense_0"]
        dense["w"] = _channels_first_rows(dense["w"], config.channels[-1])
        module = Cnn(config.channels, dense["w"].shape[0])
    elif case.name == "autoencoder":
        module = Autoencoder((*config.shape, *config.widths, config.n_code))
    elif case.kind == "game":
        first, last = weights["generator"]["layer_0"], weights["discriminator"][f"layer_{len(config.discriminator)}"]
        first["w"] = _channels_first_rows(first["w"].T, config.generator[0]).T
        last["w"] = _channels_first_rows(last["w"], config.discriminator[-1])
        module = Players(config)
    else:
        module = ResNet(config.channels, config.blocks)
    load(module, weights)
    if channels_last:
        images: Any = module  # torch's annotations of `to` leave memory_format out
        images.to(memory_format=torch.channels_last)
    return module


def autocast(case: Case) -> torch.autocast:
    """torch's mixed precision, on for a case in bf16."""
    return torch.autocast(device(), dtype=torch.bfloat16, enabled=case.precision == "bf16")


def loss_of(case: Case, outputs: torch.Tensor, batch: dict[str, torch.Tensor]) -> torch.Tensor:
    """The mean loss of anything but a game."""
    expected = case.expected(batch)
    if case.kind == "autoencoder":
        return F.binary_cross_entropy_with_logits(outputs, expected, reduction="sum") / len(outputs)
    return F.cross_entropy(outputs.flatten(0, -2), expected.flatten())


def batches(case: Case, *, channels_last: bool = False) -> list[dict[str, torch.Tensor]]:
    """The batches of a case; images as NCHW in either memory order."""
    result = []
    for batch in case.batches():
        tensors = {name: torch.tensor(v if v.dtype == np.float32 else v.astype(np.int64)) for name, v in batch.items()}
        if case.on_images:
            order: Any = torch.channels_last if channels_last else torch.contiguous_format
            tensors["x"] = tensors["x"].movedim(-1, 1).contiguous(memory_format=order)
        result.append(tensors)
    return result


def optimizer(module: nn.Module, case: Case) -> torch.optim.Optimizer:
    """Adam, fused: one kernel for all parameters."""
    return torch.optim.Adam(module.parameters(), lr=case.learning_rate, betas=(case.b1, 0.999), eps=1e-8, fused=True)


def _channels_first_rows(w: np.ndarray, n_channels: int) -> np.ndarray:
    """Rows of a dense layer after a flattened image: from (H, W, C) order to torch's (C, H, W)."""
    side = round((len(w) // n_channels) ** 0.5)
    return w.reshape(side, side, n_channels, -1).transpose(2, 0, 1, 3).reshape(w.shape)


def load(module: Any, weights: dict[str, Any]) -> None:
    """Copy a tree of jaxdl's parameters into the modules of the same names."""
    for name, leaf in weights.items():
        if isinstance(leaf, dict):
            load(getattr(module, name), leaf)
            continue
        target = getattr(module, {"w": "weight", "b": "bias", "scale": "weight"}.get(name, name))
        if leaf.ndim == 4:
            turned = isinstance(module, nn.ConvTranspose2d)  # its kernel is IOHW and flipped
            leaf = leaf[::-1, ::-1].transpose(2, 3, 0, 1) if turned else leaf.transpose(3, 2, 0, 1)  # HWIO to OIHW
        elif leaf.ndim == 2:
            leaf = leaf.T
        if tuple(target.shape) != leaf.shape:
            raise ValueError(f"torch: {name} has shape {tuple(target.shape)}, jaxdl's has {leaf.shape}")
        with torch.no_grad():
            target.copy_(torch.tensor(np.ascontiguousarray(leaf)))
