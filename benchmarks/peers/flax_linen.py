"""flax.linen with optax: `TrainState`, `value_and_grad`, a jitted step that donates its state.

Modules carry jaxdl's names, so that a parameter tree is copied by renaming its leaves.
"""

import functools
from typing import Any

import jax
import jax.numpy as jnp
import optax
from flax import linen as nn
from flax.training import train_state

from benchmarks.cases import N_CLASSES, Case
from benchmarks.trainer import Rows, Trainer, from_steps


class Mlp(nn.Module):
    """Dense layers with ReLU between them."""

    widths: tuple[int, ...]

    @nn.compact
    def __call__(self, x: jax.Array) -> jax.Array:
        for i, width in enumerate(self.widths):
            x = nn.relu(nn.Dense(width, name=f"layer_{i}")(x))
        return nn.Dense(N_CLASSES, name=f"layer_{len(self.widths)}")(x)


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


class TrainState(train_state.TrainState):
    """Flax's train state with the running statistics of batch norm."""

    batch_stats: Any = None


def rows(case: Case) -> Rows:
    """One row: "flax"."""
    return {"flax": functools.partial(build, case)}


def model(case: Case) -> nn.Module:
    """The module of a case."""
    if case.name == "mlp":
        return Mlp(case.config.widths)
    if case.name == "cnn":
        return Cnn(case.config.channels)
    return ResNet(case.config.channels, case.config.blocks)


def renamed(tree: Any) -> Any:
    """jaxdl's leaf names to flax's: w -> kernel, b -> bias."""
    if not isinstance(tree, dict):
        return jnp.array(tree)
    return {{"w": "kernel", "b": "bias"}.get(name, name): renamed(leaf) for name, leaf in tree.items()}


def build(case: Case) -> Trainer:
    """The trainer of a case."""
    module = model(case)
    batches = [(jnp.array(x), jnp.array(y)) for x, y in case.batches()]
    statistics = module.init(jax.random.key(0), batches[0][0]).get("batch_stats")
    state = TrainState.create(
        apply_fn=module.apply,
        params=renamed(case.weights()),
        tx=optax.adam(case.learning_rate),
        batch_stats=statistics,
    )

    @functools.partial(jax.jit, donate_argnums=0)
    def train_step(state: TrainState, x: jax.Array, y: jax.Array) -> tuple[TrainState, jax.Array]:
        def loss_fn(params: Any) -> tuple[jax.Array, Any]:
            if state.batch_stats is None:
                logits, statistics = state.apply_fn({"params": params}, x), None
            else:
                variables = {"params": params, "batch_stats": state.batch_stats}
                logits, changed = state.apply_fn(variables, x, mutable=["batch_stats"])
                statistics = changed["batch_stats"]
            return optax.softmax_cross_entropy_with_integer_labels(logits, y).mean(), statistics

        (loss, statistics), grads = jax.value_and_grad(loss_fn, has_aux=True)(state.params)
        return state.apply_gradients(grads=grads, batch_stats=statistics), loss

    def step(i: int) -> jax.Array:
        nonlocal state
        state, loss = train_step(state, *batches[i % case.steps])
        return loss

    return from_steps(step, case.steps, notes="jitted step with a donated TrainState, optax.adam")
