"""Gradient descent as one scanned function, so that seeds and settings are trained side by side by `vmap`."""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import optax

from jaxdl.types import Array, Key, Params


def descend(
    loss: Callable[[Params, Any], Array], params: Params, optimizer: optax.GradientTransformation, batches: Any
) -> tuple[Params, Array]:
    """As many steps as `batches` has rows; returns the last parameters and the loss before each step [steps].

    Args:
        loss: (params, batch) -> scalar.
        params: where to start.
        optimizer: any optax transformation.
        batches: a tree of arrays [steps, ...]; a row is what a step's loss sees.

    >>> from jaxdl.optim import sgd
    >>> params, losses = descend(lambda p, _: (p - 1.0) ** 2, jnp.array(0.0), sgd(0.5), jnp.arange(3))
    >>> params.item(), losses.tolist()
    (1.0, [1.0, 0.0, 0.0])
    """

    def step(carry: tuple[Params, Any], batch: Any) -> tuple[tuple[Params, Any], Array]:
        params, state = carry
        value, gradient = jax.value_and_grad(loss)(params, batch)
        updates, state = optimizer.update(gradient, state, params)
        return (optax.apply_updates(params, updates), state), value

    (params, _), losses = jax.lax.scan(step, (params, optimizer.init(params)), batches)
    return params, losses


def batch_rows(key: Key, n: int, batch_size: int, steps: int) -> Array:
    """[steps, batch_size] row numbers: epochs in new orders, one after another, cut into batches.

    >>> sorted(batch_rows(jax.random.key(0), 6, 2, 3).ravel().tolist())
    [0, 1, 2, 3, 4, 5]
    """
    per_epoch = n // batch_size
    epochs = -(-steps // per_epoch)
    orders = jax.vmap(lambda k: jax.random.permutation(k, n))(jax.random.split(key, epochs))
    return orders[:, : per_epoch * batch_size].reshape(-1, batch_size)[:steps].astype(jnp.int32)


def first_below(curves: Array, bound: float) -> Array:
    """[...] the first step at which curves [..., steps] lie below a bound; the number of steps where they never do.

    >>> first_below(jnp.array([[3.0, 1.0, 2.0], [3.0, 3.0, 3.0]]), 2.5).tolist()
    [1, 3]
    """
    below = curves < bound
    return jnp.where(below.any(-1), below.argmax(-1), curves.shape[-1])
