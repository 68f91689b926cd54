"""jaxdl's own rows.

jaxdl-step     one jitted, donated call a step; no metrics but what the loss consists of, as for the peers
jaxdl          the same step inside `fit`: the `Stepper` that `fit` drives, with its own choice of steps per call, on
               data that are shuffled and gathered on the device every epoch (the peers get their batches cut)
jaxdl-no-jit   the step of jaxdl-step without compilation (`jax.disable_jit`): operation by operation from Python
jaxdl-recipe   inside `fit`, the task that recipes train: masked rows and further metrics; for a game the moving
               average of the generator

A game draws its noise inside the step, and has masked rows and the means of D as metrics in every row.
"""

import functools
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from benchmarks.workloads import ours_sequences
from benchmarks.workloads.cases import N_CLASSES, WHOLE_EPOCHS, Case
from benchmarks.workloads.precision import in_precision
from benchmarks.workloads.trainer import Rows, Trainer
from jaxdl import losses, metrics, optim
from jaxdl.data.splits import Splits
from jaxdl.models import Model, autoencoder, bind
from jaxdl.tasks import adversarial, autoencoding
from jaxdl.tasks.supervised import Config, classification
from jaxdl.training import TrainState, init_train_state, make_train_step
from jaxdl.training.feeding import Resident, orders
from jaxdl.training.program import Stepper
from jaxdl.training.step import order_key
from jaxdl.training.task import initial_state
from jaxdl.types import Array, Batch, Key, Metrics, Params, State

Step = Callable[[TrainState, Batch], tuple[TrainState, Metrics]]
REFERENCE = "jaxdl-step"  # whose loss curve all others must follow
BASE = "jaxdl"  # whose time all others are compared with


def rows(case: Case) -> Rows:
    """Our rows of the table."""
    if case.kind == "decoding":
        return ours_sequences.decoding_rows(case)
    if case.name in WHOLE_EPOCHS:
        one = {"jaxdl-step": functools.partial(_inside_fit, case, recipe=False, steps_per_call=1)}
        return one | {"jaxdl": functools.partial(_inside_fit, case, recipe=False)}
    found: Rows = {
        "jaxdl-step": functools.partial(_one_step_a_call, case),
        "jaxdl": functools.partial(_inside_fit, case, recipe=False),
    }
    if case.precision != "f32":
        return found
    return found | {
        "jaxdl-recipe": functools.partial(_inside_fit, case, recipe=True),
        "jaxdl-no-jit": functools.partial(_one_step_a_call, case, jit=False),
    }


def _model(case: Case) -> Model:
    return bind(case.model, case.config)


def game_config(case: Case, *, recipe: bool = False) -> adversarial.Config:
    """The options of a game; its generator's moving average belongs to the recipe, the peers have none."""
    return adversarial.Config(
        batch_size=case.batch,
        generator_rate=case.learning_rate,
        discriminator_rate=case.learning_rate,
        b1=case.b1,
        ewma=0.99 if recipe else 0.0,
    )


def _start(case: Case, *, recipe: bool) -> TrainState:
    """As `fit` begins, with the weights of the case."""

    def init(key: Key) -> TrainState:
        params = case.model.init(key, case.config)
        if case.kind == "game":
            state = case.model.init_state(case.config)
            players = adversarial.players(case.model, case.config)._replace(init=lambda _: (params, state))
            return adversarial.init_game(key, players, game_config(case, recipe=recipe))
        state = case.model.init_state(case.config) if case.on_images else {}
        start = init_train_state(key, params, optim.adam(case.learning_rate, case.b1), state)
        return start._replace(opt_state=(start.opt_state,)) if recipe else start  # recipes chain their optimizer

    return initial_state(init, seed=0)


def _plain_step(case: Case) -> Step:
    if case.kind == "game":
        return adversarial.make_adversarial_step(adversarial.players(case.model, case.config), game_config(case))

    optimizer = optim.adam(case.learning_rate, case.b1)
    if case.kind == "sequences":
        return make_train_step(in_precision(ours_sequences.loss_fn(case), case.precision), optimizer)

    def loss_fn(params: Params, state: State, batch: Batch, key: Key) -> tuple[Array, tuple[State, Metrics]]:
        if case.kind == "autoencoder":
            loss = metrics.mean(autoencoder.objective(params, batch["x"], case.config)[1].error)
        else:
            logits, state = _model(case).apply(params, state, batch["x"], train=True, key=key)
            logits = logits.astype(jnp.float32)
            loss = metrics.mean(losses.sparse_categorical_cross_entropy(logits, batch["y"]))
        return metrics.value(loss), (state, {"loss": loss})

    return make_train_step(in_precision(loss_fn, case.precision), optimizer)


