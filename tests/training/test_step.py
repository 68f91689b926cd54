"""The step hands the loss on to the rules that ask for it."""

import jax
import jax.numpy as jnp
import optax
import optax.contrib
import pytest

from jaxdl import optim
from jaxdl.training.step import init_train_state, make_train_step


@pytest.mark.parametrize("rule", [optim.sgd, optax.sgd], ids=["jaxdl", "optax"])
def test_reduce_on_plateau_sees_the_loss(rule):
    """A loss that never falls: the rate is halved."""
    optimizer = optax.chain(rule(0.0), optax.contrib.reduce_on_plateau(factor=0.5, patience=1))

    def loss_fn(params, state, batch, key):
        return jnp.square(params["w"] - batch["y"]).sum(), (state, {})

    state = init_train_state(jax.random.key(0), {"w": jnp.array(3.0)}, optimizer)
    step = jax.jit(make_train_step(loss_fn, optimizer))
    with jax.numpy_dtype_promotion("standard"):  # optax's counters raise under strict promotion
        for _ in range(4):
            state, _ = step(state, {"y": jnp.array([1.0])})
    plateau = state.opt_state[1]
    assert float(plateau.best_value) == 4.0
    assert float(plateau.scale) < 1.0
