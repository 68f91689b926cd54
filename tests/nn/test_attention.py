"""Attention: masks, dropout, heads, caches; values are matched with torch and flax in the case rows."""

import functools

import jax
import jax.export
import jax.numpy as jnp
import numpy as np
import pytest

from jaxdl import nn
from jaxdl.nn.caching import cached_self_attention, init_key_value_cache

NOTHING = jnp.array([[True, True, False], [False, False, False]])[:, None, None]


def _qkv(key, lengths=(4, 3, 3), dtype=jnp.float32):
    keys = jax.random.split(key, 3)
    return tuple(jax.random.normal(k, (2, n, 2, 8), dtype) for k, n in zip(keys, lengths, strict=True))


@pytest.mark.parametrize("method", ["plain", "chunked"])
def test_a_query_that_may_read_nothing_gets_zeros(method, key):
    q, k, v = _qkv(key)

    def total(*qkv):
        y = nn.dot_product_attention(*qkv, mask=NOTHING, method=method)
        return y.sum(), y

    gradients, y = jax.grad(total, argnums=(0, 1, 2), has_aux=True)(q, k, v)
    np.testing.assert_array_equal(y[1], 0)
    assert (y[0] != 0).all()
    for gradient in gradients:
        assert np.isfinite(gradient).all()
        np.testing.assert_array_equal(gradient[1], 0)


MASK_AND_ORDER = jnp.array([[False, False, True, True], [True] * 4])[:, None, None]  # of row 0: 0 and 1 read nothing


@pytest.mark.parametrize("method", ["plain", "chunked", "fused"])
def test_a_mask_and_the_order_together_may_leave_nothing(method, key, monkeypatch):
    """cuDNN gives such a query the mean of all values; its place is taken by the definition of `jax.nn` here."""
    kernel = jax.nn.dot_product_attention
    monkeypatch.setattr(jax.nn, "dot_product_attention", lambda *a, implementation, **k: kernel(*a, **k))
    q, k, v = _qkv(key, (4, 4, 4))
    y = nn.dot_product_attention(q, k, v, mask=MASK_AND_ORDER, causal=True, method=method)
    np.testing.assert_array_equal(y[0, :2], 0)
    np.testing.assert_allclose(y[0, 2], v[0, 2], rtol=1e-6)
    assert (y[1] != 0).all()


@pytest.mark.parametrize("method", ["plain", "chunked"])
@pytest.mark.parametrize("lengths", [(3, 0, 0), (0, 3, 3)], ids=["no keys", "no queries"])
@pytest.mark.parametrize("batch", [0, 2])
@pytest.mark.parametrize("masked", [False, True])
def test_nothing_to_read_from_and_nobody_to_read(method, lengths, batch, masked, key):
    q, k, v = (x[:batch] for x in _qkv(key, lengths))
    mask = jnp.ones((1, 1, 1, lengths[1]), bool) if masked else None
    y = nn.dot_product_attention(q, k, v, mask=mask, causal=True, method=method)
    assert y.shape == q.shape
    np.testing.assert_array_equal(y, 0)


@pytest.mark.parametrize("method", ["plain", "chunked"])
def test_what_no_query_may_read_never_matters(method, key):
    """NaN in hidden keys and values: the value and every gradient as without those keys."""
    q, k, v = _qkv(key, (4, 5, 5))
    mask = jnp.array([[True, True, True, False, False]])[:, None, None]

    def gradients(q, k, v, mask):
        f = lambda *a: (nn.dot_product_attention(*a, mask=mask, method=method) ** 2).sum()  # noqa: E731
        return jax.value_and_grad(f, (0, 1, 2))(q, k, v)

    value, (dq, dk, dv) = gradients(q, k.at[:, 3:].set(jnp.nan), v.at[:, 3:].set(jnp.inf), mask)
    expected, (eq, ek, ev) = gradients(q, k[:, :3], v[:, :3], None)
    np.testing.assert_allclose(value, expected, rtol=1e-5)
    for ours, theirs in ((dq, eq), (dk[:, :3], ek), (dv[:, :3], ev)):
        np.testing.assert_allclose(ours, theirs, rtol=1e-4, atol=1e-5)
    np.testing.assert_array_equal(dk[:, 3:], 0)
    np.testing.assert_array_equal(dv[:, 3:], 0)


