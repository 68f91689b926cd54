"""Keras 3 on JAX: `compile` and `fit`, and the stateless training loop that its documentation gives for JAX."""

import functools
import os
from typing import Any

os.environ.setdefault("KERAS_BACKEND", "jax")  # read when keras is imported

import jax
import jax.numpy as jnp
import keras  # pyright: ignore[reportMissingImports]
import numpy as np

from benchmarks.cases import N_CLASSES, Case
from benchmarks.trainer import Rows, Trainer, from_steps

layers = keras.layers


def rows(case: Case) -> Rows:
    """ "keras" is the stateless loop, jitted and donated; "keras-fit" is `model.fit`."""
    if keras.backend.backend() != "jax":
        raise ImportError(f"keras runs on {keras.backend.backend()}; set KERAS_BACKEND=jax")
    return {"keras": functools.partial(build, case), "keras-fit": functools.partial(build_fit, case)}


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


def _mlp(x: Any, config: Any) -> Any:
    for i, width in enumerate(config.widths):
        x = layers.Dense(width, activation="relu", name=f"layer_{i}")(x)
    return layers.Dense(N_CLASSES, name=f"layer_{len(config.widths)}")(x)


def model(case: Case) -> keras.Model:
    """The functional model of a case, with the case's weights and an optimizer."""
    x = keras.Input(case.shape, batch_size=case.batch)
    module = keras.Model(x, {"mlp": _mlp, "cnn": _cnn, "resnet": _resnet}[case.name](x, case.config))
    _load(module, case.weights())
    module.compile(
        optimizer=keras.optimizers.Adam(case.learning_rate, epsilon=1e-8),
        loss=keras.losses.SparseCategoricalCrossentropy(from_logits=True),
    )
    return module


def _load(module: keras.Model, weights: dict[str, Any], path: str = "") -> None:
    """Copy a tree of jaxdl's parameters into the layers whose names are their paths."""
    values = [weights[name] for name in ("w", "b", "scale", "bias") if name in weights]
    if values:
        layer = module.get_layer(path)
        layer.set_weights([*values, *layer.get_weights()[len(values) :]])  # running statistics stay as they are
        return
    for name, part in weights.items():
        _load(module, part, f"{path}-{name}" if path else name)


def build(case: Case) -> Trainer:
    """The trainer of a case: pure functions of the model's variables in a jitted, donated step."""
    module = model(case)
    optimizer, loss_of = module.optimizer, keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    optimizer.build(module.trainable_variables)
    batches = [(jnp.array(x), jnp.array(y)) for x, y in case.batches()]

    def loss_fn(trainable: Any, other: Any, x: jax.Array, y: jax.Array) -> tuple[jax.Array, Any]:
        outputs: Any = module.stateless_call(trainable, other, x, training=True)
        loss: Any = loss_of(y, outputs[0])
        return loss, outputs[1]

    @functools.partial(jax.jit, donate_argnums=0)
    def train_step(state: Any, x: jax.Array, y: jax.Array) -> tuple[Any, jax.Array]:
        trainable, other, moments = state
        (loss, other), grads = jax.value_and_grad(loss_fn, has_aux=True)(trainable, other, x, y)
        trainable, moments = optimizer.stateless_apply(moments, grads, trainable)
        return (trainable, other, moments), loss

    variables = (module.trainable_variables, module.non_trainable_variables, optimizer.variables)
    state = jax.tree.map(lambda v: jnp.array(v.value), tuple(list(group) for group in variables))

    def step(i: int) -> jax.Array:
        nonlocal state
        state, loss = train_step(state, *batches[i % case.steps])
        return loss

    return from_steps(step, case.steps, notes="stateless loop, jitted and donated")


def build_fit(case: Case) -> Trainer:
    """The trainer of a case: an epoch is a call of `model.fit` on the whole data, a step is `train_on_batch`."""
    module = model(case)
    x, y = case.data()
    batches = case.batches()

    def step(i: int) -> Any:
        return np.ravel(module.train_on_batch(*batches[i % case.steps]))[0]

    def epoch() -> Any:
        module.fit(x, y, batch_size=case.batch, epochs=1, shuffle=False, verbose="0")
        return [v.value for v in module.trainable_variables]

    return Trainer(step, epoch, lambda: "model.fit, one epoch a call; the loss curve is train_on_batch's")
