"""What greedy decoding, sampling and beam search share: the result, and checks of what goes into the loop."""

from collections.abc import Callable
from typing import Any, NamedTuple, TypeAlias

import jax
import jax.numpy as jnp

from jaxdl.types import Array, DType, Params, Tree, at_least_float32, wide_dtype

DecodeStep: TypeAlias = Callable[[Params, Tree, Array], tuple[Tree, Array]]
"""(params, cache, token [N]) -> (cache, logits [N, V])."""

IMPOSSIBLE = -1e30  # a log-probability below all others; -inf would make NaN of differences


class Decoded(NamedTuple):
    """Sequences. A beam search puts its beams, best first, after the batch axis.

    Attributes:
        tokens: [B, T] (beams: [B, K, T]) int32; from the end token on, `pad`.
        lengths: [B] tokens before the end token; T where it did not come.
        scores: [B] sum of the log-probabilities of the tokens and the end token; of a beam search, divided by the
            length penalty, and about -1e30 for beams beyond the sequences that there are.
    """

    tokens: Array
    lengths: Array
    scores: Array


def batch_size(cache: Tree) -> int:
    """B, which every array of the cache leads with.

    Raises: ValueError if they do not agree.
    """
    sizes = {leaf.shape[0] for leaf in jax.tree.leaves(cache) if jnp.ndim(leaf)}
    if len(sizes) != 1:
        raise ValueError(f"decoding: every array of the cache leads with the batch axis, got sizes {sorted(sizes)}")
    return sizes.pop()


def score_dtype(decode_step: DecodeStep, params: Params, cache: Tree, batch: int) -> DType:
    """The dtype of log-probabilities: that of the logits, at least float32."""
    logits: Any = jax.eval_shape(decode_step, params, cache, jnp.zeros((batch,), jnp.int32))[1]
    return wide_dtype(logits.dtype)


def forced_tokens(prompt: Array | None, batch: int, max_length: int, pad: int) -> Array:
    """[B, T]: the token that must stand there, or `pad` where any may.

    Raises: ValueError for a prompt of another batch or longer than T.
    """
    if prompt is None:
        return jnp.full((batch, max_length), pad, jnp.int32)
    if prompt.ndim != 2 or prompt.shape[0] != batch or prompt.shape[1] > max_length:
        raise ValueError(f"decoding: prompt {prompt.shape} must be [{batch}, P] with P <= max_length {max_length}")
    widths = ((0, 0), (0, max_length - prompt.shape[1]))
    return jnp.pad(prompt.astype(jnp.int32), widths, constant_values=pad)


def allowed_log_probabilities(logits: Array, given: Array, pad: int) -> tuple[Array, Array]:
    """Log-probabilities of the model, and those that a search may choose from: [N, V] both.

    Where a prompt gives a token (`given` [N] is not `pad`), that one alone; elsewhere every token but `pad`, which no
    text contains. The scores of a search are of the first.
    """
    log_p = jax.nn.log_softmax(at_least_float32(logits), axis=-1)
    tokens, given = jnp.arange(logits.shape[-1])[None], given[:, None]
    allowed = jnp.where(given == pad, tokens != pad, tokens == given)
    return log_p, jnp.where(allowed, log_p, IMPOSSIBLE)
