"""The pointer-generator: a decoder that may copy tokens of its source instead of choosing from the vocabulary.

Reference: See, Liu, Manning, "Get to the point: summarization with pointer-generator networks", 2017 (here with one
vocabulary for both sides, and no extended one for a source's unknown words).

Dims: B batch, T target length, S source length, V vocabulary, D features of the decoder's state, M of the memory.
"""

import chex
import jax
import jax.numpy as jnp

from jaxdl.nn.affine import dense, init_dense
from jaxdl.nn.attention import attention_weights
from jaxdl.types import Array, DType, Key, Params, at_least_float32
from jaxdl.validation import require_floating, require_mask


def init_pointer(key: Key, d_model: int, *, dtype: DType = jnp.float32) -> Params:
    """Parameters of `pointer`: {"query": {"w": [D, D], "b"}, "key": {"w": [D, D]}, "gate": {"w": [2D, 1], "b"}}.

    A bias of the keys would add the same to all scores of a query, which a softmax does not see.

    >>> init_pointer(jax.random.key(0), 4)["gate"]["w"].shape
    (8, 1)
    """
    q_key, k_key, g_key = jax.random.split(key, 3)
    return {
        "query": init_dense(q_key, d_model, d_model, dtype=dtype),
        "key": init_dense(k_key, d_model, d_model, bias=False, dtype=dtype),
        "gate": init_dense(g_key, 2 * d_model, 1, dtype=dtype),
    }


def pointer(params: Params, x: Array, memory: Array, *, mask: Array | None = None) -> tuple[Array, Array]:
    """Where in the source to copy from, and whether: an attention head of its own, for models that have many.

        a[t] = softmax over s of (W_q x[t]) . (W_k m[s]) / sqrt(D),    gate = w . [x; sum over s of a[t, s] m[s]] + b

    Args:
        params: as from `init_pointer`.
        x: states of the decoder [B, T, D].
        memory: m [B, S, D].
        mask: bool [B, S], True where a token may be copied.
    Returns: gate [B, T] and a [B, T, S], for `mix_copies`.

    >>> gate, a = pointer(init_pointer(jax.random.key(0), 4), jnp.ones((2, 3, 4)), jnp.ones((2, 5, 4)))
    >>> gate.shape, a.shape
    ((2, 3), (2, 3, 5))
    """
    require_floating("pointer", x=x, memory=memory)
    chex.assert_rank([x, memory], 3)
    if mask is not None:
        require_mask("pointer", mask, memory.shape[:2], "[B, S]")
        memory = jnp.where(mask[:, :, None], memory, 0)  # 0 times NaN is NaN
    q, k = dense(params["query"], x)[:, :, None], dense(params["key"], memory)[:, :, None]  # one head
    weights = attention_weights(q, k, mask=None if mask is None else mask[:, None, None])[:, 0]
    context = jnp.einsum("bts,bsd->btd", weights.astype(memory.dtype), memory)
    return dense(params["gate"], jnp.concatenate([x, context], axis=-1))[..., 0], weights


def mix_copies(logits: Array, gate: Array, weights: Array, source: Array) -> Array:
    """Log-probabilities of a mixture: choose from the vocabulary with probability g, else copy from the source.

        p(w) = g softmax(logits)[w] + (1 - g) sum over s with source[s] = w of a[s],    g = 1 / (1 + exp(-gate))

    Args:
        logits: [B, T, V].
        gate: [B, T], the logit of choosing rather than copying.
        weights: a [B, T, S], an attention to the source: rows sum to 1 over the source's tokens.
        source: [B, S] integers in [0, V): source and target share one vocabulary.
    Returns: log p [B, T, V], at least float32. A loss of logits takes them as they are: their softmax is p.
    Raises: ValueError if the shapes do not fit together.

    >>> weights, source = jnp.array([[[0.25, 0.75]]]), jnp.array([[2, 2]])
    >>> jnp.exp(mix_copies(jnp.zeros((1, 1, 4)), jnp.zeros((1, 1)), weights, source))[0, 0].tolist()
    [0.125, 0.125, 0.625, 0.125]
    """
    b, t, n_tokens = logits.shape
    if gate.shape != (b, t) or weights.shape != (b, t, source.shape[-1]) or source.shape[0] != b:
        raise ValueError(
            f"mix_copies: logits {logits.shape} are [B, T, V]; gate {gate.shape} must be [B, T], "
            f"weights {weights.shape} [B, T, S], source {source.shape} [B, S]"
        )
    chosen = jax.nn.log_softmax(at_least_float32(logits), axis=-1)
    gate = gate.astype(chosen.dtype)[..., None]
    copied = jax.vmap(lambda a, ids: jnp.zeros((t, n_tokens), chosen.dtype).at[:, ids].add(a))(
        weights.astype(chosen.dtype), source
    )
    possible = copied > 0  # log 0 would give NaN gradients
    log_copied = jnp.where(possible, jnp.log(jnp.where(possible, copied, 1)), -1e30)
    return jnp.logaddexp(jax.nn.log_sigmoid(gate) + chosen, jax.nn.log_sigmoid(-gate) + log_copied)
