"""Attention: every query reads from all values, weighted by how well their keys fit.

    dot_product_attention     softmax(q k^T / sqrt(K)) v, in one of three forms of equal value (`implementation`)
    multi_head_attention      the same in H projections of the inputs at once
    additive_attention        score = w . tanh(W_q q + W_k k)

Masks are bool and True where a key may be read. A query that may read no key gets zeros, never NaN. Softmax is computed
in at least float32.

References: Bahdanau, Cho, Bengio, "Neural machine translation by jointly learning to align and translate", 2015.
Vaswani et al., "Attention is all you need", 2017.

Dims: B batch, T queries, S keys, H heads, K features of a head, D features of the model, A features of the scores.
"""

import math
from typing import Any

import jax
import jax.numpy as jnp

from jaxdl.kernels.attention_chunks import chunked_attention
from jaxdl.nn.affine import dense, init_dense
from jaxdl.nn.embeddings import rotary
from jaxdl.nn.initializers import glorot_uniform
from jaxdl.types import Array, DType, Key, Params, at_least_float32, wide_dtype
from jaxdl.validation import require_name

IMPLEMENTATIONS = ("plain", "chunked", "fused")


def causal_mask(n_queries: int, n_keys: int | None = None) -> Array:
    """[T, S] bool: query t may read keys 0 .. t.

    >>> causal_mask(3).astype(int).tolist()
    [[1, 0, 0], [1, 1, 0], [1, 1, 1]]
    """
    n_keys = n_queries if n_keys is None else n_keys
    return jnp.arange(n_keys)[None, :] <= jnp.arange(n_queries)[:, None]


def attention_weights(q: Array, k: Array, *, mask: Array | None = None, causal: bool = False) -> Array:
    """How much each query reads from each key:  softmax over s of q[t] . k[s] / sqrt(K).

    Args:
        q, k: [B, T, H, K] and [B, S, H, K].
        mask: bool, [B or 1, H or 1, T or 1, S]; None allows all.
        causal: allow keys 0 .. t only.
    Returns: [B, H, T, S], at least float32; rows sum to 1, or to 0 where nothing may be read.

    >>> q = jnp.zeros((1, 2, 1, 4))
    >>> attention_weights(q, q, causal=True)[0, 0].tolist()
    [[1.0, 0.0], [0.5, 0.5]]
    """
    _check("attention_weights", q, k, k, mask)
    scores = jnp.einsum("bthk,bshk->bhts", q, k, preferred_element_type=wide_dtype(q.dtype))
    scores = scores / math.sqrt(q.shape[-1])
    return masked_softmax(scores, _with_causal(mask, causal, *scores.shape[-2:]))


def masked_softmax(scores: Array, mask: Array | None) -> Array:
    """Softmax over the last axis where `mask` allows it, and 0 elsewhere; all zeros where it allows nothing.

    >>> masked_softmax(jnp.zeros((2, 2)), jnp.array([[True, False], [False, False]])).tolist()
    [[1.0, 0.0], [0.0, 0.0]]
    """
    if mask is None:
        return jax.nn.softmax(scores, axis=-1)
    lowest = jnp.finfo(scores.dtype).min  # not -inf: a row of them would be NaN
    allowed = jnp.broadcast_to(mask, scores.shape)
    weights = jax.nn.softmax(jnp.where(allowed, scores, lowest), axis=-1)
    some = jnp.broadcast_to(mask.any(-1, keepdims=True), weights.shape)
    return jnp.where(some, weights, jnp.zeros_like(weights))


