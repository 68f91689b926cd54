"""flax.linen with optax: `TrainState`, `value_and_grad`, a jitted step that donates its state."""

import functools
from typing import Any

import jax
import jax.numpy as jnp
import optax
from flax import linen as nn
from flax.training import train_state

from benchmarks.peers import flax_linen_sequences
from benchmarks.peers.flax_linen_models import model, players, renamed
from benchmarks.workloads.cases import Case
from benchmarks.workloads.precision import cast, widen
from benchmarks.workloads.trainer import Rows, Trainer, from_steps

Batch = dict[str, jax.Array]
PRECISIONS = ("f32", "bf16")


class TrainState(train_state.TrainState):
    """Flax's train state with the running statistics of batch norm, empty where there is none."""

    batch_stats: Any

    def outputs(self, params: Any, *inputs: jax.Array) -> tuple[jax.Array, Any]:
        """Of the module in training, and the new running statistics."""
        variables = {"params": params, "batch_stats": self.batch_stats}
        y, changed = self.apply_fn(variables, *inputs, mutable=["batch_stats"])
        return y, changed.get("batch_stats", {})


def rows(case: Case) -> Rows:
    """One row: "flax"."""
    make = {"game": build_game, "decoding": flax_linen_sequences.build_decoder}.get(case.kind, build)
    return {"flax": functools.partial(make, case)}


def _state(case: Case, module: nn.Module, params: dict[str, Any], *inputs: jax.Array) -> TrainState:
    statistics = jax.jit(module.init)(jax.random.key(0), *inputs).get("batch_stats", {})
    optimizer = optax.adam(case.learning_rate, b1=case.b1)
    return TrainState.create(apply_fn=module.apply, params=params, tx=optimizer, batch_stats=statistics)


def loss_of(case: Case, outputs: jax.Array, batch: Batch) -> jax.Array:
    """The mean loss of anything but a game, with optax's functions."""
    if case.kind == "autoencoder":
        return optax.sigmoid_binary_cross_entropy(outputs, case.expected(batch)).sum(-1).mean()
    return optax.softmax_cross_entropy_with_integer_labels(outputs, case.expected(batch)).mean()


def build(case: Case) -> Trainer:
    """The trainer of anything but a game."""
    batches = [jax.tree.map(jnp.array, batch) for batch in case.batches()]
    if case.kind == "sequences":
        module, weights = flax_linen_sequences.model(case), flax_linen_sequences.params(case)
    else:
        module, weights = model(case), renamed(case.weights())
    state = _state(case, module, weights, *case.inputs(batches[0]))

    @functools.partial(jax.jit, donate_argnums=0)
    def train_step(state: TrainState, batch: Batch) -> tuple[TrainState, jax.Array]:
        def loss_fn(params: Any) -> tuple[jax.Array, Any]:
            rounded = cast((params, case.inputs(batch)), case.precision)
            outputs, statistics = state.outputs(rounded[0], *rounded[1])
            return loss_of(case, widen(outputs), batch), widen(statistics)

        (loss, statistics), grads = jax.value_and_grad(loss_fn, has_aux=True)(state.params)
        return state.apply_gradients(grads=grads, batch_stats=statistics), loss

    def on(batch: Batch) -> jax.Array:
        nonlocal state
        state, loss = train_step(state, batch)
        return loss

    notes = "jitted step with a donated TrainState, optax.adam"
    return from_steps(lambda i: on(batches[i % case.steps]), case.steps, notes=notes)._replace(on=on)


def build_game(case: Case) -> Trainer:
    """The trainer of a game: a train state for each player, both moved in one jitted step."""
    batches = [jax.tree.map(jnp.array, batch) for batch in case.batches()]
    inputs = {"generator": batches[0]["z"], "discriminator": batches[0]["x"]}
    weights = case.weights()
    states = {
        name: _state(case, module, renamed(weights[name]), inputs[name]) for name, module in players(case).items()
    }

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
