"""Which layer of a jaxdl network is which layer of a PyTorch or flax module: one list for each model.

The names of the other libraries are those of the modules that `torch_module` and `flax_module` write; PyTorch's are
where it can be those of its own composites (`nn.LSTM`, `nn.TransformerEncoder`), so that their state dicts fit.
"""

from collections.abc import Iterator
from types import ModuleType
from typing import Any, NamedTuple

import jax
import numpy as np

from jaxdl import models
from jaxdl.models import cnn, linear, mlp, rnn, transformer
from jaxdl.types import Params, State

MODELS = (linear, mlp, cnn, rnn, transformer)


class Layer(NamedTuple):
    """One layer in three libraries.

    Attributes:
        kind: what it is: "dense", "conv", "norm", "embedding", "rnn", "lstm", "gru", "attention", and "dense_of_maps",
            a dense layer on flattened feature maps.
        path: of its parameters in jaxdl's tree, "encoder/layers/self"; "" is the whole tree.
        torch: its name in a state dict; "*" stands for the leaf where that is not the end ("recurrent.*_l0").
        flax: its name in a parameter tree, with dots.
        stacked: which of the equal layers that are stacked under `path`; None where nothing is stacked.
        sizes: what the arrays do not show: the number of heads, or height, width and channels of the maps.
    """

    kind: str
    path: str
    torch: str
    flax: str
    stacked: int | None = None
    sizes: tuple[int, ...] = ()


def model_of(config: Any) -> ModuleType:
    """The module of a Config.

    Raises: ValueError for a network that has no form in other libraries.

    >>> model_of(mlp.Config(2, 2)).__name__
    'jaxdl.models.mlp'
    """
    module = next((module for module in MODELS if isinstance(config, module.Config)), None)
    if module is None:
        name = type(config).__module__.rpartition(".")[2].removeprefix("_").removesuffix("_config")
        known = ", ".join(one.__name__.rpartition(".")[2] for one in MODELS)
        raise ValueError(f"interop: there is no form of {name} in other libraries; there is one of {known}")
    if isinstance(config, transformer.Config):
        if config.positions == "rotary":
            raise ValueError(
                'interop: neither PyTorch nor flax has layers with positions="rotary"; there are --to jax and onnx'
            )
        if config.copy:
            raise ValueError("interop: neither PyTorch nor flax has a layer that copies (copy=True); there is --to jax")
    return module


def empty(config: Any) -> tuple[Params, State]:
    """Parameters and state of a network, all zeros: its names and shapes."""
    shapes = jax.eval_shape(models.bind(model_of(config), config).init, jax.random.key(0))
    return jax.tree.map(lambda leaf: np.zeros(leaf.shape, leaf.dtype), shapes)


def layers(config: Any) -> list[Layer]:
    """Every layer with parameters.

    >>> [layer.path for layer in layers(mlp.Config(n_in=4, n_out=3, widths=(8,)))]
    ['layer_0', 'layer_1']
    """
    model = model_of(config)
    if model is linear:
        return [Layer("dense", "", "layer_0", "layer_0")]
    if model is mlp:
        return [_same("dense", f"layer_{i}") for i in range(len(config.widths) + 1)]
    if model is cnn:
        return list(_cnn(config))
    if model is rnn:
        found = [Layer(config.cell, f"layer_{i}", f"recurrent.*_l{i}", f"layer_{i}") for i in range(config.n_layers)]
        return [*found, _same("dense", "output")]
    return list(_transformer(config))


def _same(kind: str, name: str, **fields: Any) -> Layer:
    return Layer(kind, name, name, name, **fields)


def _cnn(config: cnn.Config) -> Iterator[Layer]:
    for i in range(len(config.channels)):
        yield _same("conv", f"conv_{i}")
        if config.normalization == "batch":
            yield _same("norm", f"norm_{i}")
    yield _same("dense_of_maps", "dense_0", sizes=(*cnn.map_size(config), (config.n_in, *config.channels)[-1]))
    for i in range(1, len(config.widths) + 1):
        yield _same("dense", f"dense_{i}")


def embeddings(params: Params) -> dict[str, int]:
    """The embeddings of a Transformer: name -> rows."""
    return {name: len(params[name]["table"]) for name in ("source", "target", "positions") if name in params}


def _transformer(config: transformer.Config) -> Iterator[Layer]:
    params, _ = empty(config)
    for name in embeddings(params):
        yield _same("embedding", name)
    for side, n_layers in (("encoder", config.n_encoder_layers), ("decoder", config.n_decoder_layers)):
        for i in range(n_layers):
            yield from _block(side, i, config.n_heads, cross="cross" in params[side]["layers"])
        if n_layers and config.norm == "pre":
            yield Layer("norm", f"{side}/norm", f"{side}.norm", f"{side}_norm")
    if "output" in params:
        yield _same("dense", "output")


def _block(side: str, index: int, n_heads: int, *, cross: bool) -> Iterator[Layer]:
    """One layer of the encoder or the decoder; PyTorch numbers its norms."""

    def layer(kind: str, name: str, torch: str) -> Layer:
        sizes = (n_heads,) if kind == "attention" else ()
        torch = f"{side}.layers.{index}.{torch}"
        return Layer(kind, f"{side}/layers/{name}", torch, f"{side}_{index}.{name}", index, sizes)

    yield layer("attention", "self", "self_attn")
    yield layer("norm", "self_norm", "norm1")
    if cross:
        yield layer("attention", "cross", "multihead_attn")
        yield layer("norm", "cross_norm", "norm2")
    yield layer("dense", "hidden", "linear1")
    yield layer("dense", "out", "linear2")
    yield layer("norm", "out_norm", "norm3" if cross else "norm2")
