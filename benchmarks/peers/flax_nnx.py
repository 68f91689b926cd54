"""flax.nnx with optax on its fast path: split once, `jax.jit` over pure states, merge inside the step.

(`nnx.jit` on live modules walks the object graph in Python on every call, which shows on small steps.)
"""

import functools
from typing import Any

import jax
import jax.numpy as jnp
import optax
from flax import nnx

from benchmarks.peers import flax_nnx_sequences
from benchmarks.peers.flax_nnx_models import load, model
from benchmarks.workloads.cases import Case
from benchmarks.workloads.trainer import Rows, Trainer, from_steps

Batch = dict[str, jax.Array]


def rows(case: Case) -> Rows:
    """One row: "nnx"."""
    make = {"game": build_game, "decoding": build_decoder}.get(case.kind, build)
    return {"nnx": functools.partial(make, case)}


def _optimizer(case: Case, module: nnx.Module) -> nnx.Optimizer:
    return nnx.Optimizer(module, optax.adam(case.learning_rate, b1=case.b1), wrt=nnx.Param)


def _trainer(case: Case, live: tuple[Any, ...], advance: Any) -> Trainer:
    """The trainer of `advance(live objects, batch) -> loss`, which changes the objects."""
    batches = [jax.tree.map(jnp.array, batch) for batch in case.batches()]
    graph, state = nnx.split(live)

    @functools.partial(jax.jit, donate_argnums=0)
    def train_step(state: Any, batch: Batch) -> tuple[Any, jax.Array]:
        merged = nnx.merge(graph, state)
        loss = advance(*merged, batch)
        return nnx.state(merged), loss

    def on(batch: Batch) -> jax.Array:
        nonlocal state
        state, loss = train_step(state, batch)
        return loss

    notes = "split once, jitted step on donated pure states, optax.adam"
    return from_steps(lambda i: on(batches[i % case.steps]), case.steps, notes=notes)._replace(on=on)


def build(case: Case) -> Trainer:
    """The trainer of anything but a game."""
    module = _sequence_model(case) if case.kind == "sequences" else model(case)

    def loss_fn(module: Any, batch: Batch) -> jax.Array:
        outputs, expected = module(*case.inputs(batch)), case.expected(batch)
        if case.kind == "autoencoder":
            return optax.sigmoid_binary_cross_entropy(outputs, expected).sum(-1).mean()
        return optax.softmax_cross_entropy_with_integer_labels(outputs, expected).mean()

    def advance(module: Any, optimizer: nnx.Optimizer, batch: Batch) -> jax.Array:
        loss, grads = nnx.value_and_grad(loss_fn)(module, batch)
        optimizer.update(module, grads)
        return loss

    return _trainer(case, (module, _optimizer(case, module)), advance)


def _sequence_model(case: Case) -> Any:
    module, weights = flax_nnx_sequences.model(case)
    load(module, weights)
    return module


def build_decoder(case: Case) -> Trainer:
    """The trainer of the workload `decoding`."""
    return flax_nnx_sequences.build_decoder(case, _sequence_model(case))


def build_game(case: Case) -> Trainer:
    """The trainer of a game. G(z) is written twice, as usual; XLA computes it once, since G has not changed between."""
    players = model(case)

    def cross_entropy(logits: jax.Array, target: float) -> jax.Array:
        return optax.sigmoid_binary_cross_entropy(logits, jnp.full_like(logits, target)).mean()

    def discriminator_loss(discriminator: Any, x: jax.Array, fake: jax.Array) -> jax.Array:
        return cross_entropy(discriminator(x), 1.0) + cross_entropy(discriminator(fake), 0.0)

    def generator_loss(generator: Any, discriminator: Any, z: jax.Array) -> jax.Array:
        return cross_entropy(discriminator(generator(z)), 1.0)

    def advance(players: Any, ours: nnx.Optimizer, theirs: nnx.Optimizer, batch: Batch) -> jax.Array:
        generator, discriminator = players.generator, players.discriminator
        fake = generator(batch["z"])
        against, grads = nnx.value_and_grad(discriminator_loss)(discriminator, batch["x"], fake)
        theirs.update(discriminator, grads)
        value, grads = nnx.value_and_grad(generator_loss)(generator, discriminator, batch["z"])
        ours.update(generator, grads)
        return against + value

    live = (players, _optimizer(case, players.generator), _optimizer(case, players.discriminator))
    return _trainer(case, live, advance)
