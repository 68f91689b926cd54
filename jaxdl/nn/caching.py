"""Attention one position at a time: keys and values of the positions before are kept instead of computed again.

The cache has a fixed size, so that every step has the same shapes and the loop compiles once; a mask hides the room
that is not filled yet. All layers lie in one array, which a scan over layers carries along and updates in place.

Dims: B batch, L layers, T room of the cache, S memory length, H heads of keys, K features of a head, D model.
"""

import chex
import jax
import jax.numpy as jnp
from jax import lax

from jaxdl.nn.attention import (
    attention_weights,
    merge_heads,
    project_keys_values,
    project_qkv,
    project_queries,
    read_values,
)
from jaxdl.types import Array, DType, Params


def init_key_value_cache(
    batch: int, n_layers: int, length: int, n_heads: int, n_features: int, *, dtype: DType = jnp.float32
) -> dict[str, Array]:
    """An empty cache: {"k": zeros [B, L, T, H, K], "v": zeros [B, L, T, H, K]}.

    >>> init_key_value_cache(2, 3, 8, 2, 4)["k"].shape
    (2, 3, 8, 2, 4)
    """
    shape = (batch, n_layers, length, n_heads, n_features)
    return {"k": jnp.zeros(shape, dtype), "v": jnp.zeros(shape, dtype)}


def cached_self_attention(
    params: Params,
    x: Array,
    cache: dict[str, Array],
    *,
    layer: Array | int,
    position: Array | int,
    n_heads: int,
    rotary: bool = False,
) -> tuple[Array, dict[str, Array]]:
    """Row `position` of causal self-attention, for a new x; the keys and values of rows 0 .. position - 1 are cached.

    Args:
        params: of `multi_head_attention`.
        x: [B, 1, D].
        cache: as from `init_key_value_cache`.
        layer: which of the cache's layers this is.
        position: where x stands, in [0, T); beyond the room of the cache the last row is overwritten.
        rotary: turn queries and keys to their positions.
    Returns: y [B, 1, D] and the cache with the keys and values of x.

    >>> from jaxdl.nn.attention import init_multi_head_attention
    >>> cache = init_key_value_cache(2, 1, 8, 2, 2)
    >>> params = init_multi_head_attention(jax.random.key(0), 4)
    >>> cached_self_attention(params, jnp.ones((2, 1, 4)), cache, layer=0, position=0, n_heads=2)[0].shape
    (2, 1, 4)
    """
    chex.assert_shape(x, (cache["k"].shape[0], 1, None))
    position = jnp.asarray(position, jnp.int32)
    q, k, v = project_qkv(params, x, n_heads, position[None] if rotary else None)
    start = (0, layer, position, 0, 0)
    cache = {
        "k": lax.dynamic_update_slice(cache["k"], k[:, None], start),
        "v": lax.dynamic_update_slice(cache["v"], v[:, None], start),
    }
    filled = (jnp.arange(cache["k"].shape[2]) <= position)[None, None, None]
    return _read(params, q, cache, layer, filled), cache


def memory_cache(params: Params, memory: Array, n_heads: int) -> dict[str, Array]:
    """Keys and values of a memory [B, S, D] for every layer at once: {"k", "v": [B, L, S, H, K]}.

    `params` are those of the layers' attentions to the memory, stacked along a leading axis L.
    """
    k, v = jax.vmap(lambda layer: project_keys_values(layer, memory, n_heads), out_axes=1)(params)
    return {"k": k, "v": v}


def cached_cross_attention(
    params: Params, x: Array, cache: dict[str, Array], *, layer: Array | int, n_heads: int, mask: Array | None = None
) -> Array:
    """Attention of x [B, T, D] to a memory whose keys and values are cached by `memory_cache`.

    `mask` is [B, 1, 1, S]; what it hides must be finite, since a select over the memory at each step would cost time.
    """
    return _read(params, project_queries(params, x, n_heads), cache, layer, mask)


def _read(params: Params, q: Array, cache: dict[str, Array], layer: Array | int, mask: Array | None) -> Array:
    k, v = (lax.dynamic_index_in_dim(cache[name], layer, axis=1, keepdims=False) for name in ("k", "v"))
    return merge_heads(params, read_values(attention_weights(q, k, mask=mask), v))