def dot_product_attention(
    q: Array,
    k: Array,
    v: Array,
    *,
    mask: Array | None = None,
    causal: bool = False,
    implementation: str | None = None,
) -> Array:
    """Scaled dot-product attention:  y[t] = sum over s of softmax(q[t] . k[s] / sqrt(K)) v[s].

    Args:
        q: [B, T, H, K].
        k, v: [B, S, H, K].
        mask: bool, [B or 1, H or 1, T or 1, S], True where a key may be read; None allows all.
        causal: allow keys 0 .. t only.
        implementation: "plain" holds the weights [B, H, T, S]; "chunked" needs memory linear in T and S; "fused" is
            the GPU's kernel (`jax.nn.dot_product_attention`); None chooses by `choose_implementation`.
    Returns: [B, T, H, K], dtype of `q`; zeros for a query that may read nothing.
    Raises: ValueError for shapes or a mask that do not fit together.

    >>> v = jnp.arange(4.0).reshape(1, 2, 1, 2)
    >>> dot_product_attention(jnp.zeros_like(v), jnp.zeros_like(v), v)[0, :, 0].tolist()
    [[1.0, 2.0], [1.0, 2.0]]
    """
    _check("dot_product_attention", q, k, v, mask)
    if implementation is None:
        implementation = choose_implementation(jax.default_backend(), q, k, masked=mask is not None)
    require_name("dot_product_attention", "implementation", implementation, IMPLEMENTATIONS)
    if implementation == "chunked":
        return chunked_attention(q, k, v, mask=mask, causal=causal)
    if implementation == "plain":
        weights = attention_weights(q, k, mask=mask, causal=causal)
        return jnp.einsum("bhts,bshk->bthk", weights.astype(v.dtype), v)
    y = jax.nn.dot_product_attention(q, k, v, mask=mask, is_causal=causal, implementation="cudnn")
    if mask is None:
        return y
    some = jnp.swapaxes(mask.any(-1, keepdims=True), 1, 2)  # [B or 1, T or 1, H or 1, 1]
    return jnp.where(jnp.broadcast_to(some, y.shape), y, jnp.zeros_like(y))


def choose_implementation(backend: str, q: Any, k: Any, *, masked: bool) -> str:
    """Which form of `dot_product_attention` runs: "fused" where cuDNN's kernel takes the arrays, else "plain".

    It takes half precision and heads of up to 128 features in steps of 8 on a GPU; a mask reaches it as a bias, and
    then its backward pass needs even lengths. Only shapes and dtypes of q [B, T, H, K] and k [B, S, H, K] count.

    >>> q = jax.ShapeDtypeStruct((2, 10, 4, 64), jnp.bfloat16)
    >>> choose_implementation("gpu", q, q, masked=True), choose_implementation("cpu", q, q, masked=True)
    ('fused', 'plain')
    """
    half = q.dtype in (jnp.dtype(jnp.float16), jnp.dtype(jnp.bfloat16))
    fits = q.shape[-1] <= 128 and q.shape[-1] % 8 == 0
    even = not masked or (q.shape[1] % 2 == 0 and k.shape[1] % 2 == 0)
    return "fused" if backend in ("gpu", "cuda") and half and fits and even else "plain"


def init_multi_head_attention(key: Key, d_model: int, *, bias: bool = True, dtype: DType = jnp.float32) -> Params:
    """Parameters of `multi_head_attention`: {"qkv": {"w": [D, 3D]}, "q": {"b"}, "v": {"b"}, "out": {"w": [D, D], "b"}}.

    The columns of "qkv" are queries, keys, values, each drawn by Glorot's rule for [D, D]. Keys have no bias: it would
    add the same to all scores of a query, which a softmax does not see (torch's is drawn and never learned).

    >>> init_multi_head_attention(jax.random.key(0), 4)["qkv"]["w"].shape
    (4, 12)
    """
    *in_keys, out_key = jax.random.split(key, 4)
    w = jnp.concatenate([glorot_uniform(k, (d_model, d_model), dtype) for k in in_keys], axis=1)
    params = {"qkv": {"w": w}, "out": init_dense(out_key, d_model, d_model, bias=bias, dtype=dtype)}
    if bias:
        params |= {name: {"b": jnp.zeros((d_model,), dtype)} for name in ("q", "v")}
    return params


def multi_head_attention(
    params: Params,
    x: Array,
    memory: Array | None = None,
    *,
    n_heads: int,
    mask: Array | None = None,
    causal: bool = False,
    positions: Array | None = None,
    implementation: str | None = None,
) -> Array:
    """Attention in H learned projections at once, from `x` to itself or to a memory.

        q, k, v = x W_q + b_q, m W_k, m W_v + b_v      cut into H heads of K = D / H features
        y = concat over heads of attention(q, k, v)  W_o + b_o

    Args:
        params: as from `init_multi_head_attention`.
        x: [B, T, D].
        memory: m [B, S, D]; None is self-attention, m = x, in one fused product.
        n_heads: H, a divisor of D.
        mask, causal, implementation: as in `dot_product_attention`.
        positions: [T], for rotary positions of self-attention; None leaves queries and keys as they are.
    Returns: [B, T, D], dtype of `x`.
    Raises: ValueError if H does not divide D.

    >>> params = init_multi_head_attention(jax.random.key(0), 4)
    >>> multi_head_attention(params, jnp.ones((2, 3, 4)), jnp.ones((2, 5, 4)), n_heads=2).shape
    (2, 3, 4)
    """
    if memory is None:
        q, k, v = project_qkv(params, x, n_heads, positions)
    else:
        q = project_queries(params, x, n_heads)
        k, v = project_keys_values(params, memory, n_heads)
    y = dot_product_attention(q, k, v, mask=mask, causal=causal, implementation=implementation)
    return merge_heads(params, y)


