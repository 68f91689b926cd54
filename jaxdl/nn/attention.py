"""Attention: every query reads from all values, weighted by how well their keys fit.

    dot_product_attention     softmax(q k^T / sqrt(K) + bias) v
    multi_head_attention      the same in H projections of the inputs at once
    additive_attention        score = w . tanh(W_q q + W_k k)

Masks are bool and True where a key may be read. A query that may read no key gets zeros, never NaN, in every form; what
no query may read never matters, even if it is NaN. Softmax is computed in at least float32.

References: Bahdanau, Cho, Bengio, "Neural machine translation by jointly learning to align and translate", 2015.
Vaswani et al., "Attention is all you need", 2017. Ainslie et al., "GQA: training generalized multi-query Transformer
models", 2023 (G < H).

Dims: B batch, T queries, S keys, H heads of queries, G heads of keys and values (a divisor of H), K features of a head,
V of a value, D features of the model, A features of the scores.
"""

import math

import chex
import jax
import jax.numpy as jnp

from jaxdl import kernels
from jaxdl.kernels.attention import METHODS, choose_method, chunked_attention, fused_attention
from jaxdl.kernels.attention.masks import causal_mask as causal_mask
from jaxdl.kernels.attention.masks import check_attention, hide_unread, may_read, repeat_heads
from jaxdl.nn.affine import dense, init_dense
from jaxdl.nn.embeddings import rotary
from jaxdl.nn.initializers import glorot_uniform
from jaxdl.nn.noise import dropout
from jaxdl.types import Array, DType, Key, Params, at_least_float32, wide_dtype
from jaxdl.validation import require_floating, require_mask, require_name


def dot_product_attention(
    q: Array,
    k: Array,
    v: Array,
    *,
    mask: Array | None = None,
    bias: Array | None = None,
    causal: bool = False,
    rate: float = 0.0,
    method: str = "auto",
    key: Key | None = None,
) -> Array:
    """Scaled dot-product attention:  y[t] = sum over s of dropout(softmax(q[t] . k[s] / sqrt(K) + bias[t, s])) v[s].

    Fast forms in `kernels.attention`, equal by test: "chunked" in memory linear in T and S, "fused" cuDNN's kernel.

    Args:
        q: [B, T, H, K].
        k, v: [B, S, G, K] and [B, S, G, V]; query head h reads key head h G / H.
        mask: bool, [B or 1, H or 1, T or 1, S], True where a key may be read; None allows all.
        bias: finite, added to the scores, [B or 1, H or 1, T or 1, S or 1] (positions, ALiBi).
        causal: allow keys 0 .. t only.
        rate: of dropout on the weights, as in the paper's code.
        method: "plain" holds the weights [B, H, T, S]; "chunked"; "fused"; "auto" chooses (`choose_method`).
        key: for dropout; None drops nothing.
    Returns: [B, T, H, V], dtype of `q`; zeros for a query that may read nothing.
    Raises: ValueError for shapes or a mask that do not fit together, and for options that the method does not have.

    >>> v = jnp.arange(4.0).reshape(1, 2, 1, 2)
    >>> dot_product_attention(jnp.zeros_like(v), jnp.zeros_like(v), v)[0, :, 0].tolist()
    [[1.0, 2.0], [1.0, 2.0]]
    """
    check_attention("dot_product_attention", q, k, v, mask, bias)
    require_name("dot_product_attention", "method", method, METHODS)
    drops, masked = rate > 0 and key is not None, mask is not None
    if method == "auto":
        method = choose_method(kernels.backend(), q, k, v, masked=masked, extras=drops or bias is not None)
    if (drops and method != "plain") or (bias is not None and method == "fused"):
        raise ValueError(
            f'dot_product_attention: dropout needs method="plain", a bias "plain" or "chunked"; got {method!r}'
        )
    if method == "chunked":
        return chunked_attention(q, k, v, mask=mask, bias=bias, causal=causal)
    if method == "fused":
        return fused_attention(q, k, v, mask=mask, causal=causal)
    k, v = hide_unread(mask, k, v)
    weights = dropout(attention_weights(q, k, mask=mask, bias=bias, causal=causal), rate, key=key)
    return read_values(weights, v)


def attention_weights(
    q: Array, k: Array, *, mask: Array | None = None, bias: Array | None = None, causal: bool = False
) -> Array:
    """How much each query reads from each key:  softmax over s of q[t] . k[s] / sqrt(K) + bias[t, s].

    Args: as in `dot_product_attention`.
    Returns: [B, H, T, S], at least float32; rows sum to 1, or to 0 where nothing may be read.

    >>> q = jnp.zeros((1, 2, 1, 4))
    >>> attention_weights(q, q, causal=True)[0, 0].tolist()
    [[1.0, 0.0], [0.5, 0.5]]
    """
    check_attention("attention_weights", q, k, k, mask, bias)
    k = repeat_heads(k, q.shape[2])
    scores = jnp.einsum("bthk,bshk->bhts", q, k, preferred_element_type=wide_dtype(q.dtype)) / math.sqrt(q.shape[-1])
    scores = scores if bias is None else scores + bias.astype(scores.dtype)
    return masked_softmax(scores, may_read(mask, causal, q.shape[1], k.shape[1]))


