"""Attention in memory linear in the lengths: the softmax of a row is summed up chunk by chunk.

For a query, with scores x_s over keys s = 1 .. S, three running values suffice:

    m <- max(m, x_s),    l <- l exp(m_old - m) + exp(x_s - m),    a <- a exp(m_old - m) + exp(x_s - m) v_s

and y = a / l in the end. Only [C, C] scores of one chunk of queries and one of keys exist at a time; the backward pass
computes them again.

References: Milakov, Gimelshein, "Online normalizer calculation for softmax", 2018. Rabe, Staats, "Self-attention does
not need O(n^2) memory", 2021.

Dims: B batch, T queries, S keys, H heads of queries, G heads of keys, K features of a head, V of a value, C length of a
chunk.
"""

import math

import jax
import jax.numpy as jnp
from jax import lax

from jaxdl.kernels.attention.masks import check_attention, hide_unread, repeat_heads
from jaxdl.types import Array, varying_as, wide_dtype
from jaxdl.validation import require_positive


def chunked_attention(
    q: Array,
    k: Array,
    v: Array,
    *,
    mask: Array | None = None,
    bias: Array | None = None,
    causal: bool = False,
    chunk: int = 128,
) -> Array:
    """`dot_product_attention` in O(T + S) memory instead of O(T S), forward and backward.

    Args:
        q: [B, T, H, K].
        k, v: [B, S, G, K] and [B, S, G, V], G a divisor of H.
        mask: bool, [B or 1, H or 1, T or 1, S], True where a key may be read. A mask of [.., T, S] takes the memory
            that this function saves: mask padding by [B, 1, 1, S] and the future by `causal`.
        bias: added to the scores, [B or 1, H or 1, T or 1, S or 1]; the same holds for it.
        causal: allow keys 0 .. t only.
        chunk: C, queries and keys at a time.
    Returns: [B, T, H, V], dtype of `q`; zeros for a query that may read nothing.
    Raises: ValueError for shapes or a mask that do not fit together.

    >>> v = jnp.arange(4.0).reshape(1, 2, 1, 2)
    >>> chunked_attention(jnp.zeros_like(v), jnp.zeros_like(v), v, chunk=1)[0, :, 0].tolist()
    [[1.0, 2.0], [1.0, 2.0]]
    """
    check_attention("chunked_attention", q, k, v, mask, bias)
    require_positive("chunked_attention", chunk=chunk)
    b, n_queries, h, _ = q.shape
    n_keys = k.shape[1]
    if 0 in (b, n_queries, n_keys):
        return jnp.zeros((b, n_queries, h, v.shape[-1]), q.dtype)
    k, v = (repeat_heads(x, h) for x in hide_unread(mask, k, v))
    c_q, c_k = min(chunk, n_queries), min(chunk, n_keys)
    mask = jnp.ones((1, 1, 1, n_keys), bool) if mask is None else mask
    tables = [_pad_scores(x, c_q, c_k) for x in (mask, bias) if x is not None]  # padding may not be read: False
    keys, values = _chunks(k, c_k), _chunks(v, c_k)

    @jax.checkpoint
    def rows(i: Array, query: Array) -> Array:
        """The outputs [B, C, H, V] of one chunk of queries."""
        of_rows = [_slice(x, i, c_q, axis=2) for x in tables]

        def body(carry: tuple[Array, Array, Array], inputs: tuple[Array, Array, Array]):
            j, key, value = inputs
            allowed, *biases = (_slice(x, j, c_k, axis=3) for x in of_rows)
            if causal:
                t, s = i * c_q + jnp.arange(c_q), j * c_k + jnp.arange(c_k)
                allowed = allowed & (s[None, :] <= t[:, None])[None, None]
            return _accumulate(carry, query, key, value, allowed, *biases), None

        wide = wide_dtype(query.dtype)
        start = (
            jnp.full((b, h, c_q), jnp.finfo(wide).min, wide),
            jnp.zeros((b, h, c_q), wide),
            jnp.zeros((b, h, c_q, v.shape[-1]), wide),
        )
        start = tuple(varying_as(x, query, keys, values, of_rows) for x in start)
        (_, total, y), _ = lax.scan(jax.checkpoint(body), start, (jnp.arange(len(keys)), keys, values))
        y = y / jnp.where(total > 0, total, 1)[..., None]
        return jnp.swapaxes(y, 1, 2).astype(query.dtype)

    queries = _chunks(q, c_q)
    y = lax.map(lambda args: rows(*args), (jnp.arange(len(queries)), queries))  # [T / C, B, C, H, V]
    return jnp.moveaxis(y, 0, 1).reshape(b, -1, h, v.shape[-1])[:, :n_queries]


def _accumulate(
    carry: tuple[Array, Array, Array], query: Array, key: Array, value: Array, allowed: Array, bias: Array | None = None
) -> tuple[Array, Array, Array]:
    """The three running values m, l [B, H, C] and a [B, H, C, V] after one more chunk of keys."""
    m_old, total, y = carry
    scores = jnp.einsum("bthk,bshk->bhts", query, key, preferred_element_type=y.dtype) / math.sqrt(query.shape[-1])
    scores = scores if bias is None else scores + bias.astype(scores.dtype)
    scores = jnp.where(allowed, scores, jnp.finfo(scores.dtype).min)
    m = lax.stop_gradient(jnp.maximum(m_old, scores.max(-1)))  # cancels in y: its gradient is zero
    p = jnp.where(allowed, jnp.exp(scores - m[..., None]), 0)
    old = jnp.exp(m_old - m)
    total = total * old + p.sum(-1)
    more = jnp.einsum("bhts,bshv->bhtv", p.astype(value.dtype), value, preferred_element_type=y.dtype)
    return m, total, y * old[..., None] + more


def _pad_scores(x: Array, c_q: int, c_k: int) -> Array:
    """A mask or bias [B, H, T, S] filled up to whole chunks; an axis of 1 stays."""
    x = _pad(x, 2, c_q) if x.shape[2] > 1 else x
    return _pad(x, 3, c_k) if x.shape[3] > 1 or x.dtype == bool else x


def _slice(x: Array, i: Array, chunk: int, axis: int) -> Array:
    """Chunk i along an axis; an axis of 1 is the same for all chunks."""
    return lax.dynamic_slice_in_dim(x, i * chunk, chunk, axis) if x.shape[axis] > 1 else x


def _pad(x: Array, axis: int, multiple: int) -> Array:
    """Zeros (False) after `x` up to a multiple."""
    widths = [(0, -x.shape[axis] % multiple if i == axis else 0) for i in range(x.ndim)]
    return jnp.pad(x, widths)


def _chunks(x: Array, chunk: int) -> Array:
    """[B, T, H, K] -> [T / C, B, C, H, K]."""
    x = _pad(x, 1, chunk)
    return jnp.moveaxis(x.reshape(x.shape[0], -1, chunk, *x.shape[2:]), 1, 0)
