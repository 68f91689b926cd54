"""The Transformer: encoder and decoder, or either of them alone, out of one block.

    memory = encoder blocks(sqrt(D) embedding(source) + positions)                      [B, S, D]
    logits = decoder blocks(sqrt(D) embedding(target) + positions, memory) table^T      [B, T, V]

The block is `nn.transformer_block`; pre-norm puts one more norm after the last. Dropout stands where the paper has it:
after every sublayer and after the sum of embeddings and positions.

    n_decoder_layers = 0    an encoder alone: use `encode`
    n_encoder_layers = 0    a decoder alone, a language model: source and memory are None

Equal layers are stacked and scanned. `decode_step` with a cache gives the logits of `apply`, one position at a time.

Reference: Vaswani et al., "Attention is all you need", 2017.

Dims: B batch, S source length, T target length, D model, L layers, H heads, K features of a head, V vocabulary.
"""

import math
from collections.abc import Callable
from typing import Any

import chex
import jax
import jax.numpy as jnp

from jaxdl.losses import sparse_categorical_cross_entropy
from jaxdl.models._inputs import require_integers
from jaxdl.models._transformer_config import Config as Config
from jaxdl.nn import activations
from jaxdl.nn.affine import dense, init_dense
from jaxdl.nn.attention import attention_weights, multi_head_attention, project_keys_values, project_queries
from jaxdl.nn.blocks import Attend, init_transformer_block, transformer_block
from jaxdl.nn.caching import cached_cross_attention, cached_self_attention, init_key_value_cache, memory_cache
from jaxdl.nn.copying import init_pointer, mix_copies, pointer
from jaxdl.nn.depth import init_stack, stack
from jaxdl.nn.embeddings import embedding, init_embedding, sinusoidal_positions, unembedding
from jaxdl.nn.noise import dropout, split_key
from jaxdl.nn.norm import init_layer_norm, layer_norm
from jaxdl.types import Array, Key, Params, Tree, at_least_float32


def init(key: Key, config: Config) -> Params:
    """{"source": {"table"}, "target": {"table"}, "encoder": {...}, "decoder": {...}, ...}; what is tied is there once.

    >>> params = init(jax.random.key(0), Config(n_source=10, n_target=12, d_model=8, d_hidden=16))
    >>> sorted(params), params["decoder"]["layers"]["cross"]["out"]["w"].shape
    (['decoder', 'encoder', 'source', 'target'], (3, 8, 8))
    """
    names = ("source", "target", "encoder", "decoder", "positions", "output", "pointer")
    keys = dict(zip(names, jax.random.split(key, len(names)), strict=True))
    d, params = config.d_model, {}
    has_encoder, has_decoder = config.n_encoder_layers > 0, config.n_decoder_layers > 0
    if has_decoder or config.tied == "all":
        params["target"] = init_embedding(keys["target"], config.n_target, d)
    if has_encoder and config.tied != "all":
        params["source"] = init_embedding(keys["source"], config.n_source, d)
    if config.positions == "learned":
        params["positions"] = init_embedding(keys["positions"], config.max_length, d)
    if has_encoder:
        params["encoder"] = _init_layers(keys["encoder"], config, config.n_encoder_layers, cross=False)
    if has_decoder:
        params["decoder"] = _init_layers(keys["decoder"], config, config.n_decoder_layers, cross=has_encoder)
        if config.tied == "none":
            params["output"] = init_dense(keys["output"], d, config.n_target)
    if config.copy:
        params["pointer"] = init_pointer(keys["pointer"], d)
    return params


def _init_layers(key: Key, config: Config, n_layers: int, *, cross: bool) -> Params:
    d = config.d_model
    layers = init_stack(lambda k: init_transformer_block(k, d, config.d_hidden, cross=cross), key, n_layers)
    return {"layers": layers} | ({"norm": init_layer_norm(d)} if config.norm == "pre" else {})


def apply(params: Params, source: Array | None, target_in: Array, config: Config, *, key: Key | None = None) -> Array:
    """Logits [B, T, V] of what follows each target token, given the source and the target up to there.

    Args:
        source: [B, S] integers; None for a decoder alone.
        target_in: [B, T] integers, the target shifted right by one (it begins with the start token).
        key: for dropout; None drops nothing.
    Returns: logits in at least float32; log-probabilities with `config.copy`.

    >>> config = Config(n_source=10, n_target=12, d_model=8, d_hidden=16)
    >>> tokens = jnp.ones((2, 5), int)
    >>> params = jax.jit(init, static_argnums=1)(jax.random.key(0), config)
    >>> jax.jit(apply, static_argnums=3)(params, tokens, tokens[:, :3], config).shape
    (2, 3, 12)
    """
    if (source is None) != (config.n_encoder_layers == 0):
        raise ValueError("transformer: give a source exactly if there is an encoder (n_encoder_layers > 0)")
    encoder_key, decoder_key = split_key(key, 2)
    memory = None if source is None else encode(params, source, config, key=encoder_key)
    return decode(params, memory, source, target_in, config, key=decoder_key)


