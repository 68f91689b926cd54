"""Generative adversarial networks: a generator and a discriminator, dense or convolutional, with or without classes.

    x = G(z, y)       noise z [B, Z], and labels y [B] for a conditional network, to examples [B, *size]
    logits = D(x, y)  examples to logits [B]; s(logits) is the probability that x is real

Dense players are multilayer perceptrons. Convolutional ones mirror each other, as in DCGAN: G enlarges small maps by
transposed convolutions of stride 2, D shrinks the image by convolutions of stride 2. A class enters both players:

    one_hot      G: z beside one_hot(y). D: K more inputs (K constant maps for images)
    embedding    G: z beside a learned row. D: a learned input beside x (one learned map for images)
    projection   G: z beside a learned row. D: logits = w^T h(x) + b + e_y^T sum_pixels h(x), h the last hidden layer

References: Goodfellow et al., "Generative adversarial nets", 2014. Mirza, Osindero, "Conditional generative adversarial
nets", 2014. Radford, Metz, Chintala, "Unsupervised representation learning with deep convolutional generative
adversarial networks", 2016. Miyato, Koyama, "cGANs with projection discriminator", 2018.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import jax
import jax.numpy as jnp

from jaxdl.losses import minimax
from jaxdl.models._inputs import require_examples, require_integers
from jaxdl.nn.activations import leaky_relu, relu
from jaxdl.nn.affine import dense, flatten, init_dense
from jaxdl.nn.conv import conv2d, conv_transpose2d, init_conv2d
from jaxdl.nn.initializers import glorot_uniform, normal
from jaxdl.nn.norm import batch_norm, init_batch_norm
from jaxdl.nn.spectral import init_spectral_norm, spectral_norm
from jaxdl.types import Array, Initializer, Key, Params, Shape, State
from jaxdl.validation import require_not_negative, require_positive, require_types

WINDOW = (4, 4)  # twice the stride: every output of a transposed convolution is a sum of as many terms
SLOPE = 0.2  # of the discriminator's leaky ReLU


@dataclass(frozen=True)
class Config:
    """Both players.

    Attributes:
        size: shape of one example: (H, W, C) for convolutional players, any for dense ones.
        kind: "dense" or "convolutional".
        n_latent: entries of the noise z.
        generator: units of its hidden layers, or channels of its maps from the smallest on; each is enlarged by 2.
        discriminator: units of its hidden layers, or channels of its maps from the largest on.
        output: "sigmoid" for examples in [0, 1] (D sees them as 2 x - 1), "identity" for any real numbers.
        generator_norm: "batch" or "none".
        discriminator_norm: "batch" (but in the first layer), "spectral" or "none".
        n_classes: K; 0 for a network without classes.
        condition: how a class enters: "one_hot", "embedding" or "projection".
        n_embedding: entries of a learned row of a class.
    """

    size: tuple[int, ...] = (28, 28, 1)
    kind: Literal["dense", "convolutional"] = "convolutional"
    n_latent: int = 100
    generator: tuple[int, ...] = (128, 64)
    discriminator: tuple[int, ...] = (64, 128)
    output: Literal["sigmoid", "identity"] = "sigmoid"
    generator_norm: Literal["none", "batch"] = "batch"
    discriminator_norm: Literal["none", "batch", "spectral"] = "batch"
    n_classes: int = 0
    condition: Literal["one_hot", "embedding", "projection"] = "projection"
    n_embedding: int = 32

    def __post_init__(self) -> None:
        require_types("gan", self)
        require_positive("gan", size=self.size, n_latent=self.n_latent, n_embedding=self.n_embedding)
        require_positive("gan", generator=self.generator, discriminator=self.discriminator)
        require_not_negative("gan", n_classes=self.n_classes)
        if not self.generator or not self.discriminator:
            raise ValueError("gan: generator and discriminator need at least one hidden layer each")
        times = 2 ** len(self.generator)
        if self.kind == "convolutional" and (len(self.size) != 3 or self.size[0] % times or self.size[1] % times):
            raise ValueError(
                f"gan: size must be (H, W, C) with H and W divisible by {times}, which {len(self.generator)} "
                f"enlargements by 2 make of whole maps, got {self.size}"
            )


def init(key: Key, config: Config) -> Params:
    """{"generator": {...}, "discriminator": {...}}, each {"label"?, "layer_0", "norm_0"?, "layer_1", ...}.

    >>> params = init(jax.random.key(0), Config())
    >>> {name: layer["w"].shape for name, layer in params["generator"].items() if "w" in layer}
    {'layer_0': (100, 6272), 'layer_1': (4, 4, 128, 64), 'layer_2': (4, 4, 64, 1)}
    >>> {name: layer["w"].shape for name, layer in params["discriminator"].items() if "w" in layer}
    {'layer_0': (4, 4, 1, 64), 'layer_1': (4, 4, 64, 128), 'layer_2': (6272, 1)}
    """
    g_key, d_key = jax.random.split(key)
    return {"generator": _init_generator(g_key, config), "discriminator": _init_discriminator(d_key, config)}


def init_state(config: Config) -> State:
    """{"generator": {...}, "discriminator": {...}}: running statistics of batch norms, vectors of spectral norms.

    The vectors start at random from a fixed key: where they start does not matter.
    """
    state: State = {"generator": {}, "discriminator": {}}
    if config.generator_norm == "batch":
        state["generator"] = {f"norm_{i}": init_batch_norm(n)[1] for i, n in enumerate(config.generator)}
    if config.discriminator_norm == "batch":
        widths = enumerate(config.discriminator)
        state["discriminator"] = {f"norm_{i}": init_batch_norm(n)[1] for i, n in widths if i > 0}
    elif config.discriminator_norm == "spectral":
        keys = jax.random.split(jax.random.key(0), len(config.discriminator) + 1)
        widths = enumerate((*config.discriminator, 1))
        state["discriminator"] = {f"layer_{i}": init_spectral_norm(keys[i], n) for i, n in widths}
    return state


def _draw(config: Config) -> Initializer:
    return normal(0.02) if config.kind == "convolutional" else glorot_uniform  # 0.02 is DCGAN's


def _first_map(config: Config) -> Shape:
    """Shape of the generator's first hidden layer: (h, w, C), or (n,) for dense players."""
    if config.kind == "dense":
        return config.generator[:1]
    times = 2 ** len(config.generator)
    return config.size[0] // times, config.size[1] // times, config.generator[0]


