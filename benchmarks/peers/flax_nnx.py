"""flax.nnx with optax on its fast path: split once, `jax.jit` over pure states, merge inside the step.

(`nnx.jit` on live modules walks the object graph in Python on every call, which shows on small steps.)
"""

import functools
from typing import Any

import jax
import jax.numpy as jnp
import optax
from flax import nnx

from benchmarks.cases import N_CLASSES, Case
from benchmarks.trainer import Rows, Trainer, from_steps


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


def rows(case: Case) -> Rows:
    """One row: "nnx"."""
    return {"nnx": functools.partial(build, case)}


def model(case: Case) -> nnx.Module:
    """The module of a case, with the case's weights."""
    rngs, weights = nnx.Rngs(0), case.weights()
    if case.name == "mlp":
        module = Mlp((case.config.n_in, *case.config.widths, case.config.n_out), rngs)
    elif case.name == "cnn":
        module = Cnn(case.config.channels, weights["dense_0"]["w"].shape[0], rngs)
    else:
        module = ResNet(case.config.channels, case.config.blocks, rngs)
    _load(module, weights)
    return module


def _load(module: Any, weights: dict[str, Any]) -> None:
    """Copy a tree of jaxdl's parameters into the attributes of the same names."""
    for name, leaf in weights.items():
        if isinstance(leaf, dict):
            _load(getattr(module, name), leaf)
        else:
            variable = getattr(module, {"w": "kernel", "b": "bias"}.get(name, name))
            if variable[...].shape != leaf.shape:
                raise ValueError(f"nnx: {name} has shape {variable[...].shape}, jaxdl's has {leaf.shape}")
            variable[...] = jnp.array(leaf)


def build(case: Case) -> Trainer:
    """The trainer of a case."""
    module = model(case)
    optimizer = nnx.Optimizer(module, optax.adam(case.learning_rate), wrt=nnx.Param)
    batches = [(jnp.array(x), jnp.array(y)) for x, y in case.batches()]
    graph, state = nnx.split((module, optimizer))

    def loss_fn(module: Any, x: jax.Array, y: jax.Array) -> jax.Array:
        return optax.softmax_cross_entropy_with_integer_labels(module(x), y).mean()

    @functools.partial(jax.jit, donate_argnums=0)
    def train_step(state: Any, x: jax.Array, y: jax.Array) -> tuple[Any, jax.Array]:
        module, optimizer = nnx.merge(graph, state)
        loss, grads = nnx.value_and_grad(loss_fn)(module, x, y)
        optimizer.update(module, grads)
        return nnx.state((module, optimizer)), loss

    def step(i: int) -> jax.Array:
        nonlocal state
        state, loss = train_step(state, *batches[i % case.steps])
        return loss

    return from_steps(step, case.steps, notes="split once, jitted step on donated pure states, optax.adam")
