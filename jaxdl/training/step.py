"""The training step as one pure function: gradient, update, next state."""

from collections.abc import Callable
from typing import Any, NamedTuple, TypeAlias

import jax
import jax.numpy as jnp
import optax

from jaxdl.data.batches import padded, rows_of
from jaxdl.metrics import merge
from jaxdl.training.contract import checked_loss
from jaxdl.types import Array, Batch, Key, Metrics, Params, State
from jaxdl.validation import require_positive

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


def with_plain_key(state: TrainState) -> TrainState:
    """The state with its typed key as integers, which files can hold."""
    return state._replace(key=jax.random.key_data(state.key))


def with_typed_key(state: TrainState) -> TrainState:
    """The inverse of `with_plain_key`."""
    return state._replace(key=jax.random.wrap_key_data(jnp.asarray(state.key)))


def order_key(state: TrainState) -> Key:
    """The key of the epochs' orders: fold an epoch into it."""
    return jax.random.split(state.key)[0]


def step_key(state: TrainState) -> Key:
    """The key of the step that comes next."""
    return jax.random.fold_in(jax.random.split(state.key)[1], state.step)


def make_train_step(
    loss_fn: LossFn, optimizer: optax.GradientTransformation, *, accumulate: int = 1
) -> Callable[[TrainState, Batch], tuple[TrainState, Metrics]]:
    """One step of gradient descent as a pure function of (train state, batch); not jitted, so that it can be scanned.

        g = d loss / d params,    params <- params + optimizer(g)

    Args:
        loss_fn: see `LossFn`; deterministic given its key.
        optimizer: any `optax.GradientTransformation`, ours or optax's; those that ask for it (`reduce_on_plateau`) get
            the loss as `value` and the gradient as `grad`.
        accumulate: micro-batches into which a batch is cut, one after the other, for the memory of one: see
            `accumulated`.
    Raises: ValueError for fewer than one micro-batch.

    >>> from jaxdl.optim import sgd
    >>> def loss_fn(params, state, batch, key):
    ...     return (params["w"] - batch["y"]).sum() ** 2, (state, {})
    >>> optimizer = sgd(0.25)
    >>> state = init_train_state(jax.random.key(0), {"w": jnp.array(3.0)}, optimizer)
    >>> state, _ = make_train_step(loss_fn, optimizer)(state, {"y": jnp.array([1.0])})
    >>> state.params["w"].item(), state.step.item()
    (2.0, 1)
    """
    require_positive("make_train_step", accumulate=accumulate)
    gradient = jax.value_and_grad(checked_loss(loss_fn), has_aux=True)
    gradient = gradient if accumulate == 1 else accumulated(gradient, accumulate)
    rule = optax.with_extra_args_support(optimizer)

    def train_step(train_state: TrainState, batch: Batch) -> tuple[TrainState, Metrics]:
        old = train_state
        (value, (state, metrics)), grads = gradient(old.params, old.state, batch, step_key(old))
        updates, opt_state = rule.update(grads, old.opt_state, old.params, value=value, grad=grads)
        params = optax.apply_updates(old.params, updates)
        return TrainState(params, state, opt_state, old.key, old.step + 1), metrics

    return train_step


def accumulated(gradient: Callable[..., Any], n: int) -> Callable[..., Any]:
    """The gradient of a batch as the mean of those of its n micro-batches, each with as much weight as it has examples.

        g = sum_i w_i g_i / sum_i w_i,    w_i = what the loss of micro-batch i is a mean over

    That is the gradient of the whole batch for a loss that is a mean over rows (or tokens, or class weights), with
    penalties or without. w is the count of the metric "loss", or else of the mask. Dropout draws anew in each one, and
    batch norm sees one at a time. A batch that n does not divide is padded and masked.

    Args:
        gradient: (params, state, batch, key) -> ((loss, (state, metrics)), gradient), as `jax.value_and_grad` has it.
        n: how many, static.
    """

    def mean(params: Params, state: State, batch: Batch, key: Key) -> Any:
        batch = padded(batch, n)
        b = len(batch["mask"]) if "mask" in batch else max(len(values) for values in batch.values() if values.ndim)
        rows = {name: x.reshape(n, b // n, *x.shape[1:]) for name, x in batch.items() if rows_of(x, b)}
        keys = jax.vmap(lambda i: jax.random.fold_in(key, i))(jnp.arange(n))

        def micro(state: State, part: Batch, key: Key) -> tuple[State, Any]:
            (value, (state, metrics)), grads = gradient(params, state, batch | part, key)
            w = _weight(metrics, part)
            return state, (w, w * value, metrics, jax.tree.map(lambda g: w.astype(g.real.dtype) * g, grads))

        def add(carry: tuple[State, Any], row: tuple[Batch, Key]) -> tuple[tuple[State, Any], None]:
            state, sums = micro(carry[0], *row)
            return (state, merge(carry[1], sums)), None

        shapes = jax.eval_shape(micro, state, {name: x[0] for name, x in rows.items()}, keys[0])[1]
        zero = jax.tree.map(lambda leaf: jnp.zeros(leaf.shape, leaf.dtype), shapes)
        (state, (w, value, metrics, grads)), _ = jax.lax.scan(add, (state, zero), (rows, keys))
        w = jnp.where(w == 0, 1, w)
        return (value / w, (state, metrics)), jax.tree.map(lambda g: g / w.astype(g.real.dtype), grads)

    return mean


def _weight(metrics: Metrics, batch: Batch) -> Array:
    """What the loss of a batch is a mean over: rows, tokens or their weights."""
    if isinstance(pair := metrics.get("loss"), tuple):
        return jnp.asarray(pair[1]).astype(jnp.float32)
    return batch["mask"].sum(dtype=jnp.float32) if "mask" in batch else jnp.ones((), jnp.float32)
