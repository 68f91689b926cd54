"""The Transformer: equal to itself step by step, and in other shapes and precisions."""

import dataclasses
import functools
import time

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from small_tasks import drawn

from jaxdl import decoding, losses, optim
from jaxdl.models import transformer
from jaxdl.nn.depth import FEW
from jaxdl.tree import parameter_count

TINY = transformer.Config(9, 9, 8, 2, 2, 2, 12, dropout=0.0)
SOURCE = jnp.array([[5, 3, 8, 1, 2], [4, 4, 7, 0, 0], [6, 0, 0, 0, 0]])
TARGET = jnp.array([[1, 3, 5, 2], [1, 8, 8, 4], [1, 2, 0, 0]])

apply = functools.partial(jax.jit, static_argnums=3)(transformer.apply)


def _with(**changes) -> transformer.Config:
    return dataclasses.replace(TINY, **changes)


def _shapes(key, config):
    return jax.eval_shape(lambda key: transformer.init(key, config), key)


def _step_by_step(params, source, target, config):
    memory = None if source is None else transformer.encode(params, source, config)
    cache = transformer.start_cache(params, memory, target if source is None else source, config, max_length=6)
    step = lambda cache, token: transformer.decode_step(params, cache, token, config)  # noqa: E731
    return jnp.swapaxes(jax.lax.scan(step, cache, target.T)[1], 0, 1)


CONFIGS = {
    "paper": _with(norm="post", tied="all"),
    "copy": _with(copy=True, positions="learned", max_length=8),
    "rotary": _with(positions="rotary", tied="none", n_heads=4),
    "decoder": _with(n_encoder_layers=0),
}


@pytest.mark.parametrize("name", CONFIGS)
def test_cached_logits_equal_the_uncached_at_every_position(name, key):
    config = CONFIGS[name]
    params, source = drawn(transformer.init, key, config), None if name == "decoder" else SOURCE
    full = apply(params, source, TARGET, config)
    cached = jax.jit(_step_by_step, static_argnums=3)(params, source, TARGET, config)
    np.testing.assert_allclose(cached, full, rtol=1e-5, atol=1e-5)
    if config.copy:
        np.testing.assert_allclose(jax.nn.logsumexp(full, axis=-1), 0, atol=1e-5)


def test_padding_and_the_future_change_nothing(key):
    params = drawn(transformer.init, key, TINY)
    full = apply(params, SOURCE, TARGET, TINY)
    wider = jnp.pad(SOURCE, ((0, 0), (0, 3)))
    np.testing.assert_allclose(apply(params, wider, TARGET, TINY), full, rtol=1e-5, atol=1e-5)
    other = apply(params, SOURCE, TARGET.at[:, 2].set(7), TINY)
    np.testing.assert_array_equal(other[:, :2], full[:, :2])
    assert (np.abs(other[:, 2:] - full[:, 2:]) > 1e-4).any()


def _count(jaxpr, name):
    """Equations of a kind in a program and in all programs inside it, loops counted once."""
    inner = [getattr(v, "jaxpr", v) for eqn in jaxpr.eqns for v in eqn.params.values()]
    return sum(eqn.primitive.name == name for eqn in jaxpr.eqns) + sum(
        _count(sub, name) for sub in inner if hasattr(sub, "eqns")
    )


def test_dropout_stands_where_the_paper_has_it(key):
    """Both embeddings, two sublayers of an encoder layer, three of a decoder layer; many layers are one loop each."""
    config = _with(dropout=0.1, n_encoder_layers=FEW + 1, n_decoder_layers=FEW + 1)
    params = _shapes(key, config)

    def draws(key):
        program = jax.make_jaxpr(lambda p: transformer.apply(p, SOURCE, TARGET, config, key=key))(params)
        return _count(program.jaxpr, "random_bits")

    assert (draws(key), draws(None)) == (2 + 2 + 3, 0)


def test_remat_changes_no_gradient(key):
    params = drawn(transformer.init, key, TINY)

    def gradient(config):
        return jax.jit(jax.grad(lambda p: (transformer.encode(p, SOURCE, config) ** 2).sum()))(params)

    for a, b in zip(*(jax.tree.leaves(gradient(_with(remat=r))) for r in (False, True)), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-4)


def test_a_source_of_padding_alone_is_finite(key):
    logits = apply(drawn(transformer.init, key, TINY), SOURCE.at[1].set(0), TARGET, TINY)
    assert np.isfinite(logits).all()


def test_half_precision_compute_with_full_precision_parameters_and_moments(key):
    config = _with(dtype="bfloat16", copy=True)
    params = drawn(transformer.init, key, config)

    def loss(params):
        log_p = transformer.apply(params, SOURCE, TARGET, config)
        return losses.sparse_categorical_cross_entropy(log_p, TARGET).mean()

    gradient = jax.eval_shape(jax.grad(loss), params)
    moments = jax.eval_shape(optim.adam(1e-3).init, params)
    for tree in (params, gradient, moments):
        floating = {leaf.dtype for leaf in jax.tree.leaves(tree) if jnp.issubdtype(leaf.dtype, jnp.floating)}
        assert floating == {jnp.dtype("float32")}
    half, full = (apply(params, SOURCE, TARGET, c) for c in (config, _with(copy=True)))
    assert half.dtype == jnp.float32
    assert 0 < np.abs(half - full).max() < 0.2
    assert "bf16[15,24] = dot_general" in str(jax.make_jaxpr(loss)(params))  # queries, keys, values of the source


