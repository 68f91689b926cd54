"""The workloads as functional Keras models whose layers carry jaxdl's paths as names, with jaxdl's weights."""

import os
from typing import Any

os.environ.setdefault("KERAS_BACKEND", "jax")  # read when keras is imported

import keras  # pyright: ignore[reportMissingImports]
import numpy as np

from benchmarks.workloads.cases import N_CLASSES, Case

layers = keras.layers


def _conv_norm(x: Any, name: str, n_out: int, window: int = 3, stride: int = 1) -> Any:
    conv = layers.Conv2D(n_out, window, stride, padding="same", use_bias=False, name=f"{name}-conv")
    return layers.BatchNormalization(momentum=0.9, epsilon=1e-5, name=f"{name}-norm")(conv(x))


def _resnet(x: Any, config: Any) -> Any:
    x = layers.ReLU()(_conv_norm(x, "stem", config.channels[0]))
    for stage, n_out in enumerate(config.channels):
        for i in range(config.blocks):
            name, stride = f"stage_{stage}_block_{i}", 2 if stage and i == 0 else 1
            y = layers.ReLU()(_conv_norm(x, f"{name}-first", n_out, 3, stride))
            y = _conv_norm(y, f"{name}-second", n_out)
            if x.shape[-1] != n_out:
                x = _conv_norm(x, f"{name}-shortcut", n_out, 1, stride)
            x = layers.ReLU()(layers.Add()([x, y]))
    return layers.Dense(N_CLASSES, name="dense")(layers.GlobalAveragePooling2D()(x))


def _cnn(x: Any, config: Any) -> Any:
    for i, n_out in enumerate(config.channels):
        x = layers.MaxPooling2D()(layers.Conv2D(n_out, 3, activation="relu", name=f"conv_{i}")(x))
    return layers.Dense(N_CLASSES, name="dense_0")(layers.Flatten()(x))


def _dense(x: Any, sizes: tuple[int, ...], prefix: str = "") -> Any:
    for i, size in enumerate(sizes):
        activation = "relu" if i < len(sizes) - 1 else None
        x = layers.Dense(size, activation=activation, name=f"{prefix}layer_{i}")(x)
    return x


def _mlp(x: Any, config: Any) -> Any:
    return _dense(x, (*config.widths, N_CLASSES))


def _autoencoder(x: Any, config: Any) -> Any:
    code = _dense(x, (*config.widths, config.n_code), "encoder-")
    return _dense(code, (*config.widths[::-1], *config.shape), "decoder-")


def _norm(i: int) -> Any:
    return layers.BatchNormalization(momentum=0.9, epsilon=1e-5, name=f"norm_{i}")


def _generator(z: Any, config: Any) -> Any:
    side, channels = config.size[0] // 2 ** len(config.generator), config.generator
    h = layers.Dense(side * side * channels[0], use_bias=False, name="layer_0")(z)
    h = layers.Reshape((side, side, channels[0]))(h)
    for i, n_out in enumerate((*channels[1:], config.size[2])):
        options = {"padding": "same", "use_bias": i == len(channels) - 1, "name": f"layer_{i + 1}"}
        h = layers.Conv2DTranspose(n_out, 4, 2, **options)(layers.ReLU()(_norm(i)(h)))
    return 0.5 * (1 + keras.ops.tanh(h))


def _discriminator(x: Any, config: Any) -> Any:
    h = 2 * x - 1
    for i, n_out in enumerate(config.discriminator):
        h = layers.Conv2D(n_out, 4, 2, padding="same", use_bias=i == 0, name=f"layer_{i}")(h)
        h = layers.LeakyReLU(negative_slope=0.2)(_norm(i)(h) if i else h)
    return layers.Dense(1, name=f"layer_{len(config.discriminator)}")(layers.Flatten()(h))


NETWORKS = {"mlp": _mlp, "cnn": _cnn, "resnet": _resnet, "autoencoder": _autoencoder}


def model(case: Case) -> keras.Model:
    """The model of a classifier or an autoencoder."""
    x = keras.Input(case.shape, batch_size=case.batch)
    module = keras.Model(x, NETWORKS[case.name](x, case.config))
    _load(module, case.weights())
    return module


def players(case: Case) -> dict[str, keras.Model]:
    """Both players of a game."""
    weights, config = case.weights(), case.config
    for i in range(len(config.generator)):
        layer = weights["generator"][f"layer_{i + 1}"]
        layer["w"] = layer["w"][::-1, ::-1].swapaxes(2, 3)  # Keras's transposed kernel is HWOI and flipped
    z = keras.Input((config.n_latent,), batch_size=case.batch)
    x = keras.Input(case.shape, batch_size=case.batch)
    outputs = {"generator": (z, _generator(z, config)), "discriminator": (x, _discriminator(x, config))}
    modules = {name: keras.Model(*ends) for name, ends in outputs.items()}
    for name, module in modules.items():
        _load(module, weights[name])
    return modules


def _load(module: keras.Model, weights: dict[str, Any], path: str = "") -> None:
    """Copy a tree of jaxdl's parameters into the layers whose names are their paths."""
    values = [np.asarray(weights[name]) for name in ("w", "b", "scale", "bias") if name in weights]
    if values:
        layer = module.get_layer(path)
        layer.set_weights([*values, *layer.get_weights()[len(values) :]])  # running statistics stay as they are
        return
    for name, part in weights.items():
        _load(module, part, f"{path}-{name}" if path else name)