def masked_softmax(scores: Array, mask: Array | None) -> Array:
    """Softmax over the last axis where `mask` allows it, and 0 elsewhere; all zeros where it allows nothing.

    >>> masked_softmax(jnp.zeros((2, 2)), jnp.array([[True, False], [False, False]])).tolist()
    [[1.0, 0.0], [0.0, 0.0]]
    """
    require_floating("masked_softmax", scores=scores)
    if scores.shape[-1] == 0:  # a maximum of nothing is an error
        return scores
    if mask is None:
        return jax.nn.softmax(scores, axis=-1)
    require_mask("masked_softmax", mask, scores.shape, "the scores'")
    lowest = jnp.finfo(scores.dtype).min  # not -inf: a row of them would be NaN
    return jnp.where(mask, jax.nn.softmax(jnp.where(mask, scores, lowest), axis=-1), 0)


def read_values(weights: Array, v: Array) -> Array:
    """y[t] = sum over s of a[t, s] v[s]: [B, T, H, V] of weights [B, H, T, S] and values [B, S, G, V]."""
    return jnp.einsum("bhts,bshv->bthv", weights.astype(v.dtype), repeat_heads(v, weights.shape[1]))


def init_multi_head_attention(
    key: Key, d_model: int, *, queries_per_key: int = 1, bias: bool = True, dtype: DType = jnp.float32
) -> Params:
    """Parameters of `multi_head_attention`: {"qkv": {"w": [D, D + 2 D / R]}, "q": {"b"}, "v": {"b"}, "out": {...}}.

    R = `queries_per_key` heads of queries share a head of keys and values; 1 is the paper's. The columns of "qkv" are
    queries, keys, values, each drawn by Glorot's rule. Keys have no bias: it would add the same to all scores of a
    query, which a softmax does not see (torch's is drawn and never learned).

    >>> init_multi_head_attention(jax.random.key(0), 4)["qkv"]["w"].shape
    (4, 12)
    """
    if queries_per_key < 1 or d_model % queries_per_key:
        raise ValueError(f"init_multi_head_attention: queries_per_key {queries_per_key} must divide d_model {d_model}")
    *in_keys, out_key = jax.random.split(key, 4)
    d_key = d_model // queries_per_key
    widths = (d_model, d_key, d_key)
    w = [glorot_uniform(k, (d_model, n), dtype) for k, n in zip(in_keys, widths, strict=True)]
    params = {
        "qkv": {"w": jnp.concatenate(w, axis=1)},
        "out": init_dense(out_key, d_model, d_model, bias=bias, dtype=dtype),
    }
    if bias:
        params |= {"q": {"b": jnp.zeros((d_model,), dtype)}, "v": {"b": jnp.zeros((d_key,), dtype)}}
    return params


def multi_head_attention(
    params: Params,
    x: Array,
    memory: Array | None = None,
    *,
    n_heads: int,
    mask: Array | None = None,
    bias: Array | None = None,
    causal: bool = False,
    positions: Array | None = None,
    rate: float = 0.0,
    method: str = "auto",
    key: Key | None = None,
) -> Array:
    """Attention in H learned projections at once, from `x` to itself or to a memory.

        q, k, v = x W_q + b_q, m W_k, m W_v + b_v      cut into heads of K = D / H features
        y = concat over heads of attention(q, k, v)  W_o + b_o

    Args:
        params: as from `init_multi_head_attention`.
        x: [B, T, D].
        memory: m [B, S, D]; None is self-attention, m = x, in one fused product.
        n_heads: H, a divisor of D; the keys have G = H / R heads.
        mask, bias, causal, rate, method, key: as in `dot_product_attention`.
        positions: [T], for rotary positions of self-attention; None leaves queries and keys as they are.
    Returns: [B, T, D], dtype of `x`.
    Raises: ValueError if the heads do not divide the features, or for positions beside a memory.

    >>> params = init_multi_head_attention(jax.random.key(0), 4)
    >>> multi_head_attention(params, jnp.ones((2, 3, 4)), jnp.ones((2, 5, 4)), n_heads=2).shape
    (2, 3, 4)
    """
    require_floating("multi_head_attention", x=x, **({} if memory is None else {"memory": memory}))
    chex.assert_rank(x, 3)
    if memory is None:
        q, k, v = project_qkv(params, x, n_heads, positions)
    elif positions is not None:
        raise ValueError("multi_head_attention: rotary positions are of self-attention; leave out positions or memory")
    else:
        chex.assert_rank(memory, 3)
        q = project_queries(params, x, n_heads)
        k, v = project_keys_values(params, memory, n_heads)
    y = dot_product_attention(
        q, k, v, mask=mask, bias=bias, causal=causal, rate=rate, method=method, key=key
    )  # [B, T, H, K]
    return merge_heads(params, y)