def _gradient(key, n_layers):
    """The gradient's function of the parameters, and their shapes."""
    config = _with(n_encoder_layers=n_layers, n_decoder_layers=n_layers)
    return jax.grad(lambda p: transformer.apply(p, SOURCE, TARGET, config).sum()), _shapes(key, config)


def test_the_program_does_not_grow_with_depth(key):
    def size(n):
        gradient, params = _gradient(key, n)
        return str(jax.make_jaxpr(gradient)(params)).count(" = ")

    assert size(FEW + 1) == size(48)


@pytest.mark.slow
def test_compilation_does_not_grow_with_depth(key):
    """48 layers compile to the instructions of the fewest in a loop, within 1.3 times the CPU time of 2 layers."""

    def lower(n):
        gradient, params = _gradient(key, n)
        return jax.jit(gradient).lower(params)

    def size(lowered):
        return str(lowered.compile().as_text()).count(" = ")

    few, many = lower(2), lower(48)
    assert size(lower(FEW + 1)) == size(many)
    times = {few: [], many: []}  # in turn, so that a busy machine delays both
    for _ in range(8):
        for lowered, seconds in times.items():
            start = time.process_time()
            lowered.compile()
            seconds.append(time.process_time() - start)
        if min(times[many]) <= 1.3 * min(times[few]):
            return
    pytest.fail(f"{min(times[many]):.2f} s of compilation for 48 layers, {min(times[few]):.2f} s for 2")


def test_attention_maps_are_distributions_over_the_source(key):
    maps = jax.jit(transformer.attention_maps, static_argnums=3)(
        drawn(transformer.init, key, TINY), SOURCE, TARGET, TINY
    )
    assert maps.shape == (3, 2, 2, 4, 5)
    np.testing.assert_allclose(maps.sum(-1), 1, rtol=1e-5)
    np.testing.assert_array_equal(maps[2, ..., 1:], 0)


def test_either_half_comes_alone(key):
    encoder, decoder = _with(n_decoder_layers=0), _with(n_encoder_layers=0)
    params = _shapes(key, encoder)
    assert sorted(params) == ["encoder", "source"]
    assert jax.eval_shape(lambda p: transformer.encode(p, SOURCE, encoder), params).shape == (3, 5, 8)
    params = _shapes(key, decoder)
    assert sorted(params) == ["decoder", "target"]
    assert "cross" not in params["decoder"]["layers"]


def test_tied_tables_are_there_once(key):
    table = 9 * 8
    sizes = [parameter_count(_shapes(key, _with(tied=tied))) for tied in ("all", "output", "none")]
    assert [n - sizes[0] for n in sizes] == [0, table, 2 * table + 9]


def test_overfits_a_batch_and_decodes_it(key):
    """Reversal of ragged rows: the loss falls, greedy decoding of the padded batch gives every row back."""
    config = transformer.Config(8, 8, 32, 4, 1, 1, 64, dropout=0.0, tied="all")
    rng = np.random.default_rng(0)
    source, target = np.zeros((12, 6), int), np.zeros((12, 8), int)
    for i in range(12):
        row = rng.integers(3, 8, size=rng.integers(2, 7))
        source[i, : len(row)] = row
        target[i, : len(row) + 2] = [1, *row[::-1], 2]
    source, target = jnp.asarray(source), jnp.asarray(target)
    optimizer = optim.adam(3e-3)

    def loss(params):
        each = losses.sparse_categorical_cross_entropy(
            transformer.apply(params, source, target[:, :-1], config), target[:, 1:], where=target[:, 1:] != 0
        )
        return each.sum() / (target[:, 1:] != 0).sum().astype(each.dtype)

    @jax.jit
    def train(key):
        def body(_, carry):
            params, state = carry
            updates, state = optimizer.update(jax.grad(loss)(params), state, params)
            return jax.tree.map(jnp.add, params, updates), state

        params = transformer.init(key, config)
        params, _ = jax.lax.fori_loop(0, 150, body, (params, optimizer.init(params)))
        return params, loss(params)

    params, after = train(key)
    assert after < 0.05
    decode = jax.jit(lambda source: decoding.generate(transformer, params, source, config, bos=1, eos=2, max_length=7))
    np.testing.assert_array_equal(decode(source).tokens, jnp.where(target[:, 1:] == 2, 0, target[:, 1:]))
    one = int((source[3] != 0).sum())
    np.testing.assert_array_equal(decode(source[3:4, :one]).tokens[0], decode(source).tokens[3])


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"n_heads": 3}, "n_heads 3 must divide d_model 8"),
        ({"n_encoder_layers": 0, "n_decoder_layers": 0}, "at least one layer"),
        ({"n_target": 5, "copy": True}, "n_source 9 and n_target 5"),
        ({"n_target": 5, "tied": "all"}, 'tied="all" needs one vocabulary'),
        ({"n_encoder_layers": 0, "copy": True}, "copy needs an encoder"),
        ({"positions": "sinusoid"}, "did you mean 'sinusoidal'"),
    ],
)
def test_impossible_configurations_are_refused(changes, message):
    with pytest.raises(ValueError, match=message):
        _with(**changes)


def test_mistakes_are_named(key):
    config = _with(positions="learned", max_length=3)
    params = _shapes(key, config)
    with pytest.raises(ValueError, match="5 tokens, but max_length 3"):
        jax.eval_shape(lambda p: transformer.encode(p, SOURCE, config), params)
    with pytest.raises(ValueError, match="a source exactly if"):
        jax.eval_shape(lambda p: transformer.apply(p, None, TARGET, config), params)
