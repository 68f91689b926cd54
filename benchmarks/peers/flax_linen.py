"""flax.linen with optax: `TrainState`, `value_and_grad`, a jitted step that donates its state."""

import functools
from typing import Any

import jax
import jax.numpy as jnp
import optax
from flax import linen as nn
from flax.training import train_state

from benchmarks.cases import Case
from benchmarks.peers.flax_linen_models import model, players, renamed
from benchmarks.trainer import Rows, Trainer, from_steps

Batch = dict[str, jax.Array]


class TrainState(train_state.TrainState):
    """Flax's train state with the running statistics of batch norm, empty where there is none."""

    batch_stats: Any

    def outputs(self, params: Any, x: jax.Array) -> tuple[jax.Array, Any]:
        """Of the module in training, and the new running statistics."""
        variables = {"params": params, "batch_stats": self.batch_stats}
        y, changed = self.apply_fn(variables, x, mutable=["batch_stats"])
        return y, changed.get("batch_stats", {})


def rows(case: Case) -> Rows:
    """One row: "flax"."""
    return {"flax": functools.partial(build_game if case.kind == "game" else build, case)}


def _state(case: Case, module: nn.Module, weights: dict[str, Any], x: jax.Array) -> TrainState:
    statistics = module.init(jax.random.key(0), x).get("batch_stats", {})
    optimizer = optax.adam(case.learning_rate, b1=case.b1)
    return TrainState.create(apply_fn=module.apply, params=renamed(weights), tx=optimizer, batch_stats=statistics)


def loss_of(case: Case, outputs: jax.Array, batch: Batch) -> jax.Array:
    """The mean loss of a classifier or an autoencoder, with optax's functions."""
    if case.kind == "autoencoder":
        return optax.sigmoid_binary_cross_entropy(outputs, batch["x"]).sum(-1).mean()
    return optax.softmax_cross_entropy_with_integer_labels(outputs, batch["y"]).mean()


def build(case: Case) -> Trainer:
    """The trainer of a classifier or an autoencoder."""
    batches = [jax.tree.map(jnp.array, batch) for batch in case.batches()]
    state = _state(case, model(case), case.weights(), batches[0]["x"])

    @functools.partial(jax.jit, donate_argnums=0)
    def train_step(state: TrainState, batch: Batch) -> tuple[TrainState, jax.Array]:
        def loss_fn(params: Any) -> tuple[jax.Array, Any]:
            outputs, statistics = state.outputs(params, batch["x"])
            return loss_of(case, outputs, batch), statistics

        (loss, statistics), grads = jax.value_and_grad(loss_fn, has_aux=True)(state.params)
        return state.apply_gradients(grads=grads, batch_stats=statistics), loss

    def step(i: int) -> jax.Array:
        nonlocal state
        state, loss = train_step(state, batches[i % case.steps])
        return loss

    return from_steps(step, case.steps, notes="jitted step with a donated TrainState, optax.adam")


def build_game(case: Case) -> Trainer:
    """The trainer of a game: a train state for each player, both moved in one jitted step."""
    batches = [jax.tree.map(jnp.array, batch) for batch in case.batches()]
    inputs = {"generator": batches[0]["z"], "discriminator": batches[0]["x"]}
    weights = case.weights()
    states = {name: _state(case, module, weights[name], inputs[name]) for name, module in players(case).items()}

    def cross_entropy(logits: jax.Array, target: float) -> jax.Array:
        return optax.sigmoid_binary_cross_entropy(logits, jnp.full_like(logits, target)).mean()

    @functools.partial(jax.jit, donate_argnums=0)
    def train_step(states: dict[str, TrainState], batch: Batch) -> tuple[dict[str, TrainState], jax.Array]:
        generator, discriminator = states["generator"], states["discriminator"]
        fake, pull_back, generated = jax.vjp(
            lambda params: generator.outputs(params, batch["z"]), generator.params, has_aux=True
        )

        def against(params: Any) -> tuple[jax.Array, Any]:
            real_logits, statistics = discriminator.outputs(params, batch["x"])
            fake_logits, statistics = discriminator.replace(batch_stats=statistics).outputs(params, fake)
            return cross_entropy(real_logits, 1.0) + cross_entropy(fake_logits, 0.0), statistics

        (discriminator_loss, statistics), grads = jax.value_and_grad(against, has_aux=True)(discriminator.params)
        discriminator = discriminator.apply_gradients(grads=grads, batch_stats=statistics)
        generator_loss, slope = jax.value_and_grad(
            lambda x: cross_entropy(discriminator.outputs(discriminator.params, x)[0], 1.0)
        )(fake)
        generator = generator.apply_gradients(grads=pull_back(slope)[0], batch_stats=generated)
        return {"generator": generator, "discriminator": discriminator}, discriminator_loss + generator_loss

    def step(i: int) -> jax.Array:
        nonlocal states
        states, loss = train_step(states, batches[i % case.steps])
        return loss

    return from_steps(step, case.steps, notes="jitted step with two donated TrainStates, optax.adam, G(z) made once")