def test_dropout_falls_on_the_weights(key):
    """With values that are one, an output is its row's sum of weights; in the mean over many it stays 1."""
    q, k, _ = _qkv(key, (50, 40, 40))
    y = nn.dot_product_attention(q, k, jnp.ones_like(k), rate=0.5, key=key)
    assert float(jnp.abs(y - 1).max()) > 0.05
    np.testing.assert_allclose(y[..., 0], y[..., 7], rtol=1e-6)  # one draw per weight, not one per feature
    np.testing.assert_allclose(y.mean(), 1, atol=0.05)
    same = nn.dot_product_attention(q, k, jnp.ones_like(k), rate=0.5)
    np.testing.assert_allclose(same, 1, rtol=1e-5)


def test_one_head_of_keys_for_all_queries_is_that_head_repeated(key):
    q, k, v = _qkv(key)
    ours = nn.dot_product_attention(q, k[:, :, :1], v[:, :, :1])
    theirs = nn.dot_product_attention(q, jnp.repeat(k[:, :, :1], 2, axis=2), jnp.repeat(v[:, :, :1], 2, axis=2))
    np.testing.assert_array_equal(ours, theirs)


def test_grouped_queries_share_keys_in_cache_and_memory(key):
    params = nn.init_multi_head_attention(key, 8, queries_per_key=2)
    assert params["qkv"]["w"].shape == (8, 16)
    x = jax.random.normal(key, (2, 3, 8))
    full = nn.multi_head_attention(params, x, n_heads=4, causal=True)
    np.testing.assert_allclose(nn.multi_head_attention(params, x, x, n_heads=4, causal=True), full, rtol=1e-5)
    cache = init_key_value_cache(2, 1, 3, 2, 2)
    for t in range(3):
        y, cache = cached_self_attention(params, x[:, t : t + 1], cache, layer=0, position=t, n_heads=4)
        np.testing.assert_allclose(y[:, 0], full[:, t], rtol=1e-4, atol=1e-6)


def test_plain_equals_jax_nn(key):
    q, k, v = _qkv(key, (6, 6, 6))
    mask = jnp.array([[True] * 6, [True] * 2 + [False] * 4])[:, None, None]
    theirs = jax.nn.dot_product_attention(q, k, v, mask=mask, is_causal=True)
    ours = nn.dot_product_attention(q, k, v, mask=mask, causal=True)
    np.testing.assert_allclose(ours, theirs, rtol=1e-5, atol=1e-6)


def test_scores_are_softmaxed_in_float32(key):
    q, k, v = _qkv(key, dtype=jnp.bfloat16)
    assert nn.attention_weights(q, k).dtype == jnp.float32
    assert nn.dot_product_attention(q, k, v).dtype == jnp.bfloat16


@pytest.mark.parametrize("rotary", [False, True])
def test_cached_attention_equals_the_row_of_causal_attention(rotary, key):
    params, x = nn.init_multi_head_attention(key, 8), jax.random.normal(jax.random.key(1), (2, 5, 8))
    full = nn.multi_head_attention(params, x, n_heads=2, causal=True, positions=jnp.arange(5) if rotary else None)

    def step(cache, inputs):
        t, row = inputs
        y, cache = cached_self_attention(params, row[:, None], cache, layer=1, position=t, n_heads=2, rotary=rotary)
        return cache, y[:, 0]

    cache = init_key_value_cache(2, 2, 7, 2, 4)
    cache, ys = jax.lax.scan(step, cache, (jnp.arange(5), jnp.swapaxes(x, 0, 1)))
    np.testing.assert_allclose(jnp.swapaxes(ys, 0, 1), full, rtol=1e-5, atol=1e-6)
    np.testing.assert_array_equal(cache["k"][:, 0], 0)  # the other layer's room
    np.testing.assert_array_equal(cache["k"][:, 1, 5:], 0)


