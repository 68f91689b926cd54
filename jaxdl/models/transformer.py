"""The Transformer: encoder and decoder, or either of them alone, out of one block.

    block:   x <- x + attention(norm(x))                    to itself
             x <- x + attention(norm(x), memory)            to the encoder's output, in a decoder
             x <- x + W_2 f(W_1 norm(x))

That is the pre-norm form, with one more norm at the end; the paper's post-norm form is x <- norm(x + sublayer(x)).
Dropout stands where the paper has it: behind every sublayer and behind the sum of embeddings and positions. The
embeddings are multiplied by sqrt(D).

    n_decoder_layers = 0    an encoder alone: use `encode`
    n_encoder_layers = 0    a decoder alone, a language model: source and memory are None

Equal layers are stacked and scanned. `decode_step` with a cache gives the logits of `apply`, one position at a time.

Reference: Vaswani et al., "Attention is all you need", 2017. Pre-norm: Xiong et al., "On layer normalization in the
Transformer architecture", 2020.

Dims: B batch, S source length, T target length, D model, L layers, H heads, K features of a head, V vocabulary.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal, get_args

import jax
import jax.numpy as jnp

from jaxdl.losses import sparse_categorical_cross_entropy
from jaxdl.nn import activations
from jaxdl.nn.attention import (
    attention_weights,
    dot_product_attention,
    init_multi_head_attention,
    merge_heads,
    multi_head_attention,
    project_keys_values,
    project_qkv,
    project_queries,
)
from jaxdl.nn.dense import dense, init_dense
from jaxdl.nn.dropout import dropout
from jaxdl.nn.embedding import embedding, init_embedding, sinusoidal_positions, unembedding
from jaxdl.nn.norm import init_layer_norm, layer_norm
from jaxdl.nn.pointer import mix_copies
from jaxdl.nn.stack import init_stack, stack
from jaxdl.types import Array, Key, Params, Tree, at_least_float32
from jaxdl.validation import require_name, require_not_negative, require_positive, require_rate

Positions = Literal["sinusoidal", "learned", "rotary"]
Tied = Literal["none", "output", "all"]
ComputeDType = Literal["params", "bfloat16", "float16"]


@dataclass(frozen=True)
class Config:
    """Any size of encoder and decoder.

    Attributes:
        n_source: V of the source.
        n_target: V of the target.
        d_model: D, features of every position.
        n_heads: H, a divisor of D.
        n_encoder_layers: blocks of the encoder; 0 for a language model.
        n_decoder_layers: blocks of the decoder; 0 for an encoder alone.
        d_hidden: units inside each block's feed-forward network.
        dropout: rate, in [0, 1).
        norm: "pre" trains without warm-up; "post" is the paper's.
        positions: "sinusoidal" (the paper's), "learned" or "rotary".
        max_length: positions that can be learned.
        tied: "output" shares the target's embedding with the output layer, "all" the source's as well.
        activation: of the feed-forward networks.
        copy: let the decoder copy tokens of the source (`nn.pointer`): the outputs are log-probabilities then.
        pad: the token that stands for nothing; no query reads from it.
        dtype: what the layers compute in; parameters, norms, softmax and logits keep theirs.
        remat: compute each block again in the backward pass instead of keeping what is inside.
    """

    n_source: int
    n_target: int
    d_model: int = 256
    n_heads: int = 4
    n_encoder_layers: int = 3
    n_decoder_layers: int = 3
    d_hidden: int = 1024
    dropout: float = 0.1
    norm: Literal["pre", "post"] = "pre"
    positions: Positions = "sinusoidal"
    max_length: int = 512
    tied: Tied = "output"
    activation: str = "relu"
    copy: bool = False
    pad: int = 0
    dtype: ComputeDType = "params"
    remat: bool = False

    def __post_init__(self) -> None:
        require_positive("transformer", n_source=self.n_source, n_target=self.n_target, d_model=self.d_model)
        require_positive("transformer", n_heads=self.n_heads, d_hidden=self.d_hidden, max_length=self.max_length)
        require_not_negative("transformer", n_encoder_layers=self.n_encoder_layers, pad=self.pad)
        require_not_negative("transformer", n_decoder_layers=self.n_decoder_layers)
        require_rate("transformer", dropout=self.dropout)
        require_name("transformer", "norm", self.norm, ("pre", "post"))
        require_name("transformer", "positions", self.positions, get_args(Positions))
        require_name("transformer", "tied", self.tied, get_args(Tied))
        require_name("transformer", "dtype", self.dtype, get_args(ComputeDType))
        require_name("transformer", "activation", self.activation, activations.DERIVATIVES)
        if self.d_model % self.n_heads:
            raise ValueError(f"transformer: n_heads {self.n_heads} must divide d_model {self.d_model}")
        if self.n_encoder_layers + self.n_decoder_layers == 0:
            raise ValueError("transformer: n_encoder_layers and n_decoder_layers are both 0; give at least one layer")
        if self.n_source != self.n_target and (self.copy or self.tied == "all"):
            what = "copy" if self.copy else 'tied="all"'
            raise ValueError(
                f"transformer: {what} needs one vocabulary for both sides, got n_source {self.n_source} "
                f"and n_target {self.n_target}"
            )
        if self.copy and not (self.n_encoder_layers and self.n_decoder_layers):
            raise ValueError("transformer: copy needs an encoder and a decoder")


def init(key: Key, config: Config) -> Params:
    """{"source": {"table"}, "target": {"table"}, "encoder": {...}, "decoder": {...}, ...}; what is tied is there once.

    >>> params = init(jax.random.key(0), Config(n_source=10, n_target=12, d_model=8, d_hidden=16))
    >>> sorted(params), params["decoder"]["layers"]["cross"]["out"]["w"].shape
    (['decoder', 'encoder', 'source', 'target'], (3, 8, 8))
    """
    keys = dict(
        zip(
            ("source", "target", "encoder", "decoder", "positions", "output", "pointer"),
            jax.random.split(key, 7),
            strict=True,
        )
    )
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
        q_key, k_key, g_key = jax.random.split(keys["pointer"], 3)
        params["pointer"] = {
            "query": init_dense(q_key, d, d),
            "key": init_dense(k_key, d, d),
            "gate": init_dense(g_key, 2 * d, 1),
        }
    return params


def _init_layers(key: Key, config: Config, n_layers: int, *, cross: bool) -> Params:
    d = config.d_model

    def init_block(key: Key) -> Params:
        self_key, cross_key, in_key, out_key = jax.random.split(key, 4)
        params = {
            "self": init_multi_head_attention(self_key, d),
            "self_norm": init_layer_norm(d),
            "hidden": init_dense(in_key, d, config.d_hidden),
            "out": init_dense(out_key, config.d_hidden, d),
            "out_norm": init_layer_norm(d),
        }
        if cross:
            params |= {"cross": init_multi_head_attention(cross_key, d), "cross_norm": init_layer_norm(d)}
        return params

    layers = {"layers": init_stack(init_block, key, n_layers)}
    return layers | {"norm": init_layer_norm(d)} if config.norm == "pre" else layers


def apply(params: Params, source: Array | None, target_in: Array, config: Config, *, key: Key | None = None) -> Array:
    """Logits [B, T, V] of what follows each target token, given the source and the target up to there.

    Args:
        source: [B, S] integers; None for a decoder alone.
        target_in: [B, T] integers, the target shifted right by one (it begins with the start token).
        key: for dropout; None drops nothing.
    Returns: logits in at least float32; log-probabilities with `config.copy`.

    >>> config = Config(n_source=10, n_target=12, d_model=8, d_hidden=16)
    >>> tokens = jnp.ones((2, 5), int)
    >>> apply(init(jax.random.key(0), config), tokens, tokens[:, :3], config).shape
    (2, 3, 12)
    """
    encoder_key, decoder_key = (None, None) if key is None else jax.random.split(key)
    memory = None if source is None else encode(params, source, config, key=encoder_key)
    return decode(params, memory, source, target_in, config, key=decoder_key)


def encode(params: Params, source: Array, config: Config, *, key: Key | None = None) -> Array:
    """The encoder's output [B, S, D]: what the decoder reads. Padding neither reads nor is read by a token."""
    x, layers_key = _embed(params, "source", source, config, key)
    mask = _may_read(source, config)

    def layer(params: Params, x: Array, *, key: Key | None = None) -> Array:
        return _block(params, x, config, _attend(config, x.shape[1], mask=mask), key=key)[0]

    return _through(layer, params["encoder"], x, config, layers_key)


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
    x, layers_key = _embed(params, "target", target_in, config, key)
    attend, attend_memory = _attend(config, x.shape[1], causal=True), None
    if memory is not None and source is not None:
        attend_memory = _attend(config, None, memory=memory, mask=_may_read(source, config))

    def layer(params: Params, x: Array, *, key: Key | None = None) -> Array:
        return _block(params, x, config, attend, attend_memory, key=key)[0]

    x = _through(layer, params["decoder"], x, config, layers_key)
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
    Returns: arrays with the batch in front, but for the scalar "position": {"k", "v": [B, L, max_length, H, K], ...}.
    """
    layers, b = params["decoder"]["layers"], source.shape[0]
    dtype = _compute_dtype(params, config)
    shape = (b, config.n_decoder_layers, max_length, config.n_heads, config.d_model // config.n_heads)
    cache = {"position": jnp.zeros((), jnp.int32), "k": jnp.zeros(shape, dtype), "v": jnp.zeros(shape, dtype)}
    if memory is None:
        return cache
    project = jax.vmap(lambda layer: project_keys_values(layer, memory, config.n_heads), out_axes=1)
    k, v = project(layers["cross"])  # [B, L, S, H, K]
    cache |= {"memory_k": k, "memory_v": v, "source": source}
    return cache | {"memory": memory} if config.copy else cache


def decode_step(params: Params, cache: Tree, token: Array, config: Config) -> tuple[Tree, Array]:
    """Logits [B, V] of what follows one more token [B], and the cache with its keys and values."""
    position, h = cache["position"], config.n_heads
    x = _embed_at(params, "target", token[:, None], position[None], config)  # [B, 1, D]
    so_far = (jnp.arange(cache["k"].shape[2]) <= position)[None, None, None, :]
    mask = _may_read(cache["source"], config) if "source" in cache else None
    turn = position[None] if config.positions == "rotary" else None

    def body(
        carry: tuple[Array, Array, Array], inputs: tuple[Array, Params]
    ) -> tuple[tuple[Array, Array, Array], None]:
        x, keys, values = carry
        i, layer = inputs

        def attend(params: Params, y: Array) -> tuple[Array, tuple[Array, Array]]:
            q, k, v = project_qkv(params, y, h, turn)
            start = (0, i, position, 0, 0)
            new_keys = jax.lax.dynamic_update_slice(keys, k[:, None], start)
            new_values = jax.lax.dynamic_update_slice(values, v[:, None], start)
            y = dot_product_attention(q, _layer_of(new_keys, i), _layer_of(new_values, i), mask=so_far)
            return merge_heads(params, y), (new_keys, new_values)

        def attend_memory(params: Params, y: Array) -> tuple[Array, None]:
            k, v = _layer_of(cache["memory_k"], i), _layer_of(cache["memory_v"], i)
            return merge_heads(params, dot_product_attention(project_queries(params, y, h), k, v, mask=mask)), None

        x, ((keys, values), _) = _block(layer, x, config, attend, attend_memory)
        return (x, keys, values), None

    layers = params["decoder"]["layers"]
    (x, keys, values), _ = jax.lax.scan(
        body, (x, cache["k"], cache["v"]), (jnp.arange(config.n_decoder_layers), layers)
    )
    x = layer_norm(params["decoder"]["norm"], x) if config.norm == "pre" else x
    logits = _outputs(params, x, cache.get("memory"), cache.get("source"), config)[:, 0]
    return cache | {"position": position + 1, "k": keys, "v": values}, logits


def _layer_of(cache: Array, i: Array) -> Array:
    return jax.lax.dynamic_index_in_dim(cache, i, axis=1, keepdims=False)


def _block(
    params: Params,
    x: Array,
    config: Config,
    attend: Callable[[Params, Array], tuple[Array, Any]],
    attend_memory: Callable[[Params, Array], tuple[Array, Any]] | None = None,
    *,
    key: Key | None = None,
) -> tuple[Array, tuple[Any, Any]]:
    """One layer: x [B, T, D] and what the two attentions gave beside their outputs (a cache, weights)."""
    keys = [None] * 3 if key is None else list(jax.random.split(key, 3))
    f = activations.BY_NAME[config.activation]
    aside = None

    def sublayer(name: str, x: Array, function: Callable[[Array], tuple[Array, Any]], key: Key | None):
        norm = params[f"{name}_norm"]
        y, aside = function(layer_norm(norm, x) if config.norm == "pre" else x)
        x = x + dropout(y, config.dropout, key=key)
        return (x if config.norm == "pre" else layer_norm(norm, x)), aside

    x, kept = sublayer("self", x, lambda h: attend(params["self"], h), keys[0])
    if attend_memory is not None and "cross" in params:
        x, aside = sublayer("cross", x, lambda h: attend_memory(params["cross"], h), keys[1])
    x, _ = sublayer("out", x, lambda h: (dense(params["out"], f(dense(params["hidden"], h))), None), keys[2])
    return x, (kept, aside)


def _attend(config: Config, length: int | None, **options: Any) -> Callable[[Params, Array], tuple[Array, None]]:
    """Attention as `_block` wants it; over a `length` of positions of its own, or to options["memory"]."""
    positions = jnp.arange(length) if length is not None and config.positions == "rotary" else None

    def attend(params: Params, h: Array) -> tuple[Array, None]:
        return multi_head_attention(params, h, n_heads=config.n_heads, positions=positions, **options), None

    return attend


def _through(layer: Callable[..., Array], params: Params, x: Array, config: Config, key: Key | None) -> Array:
    x = stack(layer, params["layers"], x, key=key, remat=config.remat)
    return layer_norm(params["norm"], x) if config.norm == "pre" else x


def _embed(params: Params, side: str, tokens: Array, config: Config, key: Key | None) -> tuple[Array, Key | None]:
    """[B, T, D] of tokens [B, T], dropped out, and the key for what follows."""
    embedding_key, next_key = (None, None) if key is None else jax.random.split(key)
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
        if tokens.shape[1] > config.max_length:
            raise ValueError(f"transformer: {tokens.shape} tokens are longer than max_length {config.max_length}")
        where = embedding(params["positions"], positions).astype(x.dtype) * math.sqrt(config.d_model)
    return x + jnp.broadcast_to(where[None], x.shape)


def _outputs(params: Params, x: Array, memory: Array | None, source: Array | None, config: Config) -> Array:
    """Logits [B, T, V] of the decoder's states [B, T, D], or log-probabilities with copies of the source."""
    if config.tied == "none":
        logits = at_least_float32(dense(params["output"], x))
    else:
        logits = unembedding(params["target"], x)
    if not config.copy or memory is None or source is None:
        return logits
    pointer = params["pointer"]
    q, k = dense(pointer["query"], x)[:, :, None], dense(pointer["key"], memory)[:, :, None]
    weights = attention_weights(q, k, mask=_may_read(source, config))[:, 0]  # [B, T, S]
    context = jnp.einsum("bts,bsd->btd", weights.astype(memory.dtype), memory)
    gate = dense(pointer["gate"], jnp.concatenate([x, context], axis=-1))[..., 0]  # [B, T]
    return mix_copies(logits, gate, weights, source)


def _may_read(source: Array, config: Config) -> Array:
    """[B, 1, 1, S] bool: False at padding."""
    return (source != config.pad)[:, None, None, :]


def _compute_dtype(params: Params, config: Config) -> Any:
    own = params["target" if "target" in params else "source"]["table"].dtype
    return own if config.dtype == "params" else jnp.dtype(config.dtype)


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
