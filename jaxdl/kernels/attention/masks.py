"""What every form of attention asks of its arguments, and what its masks mean: True where a key may be read.

Dims: B batch, T queries, S keys, H heads of queries, G heads of keys and values, K features of a head, V of a value.
"""

import jax.numpy as jnp

from jaxdl.types import Array
from jaxdl.validation import require_floating, require_mask


def check_attention(name: str, q: Array, k: Array, v: Array, mask: Array | None, bias: Array | None = None) -> None:
    """Raise ValueError unless q [B, T, H, K], k [B, S, G, K], v [B, S, G, V], mask and bias [B, H, T, S] fit together.

    G divides H; any axis of the mask or the bias may be 1, but for a mask's S.
    """
    require_floating(name, q=q, k=k, v=v)
    if (
        q.ndim != 4
        or k.ndim != 4
        or v.shape[:-1] != k.shape[:-1]
        or (k.shape[0], k.shape[3]) != (q.shape[0], q.shape[3])
    ):
        raise ValueError(
            f"{name}: q {q.shape} must be [B, T, H, K], k {k.shape} [B, S, G, K], v {v.shape} [B, S, G, V]"
        )
    if k.shape[2] == 0 or q.shape[2] % k.shape[2]:
        raise ValueError(f"{name}: {k.shape[2]} heads of keys {k.shape} must divide {q.shape[2]} of queries {q.shape}")
    full = (q.shape[0], q.shape[2], q.shape[1], k.shape[1])
    if mask is not None:
        require_mask(name, mask, full, "[B, H, T, S]")
        if mask.shape[3] != full[3]:
            raise ValueError(f"{name}: the mask {mask.shape} must say of each of the {full[3]} keys whether it is read")
    if bias is not None:
        require_floating(name, bias=bias)
        if bias.ndim != 4 or any(m not in (1, n) for m, n in zip(bias.shape, full, strict=True)):
            raise ValueError(f"{name}: the bias {bias.shape} must broadcast to [B, H, T, S] {full}")


def causal_mask(n_queries: int, n_keys: int | None = None) -> Array:
    """[T, S] bool: query t may read keys 0 .. t.

    >>> causal_mask(3).astype(int).tolist()
    [[1, 0, 0], [1, 1, 0], [1, 1, 1]]
    """
    n_keys = n_queries if n_keys is None else n_keys
    return jnp.arange(n_keys)[None, :] <= jnp.arange(n_queries)[:, None]


def may_read(mask: Array | None, causal: bool, n_queries: int, n_keys: int) -> Array | None:
    """The mask and the causal one together, [B or 1, H or 1, T or 1, S]; None allows all."""
    if not causal:
        return mask
    order = causal_mask(n_queries, n_keys)[None, None]
    return order if mask is None else mask & order


def hide_unread(mask: Array | None, k: Array, v: Array) -> tuple[Array, Array]:
    """Zeros for keys and values that no query may read: 0 times NaN is NaN, in the sum and in the gradient."""
    if mask is None:
        return k, v
    some = mask.any((1, 2))[:, :, None, None]  # [B or 1, S, 1, 1]
    return jnp.where(some, k, 0), jnp.where(some, v, 0)


def repeat_heads(k: Array, n_heads: int) -> Array:
    """[B, S, G, K] -> [B, S, H, K]: query head h reads key head h G / H."""
    return k if k.shape[2] == n_heads else jnp.repeat(k, n_heads // k.shape[2], axis=2)
