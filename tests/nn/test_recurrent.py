"""Recurrent layers: packing by masks, directions, where cells start; torch's layers are matched in the case rows."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxdl import nn
from jaxdl.nn.recurrence import CELLS


def _setting(cell, key):
    keys = jax.random.split(key)
    return CELLS[cell].init(keys[0], 3, 4), jax.random.normal(keys[1], (2, 5, 3))


@pytest.mark.parametrize("cell", CELLS)
def test_the_scan_is_the_cell_in_a_loop(cell, key):
    params, x = _setting(cell, key)
    carry, ys = nn.recurrent(params, x, cell=cell)
    by_hand = nn.zero_carry(cell, 2, 4)
    for t in range(5):
        by_hand, y = CELLS[cell].cell(params, by_hand, x[:, t])
        np.testing.assert_allclose(ys[:, t], y, rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(carry, by_hand, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("cell", CELLS)
def test_gradients_where_the_batch_is_cut_over_devices(cell, key):
    params, x = _setting(cell, key)
    mesh = jax.make_mesh((2,), ("rows",), devices=jax.devices()[:2], axis_types=(jax.sharding.AxisType.Auto,))
    same, rows = jax.sharding.PartitionSpec(), jax.sharding.PartitionSpec("rows")

    def loss(params, x):
        return jnp.sin(nn.recurrent(params, x, cell=cell)[1]).sum()

    inside = jax.grad(lambda params, x: jax.lax.psum(loss(params, x), "rows"))
    ours = jax.jit(jax.shard_map(inside, mesh=mesh, in_specs=(same, rows), out_specs=same))(params, x)
    jax.tree.map(
        lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-6), ours, jax.jit(jax.grad(loss))(params, x)
    )


def test_padding_changes_nothing_whatever_it_holds(key):
    params, x = _setting("lstm", key)
    mask = jnp.arange(5)[None, :] < jnp.array([[3], [5]])
    (forward, backward), ys = nn.bidirectional({"forward": params, "backward": params}, x, mask=mask)
    (f, b), y = nn.bidirectional({"forward": params, "backward": params}, x[:1, :3])
    np.testing.assert_allclose(ys[:1, :3], y, rtol=1e-5, atol=1e-6)
    np.testing.assert_array_equal(ys[0, 3:], 0)
    for ours, theirs in ((forward, f), (backward, b)):
        np.testing.assert_allclose([h[:1] for h in ours], theirs, rtol=1e-5, atol=1e-6)


def test_padding_gets_no_gradient(key):
    params, x = _setting("gru", key)
    mask = jnp.arange(5)[None, :] < jnp.array([[3], [5]])
    gradient = jax.grad(lambda x: nn.recurrent(params, x, cell="gru", mask=mask)[1].sum())(x)
    np.testing.assert_array_equal(gradient[0, 3:], 0)
    assert (gradient[1, 3:] != 0).all()


@pytest.mark.parametrize("cell", CELLS)
def test_padding_of_nan_leaves_no_trace(cell, key):
    params, x = _setting(cell, key)
    mask = jnp.arange(5)[None, :] < jnp.array([[3], [5]])

    def gradients(x):
        f = lambda params, x: jnp.sin(nn.recurrent(params, x, cell=cell, mask=mask)[1]).sum()  # noqa: E731
        return jax.value_and_grad(f, (0, 1))(params, x)

    clean, dirty = gradients(x), gradients(x.at[0, 3:].set(jnp.nan))
    jax.tree.map(np.testing.assert_array_equal, dirty, clean)


def test_reverse_is_forward_on_the_mirrored_input(key):
    params, x = _setting("rnn", key)
    _, backward = nn.recurrent(params, x, cell="rnn", reverse=True)
    _, forward = nn.recurrent(params, x[:, ::-1], cell="rnn")
    np.testing.assert_allclose(backward, forward[:, ::-1], rtol=1e-6)


def test_a_sequence_in_two_pieces_is_the_sequence(key):
    params, x = _setting("lstm", key)
    _, whole = nn.recurrent(params, x)
    carry, first = nn.recurrent(params, x[:, :2])
    _, second = nn.recurrent(params, x[:, 2:], carry=carry)
    np.testing.assert_allclose(jnp.concatenate([first, second], axis=1), whole, rtol=1e-6)


def test_time_is_one_loop_whatever_its_length(key):
    """The traced program of 500 steps has as many equations as that of 5."""
    params, _ = _setting("lstm", key)
    sizes = {len(str(jax.make_jaxpr(nn.recurrent)(params, jnp.zeros((2, t, 3))).eqns)) for t in (5, 6, 9)}
    assert len(sizes) == 1


def test_forget_gates_start_open_and_recurrent_weights_orthogonal(key):
    params = nn.init_lstm(key, 3, 4)
    np.testing.assert_array_equal(params["x"]["b"], [0] * 4 + [1] * 4 + [0] * 8)
    for w in jnp.split(params["h"]["w"], 4, axis=1):
        np.testing.assert_allclose(w.T @ w, jnp.eye(4), atol=1e-6)


def test_an_lstm_that_forgets_nothing_remembers(key):
    """Gates far open and shut carry a value through 50 steps: the reason for the cell."""
    params = jax.tree.map(jnp.zeros_like, nn.init_lstm(key, 1, 1))
    params["x"]["b"] = jnp.array([-100.0, 100.0, 0.0, 100.0])  # no input, no forgetting, full output
    (_, c), _ = nn.recurrent(params, jnp.ones((1, 50, 1)), carry=(jnp.zeros((1, 1)), jnp.full((1, 1), 0.7)))
    assert c.item() == pytest.approx(0.7)


def test_mistakes_are_named(key):
    params, x = _setting("lstm", key)
    with pytest.raises(ValueError, match="did you mean 'lstm'"):
        nn.recurrent(params, x, cell="lsmt")
    with pytest.raises(ValueError, match='is of a cell "lstm", not "gru": pass cell="lstm"'):
        nn.recurrent(params, x, cell="gru")
    with pytest.raises(ValueError, match='is of a cell "lstm", not "rnn"'):
        nn.rnn_cell(params, (jnp.zeros((2, 4)),), x[:, 0])
    with pytest.raises(ValueError, match=r"mask \(2, 4\) must be \[B, T\] of x \(2, 5, 3\)"):
        nn.recurrent(params, x, mask=jnp.ones((2, 4), bool))