def _last_map(config: Config) -> Shape:
    """Shape of the discriminator's last hidden layer."""
    if config.kind == "dense":
        return config.discriminator[-1:]
    h, w, _ = config.size
    for _ in config.discriminator:
        h, w = -(-h // 2), -(-w // 2)
    return h, w, config.discriminator[-1]


def _init_generator(key: Key, config: Config) -> Params:
    label_key, *keys = jax.random.split(key, len(config.generator) + 2)
    normalized = config.generator_norm == "batch"  # its bias takes the place of the layer's
    n_in, params = config.n_latent, {}
    if config.n_classes:
        n_label = config.n_classes if config.condition == "one_hot" else config.n_embedding
        n_in += n_label
        if config.condition != "one_hot":
            params["label"] = {"table": normal(1.0)(label_key, (config.n_classes, n_label))}
    first = math.prod(_first_map(config))
    params["layer_0"] = init_dense(keys[0], n_in, first, bias=not normalized, initializer=_draw(config))
    sizes = (*config.generator, math.prod(config.size) if config.kind == "dense" else config.size[2])
    for i in range(1, len(sizes)):
        bias = not normalized or i == len(sizes) - 1
        params[f"layer_{i}"] = _init_layer(keys[i], sizes[i - 1], sizes[i], config, bias)
    for i, n in enumerate(config.generator if normalized else ()):
        params[f"norm_{i}"] = init_batch_norm(n)[0]
    return params


def _init_discriminator(key: Key, config: Config) -> Params:
    label_key, *keys = jax.random.split(key, len(config.discriminator) + 2)
    images = config.kind == "convolutional"
    n_in, params = config.size[2] if images else math.prod(config.size), {}
    n_last, k = math.prod(_last_map(config)), config.n_classes
    if k and config.condition == "projection":
        params["label"] = {"table": _draw(config)(label_key, (k, config.discriminator[-1]))}
    elif k and config.condition == "embedding":
        shape = (k, *config.size[:2], 1) if images else (k, config.n_embedding)
        params["label"], n_in = {"table": normal(1.0)(label_key, shape)}, n_in + shape[-1]
    n_in += k if config.condition == "one_hot" else 0
    sizes = (n_in, *config.discriminator)
    for i in range(1, len(sizes)):
        normalized = config.discriminator_norm == "batch" and i > 1
        params[f"layer_{i - 1}"] = _init_layer(keys[i - 1], sizes[i - 1], sizes[i], config, not normalized)
        if normalized:
            params[f"norm_{i - 1}"] = init_batch_norm(sizes[i])[0]
    params[f"layer_{len(sizes) - 1}"] = init_dense(keys[-1], n_last, 1, initializer=_draw(config))
    return params


def _init_layer(key: Key, n_in: int, n_out: int, config: Config, bias: bool) -> Params:
    if config.kind == "dense":
        return init_dense(key, n_in, n_out, bias=bias, initializer=_draw(config))
    return init_conv2d(key, n_in, n_out, WINDOW, bias=bias, initializer=_draw(config))


def generate(
    params: Params, state: State, z: Array, config: Config, *, train: bool, labels: Array | None = None
) -> tuple[Array, State]:
    """Examples [B, *size] from noise z [B, Z], and the generator's new running statistics.

    Args:
        params, state: the generator's own parts.
        train: normalize by the batch and update the statistics; otherwise normalize by them and leave them.
        labels: [B] integers, for a conditional network.
    Raises: ValueError if labels are missing, or there are none to take.

    >>> config = Config(size=(2,), kind="dense", n_latent=3, generator=(8,), discriminator=(8,), output="identity")
    >>> params, state = init(jax.random.key(0), config), init_state(config)
    >>> generate(params["generator"], state["generator"], jnp.ones((5, 3)), config, train=True)[0].shape
    (5, 2)
    """
    require_examples("gan: the noise", z, (config.n_latent,))
    _check_labels("generate", config, labels)
    h, state = z, dict(state)
    if labels is not None:
        one_hot = config.condition == "one_hot"
        row = jax.nn.one_hot(labels, config.n_classes) if one_hot else params["label"]["table"][labels]
        h = jnp.concatenate([h, row.astype(h.dtype)], axis=-1)
    for i in range(len(config.generator)):
        h = dense(params["layer_0"], h).reshape(-1, *_first_map(config)) if i == 0 else _up(params[f"layer_{i}"], h)
        if config.generator_norm == "batch":
            name = f"norm_{i}"
            h, state[name] = batch_norm(params[name], state[name], h, train=train)
        h = relu(h)
    x = _up(params[f"layer_{len(config.generator)}"], h).reshape(-1, *config.size)
    return (0.5 * (1 + jnp.tanh(x)) if config.output == "sigmoid" else x), state  # s(2 x) is (1 + tanh(x)) / 2


def _up(layer: Params, h: Array) -> Array:
    """A dense layer for [B, n], a transposed convolution that doubles height and width for [B, h, w, C]."""
    return dense(layer, h) if h.ndim == 2 else conv_transpose2d(layer, h, strides=(2, 2))


def discriminate(
    params: Params, state: State, x: Array, config: Config, *, train: bool, labels: Array | None = None
) -> tuple[Array, State]:
    """Logits [B] of examples x [B, *size], and the discriminator's new state.

    Args:
        params, state: the discriminator's own parts.
        train, labels: as in `generate`.
    Raises: ValueError if labels are missing, or there are none to take.

    >>> config = Config(size=(2,), kind="dense", n_latent=3, generator=(8,), discriminator=(8,), output="identity")
    >>> params, state = init(jax.random.key(0), config), init_state(config)
    >>> discriminate(params["discriminator"], state["discriminator"], jnp.ones((5, 2)), config, train=True)[0].shape
    (5,)
    """
    require_examples("gan", x, config.size)
    _check_labels("discriminate", config, labels)
    state = dict(state)
    h = 2 * x - 1 if config.output == "sigmoid" else x
    h = h if config.kind == "convolutional" else flatten(h)
    if labels is not None and config.condition != "projection":
        h = _beside_label(params, h, labels, config)
    n = len(config.discriminator)
    layers = {f"layer_{i}": params[f"layer_{i}"] for i in range(n + 1)}
    if config.discriminator_norm == "spectral":
        for name, layer in layers.items():
            w, state[name] = spectral_norm(layer["w"], state[name], train=train)
            layers[name] = layer | {"w": w}
    for i in range(n):
        layer = layers[f"layer_{i}"]
        h = dense(layer, h) if h.ndim == 2 else conv2d(layer, h, strides=(2, 2))
        if config.discriminator_norm == "batch" and i > 0:
            name = f"norm_{i}"
            h, state[name] = batch_norm(params[name], state[name], h, train=train)
        h = leaky_relu(h, SLOPE)
    logits = dense(layers[f"layer_{n}"], flatten(h))[:, 0]
    if labels is not None and config.condition == "projection":
        pooled = h if h.ndim == 2 else h.sum((1, 2))  # a row a pixel would let D learn one template a class
        logits = logits + (params["label"]["table"].astype(h.dtype)[labels] * pooled).sum(-1)
    return logits, state


def _beside_label(params: Params, h: Array, labels: Array, config: Config) -> Array:
    """The discriminator's input with the class beside it, on the last axis."""
    if config.condition == "embedding":
        return jnp.concatenate([h, params["label"]["table"].astype(h.dtype)[labels]], axis=-1)
    row = jax.nn.one_hot(labels, config.n_classes, dtype=h.dtype)
    row = row.reshape(row.shape[0], *(1,) * (h.ndim - 2), config.n_classes)
    return jnp.concatenate([h, jnp.broadcast_to(row, (*h.shape[:-1], config.n_classes))], axis=-1)


def _check_labels(name: str, config: Config, labels: Array | None) -> None:
    if (labels is None) != (config.n_classes == 0):
        has = "no labels were given" if labels is None else f"labels {labels.shape} were given"
        raise ValueError(f"gan.{name}: the network has n_classes={config.n_classes}, but {has}")
    if labels is not None:
        require_integers(f"gan.{name}", 1, labels=labels)


def example(key: Key) -> tuple[Callable[[Params], Array], Params]:
    """A small loss of both players' parameters, with every layer kind of the model in it."""
    params_key, z_key, x_key, y_key = jax.random.split(key, 4)
    config = Config(size=(4, 4, 1), n_latent=2, generator=(2,), discriminator=(1, 2), n_classes=2, n_embedding=1)
    z, x = jax.random.normal(z_key, (5, 2)), jax.random.uniform(x_key, (5, 4, 4, 1))
    y = jax.random.randint(y_key, (5,), 0, 2)

    def loss(params: Params) -> Array:
        dtype = params["generator"]["layer_0"]["w"].dtype
        state = jax.tree.map(lambda leaf: leaf.astype(dtype), init_state(config))
        ours, theirs = params["generator"], params["discriminator"]
        fake, _ = generate(ours, state["generator"], z.astype(dtype), config, train=True, labels=y)
        both = jnp.concatenate([x.astype(dtype), fake])
        y_both = jnp.concatenate([y, y])
        logits, _ = discriminate(theirs, state["discriminator"], both, config, train=True, labels=y_both)
        return minimax.value(logits[:5], logits[5:])

    return loss, init(params_key, config)
