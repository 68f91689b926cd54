"""Recurrent sequence to sequence: an encoder reads the source, a decoder writes the target, one token at a time.

    encoder     m_s = cell(m_{s-1}, E_x x_s)                              over the source, in one or both directions
    decoder     h_0 = the encoder's last state
                c_t = sum over s of a[t, s] m_s,   a = attention of h_{t-1} to m
                h_t = cell(h_{t-1}, [E_y y_{t-1}; c_t])                   further layers run on h_t
                logits_t = W_o tanh(W_r [h_t; c_t] + b_r) + b_o

Without attention there is no c, and all that the decoder knows of the source is the one vector h_0: the bottleneck that
attention was made to widen. Training is by teacher forcing: y_{t-1} is the right token; with scheduled sampling it is
now and then the decoder's own.

References: Sutskever, Vinyals, Le, "Sequence to sequence learning with neural networks", 2014. Bahdanau, Cho, Bengio,
"Neural machine translation by jointly learning to align and translate", 2015 (additive scores; here any cell and a
tanh readout). Luong, Pham, Manning, "Effective approaches to attention-based neural machine translation", 2015 (scores
by products). Bengio et al., "Scheduled sampling for sequence prediction with recurrent neural networks", 2015.

Dims: B batch, S source length, T target length, E embedding, H hidden, M memory (H, or 2H both ways), V vocabulary.
"""

from collections.abc import Callable
from typing import Any

import chex
import jax
import jax.numpy as jnp

from jaxdl.losses import sparse_categorical_cross_entropy
from jaxdl.models._inputs import require_integers
from jaxdl.models._seq2seq_config import Config as Config
from jaxdl.nn.affine import dense, init_dense
from jaxdl.nn.attention import additive_attention, attention_weights, init_additive_attention
from jaxdl.nn.copying import mix_copies
from jaxdl.nn.embeddings import embedding, init_embedding
from jaxdl.nn.noise import dropout, split_key
from jaxdl.nn.recurrence import CELLS, Carry, bidirectional, recurrent
from jaxdl.types import Array, Key, Params, Tree, at_least_float32, wide_dtype


def init(key: Key, config: Config) -> Params:
    """{"source": {"table"}, "target": {"table"}, "encoder": {"layer_0": ...}, "decoder": {...}, "output": ..., ...}.

    >>> params = init(jax.random.key(0), Config(n_source=10, n_target=12, d_embedding=4, n_hidden=8))
    >>> sorted(params), params["decoder"]["layer_0"]["h"]["w"].shape
    (['attention', 'context', 'decoder', 'encoder', 'output', 'readout', 'source', 'target'], (8, 32))
    """
    keys = iter(jax.random.split(key, 9))
    n, e = config.n_hidden, config.d_embedding
    m = 2 * n if config.bidirectional else n
    params = {
        "source": init_embedding(next(keys), config.n_source, e),
        "target": init_embedding(next(keys), config.n_target, e),
        "encoder": _init_encoder(next(keys), config, m),
        "decoder": _init_layers(next(keys), config, n),
        "output": init_dense(next(keys), n, config.n_target),
    }
    if config.bidirectional:
        bridge = [
            init_dense(k, m, n) for k in jax.random.split(next(keys), config.n_layers * CELLS[config.cell].n_carry)
        ]
        params["bridge"] = {f"state_{i}": dense_params for i, dense_params in enumerate(bridge)}
    if config.attention == "none":
        return params
    a_key, c_key, r_key, g_key = jax.random.split(next(keys), 4)
    n_gates = params["decoder"]["layer_0"]["h"]["w"].shape[1]
    if config.attention == "additive":
        params["attention"] = init_additive_attention(a_key, n, m, n)
    else:
        params["attention"] = {"query": init_dense(a_key, n, m, bias=False)}
    params["context"] = init_dense(c_key, m, n_gates, bias=False)
    params["readout"] = init_dense(r_key, n + m, n)
    if config.copy:
        params["gate"] = init_dense(g_key, n + m, 1)
    return params


def _init_layers(key: Key, config: Config, width: int) -> Params:
    """Layers of one direction: the first reads the embedding, the others what is `width` wide."""
    sizes = [config.d_embedding] + [width] * (config.n_layers - 1)
    keys = jax.random.split(key, config.n_layers)
    make = CELLS[config.cell].init
    return {f"layer_{i}": make(k, n_in, config.n_hidden) for i, (k, n_in) in enumerate(zip(keys, sizes, strict=True))}


def _init_encoder(key: Key, config: Config, width: int) -> Params:
    if not config.bidirectional:
        return _init_layers(key, config, width)
    forward, backward = (_init_layers(k, config, width) for k in jax.random.split(key))
    return {name: {"forward": forward[name], "backward": backward[name]} for name in forward}