def encode(params: Params, source: Array, config: Config, *, key: Key | None = None) -> Array:
    """The encoder's output [B, S, D]: what the decoder reads. No token reads from padding."""
    require_integers("transformer", 2, source=source)
    x, layers_key = _embed(params, "source", source, config, key)
    attend = _attend(config, x.shape[1], mask=_may_read(source, config))
    return _layers(params["encoder"], x, config, attend, None, layers_key)


def decode(
    params: Params,
    memory: Array | None,
    source: Array | None,
    target_in: Array,
    config: Config,
    *,
    key: Key | None = None,
) -> Array:
    """The decoder's half of `apply`, for a memory from `encode`."""
    require_integers("transformer", 2, target_in=target_in)
    if source is not None:
        chex.assert_equal_shape_prefix((source, target_in), 1)
    x, layers_key = _embed(params, "target", target_in, config, key)
    attend, attend_memory = _attend(config, x.shape[1], causal=True), None
    if memory is not None and source is not None:
        attend_memory = _attend(config, None, memory=memory, mask=_may_read(source, config))
    x = _layers(params["decoder"], x, config, attend, attend_memory, layers_key)
    return _outputs(params, x, memory, source, config)


def attention_maps(params: Params, source: Array, target_in: Array, config: Config) -> Array:
    """How much target position t reads from source position s, in every head: [B, L, H, T, S], rows sum to 1."""
    memory = encode(params, source, config)
    mask = _may_read(source, config)
    x, _ = _embed(params, "target", target_in, config, None)
    attend = _attend(config, x.shape[1], causal=True)

    def attend_memory(params: Params, h: Array) -> tuple[Array, Array]:
        q, (k, _) = project_queries(params, h, config.n_heads), project_keys_values(params, memory, config.n_heads)
        y = multi_head_attention(params, h, memory, n_heads=config.n_heads, mask=mask)
        return y, attention_weights(q, k, mask=mask)

    def body(x: Array, layer: Params) -> tuple[Array, Array]:
        x, (_, weights) = _block(layer, x, config, attend, attend_memory)
        return x, weights

    return jnp.moveaxis(jax.lax.scan(body, x, params["decoder"]["layers"])[1], 0, 1)


def start_cache(params: Params, memory: Array | None, source: Array, config: Config, *, max_length: int) -> Tree:
    """What `decode_step` keeps: keys and values of up to `max_length` target tokens, and those of the memory.

    Args:
        memory: from `encode`; None for a decoder alone.
        source: [B, S] integers; of a decoder alone only its batch size counts.
        max_length: steps that the cache has room for.
    Returns: arrays with the batch in front, but for the scalar "position".
    Raises: ValueError if there are no learned positions for so many tokens.
    """
    _check_length(max_length, config)
    b, n_features = source.shape[0], config.d_model // config.n_heads
    dtype = _compute_dtype(params, config)
    written = init_key_value_cache(b, config.n_decoder_layers, max_length, config.n_heads, n_features, dtype=dtype)
    cache = {"position": jnp.zeros((), jnp.int32), "written": written}
    if memory is None:
        return cache
    cache |= {"source": source, "memory": memory_cache(params["decoder"]["layers"]["cross"], memory, config.n_heads)}
    return cache | {"states": memory} if config.copy else cache


def decode_step(params: Params, cache: Tree, token: Array, config: Config) -> tuple[Tree, Array]:
    """Logits [B, V] of what follows one more token [B], and the cache with its keys and values."""
    position, h, source = cache["position"], config.n_heads, cache.get("source")
    mask = None if source is None else _may_read(source, config)

    def body(carry: tuple[Array, Tree], inputs: tuple[Array, Params]) -> tuple[tuple[Array, Tree], None]:
        (x, written), (i, layer) = carry, inputs

        def attend(params: Params, y: Array) -> tuple[Array, Tree]:
            rotary = config.positions == "rotary"
            return cached_self_attention(params, y, written, layer=i, position=position, n_heads=h, rotary=rotary)

        def attend_memory(params: Params, y: Array) -> tuple[Array, None]:
            return cached_cross_attention(params, y, cache["memory"], layer=i, n_heads=h, mask=mask), None

        x, (written, _) = _block(layer, x, config, attend, None if source is None else attend_memory)
        return (x, written), None

    x = _embed_at(params, "target", token[:, None], position[None], config)  # [B, 1, D]
    layers = (jnp.arange(config.n_decoder_layers), params["decoder"]["layers"])
    (x, written), _ = jax.lax.scan(body, (x, cache["written"]), layers)
    x = layer_norm(params["decoder"]["norm"], x) if config.norm == "pre" else x
    logits = _outputs(params, x, cache.get("states"), source, config)[:, 0]
    return cache | {"position": position + 1, "written": written}, logits


