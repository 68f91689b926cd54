"""The pointer-generator: a decoder that may copy tokens of its source instead of choosing from the vocabulary.

Reference: See, Liu, Manning, "Get to the point: summarization with pointer-generator networks", 2017 (here with one
vocabulary for both sides, and no extended one for a source's unknown words).

Dims: B batch, T target length, S source length, V vocabulary.
"""

import jax
import jax.numpy as jnp

from jaxdl.types import Array, at_least_float32


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
    gate = jnp.broadcast_to(at_least_float32(gate).astype(chosen.dtype)[..., None], chosen.shape)
    copied = jax.vmap(lambda a, ids: jnp.zeros((t, n_tokens), chosen.dtype).at[:, ids].add(a))(
        weights.astype(chosen.dtype), source
    )
    possible = copied > 0  # log 0 would give NaN gradients
    log_copied = jnp.where(possible, jnp.log(jnp.where(possible, copied, jnp.ones_like(copied))), -1e30)
    return jnp.logaddexp(jax.nn.log_sigmoid(gate) + chosen, jax.nn.log_sigmoid(-gate) + log_copied)
