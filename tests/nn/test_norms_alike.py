"""What all norms keep: digits far from zero, masks, gradients over shards; their limits in each other."""

import jax
import jax.export
import jax.numpy as jnp
import numpy as np
import pytest

from jaxdl.nn.norm import (
    batch_norm,
    group_norm,
    init_batch_norm,
    init_group_norm,
    init_layer_norm,
    init_rms_norm,
    layer_norm,
    rms_norm,
)


def images(key, shape=(6, 5, 3, 4)):
    return jax.random.normal(key, shape)


def norms():
    def batch(x):
        return batch_norm(*init_batch_norm(x.shape[-1]), x, train=True)[0]

    def masked(x):
        params, state = init_batch_norm(x.shape[-1])
        return batch_norm(params, state, x, train=True, where=jnp.ones(x.shape[0], bool))[0]

    return {
        "batch": (batch, (0, 1, 2)),
        "masked batch": (masked, (0, 1, 2)),
        "layer": (lambda x: layer_norm(init_layer_norm(x.shape[-1]), x), (3,)),
        "group": (lambda x: group_norm(init_group_norm(x.shape[-1]), x, groups=2), None),
    }


@pytest.mark.parametrize("x_of", [lambda x: x + 1e4, lambda x: x - 1e4, lambda x: 1e-6 * x, lambda x: 1e6 * x])
@pytest.mark.parametrize("name", norms())
def test_shifted_and_scaled_values_and_gradients_beside_float64(name, x_of, key):
    """Mean 1e4, std 1, float32: E[x^2] - E[x]^2 would be off by several units, and a mean stored once by 5e-4."""
    f, _ = norms()[name]
    x = x_of(images(key, (16, 8, 8, 4)))
    dy = images(jax.random.key(1), x.shape)
    y, vjp = jax.vjp(f, x)
    with jax.enable_x64(True):
        exact, exact_vjp = jax.vjp(f, x.astype(jnp.float64))
        dx = exact_vjp(dy.astype(jnp.float64))[0]
    np.testing.assert_allclose(y, exact, rtol=1e-5, atol=1e-5 * np.abs(exact).max())
    np.testing.assert_allclose(vjp(dy)[0], dx, rtol=1e-5, atol=1e-5 * np.abs(dx).max())


@pytest.mark.parametrize("name", ["layer", "rms", "group"])
def test_hidden_features_never_matter(name, key):
    """NaN where the mask is false; the features that count come out as if they were alone."""
    f = {
        "layer": layer_norm,
        "rms": rms_norm,
        "group": lambda p, x, where=None: group_norm(p, x, groups=1, where=where),
    }[name]
    params = {"scale": jnp.array([0.5, 2.0, -1.0, 3.0]), "bias": jnp.arange(4.0)}
    x, where = images(key, (5, 4)), jnp.array([[True, True, False, True]])
    short = jax.tree.map(lambda leaf: leaf[where[0]], params)

    def gradients(params, x, where):
        def total(params, x):
            y = f(params, x, where=where)
            return jnp.sin(y if where is None else jnp.where(where, y, 0)).sum(), y

        return jax.value_and_grad(total, (0, 1), has_aux=True)(params, x)

    (_, y), (dp, dx) = gradients(params, x.at[:, 2].set(jnp.nan), where)
    (_, want), (want_dp, want_dx) = gradients(short, x[:, where[0]], None)
    np.testing.assert_allclose(y[:, where[0]], want, rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(dx[:, where[0]], want_dx, rtol=1e-4, atol=1e-5)
    np.testing.assert_array_equal(dx[:, 2], 0)
    np.testing.assert_allclose(dp["scale"][where[0]], want_dp["scale"], rtol=1e-4, atol=1e-5)
    assert np.isfinite(dp["scale"]).all()


@pytest.mark.parametrize("name", norms())
def test_gradients_under_shard_map(name, key):
    """Each device normalizes its own rows; the parameters' gradients are summed up over devices by the types alone."""
    mesh = jax.make_mesh((8,), ("batch",), axis_types=(jax.sharding.AxisType.Auto,))
    rows, everywhere = jax.sharding.PartitionSpec("batch"), jax.sharding.PartitionSpec()
    x = images(key, (16, 4))
    scale = jnp.array([0.5, 2.0, -1.0, 3.0])
    f, _ = norms()[name]

    def loss(scale, x):
        return jax.lax.psum(jnp.sin(scale[None] * f(x[:, None, None])[:, 0, 0]).sum(), "batch")

    gradient = jax.shard_map(
        jax.grad(loss, argnums=(0, 1)), mesh=mesh, in_specs=(everywhere, rows), out_specs=(everywhere, rows)
    )
    ds, dx = jax.jit(gradient)(scale, x)
    parts = [
        jax.grad(lambda s, x: jnp.sin(s[None] * f(x[:, None, None])[:, 0, 0]).sum(), (0, 1))(scale, p)
        for p in x.reshape(8, 2, 4)
    ]
    np.testing.assert_allclose(ds, sum(p[0] for p in parts), rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(dx, jnp.concatenate([p[1] for p in parts]), rtol=1e-4, atol=1e-4)


def test_instance_and_layer_limits_of_group_norm(key):
    x = images(key)
    y = group_norm(init_group_norm(4), x, groups=4)  # instance normalization
    np.testing.assert_allclose(np.mean(y, (1, 2)), 0.0, atol=1e-5)
    flat = layer_norm(init_layer_norm(60), x.reshape(6, -1)).reshape(x.shape)
    np.testing.assert_allclose(group_norm(init_group_norm(4), x, groups=1), flat, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize(
    "call",
    [
        lambda x: batch_norm(*init_batch_norm(5), x, train=True),
        lambda x: layer_norm(init_layer_norm(5), x),
        lambda x: rms_norm(init_rms_norm(5), x),
        lambda x: group_norm(init_group_norm(5), x, groups=1),
        lambda x: group_norm(init_group_norm(4), x, groups=3),
    ],
)
def test_wrong_widths_say_what_to_do(call, key):
    with pytest.raises(ValueError, match=r"\(6, 5, 3, 4\)"):
        call(images(key))
