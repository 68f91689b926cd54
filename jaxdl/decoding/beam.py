"""Beam search: keep the K best beginnings at every length."""

from typing import NamedTuple

import jax
import jax.numpy as jnp
from jax import lax

from jaxdl.decoding.loop import (
    IMPOSSIBLE,
    Decoded,
    DecodeStep,
    allowed_log_probabilities,
    batch_size,
    forced_tokens,
    score_dtype,
)
from jaxdl.types import Array, Params, Tree


class _Beams(NamedTuple):
    """K beams for each of B sequences.

    Attributes:
        token: [B, K] the last one.
        done: [B, K] whether it was the end token, now or before.
        tokens: [B, K, T] so far; `pad` from the end token on.
        lengths: [B, K] tokens, the end token included.
        log_p: [B, K] their log-probabilities, summed.
    """

    token: Array
    done: Array
    tokens: Array
    lengths: Array
    log_p: Array


def beam_search(
    decode_step: DecodeStep,
    params: Params,
    cache: Tree,
    *,
    bos: int,
    eos: int,
    max_length: int,
    beam: int = 4,
    length_penalty: float | Array = 0.6,
    pad: int = 0,
    prompt: Array | None = None,
) -> Decoded:
    """Search for the sequence with the best score, keeping the K best so far at every step.

        score(y) = log p(y) / ((5 + |y|) / 6)^alpha        |y| tokens, the end token included

    A beam that has ended keeps its place and its score as long as it is among the K best; a beam that reaches
    max_length is cut off there. With one beam this is `greedy`.

    Args:
        cache: as the model starts it, for B sequences (not for their beams). What `decode_step` returns untouched is
            taken to be the same for all beams of a sequence, and is not moved about with them.
        beam: K.
        length_penalty: alpha; 0 compares log-probabilities, which favors short sequences.
        decode_step, bos, eos, max_length, pad, prompt: as in `greedy`.
    Returns: Decoded with K beams for each sequence, best first: tokens [B, K, T], lengths and scores [B, K].
    Reference: Wu et al., "Google's neural machine translation system", 2016, equation 14 (without coverage).

    >>> def decode_step(params, cache, token):  # counts up; 4 is the end
    ...     return cache, jax.nn.one_hot(token + 1, 5)
    >>> beam_search(decode_step, {}, {"x": jnp.zeros(1)}, bos=1, eos=4, max_length=5, beam=2).tokens[0, 0].tolist()
    [2, 3, 0, 0, 0]
    """
    if beam < 1:
        raise ValueError(f"beam_search: beam must be at least 1, got {beam}")
    b = batch_size(cache)
    forced = jnp.repeat(forced_tokens(prompt, b, max_length, pad), beam, axis=0)
    cache = jax.tree.map(lambda leaf: jnp.repeat(leaf, beam, axis=0) if jnp.ndim(leaf) else leaf, cache)
    dtype = score_dtype(decode_step, params, cache, b * beam)
    alpha = jnp.asarray(length_penalty, dtype)

    def unfinished(carry: tuple[Array, Tree, _Beams]) -> Array:
        t, _, beams = carry
        return (t < max_length) & ~beams.done.all()

    def step(carry: tuple[Array, Tree, _Beams]) -> tuple[Array, Tree, _Beams]:
        t, cache, beams = carry
        new_cache, logits = decode_step(params, cache, beams.token.reshape(b * beam))
        given = lax.dynamic_index_in_dim(forced, t, axis=1, keepdims=False)
        _, log_p = allowed_log_probabilities(logits, given, pad)
        ends = (given == pad).reshape(b, beam)  # an end token of the prompt ends nothing
        beams, parent = _grow(beams, log_p.reshape(b, beam, -1), t, alpha, ends, eos, pad)
        rows = (jnp.arange(b)[:, None] * beam + parent).reshape(-1)

        def follow(new: Array, old: Array) -> Array:
            return new if new is old or not jnp.ndim(new) else jnp.take(new, rows, axis=0)

        return t + 1, jax.tree.map(follow, new_cache, cache), beams

    only_first = jnp.where(jnp.arange(beam) == 0, 0.0, IMPOSSIBLE).astype(dtype)  # the others are its copies
    beams = _Beams(
        jnp.full((b, beam), bos, jnp.int32),
        jnp.zeros((b, beam), bool),
        jnp.full((b, beam, max_length), pad, jnp.int32),
        jnp.zeros((b, beam), jnp.int32),
        jnp.tile(only_first, (b, 1)),
    )
    _, _, beams = lax.while_loop(unfinished, step, (jnp.zeros((), jnp.int32), cache, beams))
    scores, order = lax.top_k(beams.log_p / _penalty(beams.lengths, alpha), beam)
    lengths = beams.lengths - beams.done.astype(jnp.int32)
    tokens = jnp.take_along_axis(beams.tokens, order[..., None], axis=1)
    return Decoded(tokens, jnp.take_along_axis(lengths, order, axis=1), scores)


def _grow(beams: _Beams, log_p: Array, t: Array, alpha: Array, ends: Array, eos: int, pad: int) -> tuple[_Beams, Array]:
    """The K best of the K V beams that are one token longer, and [B, K] which beam each has grown from.

    Args:
        ends: [B, K] whether an end token ends a beam; the same for all beams of a sequence.
    """
    b, _, n_tokens = log_p.shape
    stay = jnp.where(jnp.arange(n_tokens) == pad, 0.0, IMPOSSIBLE).astype(log_p.dtype)
    gain = jnp.where(beams.done[..., None], stay[None, None], log_p)  # what has ended stays as it is
    sums = jnp.maximum(beams.log_p[..., None] + gain, IMPOSSIBLE)
    lengths = beams.lengths + (~beams.done).astype(jnp.int32)
    scores = sums / _penalty(lengths, alpha)[..., None]
    _, best = lax.top_k(scores.reshape(b, -1), log_p.shape[1])
    parent, token = best // n_tokens, (best % n_tokens).astype(jnp.int32)
    done = jnp.take_along_axis(beams.done, parent, axis=1) | ((token == eos) & ends)
    tokens = jnp.take_along_axis(beams.tokens, parent[..., None], axis=1)
    tokens = lax.dynamic_update_index_in_dim(tokens, jnp.where(done, pad, token), t, axis=2)
    log_p = jnp.take_along_axis(sums.reshape(b, -1), best, axis=1)
    return _Beams(token, done, tokens, jnp.take_along_axis(lengths, parent, axis=1), log_p), parent


def _penalty(lengths: Array, alpha: Array) -> Array:
    return jnp.power((5 + lengths).astype(alpha.dtype) / 6, alpha)
