"""Dense, flatten, dropout and stack: what the rows of the common table cannot ask."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxdl import nn
from jaxdl.nn.depth import FEW


def test_dense_names_both_shapes_when_they_do_not_fit(key):
    with pytest.raises(ValueError, match=r"x \(2, 5\) ends in 5, but w \(4, 3\) takes 4 inputs"):
        nn.dense(nn.init_dense(key, 4, 3), jnp.zeros((2, 5)))


LAYERS = {
    "dense": lambda x: nn.dense(nn.init_dense(jax.random.key(0), 2, 3), x),
    "nn.conv2d": lambda x: nn.conv2d(nn.init_conv2d(jax.random.key(0), 2, 3, 1), x),
    "nn.conv_transpose2d": lambda x: nn.conv_transpose2d(nn.init_conv2d(jax.random.key(0), 2, 3, 1), x),
    "nn.max_pool2d": lambda x: nn.max_pool2d(x, 1),
    "nn.avg_pool1d": lambda x: nn.avg_pool1d(x, 1),
    "nn.global_avg_pool2d": nn.global_avg_pool2d,
    "nn.upsample2d": lambda x: nn.upsample2d(x, 2),
    "flatten": nn.flatten,
    "dropout": lambda x: nn.dropout(x, 0.5),
    "embedding": lambda x: nn.embedding(nn.init_embedding(jax.random.key(0), 3, 2), x),
    "unembedding": lambda x: nn.unembedding(nn.init_embedding(jax.random.key(0), 3, 2), x),
    "sinusoidal_positions": lambda x: nn.sinusoidal_positions(x, 2),
    "rotary": lambda x: nn.rotary(x, jnp.arange(2)),
    "layer_norm": lambda x: nn.layer_norm(nn.init_layer_norm(2), x),
    "rms_norm": lambda x: nn.rms_norm(nn.init_rms_norm(2), x),
    "group_norm": lambda x: nn.group_norm(nn.init_group_norm(2), x, groups=1),
    "batch_norm": lambda x: nn.batch_norm(*nn.init_batch_norm(2), x, train=True),
    "recurrent": lambda x: nn.recurrent(nn.init_lstm(jax.random.key(0), 2, 3), x),
    "masked_softmax": lambda x: nn.masked_softmax(x, None),
    "dot_product_attention": lambda x: nn.dot_product_attention(x, x, x),
    "chunked_attention": lambda x: nn.chunked_attention(x, x, x),
    "additive_attention": lambda x: nn.additive_attention(
        nn.init_additive_attention(jax.random.key(0), 2, 2, 2), x, x, x
    ),
    "multi_head_attention": lambda x: nn.multi_head_attention(
        nn.init_multi_head_attention(jax.random.key(0), 2), x, n_heads=1
    ),
    "transformer_block": lambda x: nn.transformer_block(
        nn.init_transformer_block(jax.random.key(0), 2, 3), x, lambda p, x: (x, None)
    ),
    "pointer": lambda x: nn.pointer(nn.init_pointer(jax.random.key(0), 2), x, x),
    "spectral_norm": lambda w: nn.spectral_norm(w, nn.init_spectral_norm(jax.random.key(0), 2), train=True),
}


ANY_NUMBERS = ("flatten", "nn.upsample2d", "embedding", "sinusoidal_positions")


@pytest.mark.parametrize("dtype", ["int32", "uint8", "bool", "complex64"])
@pytest.mark.parametrize("name", [name for name in LAYERS if name not in ANY_NUMBERS])
def test_layers_refuse_what_is_not_floating(name, dtype):
    """Weights in the dtype of integers would be rounded to 0: `dense` of ones gave 0 for 1."""
    with pytest.raises(ValueError, match=rf"{name}: \w+ must be floating, got {dtype}; "):
        LAYERS[name](jnp.ones((2, 2), dtype))


@pytest.mark.parametrize("name", LAYERS)
@pytest.mark.parametrize("x", [1.0, [[1.0, 2.0]]], ids=["number", "list"])
def test_lists_and_numbers_are_no_arrays(name, x):
    with pytest.raises(ValueError, match=rf"{name}: \w+ must be an array, got (float|list); write jnp.asarray"):
        LAYERS[name](x)


def test_dense_without_bias(key):
    params = nn.init_dense(key, 4, 3, bias=False)
    assert set(params) == {"w"}
    np.testing.assert_allclose(nn.dense(params, jnp.ones((2, 4))), jnp.ones((2, 4)) @ params["w"], rtol=1e-6)


def test_dense_computes_in_the_dtype_of_x(key):
    assert nn.dense(nn.init_dense(key, 4, 3), jnp.ones((2, 4), jnp.bfloat16)).dtype == jnp.bfloat16


@pytest.mark.parametrize("shape", [(4,), (2, 4), (2, 3, 4), (2, 1, 3, 4)])
def test_dense_takes_any_leading_axes(key, shape):
    params = nn.init_dense(key, 4, 3)
    x = jax.random.normal(key, shape)
    expected = np.asarray(x, np.float64) @ np.asarray(params["w"], np.float64)
    np.testing.assert_allclose(nn.dense(params, x), expected, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("rate", [0.1, 0.5, 0.9])
def test_dropout_statistics(key, rate):
    n = 100_000
    y = np.asarray(nn.dropout(jnp.full(n, 3.0), rate, key=key), np.float64)
    dropped = (y == 0).mean()
    assert abs(dropped - rate) < 5 * np.sqrt(rate * (1 - rate) / n), "the rate is of dropping, not of keeping"
    np.testing.assert_allclose(y[y != 0], 3 / (1 - rate), rtol=1e-6)
    assert abs(y.mean() - 3) < 5 * 3 * np.sqrt(rate / (1 - rate) / n)


def test_dropout_draws_every_element_by_itself(key):
    """No row, column or channel is dropped as one."""
    kept = np.asarray(nn.dropout(jnp.ones((200, 200)), 0.5, key=key)) > 0
    for axis in (0, 1):
        assert kept.mean(axis).std() == pytest.approx(np.sqrt(0.25 / 200), rel=0.3)


def test_dropout_gradient_is_the_mask(key):
    x = jnp.arange(1.0, 21.0)
    y, pull = jax.vjp(lambda x: nn.dropout(x, 0.4, key=key), x)
    np.testing.assert_allclose(pull(jnp.ones_like(y))[0], np.asarray(y) / np.asarray(x), rtol=1e-6)


def test_dropped_infinity_and_nan_leave_no_trace(key):
    x = jnp.full(100, jnp.nan)
    y, slope = jax.value_and_grad(lambda x: jnp.nansum(nn.dropout(x, 0.5, key=key)))(x)
    del y
    assert bool(jnp.isfinite(slope).all())


def test_dropout_without_key_or_rate_is_the_identity(key):
    x = jnp.arange(3.0)
    assert nn.dropout(x, 0.5) is x
    assert nn.dropout(x, 0.0, key=key) is x


def test_split_key_splits_a_key_or_nothing(key):
    assert nn.split_key(None, 3) == [None] * 3
    assert nn.split_key(key, 0) == nn.split_key(None, 0) == []
    ours, theirs = nn.split_key(key, 3), jax.random.split(key, 3)
    assert [bool(a == b) for a, b in zip(ours, theirs, strict=True)] == [True] * 3


@pytest.mark.parametrize("rate", [-0.1, 1.0, 1.5, float("nan")])
def test_impossible_rate(key, rate):
    with pytest.raises(ValueError, match="probability of dropping"):
        nn.dropout(jnp.ones(2), rate, key=key)


def _layer(params, x, *, key=None):
    return nn.dropout(jnp.tanh(nn.dense(params, x)), 0.3, key=key)


def _program(n_layers: int) -> str:
    params = nn.init_stack(lambda key: nn.init_dense(key, 8, 8), jax.random.key(0), n_layers)
    loss = lambda params, x: nn.stack(_layer, params, x).sum()  # noqa: E731
    return jax.jit(jax.grad(loss)).lower(params, jnp.ones((2, 8))).as_text()


def test_program_does_not_grow_with_depth():
    """What the compiler gets to see has the same number of lines for a loop of 7 layers and of 200."""
    assert len(_program(FEW + 1).splitlines()) == len(_program(200).splitlines())


@pytest.mark.parametrize("remat", [False, True])
@pytest.mark.parametrize("n_layers", [3, FEW + 1])
def test_stack_gives_every_layer_its_own_key(key, remat, n_layers):
    params = nn.init_stack(lambda key: nn.init_dense(key, 8, 8), key, n_layers)
    x = jnp.ones((2, 8))
    expected = x
    for i, layer_key in enumerate(jax.random.split(key, n_layers)):
        expected = _layer(jax.tree.map(lambda leaf, i=i: leaf[i], params), expected, key=layer_key)
    np.testing.assert_allclose(nn.stack(_layer, params, x, key=key, remat=remat), expected, rtol=1e-5)


def test_stacked_layers_differ(key):
    w = nn.init_stack(lambda key: nn.init_dense(key, 4, 4), key, 3)["w"]
    assert not bool((w[0] == w[1]).any())
