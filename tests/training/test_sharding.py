"""Data parallelism on eight forced host devices: the same run as on one."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from small_tasks import line, plain, without_seconds

from jaxdl.data import Splits
from jaxdl.nn import conv2d, init_conv2d
from jaxdl.optim import sgd
from jaxdl.training import data_mesh, fit, init_train_state, make_train_step

pytestmark = pytest.mark.skipif(len(jax.devices()) < 8, reason="needs eight devices")


@pytest.mark.parametrize(("batch_size", "n_devices"), [(16, 8), (None, 8), (16, 2)])
def test_many_devices_do_what_one_does(batch_size, n_devices):
    task = line(n=40, optimizer=sgd(0.05))
    one = fit(task, epochs=2, batch_size=batch_size)
    many = fit(task, epochs=2, batch_size=batch_size, mesh=data_mesh(n_devices))
    for a, b in zip(plain(one.state), plain(many.state), strict=True):
        np.testing.assert_allclose(b, a, rtol=1e-5, atol=1e-6)
    for name, values in without_seconds(one.history).items():
        np.testing.assert_allclose(many.history.history[name], values, rtol=1e-5)
    assert many.state.params["w"].sharding.is_fully_replicated
    assert len(many.state.params["w"].devices()) == n_devices


@pytest.mark.parametrize("method", ["lax", "auto"])
def test_many_devices_choose_a_program_for_convolutions(method):
    """The programs with and without a loop are measured on a copy of the state, which lies on all devices too."""

    def loss_fn(params, state, batch, key):
        loss = (conv2d(params, batch["x"], method=method) ** 2).mean()
        return loss, (state, {"loss": (loss, jnp.float32(1))})

    def init(key):
        return init_train_state(key, init_conv2d(key, 16, 16, (3, 3)), sgd(0.05))

    x: Any = np.random.default_rng(0).standard_normal((32, 5, 5, 16), np.float32)
    splits = Splits({"x": x}, *({"x": x[:0]} for _ in range(2)))
    step: Any = make_train_step(loss_fn, sgd(0.05))
    task = line()._replace(init=init, step=step, data=splits)
    one = fit(task, epochs=2, batch_size=16)
    many = fit(task, epochs=2, batch_size=16, mesh=data_mesh())
    for a, b in zip(plain(one.state), plain(many.state), strict=True):
        np.testing.assert_allclose(b, a, rtol=1e-4, atol=1e-5)


def test_the_batch_is_really_cut():
    """A step that asks: each device holds its slice of the batch, not all of it."""
    seen = []

    def look(array):
        seen.append(array.shape)

    task = line(n=40)

    def step(state, batch):
        jax.debug.inspect_array_sharding(batch["x"], callback=lambda s: look(np.empty(s.shard_shape(batch["x"].shape))))
        return task.step(state, batch)

    fit(task._replace(step=step), epochs=1, batch_size=16, mesh=data_mesh())
    assert set(seen) == {(2, 3)}


def test_batches_that_cannot_be_cut_are_refused():
    with pytest.raises(ValueError, match="batch_size 12 must be a multiple of the 8 devices on mesh axis 'data'"):
        fit(line(n=40), epochs=1, batch_size=12, mesh=data_mesh())
    with pytest.raises(ValueError, match="batch_size 10 must be a multiple"):
        fit(line(n=10), epochs=1, batch_size=None, mesh=data_mesh())
