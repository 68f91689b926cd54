"""Recurrent sequence to sequence: equal to torch's layers, to itself step by step; scheduled sampling; it learns."""

import dataclasses
import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from small_tasks import drawn

from jaxdl import decoding, losses, optim
from jaxdl.models import seq2seq

TINY = seq2seq.Config(9, 9, d_embedding=5, n_hidden=4)
SOURCE = jnp.array([[5, 3, 8, 1, 2], [4, 4, 7, 0, 0], [6, 0, 0, 0, 0]])
TARGET = jnp.array([[1, 3, 5, 2], [1, 8, 8, 4], [1, 2, 0, 0]])

apply = functools.partial(jax.jit, static_argnums=3)(seq2seq.apply)


def _with(**changes) -> seq2seq.Config:
    return dataclasses.replace(TINY, **changes)


CONFIGS = {
    "context": _with(attention="none", n_layers=2),
    "additive": _with(cell="gru", bidirectional=True, copy=True, n_layers=2),
    "dot": _with(cell="rnn", attention="dot"),
}


def _step_by_step(params, source, target, config):
    cache = seq2seq.start_cache(params, seq2seq.encode(params, source, config), source, config, max_length=4)
    step = lambda cache, token: seq2seq.decode_step(params, cache, token, config)  # noqa: E731
    return jnp.swapaxes(jax.lax.scan(step, cache, target.T)[1], 0, 1)


@pytest.mark.parametrize("name", CONFIGS)
def test_step_by_step_equals_teacher_forcing(name, key):
    config = CONFIGS[name]
    params = drawn(seq2seq.init, key, config)
    full = apply(params, SOURCE, TARGET, config)
    assert full.shape == (3, 4, 9)
    stepped = jax.jit(_step_by_step, static_argnums=3)(params, SOURCE, TARGET, config)
    np.testing.assert_allclose(stepped, full, rtol=1e-5, atol=1e-5)
    if config.copy:
        np.testing.assert_allclose(jax.nn.logsumexp(full, axis=-1), 0, atol=1e-5)


def _torch_logits(params):
    """One LSTM layer on each side, no attention, by torch's layers on packed sources."""
    torch = pytest.importorskip("torch")
    dtype = torch.float64 if params["output"]["w"].dtype == np.float64 else torch.float32
    tensor = lambda x: torch.from_numpy(np.array(x))  # noqa: E731

    def lstm(side):
        module = torch.nn.LSTM(5, 4, batch_first=True, dtype=dtype)
        layer = params[side]["layer_0"]
        state = {"weight_ih_l0": layer["x"]["w"].T, "weight_hh_l0": layer["h"]["w"].T, "bias_ih_l0": layer["x"]["b"]}
        module.load_state_dict({k: tensor(v) for k, v in state.items()} | {"bias_hh_l0": torch.zeros(16, dtype=dtype)})
        return module

    with torch.no_grad():
        x, y = (tensor(params[side]["table"])[tensor(t)] for side, t in (("source", SOURCE), ("target", TARGET)))
        packed = torch.nn.utils.rnn.pack_padded_sequence(x, tensor((SOURCE != 0).sum(1)), batch_first=True)
        h, _ = lstm("decoder")(y, lstm("encoder")(packed)[1])
        return (h @ tensor(params["output"]["w"]) + tensor(params["output"]["b"])).numpy()


def test_the_context_vector_model_equals_torch(key):
    config = _with(attention="none")
    params = drawn(seq2seq.init, key, config)
    np.testing.assert_allclose(apply(params, SOURCE, TARGET, config), _torch_logits(params), rtol=1e-5, atol=1e-5)
    with jax.enable_x64(True):
        params = jax.tree.map(lambda leaf: jnp.asarray(leaf, jnp.float64), params)
        ours = apply(params, SOURCE, TARGET, config)
        np.testing.assert_allclose(ours, _torch_logits(params), rtol=1e-10, atol=1e-10)


def test_padding_changes_nothing(key):
    config = CONFIGS["additive"]
    params = drawn(seq2seq.init, key, config)
    wider = apply(params, jnp.pad(SOURCE, ((0, 0), (0, 3))), TARGET, config)
    np.testing.assert_allclose(wider, apply(params, SOURCE, TARGET, config), rtol=1e-5, atol=1e-6)


def test_all_that_the_decoder_knows_without_attention_is_one_vector(key):
    config = CONFIGS["context"]
    memory = jax.eval_shape(lambda key: seq2seq.encode(seq2seq.init(key, config), SOURCE, config), key)
    assert [leaf.shape for leaf in jax.tree.leaves(memory)] == [(3, 4)] * 4  # h and c of two layers
    with pytest.raises(ValueError, match="no attention maps"):
        seq2seq.attention_maps({}, SOURCE, TARGET, config)


