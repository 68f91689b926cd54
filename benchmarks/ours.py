"""jaxdl's own rows.

jaxdl-step     one jitted, donated call a step; the loss is the only metric, as for the peers
jaxdl          the same step inside `fit`: the `Stepper` that `fit` drives, with its own choice of steps a call, on
               data that are shuffled and gathered on the device every epoch (the peers get their batches cut)
jaxdl-recipe   inside `fit`, the task that recipes train: masked rows, accuracy, loss
"""

import functools
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp

from benchmarks.cases import N_CLASSES, Case
from benchmarks.trainer import Rows, Trainer, from_steps
from jaxdl import losses, metrics, optim
from jaxdl.data.batches import epoch_order, in_order
from jaxdl.data.splits import Splits
from jaxdl.training import TrainState, init_train_state, make_train_step
from jaxdl.training.program import Stepper
from jaxdl.training.step import order_key
from jaxdl.training.supervised import Config, Model, classification, stateful, stateless
from jaxdl.types import Array, Batch, Key, Metrics, Params, State

Step = Callable[[TrainState, Batch], tuple[TrainState, Metrics]]
REFERENCE = "jaxdl-step"  # whose loss curve all others must follow
BASE = "jaxdl"  # whose time all others are compared with


def rows(case: Case) -> Rows:
    """Our rows of the table."""
    return {
        "jaxdl-step": functools.partial(_one_step_a_call, case),
        "jaxdl": functools.partial(_inside_fit, case, recipe=False),
        "jaxdl-recipe": functools.partial(_inside_fit, case, recipe=True),
    }


def _model(case: Case) -> Model:
    return stateful(case.model, case.config) if case.on_images else stateless(case.model, case.config)


def _start(case: Case) -> TrainState:
    """Ready to be donated: the weights of the case, every array a buffer of its own."""
    params = jax.tree.map(jnp.array, case.weights())
    state = case.model.init_state(case.config) if case.on_images else {}
    return init_train_state(jax.random.key(0), params, optim.adam(case.learning_rate), state)


def _plain_step(case: Case) -> Step:
    model = _model(case)

    def loss_fn(params: Params, state: State, batch: Batch, key: Key) -> tuple[Array, tuple[State, Metrics]]:
        logits, state = model.apply(params, state, batch["x"], True, key)
        loss = metrics.mean(losses.sparse_categorical_cross_entropy(logits, batch["y"]))
        return metrics.value(loss), (state, {"loss": loss})

    return make_train_step(loss_fn, optim.adam(case.learning_rate))


def _one_step_a_call(case: Case) -> Trainer:
    step = jax.jit(_plain_step(case), donate_argnums=0)
    batches = [{"x": jnp.array(x), "y": jnp.array(y)} for x, y in case.batches()]
    now = _start(case)

    def advance(i: int) -> Array:
        nonlocal now
        now, scores = step(now, batches[i % case.steps])
        return metrics.value(scores["loss"])

    def epoch() -> TrainState:
        nonlocal now
        for batch in batches:
            now, _ = step(now, batch)
        return now

    return from_steps(advance, case.steps, notes="loss metric alone")._replace(epoch=epoch)


def _recipe_step(case: Case) -> Step:
    x, y = case.data()
    nothing = {"x": x[:0], "y": y[:0]}
    config = Config(batch_size=case.batch, learning_rate=case.learning_rate)
    names = [str(i) for i in range(N_CLASSES)]
    return classification(_model(case), config, Splits({"x": x, "y": y}, nothing, nothing), names).step


def _inside_fit(case: Case, *, recipe: bool) -> Trainer:
    x, y = case.data()
    data, n, start = {"x": jnp.array(x), "y": jnp.array(y)}, case.n_examples, _start(case)
    if recipe:  # `classification` chains its optimizer once more; zeros like those of `_start` otherwise
        start = start._replace(opt_state=(start.opt_state,))
    orders, fixed = order_key(start), in_order(n, case.batch)
    order_of = jax.jit(lambda epoch: epoch_order(orders, epoch, n, case.batch))
    step = _recipe_step(case) if recipe else _plain_step(case)
    now, done = start, 0

    @functools.cache
    def stepper() -> Stepper:  # on first use: where it measures both programs it compiles them, which must be counted
        return Stepper(step, start, data, fixed, n, "auto")

    def advance(i: int) -> Array:
        """One step through the program that `fit` runs, in the order of the data."""
        nonlocal now, done
        if i % case.steps != done % case.steps:
            raise ValueError(f"the run is at step {done} of its clock, but step {i} was asked for")
        totals = stepper().zero_metrics()
        now, totals = stepper().program(now, totals, data, fixed, jnp.asarray(1, jnp.int32))
        done += 1
        return metrics.value(totals["loss"])

    def epoch() -> Any:
        nonlocal now, done
        order, totals, end = order_of(done // case.steps), stepper().zero_metrics(), done + case.steps
        while done < end:
            now, totals, done = stepper().advance(now, totals, order, done)
        return now

    def notes() -> str:
        which = "masks, accuracy and loss" if recipe else "loss metric alone"
        return f"{which}; {'one step' if stepper().steps_per_call == 1 else 'many steps'} a call"

    return Trainer(advance, epoch, notes)