def test_dense_products_are_two_dimensional(key):
    """Products of [B, T, D] as they stand are XLA's slow path on a CPU."""
    params, x = nn.init_multi_head_attention(key, 8), jnp.zeros((2, 5, 8))
    program = str(jax.make_jaxpr(lambda x: nn.multi_head_attention(params, x, n_heads=2))(x))
    assert "f32[10,24] = dot_general" in program
    assert "f32[10,8] = dot_general" in program
    assert program.count("dot_general") == 4  # q, k, v in one; scores; values; output


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda q, k, v: nn.dot_product_attention(q, k, v[:, :2]), r"v \(2, 2, 2, 8\)"),
        (lambda q, k, v: nn.dot_product_attention(q, k, v, mask=jnp.ones((2, 3), bool)), r"mask bool\(2, 3\)"),
        (lambda q, k, v: nn.dot_product_attention(q, k, v, mask=jnp.ones((2, 1, 1, 3))), "must be bool"),
        (lambda q, k, v: nn.chunked_attention(q, k, v, mask=jnp.ones((2, 1, 1, 2), bool)), r"mask bool\(2, 1, 1, 2\)"),
        (lambda q, k, v: nn.chunked_attention(q, k, v[:, :2]), r"v \(2, 2, 2, 8\)"),
        (lambda q, k, v: nn.chunked_attention(q, k, v, mask=jnp.ones((2, 1, 1, 1), bool)), "each of the 3 keys"),
        (lambda q, k, v: nn.chunked_attention(q, k, v, chunk=0), "chunk must be positive"),
        (lambda q, k, v: nn.dot_product_attention(q[:, :, :1], k, v), "2 heads of keys .* must divide 1 of queries"),
        (lambda q, k, v: nn.dot_product_attention(q, k, v, bias=jnp.zeros((2, 1, 4, 2))), r"bias \(2, 1, 4, 2\)"),
        (lambda q, k, v: nn.dot_product_attention(q.astype(int), k, v), "q must be floating, got int32"),
        (
            lambda q, k, v: nn.dot_product_attention(q, k, v, rate=0.1, key=jax.random.key(0), method="chunked"),
            'dropout needs method="plain"',
        ),
        (lambda q, k, v: nn.dot_product_attention(q, k, v, bias=jnp.zeros((1, 1, 1, 3)), method="fused"), "a bias"),
        (
            lambda q, k, v: nn.multi_head_attention(
                nn.init_multi_head_attention(jax.random.key(0), 8),
                q[..., 0, :],
                k[..., 0, :],
                n_heads=2,
                positions=jnp.arange(4),
            ),
            "positions are of self-attention",
        ),
        (lambda q, k, v: nn.dot_product_attention(q, k, v, method="cunked"), "did you mean 'chunked'"),
        (
            lambda q, k, v: nn.multi_head_attention(
                nn.init_multi_head_attention(jax.random.key(0), 8), q[..., 0, :], n_heads=3
            ),
            "3 heads",
        ),
    ],
)
def test_mistakes_are_named(change, message, key):
    with pytest.raises(ValueError, match=message):
        change(*_qkv(key))


@pytest.mark.parametrize("attend", [nn.dot_product_attention, functools.partial(nn.chunked_attention, chunk=2)])
def test_gradients_where_the_batch_is_cut_over_devices(attend, key):
    q, k, v = jax.random.normal(key, (3, 2, 5, 2, 4))
    mask = jnp.arange(5)[None, None, None] < jnp.array([3, 5])[:, None, None, None]
    mesh = jax.make_mesh((2,), ("rows",), devices=jax.devices()[:2], axis_types=(jax.sharding.AxisType.Auto,))
    rows = jax.sharding.PartitionSpec("rows")
    gradient = jax.grad(lambda q, k, v, mask: jnp.sin(attend(q, k, v, mask=mask)).sum(), (0, 1, 2))
    ours = jax.shard_map(gradient, mesh=mesh, in_specs=rows, out_specs=rows)
    for a, b in zip(*(jax.jit(f)(q, k, v, mask) for f in (ours, gradient)), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-6)
