"""The training step as one pure function: gradient, update, next state."""

from collections.abc import Callable
from typing import Any, NamedTuple, TypeAlias

import jax
import jax.numpy as jnp
import optax

from jaxdl.training.contract import checked_loss
from jaxdl.types import Array, Batch, Key, Metrics, Params, State

LossFn: TypeAlias = Callable[[Params, State, Batch, Key], tuple[Array, tuple[State, Metrics]]]
"""(params, state, batch, key) -> (scalar loss, (new state, metrics as (sum, count) pairs))."""


class TrainState(NamedTuple):
    """Everything that a run carries from step to step. Arrays only: donate it, shard it, save it.

    Attributes:
        params: what the optimizer moves.
        state: what the model carries beside them (running statistics); {} for most.
        opt_state: the optimizer's own.
        key: the run's random key; never changes. Step keys and epoch orders are folded from it.
        step: steps done, int32: the only clock.
    """

    params: Params
    state: State
    opt_state: Any
    key: Key
    step: Array


def init_train_state(
    key: Key, params: Params, optimizer: optax.GradientTransformation, state: State | None = None
) -> TrainState:
    """The state before the first step."""
    model_state = {} if state is None else state
    return TrainState(params, model_state, optimizer.init(params), key, jnp.zeros((), jnp.int32))


def order_key(state: TrainState) -> Key:
    """The key of the epochs' orders: fold an epoch into it."""
    return jax.random.split(state.key)[0]


def step_key(state: TrainState) -> Key:
    """The key of the step that comes next."""
    return jax.random.fold_in(jax.random.split(state.key)[1], state.step)


def make_train_step(
    loss_fn: LossFn, optimizer: optax.GradientTransformation
) -> Callable[[TrainState, Batch], tuple[TrainState, Metrics]]:
    """One step of gradient descent as a pure function of (train state, batch); not jitted, so that it can be scanned.

        g = d loss / d params,    params <- params + optimizer(g)

    Args:
        loss_fn: see `LossFn`; deterministic given its key.
        optimizer: any `optax.GradientTransformation`, ours or optax's; those that ask for it (`reduce_on_plateau`) get
            the loss as `value` and the gradient as `grad`.

    >>> from jaxdl.optim import sgd
    >>> def loss_fn(params, state, batch, key):
    ...     return (params["w"] - batch["y"]).sum() ** 2, (state, {})
    >>> optimizer = sgd(0.25)
    >>> state = init_train_state(jax.random.key(0), {"w": jnp.array(3.0)}, optimizer)
    >>> state, _ = make_train_step(loss_fn, optimizer)(state, {"y": jnp.array([1.0])})
    >>> state.params["w"].item(), state.step.item()
    (2.0, 1)
    """
    gradient = jax.value_and_grad(checked_loss(loss_fn), has_aux=True)
    rule = optax.with_extra_args_support(optimizer)

    def train_step(train_state: TrainState, batch: Batch) -> tuple[TrainState, Metrics]:
        old = train_state
        (value, (state, metrics)), grads = gradient(old.params, old.state, batch, step_key(old))
        updates, opt_state = rule.update(grads, old.opt_state, old.params, value=value, grad=grads)
        params = optax.apply_updates(old.params, updates)
        return TrainState(params, state, opt_state, old.key, old.step + 1), metrics

    return train_step
