"""Batch normalization's state, masks, shards and digits; the other norms beside it where they share a trap."""

import jax
import jax.export
import jax.numpy as jnp
import numpy as np
import pytest

from jaxdl.checks import check_gradients
from jaxdl.nn.norm import (
    batch_norm,
    init_batch_norm,
)


def images(key, shape=(6, 5, 3, 4), mean=0.0, std=1.0):
    return mean + std * jax.random.normal(key, shape)


def test_train_and_eval_against_torch(key):
    torch = pytest.importorskip("torch")
    x, (params, state) = images(key), init_batch_norm(4)
    theirs = torch.nn.BatchNorm2d(4, momentum=0.1, eps=1e-5)
    batch = torch.tensor(np.asarray(x)).permute(0, 3, 1, 2)
    y, state = batch_norm(params, state, x, train=True, decay=0.9)
    np.testing.assert_allclose(y, theirs(batch).permute(0, 2, 3, 1).detach().numpy(), rtol=1e-5, atol=1e-6)
    n = x.size // 4
    np.testing.assert_allclose(state["mean"], theirs.running_mean.numpy(), rtol=1e-5, atol=1e-7)
    unbiased = 0.9 + (state["var"] - 0.9) * (n / (n - 1))  # torch's running variance; ours is biased
    np.testing.assert_allclose(unbiased, theirs.running_var.numpy(), rtol=1e-5)


def test_train_and_eval_against_flax(key):
    linen = pytest.importorskip("flax.linen")
    x = images(key, mean=0.5)
    params = {"scale": jnp.arange(1.0, 5.0), "bias": jnp.arange(4.0)}
    state = {"mean": jnp.full(4, 0.3), "var": jnp.full(4, 2.0)}
    for train in (True, False):
        layer = linen.BatchNorm(use_running_average=not train, momentum=0.8, epsilon=1e-4)
        with jax.numpy_dtype_promotion("standard"), jax.numpy_rank_promotion("allow"):
            want, update = layer.apply({"params": params, "batch_stats": state}, x, mutable=["batch_stats"])
        got, new = batch_norm(params, state, x, train=train, decay=0.8, eps=1e-4)
        np.testing.assert_allclose(got, want, rtol=2e-5, atol=2e-6)
        for name in state:
            np.testing.assert_allclose(new[name], update["batch_stats"][name], rtol=1e-5)


def test_eval_never_changes_the_state(key):
    params, state = init_batch_norm(4)
    state = {"mean": state["mean"] + 3.0, "var": state["var"] * 2.0}
    for _ in range(3):
        _, new = batch_norm(params, state, images(key), train=False)
        assert new is state


def test_eval_uses_the_state_and_not_the_batch(key):
    params, state = init_batch_norm(4)
    x = images(key, mean=7.0)
    y, _ = batch_norm(params, state, x, train=False)
    np.testing.assert_allclose(y, x / np.sqrt(1 + 1e-5), rtol=1e-6)


def test_state_converges_to_the_statistics(key):
    params, state = init_batch_norm(4)
    x = images(key, mean=2.0, std=3.0)
    state = jax.lax.fori_loop(0, 200, lambda _, state: batch_norm(params, state, x, train=True)[1], state)
    np.testing.assert_allclose(state["mean"], np.mean(x, (0, 1, 2)), rtol=1e-5)
    np.testing.assert_allclose(state["var"], np.var(x, (0, 1, 2)), rtol=1e-5)


def test_no_gradient_through_the_running_state(key):
    params, state = init_batch_norm(4)

    def total(params, x):
        _, new = batch_norm(params, state, x, train=True)
        return jnp.sum(new["mean"]) + jnp.sum(new["var"])

    gradients = jax.grad(total, argnums=(0, 1))(params, images(key))
    assert all(not np.any(leaf) for leaf in jax.tree.leaves(gradients))


def test_initial_arrays_can_be_donated(key):
    params, state = init_batch_norm(4)
    step = jax.jit(lambda p, s, x: (p, batch_norm(p, s, x, train=True)[1]), donate_argnums=(0, 1))
    step(params, state, images(key))  # raises if a buffer lies in the two trees twice


def test_the_running_mean_of_an_outlier_in_the_first_row(key):
    """The first row is what moments are taken about: even where it lies far out they keep their digits."""
    x = images(key, (64, 4)).at[0].set(1e4)
    params, state = init_batch_norm(4)
    y, new = batch_norm(params, state, x, train=True, decay=0.0)
    expected, wanted = batch_norm(params, state, x, train=True, decay=0.0, method="plain")
    np.testing.assert_allclose(y, expected, rtol=1e-4, atol=1e-5)
    for name in state:
        np.testing.assert_allclose(new[name], wanted[name], rtol=1e-4)


def test_an_empty_batch_leaves_the_state(key):
    params, state = init_batch_norm(3)
    for shape in ((0, 3), (0, 2, 2, 3), (2, 0, 3)):
        y, new = batch_norm(params, state, jnp.zeros(shape), train=True)
        assert y.shape == shape
        np.testing.assert_array_equal([new["mean"], new["var"]], [[0.0] * 3, [1.0] * 3])


