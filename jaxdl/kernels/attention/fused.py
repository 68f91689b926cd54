"""cuDNN's attention kernel, and where it stands in for the definition.

Dims: B batch, T queries, S keys, H heads of queries, G heads of keys and values, K features of a head.
"""

from typing import Any

import jax
import jax.numpy as jnp

from jaxdl.kernels.attention.masks import check_attention, may_read
from jaxdl.types import Array

METHODS = ("auto", "plain", "chunked", "fused")


def choose_method(backend: str, q: Any, k: Any, v: Any, *, masked: bool, extras: bool = False) -> str:
    """Which form of `dot_product_attention` runs: "fused" where cuDNN's kernel takes the arrays, else "plain".

    It takes half precision, heads of up to 128 features in steps of 8, and values as wide as keys; a mask reaches it as
    a bias, and then its backward pass needs even lengths. It has no gradient of a bias that broadcasts and draws its
    dropout from a seed of its own, so that either (`extras`) is for the definition. Only shapes and dtypes count.

    >>> q = jax.ShapeDtypeStruct((2, 10, 4, 64), jnp.bfloat16)
    >>> choose_method("gpu", q, q, q, masked=True), choose_method("cpu", q, q, q, masked=True)
    ('fused', 'plain')
    """
    half = q.dtype in (jnp.dtype(jnp.float16), jnp.dtype(jnp.bfloat16)) and q.dtype == k.dtype == v.dtype
    fits = 0 < q.shape[-1] <= 128 and q.shape[-1] % 8 == 0 and v.shape[-1] == k.shape[-1]
    even = not masked or (q.shape[1] % 2 == 0 and k.shape[1] % 2 == 0)
    some = 0 not in (*q.shape, *k.shape)
    return "fused" if backend in ("gpu", "cuda") and half and fits and even and some and not extras else "plain"


def fused_attention(q: Array, k: Array, v: Array, *, mask: Array | None = None, causal: bool = False) -> Array:
    """`dot_product_attention` by `jax.nn`'s call of cuDNN; zeros for a query that may read nothing.

    The kernel has no such rule: it gives that query the mean of all values.
    """
    check_attention("fused_attention", q, k, v, mask)
    if mask is not None:  # the kernel wants every row of it
        mask = jnp.broadcast_to(mask, (*mask.shape[:2], q.shape[1], k.shape[1]))
    y = jax.nn.dot_product_attention(q, k, v, mask=mask, is_causal=causal, implementation="cudnn")
    if mask is None:  # causal alone leaves every query its first key
        return y
    allowed = may_read(mask, causal, q.shape[1], k.shape[1])
    assert allowed is not None
    return jnp.where(jnp.swapaxes(allowed.any(-1, keepdims=True), 1, 2), y, 0)  # [B or 1, T or 1, H or 1, 1]
