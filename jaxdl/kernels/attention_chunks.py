"""Attention in memory linear in the lengths: the softmax of a row is summed up chunk by chunk.

For a query, with scores x_s over keys s = 1 .. S, three running values suffice:

    m <- max(m, x_s),    l <- l exp(m_old - m) + exp(x_s - m),    a <- a exp(m_old - m) + exp(x_s - m) v_s

and y = a / l in the end. Only [C, C] scores of one chunk of queries and one of keys exist at a time; the backward pass
computes them again.

References: Milakov, Gimelshein, "Online normalizer calculation for softmax", 2018. Rabe, Staats, "Self-attention does
not need O(n^2) memory", 2021.

Dims: B batch, T queries, S keys, H heads, K features of a head, C length of a chunk.
"""

import math

import jax
import jax.numpy as jnp
from jax import lax

from jaxdl.types import Array, wide_dtype


def chunked_attention(
    q: Array, k: Array, v: Array, *, mask: Array | None = None, causal: bool = False, chunk: int = 128
) -> Array:
    """`dot_product_attention` in O(T + S) memory instead of O(T S), forward and backward.

    Args:
        q: [B, T, H, K].
        k, v: [B, S, H, K].
        mask: bool, [B or 1, H or 1, T or 1, S], True where a key may be read. A mask of [.., T, S] takes the memory
            that this function saves: mask padding by [B, 1, 1, S] and the future by `causal`.
        causal: allow keys 0 .. t only.
        chunk: C, queries and keys at a time.
    Returns: [B, T, H, K], dtype of `q`; zeros for a query that may read nothing.

    >>> v = jnp.arange(4.0).reshape(1, 2, 1, 2)
    >>> chunked_attention(jnp.zeros_like(v), jnp.zeros_like(v), v, chunk=1)[0, :, 0].tolist()
    [[1.0, 2.0], [1.0, 2.0]]
    """
    n_queries, n_keys = q.shape[1], k.shape[1]
    chunk_q, chunk_k = min(chunk, n_queries), min(chunk, n_keys)
    mask = jnp.ones((1, 1, 1, n_keys), bool) if mask is None else mask
    mask = _pad(mask, 3, chunk_k)  # what fills up the last chunk may not be read
    mask = _pad(mask, 2, chunk_q) if mask.shape[2] > 1 else mask
    queries, keys, values = _chunks(_pad(q, 1, chunk_q), chunk_q), _chunks(k, chunk_k), _chunks(v, chunk_k)

    @jax.checkpoint
    def rows(i: Array, query: Array) -> Array:
        """The outputs [B, C, H, K] of one chunk of queries."""
        own = lax.dynamic_slice_in_dim(mask, i * chunk_q, chunk_q, axis=2) if mask.shape[2] > 1 else mask

        def body(carry: tuple[Array, Array, Array], inputs: tuple[Array, Array, Array]):
            j, key, value = inputs
            allowed = lax.dynamic_slice_in_dim(own, j * chunk_k, chunk_k, axis=3)
            if causal:
                times, others = i * chunk_q + jnp.arange(chunk_q), j * chunk_k + jnp.arange(chunk_k)
                order = (others[None, :] <= times[:, None])[None, None]
                allowed = jnp.logical_and(*jnp.broadcast_arrays(allowed, order))
            return _accumulate(carry, query, key, value, allowed), None

        wide = wide_dtype(query.dtype)
        shape = (query.shape[0], query.shape[2], chunk_q)  # [B, H, C]
        start = (
            jnp.full(shape, jnp.finfo(wide).min, wide),
            jnp.zeros(shape, wide),
            jnp.zeros((*shape, v.shape[-1]), wide),
        )
        (_, total, y), _ = lax.scan(jax.checkpoint(body), start, (jnp.arange(len(keys)), keys, values))
        y = y / jnp.broadcast_to(jnp.where(total > 0, total, jnp.ones_like(total))[..., None], y.shape)
        return jnp.swapaxes(y, 1, 2).astype(query.dtype)

    y = lax.map(lambda args: rows(*args), (jnp.arange(len(queries)), queries))  # [T / C, B, C, H, K]
    return jnp.moveaxis(y, 0, 1).reshape(q.shape[0], -1, *q.shape[2:])[:, :n_queries]


def _accumulate(
    carry: tuple[Array, Array, Array], query: Array, key: Array, value: Array, allowed: Array
) -> tuple[Array, Array, Array]:
    """The three running values m, l [B, H, C] and a [B, H, C, K] after one more chunk of keys."""
    m_old, total, y = carry
    scores = jnp.einsum("bthk,bshk->bhts", query, key, preferred_element_type=y.dtype) / math.sqrt(query.shape[-1])
    allowed = jnp.broadcast_to(allowed, scores.shape)
    scores = jnp.where(allowed, scores, jnp.finfo(scores.dtype).min)
    m = lax.stop_gradient(jnp.maximum(m_old, scores.max(-1)))  # cancels in y: its gradient is zero
    p = jnp.where(allowed, jnp.exp(scores - m[..., None]), jnp.zeros_like(scores))
    old = jnp.exp(m_old - m)
    total = total * old + p.sum(-1)
    more = jnp.einsum("bhts,bshk->bhtk", p.astype(value.dtype), value, preferred_element_type=y.dtype)
    return m, total, y * jnp.broadcast_to(old[..., None], y.shape) + more


def _pad(x: Array, axis: int, multiple: int) -> Array:
    """Zeros (False) behind `x` up to a multiple."""
    widths = [(0, -x.shape[axis] % multiple if i == axis else 0) for i in range(x.ndim)]
    return jnp.pad(x, widths)


def _chunks(x: Array, chunk: int) -> Array:
    """[B, T, H, K] -> [T / C, B, C, H, K]."""
    x = _pad(x, 1, chunk)
    return jnp.moveaxis(x.reshape(x.shape[0], -1, chunk, *x.shape[2:]), 1, 0)