def _block(
    params: Params, x: Array, config: Config, attend: Attend, attend_memory: Attend | None, key: Key | None = None
) -> tuple[Array, tuple[Any, Any]]:
    f = activations.BY_NAME[config.activation]
    return transformer_block(
        params, x, attend, attend_memory, pre_norm=config.norm == "pre", activation=f, rate=config.dropout, key=key
    )


def _attend(config: Config, length: int | None, **options: Any) -> Callable[[Params, Array], tuple[Array, None]]:
    """Attention as `_block` wants it; over a `length` of positions of its own, or to options["memory"]."""
    positions = jnp.arange(length) if length is not None and config.positions == "rotary" else None

    def attend(params: Params, h: Array) -> tuple[Array, None]:
        return multi_head_attention(params, h, n_heads=config.n_heads, positions=positions, **options), None

    return attend


def _layers(
    params: Params, x: Array, config: Config, attend: Attend, attend_memory: Attend | None, key: Key | None
) -> Array:
    """Every block of the encoder or the decoder, and the last norm."""

    def layer(params: Params, x: Array, *, key: Key | None = None) -> Array:
        return _block(params, x, config, attend, attend_memory, key)[0]

    x = stack(layer, params["layers"], x, key=key, remat=config.remat)
    return layer_norm(params["norm"], x) if config.norm == "pre" else x


def _embed(params: Params, side: str, tokens: Array, config: Config, key: Key | None) -> tuple[Array, Key | None]:
    """[B, T, D] of tokens [B, T], dropped out, and the key for what follows."""
    embedding_key, next_key = split_key(key, 2)
    x = _embed_at(params, side, tokens, jnp.arange(tokens.shape[1]), config)
    return dropout(x, config.dropout, key=embedding_key), next_key


def _embed_at(params: Params, side: str, tokens: Array, positions: Array, config: Config) -> Array:
    """sqrt(D) embedding + position: [B, T, D] of tokens [B, T] at positions [T]."""
    table = params["target" if config.tied == "all" else side]
    x = embedding(table, tokens).astype(_compute_dtype(params, config)) * math.sqrt(config.d_model)
    if config.positions == "rotary":
        return x
    if config.positions == "sinusoidal":
        where = sinusoidal_positions(positions, config.d_model, dtype=x.dtype)
    else:
        _check_length(tokens.shape[1], config)
        where = embedding(params["positions"], positions).astype(x.dtype) * math.sqrt(config.d_model)
    return x + where[None]


def _check_length(length: int, config: Config) -> None:
    if config.positions == "learned" and length > config.max_length:
        raise ValueError(f"transformer: {length} tokens, but max_length {config.max_length} positions are learned")


def _outputs(params: Params, x: Array, memory: Array | None, source: Array | None, config: Config) -> Array:
    """Logits [B, T, V] of the decoder's states [B, T, D], or log-probabilities with copies of the source."""
    if config.tied == "none":
        logits = at_least_float32(dense(params["output"], x))
    else:
        logits = unembedding(params["target"], x)
    if not config.copy or memory is None or source is None:
        return logits
    mask = None if config.pad is None else source != config.pad
    gate, weights = pointer(params["pointer"], x, memory, mask=mask)
    return mix_copies(logits, gate, weights, source)


def _may_read(source: Array, config: Config) -> Array | None:
    """[B, 1, 1, S] bool: False at padding; None where there is none."""
    return None if config.pad is None else (source != config.pad)[:, None, None, :]


def _compute_dtype(params: Params, config: Config) -> Any:
    parameters = params["target" if "target" in params else "source"]["table"].dtype
    return parameters if config.dtype == "params" else jnp.dtype(config.dtype)


def example(key: Key) -> tuple[Callable[[Params], Array], Params]:
    """A small loss of the parameters, with every layer kind of the model in it."""
    params_key, source_key, target_key, dropout_key = jax.random.split(key, 4)
    config = Config(
        7, 7, 4, 2, 2, 2, 6, dropout=0.2, tied="all", copy=True, activation="gelu", positions="learned", max_length=6
    )
    source = jax.random.randint(source_key, (3, 5), 1, 7).at[0, 3:].set(0)
    target = jax.random.randint(target_key, (3, 4), 1, 7)

    def loss(params: Params) -> Array:
        log_p = apply(params, source, target[:, :-1], config, key=dropout_key)
        return sparse_categorical_cross_entropy(log_p, target[:, 1:], label_smoothing=0.1).mean()

    return loss, init(params_key, config)
