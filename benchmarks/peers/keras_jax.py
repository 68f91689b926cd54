"""Keras 3 on JAX: `compile` and `fit`, and the stateless training loop that its documentation gives for JAX.

The workloads on sequences are left out: Keras's attention has no product for queries, keys and values at once and no
cache, its GRU a second bias that Adam moves twice; flax stands there for what JAX makes of such layers.
"""

import functools
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from benchmarks.peers import NotWritten
from benchmarks.peers.keras_models import keras, model, players
from benchmarks.workloads.cases import Case
from benchmarks.workloads.trainer import Rows, Trainer, from_steps

Batch = dict[str, jax.Array]


def rows(case: Case) -> Rows:
    """ "keras" is the stateless loop, jitted and donated; "keras-fit" is `model.fit`, which plays no games."""
    if keras.backend.backend() != "jax":
        raise ImportError(f"keras runs on {keras.backend.backend()}; set KERAS_BACKEND=jax")
    if case.kind in ("sequences", "decoding"):
        raise NotWritten("keras: its recurrent layers and its attention are not written for sequences here")
    if case.kind == "game":
        return {"keras": functools.partial(build_game, case)}
    return {"keras": functools.partial(build, case), "keras-fit": functools.partial(build_fit, case)}


def _loss(case: Case) -> Callable[[Any, Any], Any]:
    """(targets, outputs) -> the mean loss of a classifier or the loss of each example of an autoencoder."""

    def over_pixels(targets: Any, outputs: Any) -> Any:
        return keras.ops.sum(keras.ops.binary_crossentropy(targets, outputs, from_logits=True), -1)

    return over_pixels if case.kind == "autoencoder" else keras.losses.SparseCategoricalCrossentropy(from_logits=True)


def _target(case: Case) -> str:
    return "x" if case.kind == "autoencoder" else "y"


def _adam(case: Case, module: keras.Model) -> Any:
    optimizer = keras.optimizers.Adam(case.learning_rate, beta_1=case.b1, epsilon=1e-8)
    optimizer.build(module.trainable_variables)
    return optimizer


def _values(module: keras.Model, optimizer: Any) -> Any:
    """(trainable variables, other variables, the optimizer's) as arrays of our own."""
    groups = (module.trainable_variables, module.non_trainable_variables, optimizer.variables)
    return tuple([jnp.array(v.value) for v in group] for group in groups)


def _trainer(case: Case, state: Any, train_step: Callable[[Any, Batch], tuple[Any, jax.Array]], notes: str) -> Trainer:
    batches = [jax.tree.map(jnp.array, batch) for batch in case.batches()]
    compiled = jax.jit(train_step, donate_argnums=0)

    def on(batch: Batch) -> jax.Array:
        nonlocal state
        state, loss = compiled(state, batch)
        return loss

    return from_steps(lambda i: on(batches[i % case.steps]), case.steps, notes=notes)._replace(on=on)


def build(case: Case) -> Trainer:
    """The trainer of a classifier or an autoencoder: pure functions of the model's variables in a jitted step."""
    module, loss_of, target = model(case), _loss(case), _target(case)
    optimizer = _adam(case, module)

    def loss_fn(trainable: Any, other: Any, batch: Batch) -> tuple[jax.Array, Any]:
        outputs: Any = module.stateless_call(trainable, other, batch["x"], training=True)
        return jnp.mean(loss_of(batch[target], outputs[0])), outputs[1]

    def train_step(state: Any, batch: Batch) -> tuple[Any, jax.Array]:
        trainable, other, moments = state
        (loss, other), grads = jax.value_and_grad(loss_fn, has_aux=True)(trainable, other, batch)
        trainable, moments = optimizer.stateless_apply(moments, grads, trainable)
        return (trainable, other, moments), loss

    return _trainer(case, _values(module, optimizer), train_step, "stateless loop, jitted and donated")


def build_game(case: Case) -> Trainer:
    """The trainer of a game: both players' variables in one jitted step."""
    modules: dict[str, Any] = players(case)
    generator, discriminator = modules["generator"], modules["discriminator"]
    ours, theirs = _adam(case, generator), _adam(case, discriminator)
    state = (_values(generator, ours), _values(discriminator, theirs))

    def cross_entropy(logits: Any, target: float) -> Any:
        each: Any = keras.ops.binary_crossentropy(jnp.full_like(logits, target), logits, from_logits=True)
        return jnp.mean(each)

    def train_step(state: Any, batch: Batch) -> tuple[Any, jax.Array]:
        (g, g_other, g_moments), (d, d_other, d_moments) = state
        generate = lambda g: generator.stateless_call(g, g_other, batch["z"], training=True)  # noqa: E731
        fake, pull_back, g_other_new = jax.vjp(generate, g, has_aux=True)

        def against(d: Any) -> tuple[Any, Any]:
            real_logits, other = discriminator.stateless_call(d, d_other, batch["x"], training=True)
            fake_logits, other = discriminator.stateless_call(d, other, fake, training=True)
            return cross_entropy(real_logits, 1.0) + cross_entropy(fake_logits, 0.0), other

        (d_loss, d_other_new), grads = jax.value_and_grad(against, has_aux=True)(d)
        d, d_moments = theirs.stateless_apply(d_moments, grads, d)

        def judged(x: Any) -> Any:
            return cross_entropy(discriminator.stateless_call(d, d_other_new, x, training=True)[0], 1.0)

        g_loss, slope = jax.value_and_grad(judged)(fake)
        g, g_moments = ours.stateless_apply(g_moments, pull_back(slope)[0], g)
        return ((g, g_other_new, g_moments), (d, d_other_new, d_moments)), d_loss + g_loss

    notes = "stateless loop, jitted and donated, G(z) made once; model.fit drives one optimizer and plays no games"
    return _trainer(case, state, train_step, notes)


def build_fit(case: Case, *, shuffle: bool = False) -> Trainer:
    """The trainer of a case: an epoch is a call of `model.fit` on the whole data, a step is `train_on_batch`."""
    module, data, target = model(case), case.data(), _target(case)
    module.compile(optimizer=_adam(case, module), loss=_loss(case))
    batches = case.batches()

    def step(i: int) -> Any:
        batch = batches[i % case.steps]
        return np.ravel(module.train_on_batch(batch["x"], batch[target]))[0]

    def epoch() -> Any:
        module.fit(data["x"], data[target], batch_size=case.batch, epochs=1, shuffle=shuffle, verbose="0")
        return [v.value for v in module.trainable_variables]

    return Trainer(step, epoch, lambda: "model.fit, one epoch a call; the loss curve is train_on_batch's")
