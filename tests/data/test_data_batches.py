"""Batches of resident data: every example once an epoch, masks, one compilation."""

from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from jaxdl.data.batches import epoch_order, in_order, n_steps, take_batch

sizes = st.integers(1, 40).flatmap(lambda n: st.tuples(st.just(n), st.one_of(st.none(), st.integers(1, n))))


@given(sizes)
def test_n_steps(size):
    n, b = size
    steps = n_steps(n, b)
    assert (steps - 1) * (b or n) < n <= steps * (b or n)


@partial(jax.jit, static_argnums=(1, 2, 3))
def whole_epoch(epoch, n, b, shuffled):
    """The order, and all batches of one epoch, [S, B]."""
    order = epoch_order(jax.random.key(7), epoch, n, b) if shuffled else in_order(n, b)
    data = {"x": jnp.arange(n) * 10, "y": -jnp.arange(n)}
    return order, jax.lax.map(lambda i: take_batch(data, order, i, n), jnp.arange(len(order)))


@given(sizes, st.integers(0, 5), st.booleans())
@example((10, 3), 0, True)
@example((10, None), 1, True)
@example((5, 5), 0, True)
@example((4, 1), 0, False)
@settings(deadline=None, max_examples=10)
def test_every_example_exactly_once_an_epoch(size, epoch, shuffled):
    n, b = size
    order, batches = whole_epoch(epoch, n, b, shuffled)
    assert order.shape == (n_steps(n, b), b or n)
    assert order.dtype == jnp.int32
    x, y, mask = (np.asarray(batches[name]) for name in ("x", "y", "mask"))
    assert sorted(x[mask].tolist()) == [10 * i for i in range(n)]
    np.testing.assert_array_equal(x, -10 * y)  # rows stay together
    assert mask[:-1].all()  # only the last batch is filled up
    assert int(order.min()) >= 0
    assert int(order.max()) < n


def test_the_order_depends_on_key_and_epoch_alone(key):
    order = epoch_order(key, 3, 50, 8)
    np.testing.assert_array_equal(order, jax.jit(lambda e: epoch_order(key, e, 50, 8))(jnp.int32(3)))
    assert (order != epoch_order(key, 4, 50, 8)).any()
    assert (order != epoch_order(jax.random.key(1), 3, 50, 8)).any()
    # The batch size cuts the same permutation, it does not choose another one.
    np.testing.assert_array_equal(order.reshape(-1)[:50], epoch_order(key, 3, 50, None).reshape(-1))
    np.testing.assert_array_equal(order.reshape(-1)[50:], order.reshape(-1)[:6])


def test_each_place_is_equally_likely():
    orders = np.asarray(jax.vmap(lambda epoch: epoch_order(jax.random.key(0), epoch, 4, 4)[0])(jnp.arange(400)))
    counts = np.array([np.bincount(orders[:, place], minlength=4) for place in range(4)])
    assert ((counts > 60) & (counts < 145)).all()  # 100 expected, standard deviation 8.7


def test_one_compilation_for_all_steps(key):
    traces = []

    @jax.jit
    def step(data, order, i):
        traces.append(1)
        return take_batch(data, order, i, 10)

    data = {"x": jnp.arange(20.0).reshape(10, 2)}
    order = epoch_order(key, 0, 10, 4)
    masks = [step(data, order, i)["mask"].tolist() for i in range(3)]
    assert masks == [[True] * 4, [True] * 4, [True, True, False, False]]
    assert len(traces) == 1
    np.testing.assert_array_equal(step(data, order, 1)["x"], data["x"][order[1]])


def test_inside_a_scan(key):
    order = epoch_order(key, 0, 7, 3)
    data = {"x": jnp.arange(7.0)}

    def body(total, i):
        batch = take_batch(data, order, i, 7)
        return total + jnp.where(batch["mask"], batch["x"], 0.0).sum(), None

    assert jax.lax.scan(body, jnp.float32(0), jnp.arange(3))[0] == 21


def test_in_order():
    assert in_order(5, 5).tolist() == [[0, 1, 2, 3, 4]]
    assert in_order(3, 1).tolist() == [[0], [1], [2]]


def test_x64_keeps_int32(x64):
    assert epoch_order(jax.random.key(0), 0, 5, 2).dtype == jnp.int32
    batch = take_batch({"x": jnp.arange(5.0)}, in_order(5, 2), 2, 5)
    assert batch["mask"].tolist() == [True, False]


def test_numpy_input():
    data: Any = {"x": np.arange(4, dtype=np.uint8)}
    batch = take_batch(data, in_order(4, 2), 1, 4)
    assert batch["x"].tolist() == [2, 3]
    assert batch["x"].dtype == jnp.uint8


@pytest.mark.parametrize("batch_size", [0, -3, 6])
def test_impossible_batch_sizes(batch_size, key):
    message = f"batch_size must be between 1 and the number of examples 5, got {batch_size}"
    for call in (n_steps, in_order, lambda n, b: epoch_order(key, 0, n, b)):
        with pytest.raises(ValueError, match=message):
            call(5, batch_size)


def test_impossible_data(key):
    with pytest.raises(ValueError, match="n_examples=0"):
        epoch_order(key, 0, 0, 1)
    with pytest.raises(ValueError, match=r"n_examples=5 rows .* \{'x': \(4, 2\)\}"):
        take_batch({"x": jnp.zeros((4, 2))}, in_order(5, 2), 0, 5)
    with pytest.raises(ValueError, match="none may be called 'mask'"):
        take_batch({"mask": jnp.zeros(5)}, in_order(5, 2), 0, 5)


def test_examples_of_a_group_share_batches(key):
    n, b = 103, 8
    groups = jnp.asarray(np.random.default_rng(0).integers(0, 3, n))
    order = np.asarray(epoch_order(key, 2, n, b, groups))
    assert sorted(order.reshape(-1)[:n].tolist()) == list(range(n))
    mixed = sum(len(set(np.asarray(groups)[rows].tolist())) > 1 for rows in order[:-1])
    assert mixed <= 2  # at the two borders between three groups
    first = np.asarray(groups)[order[:-1, 0]]
    assert (np.diff(first) < 0).any(), "the batches come in the order of their groups"
    assert (order != np.asarray(epoch_order(key, 3, n, b, groups))).any()
    np.testing.assert_array_equal(order, jax.jit(lambda g: epoch_order(key, 2, n, b, g))(groups))
