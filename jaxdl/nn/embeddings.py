"""Embeddings: a vector for every token, and vectors that say where in the sequence it stands.

Dims: B batch, T time, V vocabulary, D features, H heads, K features of a head.
"""

import math

import chex
import jax.numpy as jnp

from jaxdl.nn.initializers import normal
from jaxdl.types import Array, DType, Initializer, Key, Params, at_least_float32, wide_dtype
from jaxdl.validation import require_arrays, require_floating


def init_embedding(
    key: Key,
    n_tokens: int,
    n_features: int,
    *,
    initializer: Initializer | None = None,
    dtype: DType = jnp.float32,
) -> Params:
    """Parameters of `embedding`: {"table": [V, D]}, by default drawn from N(0, 1 / D).

    Learned positions are an embedding too: a row for each position instead of each token.

    >>> import jax
    >>> init_embedding(jax.random.key(0), 10, 4)["table"].shape
    (10, 4)
    """
    draw = normal(n_features**-0.5) if initializer is None else initializer
    return {"table": draw(key, (n_tokens, n_features), dtype)}


def embedding(params: Params, tokens: Array) -> Array:
    """Look up the row of each token:  y = table[tokens].

    Args:
        params: {"table": [V, D]}.
        tokens: [...], any integer dtype, in [0, V); others give NaN, in the value and in the gradient.
    Returns: [..., D], dtype of the table.
    Raises: ValueError if the tokens are not integers.

    >>> embedding({"table": jnp.array([[1.0, 2.0], [3.0, 4.0]])}, jnp.array([1, 0, 1])).tolist()
    [[3.0, 4.0], [1.0, 2.0], [3.0, 4.0]]
    """
    require_arrays("embedding", tokens=tokens)
    if not jnp.issubdtype(tokens.dtype, jnp.integer):
        raise ValueError(f"embedding: tokens must be integers, got {tokens.dtype}")
    table = params["table"]
    chex.assert_rank(table, 2)
    tokens = tokens if tokens.dtype.itemsize >= 4 else tokens.astype(jnp.int32)  # 8 bits cannot hold V
    known = (tokens >= 0) & (tokens < table.shape[0])
    rows = jnp.take(table, tokens, axis=0, mode="clip")
    return rows * jnp.where(known, 1, math.nan).astype(table.dtype)[..., None]


def unembedding(params: Params, x: Array) -> Array:
    """Logits of every token by the embedding's own table (weight tying):  y = x table^T.

    Args:
        params: {"table": [V, D]}.
        x: [..., D], float.
    Returns: [..., V], at least float32: half-precision products are summed and kept in float32, for the loss.
    Raises: ValueError if the last axis of `x` is not D.
    Reference: Press, Wolf, "Using the output embedding to improve language models", 2017.

    >>> unembedding({"table": jnp.array([[1.0, 2.0], [3.0, 4.0]])}, jnp.array([1.0, 0.0])).tolist()
    [1.0, 3.0]
    """
    table = params["table"]
    chex.assert_rank(table, 2)
    require_floating("unembedding", x=x)
    if x.shape[-1:] != table.shape[1:]:
        raise ValueError(f"unembedding: x {x.shape} must end in the rows of the table {table.shape}: {table.shape[1]}")
    rows = x.reshape(math.prod(x.shape[:-1]), x.shape[-1])
    wide = wide_dtype(x.dtype)
    y = jnp.matmul(rows, table.astype(x.dtype).T, preferred_element_type=wide)
    return y.reshape(*x.shape[:-1], table.shape[0])


def sinusoidal_positions(positions: Array, n_features: int, *, dtype: DType = jnp.float32) -> Array:
    """The fixed position vectors of the Transformer: sines and cosines of wavelengths from 2 pi to 10,000 * 2 pi.

        y[..., 2i] = sin(p / 10000^(2i / D)),    y[..., 2i + 1] = cos(p / 10000^(2i / D))

    Args:
        positions: [...] integers (or floats).
        n_features: D, even.
    Returns: [..., D].
    Raises: ValueError for an odd D.
    Reference: Vaswani et al., "Attention is all you need", 2017, section 3.5.

    >>> [[f"{v:.2f}" for v in row] for row in sinusoidal_positions(jnp.arange(2), 4)]
    [['0.00', '1.00', '0.00', '1.00'], ['0.84', '0.54', '0.01', '1.00']]
    """
    require_arrays("sinusoidal_positions", positions=positions)
    angles = _angles("sinusoidal_positions", positions, n_features, 10_000.0, dtype)
    return jnp.stack([jnp.sin(angles), jnp.cos(angles)], axis=-1).reshape(*positions.shape, n_features).astype(dtype)


def rotary(x: Array, positions: Array, *, base: float = 10_000.0) -> Array:
    """Turn each pair of features of a query or key by an angle proportional to its position.

        (y[2i], y[2i + 1]) = R(p base^(-2i / K)) (x[2i], x[2i + 1]),    R(a) = [[cos a, -sin a], [sin a, cos a]]

    The product of a query at p with a key at q then depends on both vectors and p - q alone.

    Args:
        x: [B, T, H, K], K even.
        positions: [T] or [B, T] integers.
    Returns: like `x`; computed in at least float32.
    Raises: ValueError for an odd K, or positions of another length than T.
    Reference: Su et al., "RoFormer: enhanced Transformer with rotary position embedding", 2021.

    >>> [f"{v:.2f}" for v in rotary(jnp.array([1.0, 0.0]).reshape(1, 1, 1, 2), jnp.array([1]))[0, 0, 0]]
    ['0.54', '0.84']
    """
    require_floating("rotary", x=x)
    require_arrays("rotary", positions=positions)
    chex.assert_rank(x, 4)
    if positions.shape not in ((x.shape[1],), x.shape[:2]):
        raise ValueError(f"rotary: positions {positions.shape} must be [T] or [B, T] of x {x.shape}")
    wide = at_least_float32(x)
    angles = _angles("rotary", positions, x.shape[-1], base, wide.dtype)
    angles = angles.reshape(-1, x.shape[1], 1, x.shape[-1] // 2)  # [B or 1, T, 1, K / 2]
    cos, sin = jnp.cos(angles), jnp.sin(angles)
    even, odd = wide[..., 0::2], wide[..., 1::2]
    return jnp.stack([even * cos - odd * sin, even * sin + odd * cos], axis=-1).reshape(x.shape).astype(x.dtype)


def _angles(name: str, positions: Array, n_features: int, base: float, dtype: DType) -> Array:
    """p base^(-2i / D) for i = 0 .. D / 2 - 1: [..., D / 2], at least float32."""
    if n_features % 2:
        raise ValueError(f"{name}: features come in pairs, got {n_features}")
    wide = wide_dtype(dtype)
    exponents = jnp.arange(0, n_features, 2, dtype=wide) / n_features
    frequencies = jnp.power(jnp.asarray(base, wide), -exponents)
    return positions.astype(wide)[..., None] * frequencies.reshape((1,) * positions.ndim + (-1,))