def test_batch_norm_is_exported_with_a_symbolic_batch(key):
    params, state = init_batch_norm(3)

    def gradient(params, x):
        return jax.grad(lambda p: jnp.sin(batch_norm(p, state, x, train=True)[0]).sum())(params)

    (b,) = jax.export.symbolic_shape("b")
    program = jax.export.export(jax.jit(gradient))(params, jax.ShapeDtypeStruct((b, 2, 2, 3), jnp.float32))
    x = images(key, (5, 2, 2, 3))
    jax.tree.map(
        lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-5),
        program.call(params, x),
        gradient(params, x),
    )


@pytest.mark.parametrize("mean", [0.0, 1e3], ids=["near", "far"])
@pytest.mark.parametrize("shape", [(5, 3), (3, 2, 3, 3)])
def test_batch_norm_gradient_on_both_sides_of_the_guard(mean, shape, key):
    params = {"scale": jnp.array([0.5, 2.0, -1.0]), "bias": jnp.array([0.1, 0.2, 0.3])}
    state = init_batch_norm(3)[1]
    check_gradients(
        lambda p, x: batch_norm(p, state, x, train=True)[0], params, images(key, shape, mean), argnums=(0, 1)
    )


def test_masked_statistics_are_those_of_the_rows_that_count(key):
    params, state = init_batch_norm(4)
    x = images(key)
    where = jnp.array([True, True, False, True, False, True])
    poisoned = jnp.where(where[:, None, None, None], x, jnp.nan)
    y, new = batch_norm(params, state, poisoned, train=True, where=where)
    want, want_new = batch_norm(params, state, x[where], train=True)
    np.testing.assert_allclose(y[where], want, rtol=1e-5, atol=1e-6)
    for name in state:
        np.testing.assert_allclose(new[name], want_new[name], rtol=1e-5)
    _, same = batch_norm(params, state, x, train=True, where=jnp.zeros(6, bool))
    assert all(np.array_equal(same[name], state[name]) for name in state)


def test_masked_gradient(key):
    params = {"scale": jnp.array([0.5, 2.0]), "bias": jnp.array([0.1, 0.2])}
    state, where = init_batch_norm(2)[1], jnp.array([True, False, True, True])
    check_gradients(
        lambda p, x: batch_norm(p, state, x, train=True, where=where)[0], params, images(key, (4, 2)), argnums=(0, 1)
    )


def test_statistics_of_a_sharded_batch_are_global(key):
    """Eight devices, two rows each: the statistics are those of all sixteen rows, not of a device's two."""
    devices = jax.devices()
    assert len(devices) == 8, "conftest asks for eight host devices"
    mesh = jax.make_mesh((8,), ("batch",), axis_types=(jax.sharding.AxisType.Auto,))
    rows = jax.sharding.NamedSharding(mesh, jax.sharding.PartitionSpec("batch"))
    params, state = init_batch_norm(3)
    x = images(key, (16, 4, 4, 3)) + jnp.arange(16.0)[:, None, None, None]  # every shard has another mean

    def loss(params, x):
        y, new = batch_norm(params, state, x, train=True)
        return jnp.mean(jnp.sin(y)), (y, new)

    step = jax.jit(jax.value_and_grad(loss, argnums=(0, 1), has_aux=True))
    one = step(params, x)
    many = step(params, jax.device_put(x, rows))
    assert many[0][1][0].sharding.is_equivalent_to(rows, 4), "the output lost its sharding"
    for a, b in zip(jax.tree.leaves(one), jax.tree.leaves(many), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(many[0][1][1]["mean"], 0.1 * np.mean(x, (0, 1, 2)), rtol=1e-5)


def test_half_precision_statistics_are_taken_in_float32(key):
    x = images(key, (512, 4), mean=8.0).astype(jnp.bfloat16)
    params, state = init_batch_norm(4)
    _, new = batch_norm(params, state, x, train=True, decay=0.0)
    assert new["mean"].dtype == jnp.float32
    np.testing.assert_allclose(new["mean"], np.mean(np.asarray(x, np.float64), 0), rtol=1e-5)


def test_vmap_and_scan(key):
    params, state = init_batch_norm(3)
    x = images(key, (2, 5, 3), mean=0.5)

    def f(state, x):
        return batch_norm(params, state, x, train=True)

    ys, _ = jax.vmap(lambda x: f(state, x))(x)
    first, after_one = f(state, x[0])
    second, after_two = f(after_one, x[1])
    np.testing.assert_allclose(ys, jnp.stack([first, second]), rtol=1e-5, atol=1e-6)

    def body(state, x):
        y, state = f(state, x)
        return state, y

    last, scanned = jax.lax.scan(body, state, x)
    np.testing.assert_allclose(scanned, ys, rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(last["var"], after_two["var"], rtol=1e-6)