def project_qkv(params: Params, x: Array, n_heads: int, positions: Array | None = None) -> tuple[Array, Array, Array]:
    """Queries, keys and values [B, T, H, K] of x [B, T, D], by one product; q and k turned to `positions` [T]."""
    q, k, v = jnp.split(dense(params["qkv"], x), 3, axis=-1)
    q, k, v = (split_heads(y, n_heads) for y in (_add_bias(params, "q", q), k, _add_bias(params, "v", v)))
    if positions is None:
        return q, k, v
    return rotary(q, positions), rotary(k, positions), v


def project_queries(params: Params, x: Array, n_heads: int) -> Array:
    """Queries [B, T, H, K] of x [B, T, D]."""
    q = dense({"w": params["qkv"]["w"][:, : x.shape[-1]]}, x)
    return split_heads(_add_bias(params, "q", q), n_heads)


def project_keys_values(params: Params, memory: Array, n_heads: int) -> tuple[Array, Array]:
    """Keys and values [B, S, H, K] of a memory [B, S, D], by one product."""
    k, v = jnp.split(dense({"w": params["qkv"]["w"][:, memory.shape[-1] :]}, memory), 2, axis=-1)
    return split_heads(k, n_heads), split_heads(_add_bias(params, "v", v), n_heads)


def _add_bias(params: Params, name: str, x: Array) -> Array:
    return x + jnp.broadcast_to(params[name]["b"].astype(x.dtype), x.shape) if name in params else x


def split_heads(x: Array, n_heads: int) -> Array:
    """[B, T, D] -> [B, T, H, K]."""
    if x.shape[-1] % n_heads:
        raise ValueError(f"attention: {n_heads} heads must divide the {x.shape[-1]} features of {x.shape}")
    return x.reshape(*x.shape[:-1], n_heads, x.shape[-1] // n_heads)


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
    b, t, s = q.shape[0], q.shape[1], keys.shape[1]
    shape = (b, t, s, keys.shape[-1])
    queries = jnp.broadcast_to(dense(params["query"], q)[:, :, None], shape)
    hidden = jnp.tanh(queries + jnp.broadcast_to(keys[:, None], shape))  # [B, T, S, A]
    scores = at_least_float32(dense(params["score"], hidden)[..., 0])  # [B, T, S]
    weights = masked_softmax(scores, None if mask is None else mask[:, None, :])
    return jnp.einsum("bts,bsd->btd", weights.astype(values.dtype), values), weights


def _with_causal(mask: Array | None, causal: bool, n_queries: int, n_keys: int) -> Array | None:
    if not causal:
        return mask
    order = causal_mask(n_queries, n_keys)[None, None]
    return order if mask is None else jnp.logical_and(*jnp.broadcast_arrays(mask, order))


def _check(name: str, q: Array, k: Array, v: Array, mask: Array | None) -> None:
    if q.ndim != 4 or k.shape != v.shape or (k.shape[0], *k.shape[2:]) != (q.shape[0], *q.shape[2:]):
        raise ValueError(f"{name}: q {q.shape} must be [B, T, H, K], k {k.shape} and v {v.shape} [B, S, H, K]")
    full = (q.shape[0], q.shape[2], q.shape[1], k.shape[1])
    if mask is None:
        return
    if mask.dtype != bool or mask.ndim != 4 or any(m not in (1, n) for m, n in zip(mask.shape, full, strict=True)):
        raise ValueError(f"{name}: the mask {mask.dtype}{mask.shape} must be bool and broadcast to [B, H, T, S] {full}")