def apply(
    params: Params,
    source: Array,
    target_in: Array,
    config: Config,
    *,
    sampling_rate: float | Array | None = None,
    key: Key | None = None,
) -> Array:
    """Logits [B, T, V] of what follows each target token, given the source and the target up to there.

    Args:
        source: [B, S] integers.
        target_in: [B, T] integers, the target shifted right by one (it begins with the start token).
        sampling_rate: the probability with which the decoder reads a draw from its own last distribution instead of
            the right token (scheduled sampling); a traced value may rise over training. None is teacher forcing.
        key: for dropout and scheduled sampling; None drops nothing.
    Returns: logits in at least float32; log-probabilities with `config.copy`.
    Raises: ValueError for a sampling rate without a key.

    >>> config = Config(n_source=10, n_target=12, d_embedding=4, n_hidden=8)
    >>> tokens = jnp.ones((2, 5), int)
    >>> params = jax.jit(init, static_argnums=1)(jax.random.key(0), config)
    >>> jax.jit(apply, static_argnums=3)(params, tokens, tokens[:, :3], config).shape
    (2, 3, 12)
    """
    encoder_key, decoder_key = split_key(key, 2)
    memory = encode(params, source, config, key=encoder_key)
    if sampling_rate is None:
        return decode(params, memory, source, target_in, config, key=decoder_key)
    if decoder_key is None:
        raise ValueError("seq2seq: scheduled sampling draws tokens; give a key with sampling_rate")
    return _decode_with_samples(params, memory, source, target_in, config, sampling_rate, decoder_key)


def encode(params: Params, source: Array, config: Config, *, key: Key | None = None) -> Tree:
    """What the decoder starts from and reads: {"carry": a carry for each layer} and, for attention,
    {"states": [B, S, M], "keys": [B, S, A]}."""
    require_integers("seq2seq", 2, source=source)
    mask = _may_read(source, config)
    keys = split_key(key, config.n_layers + 1)
    x = dropout(_embed(params, "source", source, config), config.dropout, key=keys[0])
    carries: list[Carry] = []
    for i in range(config.n_layers):
        layer = params["encoder"][f"layer_{i}"]
        if config.bidirectional:
            (forward, backward), x = bidirectional(layer, x, cell=config.cell, mask=mask)
            both = [jnp.concatenate(pair, axis=-1) for pair in zip(forward, backward, strict=True)]
            n = len(both)
            carry = tuple(dense(params["bridge"][f"state_{i * n + j}"], h) for j, h in enumerate(both))
        else:
            carry, x = recurrent(layer, x, cell=config.cell, mask=mask)
        carries.append(carry)
        x = dropout(x, config.dropout, key=keys[i + 1])
    memory = {"carry": tuple(carries)}
    if config.attention == "none":
        return memory
    additive = config.attention == "additive"
    return memory | {"states": x, "keys": dense(params["attention"]["key"], x) if additive else x}


def decode(
    params: Params, memory: Tree, source: Array, target_in: Array, config: Config, *, key: Key | None = None
) -> Array:
    """The decoder's half of `apply`, by teacher forcing, for a memory from `encode`."""
    require_integers("seq2seq", 2, source=source, target_in=target_in)
    chex.assert_equal_shape_prefix((source, target_in), 1)
    h, context, weights = _states(params, memory, source, target_in, config, key)
    return _outputs(params, h, context, weights, source, config)


def attention_maps(params: Params, source: Array, target_in: Array, config: Config) -> Array:
    """How much target position t reads from source position s: [B, 1, 1, T, S] (one layer, one head), rows sum to 1.

    Raises: ValueError for a model without attention.
    """
    if config.attention == "none":
        raise ValueError('seq2seq: a model with attention="none" has no attention maps')
    memory = encode(params, source, config)
    _, _, weights = _states(params, memory, source, target_in, config, None)
    return weights[:, None, None]


def start_cache(params: Params, memory: Tree, source: Array, config: Config, *, max_length: int) -> Tree:
    """What `decode_step` keeps: the decoder's carry, and beside it the memory. `max_length` sets no bound here."""
    del params, config, max_length
    return memory | {"source": source}


def decode_step(params: Params, cache: Tree, token: Array, config: Config) -> tuple[Tree, Array]:
    """Logits [B, V] of what follows one more token [B], and the cache with the carry after it."""
    return _step(params, cache, token, config, None)


def _step(params: Params, cache: Tree, token: Array, config: Config, key: Key | None) -> tuple[Tree, Array]:
    """`decode_step` with dropout: `_states` and `_outputs` for a single token."""
    h, context, weights, carry = _states_and_carry(params, cache, cache["source"], token[:, None], config, key)
    logits = _outputs(params, h, context, weights, cache["source"], config)
    return cache | {"carry": carry}, logits[:, 0]