def _recipe_step(case: Case) -> Step:
    if case.kind == "game":
        players = adversarial.players(case.model, case.config)
        return adversarial.make_adversarial_step(players, game_config(case, recipe=True))
    if case.kind == "sequences":
        return ours_sequences.recipe_step(case)
    data = case.data()
    splits = Splits(data, *({name: values[:0] for name, values in data.items()} for _ in range(2)))
    config = Config(batch_size=case.batch, learning_rate=case.learning_rate)
    if case.kind == "autoencoder":
        return autoencoding.task(case.config, config, splits).step
    return classification(_model(case), config, splits, [str(i) for i in range(N_CLASSES)]).step


def _loss(scores: Metrics) -> float:
    """The loss of a step or, of a game, the sum of both players' losses."""
    return sum(value for name, value in metrics.scalars(scores).items() if name.endswith("loss"))


def _arrays(batch: dict[str, Any]) -> Batch:
    """On the device, without the noise, which our game draws itself."""
    return jax.device_put({name: values for name, values in batch.items() if name != "z"})


def _one_step_a_call(case: Case, *, jit: bool = True) -> Trainer:
    step = jax.jit(_plain_step(case), donate_argnums=0) if jit else _op_by_op(_plain_step(case))
    mask = {"mask": jnp.ones(case.batch, bool)} if case.kind == "game" else {}
    batches = [_arrays(batch) | mask for batch in case.batches()]
    now = _start(case, recipe=False)
    length = case.steps if jit else 1

    def advance(i: int) -> float:
        nonlocal now
        now, scores = step(now, batches[i % case.steps])
        return _loss(scores)

    def epoch() -> TrainState:
        nonlocal now
        for batch in batches[:length]:
            now, _ = step(now, batch)
        return now

    notes = "both losses, means of D" if case.kind == "game" else "loss metric alone"
    notes += "" if jit else "; jax.disable_jit, a round is one step"
    return Trainer(advance, epoch, lambda: notes, length=length, slow=not jit)


def _op_by_op(step: Step) -> Step:
    def without_jit(state: TrainState, batch: Batch) -> tuple[TrainState, Metrics]:
        with jax.disable_jit():
            return step(state, batch)

    return without_jit


def _inside_fit(case: Case, *, recipe: bool, steps_per_call: int | str = "auto") -> Trainer:
    data, n, start = _arrays(case.data()), case.n_examples, _start(case, recipe=recipe)
    fixed = jax.device_put(np.arange(n, dtype=np.int32).reshape(-1, case.batch))
    feed = Resident(data, orders(order_key(start), n, case.batch), n)
    step = _recipe_step(case) if recipe else _plain_step(case)
    now, done = start, 0

    @functools.cache
    def stepper() -> Stepper:  # on first use: where it measures both programs it compiles them, which must be counted
        return Stepper(step, start, feed, steps_per_call)

    def advance(i: int) -> float:
        """One step through the program that `fit` runs, in the order of the data."""
        nonlocal now, done
        if i % case.steps != done % case.steps:
            raise ValueError(f"the run is at step {done} of its clock, but step {i} was asked for")
        totals = stepper().zero_metrics()
        now, totals = stepper().program(now, totals, (data, fixed), np.int32(1))
        done += 1
        return _loss(totals)

    def epoch() -> Any:
        nonlocal now, done
        if ahead := -done % case.steps:  # after single steps a whole epoch begins, as long as everybody's
            done += ahead
            now = now._replace(step=jax.device_put(np.int32(done)))
        totals, end = stepper().zero_metrics(), done + case.steps
        while done < end:
            now, totals, done = stepper().advance(now, totals, done)
        return now

    def notes() -> str:
        plain = "both losses, means of D" if case.kind == "game" else "loss metric alone"
        which = "the recipe's masks and metrics" if recipe else plain
        return f"{which}; {'one step' if stepper().steps_per_call == 1 else 'many steps'} a call"

    def program() -> str:
        return stepper().program.text(now, stepper().zero_metrics(), (data, fixed), np.int32(1))

    return Trainer(advance, epoch, notes, program=program)