def test_attention_maps_are_distributions_over_the_source(key):
    config = CONFIGS["dot"]
    maps = jax.jit(seq2seq.attention_maps, static_argnums=3)(drawn(seq2seq.init, key, config), SOURCE, TARGET, config)
    assert maps.shape == (3, 1, 1, 4, 5)
    np.testing.assert_allclose(maps.sum(-1), 1, rtol=1e-5)
    np.testing.assert_array_equal(maps[2, ..., 1:], 0)


def test_scheduled_sampling_goes_from_teacher_forcing_to_its_own_draws(key):
    config = _with(attention="dot")
    params = drawn(seq2seq.init, key, config)
    sampled = jax.jit(lambda rate: seq2seq.apply(params, SOURCE, TARGET, config, sampling_rate=rate, key=key))
    full = apply(params, SOURCE, TARGET, config)
    np.testing.assert_allclose(sampled(0.0), full, rtol=1e-5, atol=1e-6)
    own = sampled(1.0)
    np.testing.assert_allclose(own[:, 0], full[:, 0], rtol=1e-5, atol=1e-6)  # the start token is always the right one
    assert (np.abs(own[:, 1:] - full[:, 1:]).max((1, 2)) > 1e-4).all()
    with pytest.raises(ValueError, match="give a key"):
        seq2seq.apply(params, SOURCE, TARGET, config, sampling_rate=0.5)


def test_half_precision_compute_with_full_precision_parameters(key):
    config = _with(dtype="bfloat16", copy=True)
    params = drawn(seq2seq.init, key, config)

    def loss(params):
        return (seq2seq.apply(params, SOURCE, TARGET, config) ** 2).mean()

    value, gradient = jax.eval_shape(jax.value_and_grad(loss), params)
    assert {leaf.dtype for leaf in jax.tree.leaves((value, gradient))} == {jnp.dtype("float32")}
    assert "bf16[3,16] = dot_general" in str(jax.make_jaxpr(loss)(params))  # the gates, step by step


def test_dropout_needs_a_key_and_changes_the_logits(key):
    config = _with(attention="dot", dropout=0.5)
    params = drawn(seq2seq.init, key, config)
    plain = apply(params, SOURCE, TARGET, _with(attention="dot"))
    dropped = jax.jit(lambda key: seq2seq.apply(params, SOURCE, TARGET, config, key=key))(key)
    assert (np.abs(dropped - plain).max((1, 2)) > 1e-4).all()
    without_key = jax.make_jaxpr(lambda: seq2seq.apply(params, SOURCE, TARGET, config))()
    assert "random_bits" not in str(without_key)


def test_copies_tokens_that_it_never_learned_to_write(key):
    """Trained to copy some tokens, the pointer copies others: the vocabulary's logits cannot."""
    config = seq2seq.Config(12, 12, d_embedding=16, n_hidden=24, attention="dot", bidirectional=True, copy=True)
    rng = np.random.default_rng(0)

    def batch(low, high):
        source = jnp.asarray(rng.integers(low, high, size=(16, 3)))
        start, end = jnp.full((16, 1), 1), jnp.full((16, 1), 2)
        return source, jnp.concatenate([start, source, end], axis=1)

    optimizer, (source, target) = optim.adam(1e-2), batch(3, 10)

    def loss(params):
        log_p = seq2seq.apply(params, source, target[:, :-1], config)
        return losses.sparse_categorical_cross_entropy(log_p, target[:, 1:]).mean()

    @jax.jit
    def train(key):
        def body(_, carry):
            params, state = carry
            updates, state = optimizer.update(jax.grad(loss)(params), state, params)
            return jax.tree.map(jnp.add, params, updates), state

        params = seq2seq.init(key, config)
        params, _ = jax.lax.fori_loop(0, 200, body, (params, optimizer.init(params)))
        return params, loss(params)

    params, after = train(key)
    assert after < 0.05
    decode = jax.jit(lambda source: decoding.generate(seq2seq, params, source, config, bos=1, eos=2, max_length=4))
    np.testing.assert_array_equal(decode(source).tokens[:, :3], source)
    unseen, _ = batch(10, 12)
    assert (decode(unseen).tokens[:, :3] == unseen).mean() > 0.5


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"cell": "lsmt"}, "did you mean 'lstm'"),
        ({"attention": "none", "copy": True}, "copy points by attention"),
        ({"n_target": 5, "copy": True}, "n_source 9 and n_target 5"),
        ({"n_layers": 0}, "n_layers must be positive"),
    ],
)
def test_impossible_configurations_are_refused(changes, message):
    with pytest.raises(ValueError, match=message):
        _with(**changes)