def _decode_with_samples(
    params: Params, memory: Tree, source: Array, target_in: Array, config: Config, rate: float | Array, key: Key
) -> Array:
    """Scheduled sampling: the first token is the right one, each later one is drawn at `rate` from the last logits."""
    b, t = target_in.shape

    def body(carry: tuple[Tree, Array], inputs: tuple[Array, Array, Key]) -> tuple[tuple[Tree, Array], Array]:
        cache, logits = carry
        right, first, key = inputs
        coin_key, draw_key, dropout_key = jax.random.split(key, 3)
        drawn = jax.random.bernoulli(coin_key, rate, (b,)) & ~first
        token = jnp.where(drawn, jax.random.categorical(draw_key, logits).astype(right.dtype), right)
        cache, logits = _step(params, cache, token, config, dropout_key)
        return (cache, logits), logits

    cache = start_cache(params, memory, source, config, max_length=t)
    wide = wide_dtype(params["output"]["w"].dtype)
    start = (cache, jnp.zeros((b, config.n_target), wide))
    inputs = (target_in.T, jnp.arange(t) == 0, jax.random.split(key, t))
    return jnp.swapaxes(jax.lax.scan(body, start, inputs)[1], 0, 1)


def _states(
    params: Params, memory: Tree, source: Array, target_in: Array, config: Config, key: Key | None
) -> tuple[Array, Array | None, Any]:
    return _states_and_carry(params, memory, source, target_in, config, key)[:3]


def _states_and_carry(
    params: Params, memory: Tree, source: Array, target_in: Array, config: Config, key: Key | None
) -> tuple[Array, Array | None, Any, tuple[Carry, ...]]:
    """The top layer's h [B, T, H], the first's context [B, T, M] and weights [B, T, S], the carry at the end."""
    keys = split_key(key, config.n_layers + 1)
    x = dropout(_embed(params, "target", target_in, config), config.dropout, key=keys[0])
    layers, context, weights = params["decoder"], None, None
    if config.attention == "none":
        first, h = recurrent(layers["layer_0"], x, cell=config.cell, carry=memory["carry"][0])
    else:
        z = dense(layers["layer_0"]["x"], x)  # [B, T, gates H]: only what depends on h stays in the loop
        mask = _may_read(source, config)

        def body(carry: Carry, z: Array) -> tuple[Carry, tuple[Array, Array, Array]]:
            context, weights = _attend(params, carry[0], memory, mask, config)
            carry, h = CELLS[config.cell].step(layers["layer_0"], carry, z + dense(params["context"], context))
            return carry, (h, context, weights)

        first, outputs = jax.lax.scan(body, memory["carry"][0], jnp.swapaxes(z, 0, 1))
        h, context, weights = (jnp.swapaxes(y, 0, 1) for y in outputs)
    carries = [first]
    for i in range(1, config.n_layers):
        h = dropout(h, config.dropout, key=keys[i])
        carry, h = recurrent(layers[f"layer_{i}"], h, cell=config.cell, carry=memory["carry"][i])
        carries.append(carry)
    return dropout(h, config.dropout, key=keys[-1]), context, weights, tuple(carries)


def _attend(params: Params, h: Array, memory: Tree, mask: Array | None, config: Config) -> tuple[Array, Array]:
    """Context [B, M] and weights [B, S] of one state h [B, H]."""
    states = memory["states"]
    if config.attention == "additive":
        context, weights = additive_attention(params["attention"], h[:, None], memory["keys"], states, mask=mask)
        return context[:, 0], weights[:, 0]
    q = dense(params["attention"]["query"], h)
    allowed = None if mask is None else mask[:, None, None]
    weights = attention_weights(q[:, None, None], states[:, :, None], mask=allowed)[:, 0, 0]
    return jnp.einsum("bs,bsm->bm", weights.astype(states.dtype), states), weights


def _outputs(params: Params, h: Array, context: Array | None, weights: Any, source: Array, config: Config) -> Array:
    """Logits [B, T, V], or log-probabilities with copies of the source."""
    if context is None:
        return at_least_float32(dense(params["output"], h))
    both = jnp.concatenate([h, context], axis=-1)
    logits = at_least_float32(dense(params["output"], jnp.tanh(dense(params["readout"], both))))
    if not config.copy:
        return logits
    return mix_copies(logits, dense(params["gate"], both)[..., 0], weights, source)


def _embed(params: Params, side: str, tokens: Array, config: Config) -> Array:
    x = embedding(params[side], tokens)
    return x if config.dtype == "params" else x.astype(jnp.dtype(config.dtype))


def _may_read(source: Array, config: Config) -> Array | None:
    """[B, S] bool: False at padding; None where there is none."""
    return None if config.pad is None else source != config.pad


def example(key: Key) -> tuple[Callable[[Params], Array], Params]:
    """A small loss of the parameters, with every layer kind of the model in it."""
    params_key, source_key, target_key, dropout_key = jax.random.split(key, 4)
    config = Config(
        7, 7, d_embedding=3, n_hidden=3, n_layers=2, cell="lstm", bidirectional=True, dropout=0.2, copy=True
    )
    source = jax.random.randint(source_key, (3, 4), 1, 7).at[0, 2:].set(0)
    target = jax.random.randint(target_key, (3, 4), 1, 7)

    def loss(params: Params) -> Array:
        log_p = apply(params, source, target[:, :-1], config, key=dropout_key)
        return sparse_categorical_cross_entropy(log_p, target[:, 1:]).mean()

    return loss, init(params_key, config)