def project_qkv(params: Params, x: Array, n_heads: int, positions: Array | None = None) -> tuple[Array, Array, Array]:
    """q [B, T, H, K], k and v [B, T, G, K] of x [B, T, D], by one product; q and k turned to `positions` [T]."""
    d = params["out"]["w"].shape[0]
    q, k, v = jnp.split(dense(params["qkv"], x), [d, (d + params["qkv"]["w"].shape[1]) // 2], axis=-1)
    q, v = _add_bias(params, "q", q), _add_bias(params, "v", v)
    q, k, v = (split_heads(y, d, n_heads) for y in (q, k, v))
    return (q, k, v) if positions is None else (rotary(q, positions), rotary(k, positions), v)


def project_queries(params: Params, x: Array, n_heads: int) -> Array:
    """Queries [B, T, H, K] of x [B, T, D]."""
    d = params["out"]["w"].shape[0]
    return split_heads(_add_bias(params, "q", dense({"w": params["qkv"]["w"][:, :d]}, x)), d, n_heads)


def project_keys_values(params: Params, memory: Array, n_heads: int) -> tuple[Array, Array]:
    """Keys and values [B, S, G, K] of a memory [B, S, D], by one product."""
    d = params["out"]["w"].shape[0]
    k, v = jnp.split(dense({"w": params["qkv"]["w"][:, d:]}, memory), 2, axis=-1)
    return split_heads(k, d, n_heads), split_heads(_add_bias(params, "v", v), d, n_heads)


def _add_bias(params: Params, name: str, x: Array) -> Array:
    return x + params[name]["b"].astype(x.dtype)[None, None] if name in params else x


def split_heads(x: Array, d_model: int, n_heads: int) -> Array:
    """[B, T, G K] -> [B, T, G, K] with K = D / H."""
    if n_heads < 1 or d_model % n_heads or x.shape[-1] % (d_model // n_heads):
        raise ValueError(f"attention: {n_heads} heads of a model of {d_model} must divide the features of {x.shape}")
    return x.reshape(*x.shape[:-1], -1, d_model // n_heads)


def merge_heads(params: Params, y: Array) -> Array:
    """[B, T, H, K] -> [B, T, D], through the output projection."""
    return dense(params["out"], y.reshape(*y.shape[:-2], -1))


def init_additive_attention(key: Key, n_query: int, n_key: int, n_hidden: int, *, dtype: DType = jnp.float32) -> Params:
    """Parameters of `additive_attention`: {"query": {"w": [Dq, A]}, "key": {"w": [Dk, A], "b": [A]}, "score": ...}.

    "score" is {"w": [A, 1]}: one number of each hidden vector.

    >>> sorted(init_additive_attention(jax.random.key(0), 2, 3, 4))
    ['key', 'query', 'score']
    """
    q_key, k_key, s_key = jax.random.split(key, 3)
    return {
        "query": init_dense(q_key, n_query, n_hidden, bias=False, dtype=dtype),
        "key": init_dense(k_key, n_key, n_hidden, dtype=dtype),
        "score": init_dense(s_key, n_hidden, 1, bias=False, dtype=dtype),
    }


def additive_attention(
    params: Params, q: Array, keys: Array, values: Array, *, mask: Array | None = None
) -> tuple[Array, Array]:
    """Bahdanau's attention: a small network scores how well a query fits a key.

        a[t, s] = softmax over s of w . tanh(W_q q[t] + k[s]),    y[t] = sum over s of a[t, s] v[s]

    `keys` are projected already, k = W_k m + b by `dense(params["key"], m)`: once for a source, not at every step.

    Args:
        params: as from `init_additive_attention`.
        q: [B, T, Dq].
        keys: [B, S, A].
        values: [B, S, Dv].
        mask: bool [B, S], True where a key may be read.
    Returns: y [B, T, Dv] in the dtype of `values`, and the weights a [B, T, S] in at least float32.

    >>> params = init_additive_attention(jax.random.key(0), 2, 3, 4)
    >>> y, a = additive_attention(params, jnp.ones((1, 2, 2)), jnp.ones((1, 5, 4)), jnp.ones((1, 5, 3)))
    >>> y.shape, a.shape
    ((1, 2, 3), (1, 2, 5))
    """
    require_floating("additive_attention", q=q, keys=keys, values=values)
    chex.assert_rank([q, keys, values], 3)
    if keys.shape[:2] != values.shape[:2] or keys.shape[0] != q.shape[0]:
        raise ValueError(
            f"additive_attention: q {q.shape} [B, T, Dq], keys {keys.shape}, values {values.shape} [B, S, _]"
        )
    if mask is not None:
        require_mask("additive_attention", mask, keys.shape[:2], "[B, S]")
        keys, values = (jnp.where(mask[:, :, None], z, 0) for z in (keys, values))  # 0 times NaN is NaN
    hidden = jnp.tanh(dense(params["query"], q)[:, :, None] + keys[:, None])  # [B, T, S, A]
    scores = at_least_float32(dense(params["score"], hidden)[..., 0])  # [B, T, S]
    weights = masked_softmax(scores, None if mask is None else mask[:, None, :])
    return jnp.einsum("bts,bsd->btd", weights.astype(values.dtype), values), weights
