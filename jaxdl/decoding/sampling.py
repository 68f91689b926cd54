"""Greedy decoding and sampling: one sequence for each row, a token at a time."""

from collections.abc import Callable
from typing import NamedTuple, TypeAlias

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
from jaxdl.types import Array, Key, Params, Tree

Pick: TypeAlias = Callable[[Array, Array], Array]  # (log-probabilities [B, V], step) -> tokens [B]


def greedy(
    decode_step: DecodeStep,
    params: Params,
    cache: Tree,
    *,
    bos: int,
    eos: int,
    max_length: int,
    pad: int = 0,
    prompt: Array | None = None,
) -> Decoded:
    """Take the likeliest token at every step.

    Args:
        decode_step: (params, cache, token [B]) -> (cache, logits [B, V]).
        cache: as the model starts it, for B sequences.
        bos, eos, pad: the tokens that start, end and fill up a sequence. `pad` itself is never chosen.
        max_length: T, tokens at most; the cache must have room for them.
        prompt: [B, P] integers: how each sequence must begin after `bos`, filled up with `pad` (prompts may differ
            in length). They count as tokens of the sequence, and an `eos` among them ends nothing.
    Returns: Decoded.

    >>> def decode_step(params, cache, token):  # counts up; 4 is the end
    ...     return cache, jax.nn.one_hot(token + 1, 5)
    >>> greedy(decode_step, {}, {"x": jnp.zeros(1)}, bos=1, eos=4, max_length=5).tokens.tolist()
    [[2, 3, 0, 0, 0]]
    """
    pick = lambda log_p, t: log_p.argmax(-1).astype(jnp.int32)  # noqa: E731
    return _decode(decode_step, params, cache, pick, _Limits(bos, eos, pad, max_length), prompt)


def sample(
    decode_step: DecodeStep,
    params: Params,
    cache: Tree,
    *,
    bos: int,
    eos: int,
    max_length: int,
    pad: int = 0,
    prompt: Array | None = None,
    temperature: float | Array = 1.0,
    top_k: int | None = None,
    top_p: float | Array | None = None,
    key: Key,
) -> Decoded:
    """Draw every token from `filter_logits` of the model's distribution.

    Args:
        temperature, top_k, top_p: as in `filter_logits`.
        key: of the draws. The others are as in `greedy`.
    Returns: Decoded; the scores are of the model's own distribution, not of the filtered one.

    >>> def decode_step(params, cache, token):
    ...     return cache, 100 * jax.nn.one_hot(token + 1, 5)
    >>> options = dict(bos=1, eos=4, max_length=5, key=jax.random.key(0))
    >>> sample(decode_step, {}, {"x": jnp.zeros(1)}, **options).tokens.tolist()
    [[2, 3, 0, 0, 0]]
    """

    def pick(log_p: Array, t: Array) -> Array:
        logits = filter_logits(log_p, temperature=temperature, top_k=top_k, top_p=top_p)
        return jax.random.categorical(jax.random.fold_in(key, t), logits).astype(jnp.int32)

    return _decode(decode_step, params, cache, pick, _Limits(bos, eos, pad, max_length), prompt)


def filter_logits(
    logits: Array,
    *,
    temperature: float | Array = 1.0,
    top_k: int | None = None,
    top_p: float | Array | None = None,
) -> Array:
    """Logits / temperature, with all but the likeliest tokens made impossible.

    Args:
        logits: [..., V].
        temperature: > 0; below 1 sharpens the distribution, above 1 flattens it.
        top_k: keep the k likeliest (ties with the k-th stay).
        top_p: keep the nucleus: the fewest tokens whose probabilities, at this temperature, sum to at least p; the
            likeliest always stays. With `top_k`, of what that has left.
    Returns: [..., V].
    Raises: ValueError for a temperature or top_k that is not positive.
    Reference: Holtzman et al., "The curious case of neural text degeneration", 2020.

    >>> probabilities = jax.nn.softmax(filter_logits(jnp.log(jnp.array([0.5, 0.3, 0.2])), top_p=0.7))
    >>> [f"{p:.3f}" for p in probabilities]
    ['0.625', '0.375', '0.000']
    """
    if isinstance(temperature, int | float) and temperature <= 0:
        raise ValueError(f"sample: temperature must be positive, got {temperature}; use greedy for 0")
    if top_k is not None and top_k < 1:
        raise ValueError(f"sample: top_k must be at least 1, got {top_k}")
    logits = logits / jnp.asarray(temperature, logits.dtype)
    if top_k is not None:
        lowest = lax.top_k(logits, min(top_k, logits.shape[-1]))[0][..., -1:]
        logits = jnp.where(logits >= lowest, logits, IMPOSSIBLE)
    if top_p is not None:
        ordered = jnp.sort(logits, axis=-1, descending=True)
        p = jax.nn.softmax(ordered, axis=-1)
        likelier = jnp.cumsum(p, axis=-1) - p  # the probability of all before it
        kept = (likelier < jnp.asarray(top_p, p.dtype)).at[..., 0].set(True)
        lowest = jnp.where(kept, ordered, jnp.inf).min(-1, keepdims=True)
        logits = jnp.where(logits >= lowest, logits, IMPOSSIBLE)
    return logits


class _Limits(NamedTuple):
    bos: int
    eos: int
    pad: int
    max_length: int


class _Running(NamedTuple):
    """What the loop carries: the step, the cache, the last token [B], who has ended [B], and the result so far."""

    t: Array
    cache: Tree
    token: Array
    done: Array
    result: Decoded


def _decode(
    decode_step: DecodeStep, params: Params, cache: Tree, pick: Pick, limits: _Limits, prompt: Array | None
) -> Decoded:
    """The loop: `pick` chooses a token [B] from log-probabilities [B, V]."""
    b = batch_size(cache)
    bos, eos, pad, max_length = limits
    forced = forced_tokens(prompt, b, max_length, pad)

    def unfinished(now: _Running) -> Array:
        return (now.t < max_length) & ~now.done.all()

    def step(now: _Running) -> _Running:
        cache, logits = decode_step(params, now.cache, now.token)
        given = lax.dynamic_index_in_dim(forced, now.t, axis=1, keepdims=False)
        log_p, allowed = allowed_log_probabilities(logits, given, pad)
        token = pick(allowed, now.t)
        gain = jnp.take_along_axis(log_p, token[:, None], axis=1)[:, 0]
        scores = now.result.scores + jnp.where(now.done, 0, gain)
        done = now.done | ((token == eos) & (given == pad))
        lengths = now.result.lengths + (~done).astype(jnp.int32)
        written = jnp.where(done, pad, token)
        tokens = lax.dynamic_update_index_in_dim(now.result.tokens, written, now.t, axis=1)
        return _Running(now.t + 1, cache, token, done, Decoded(tokens, lengths, scores))

    nothing = Decoded(
        jnp.full((b, max_length), pad, jnp.int32),
        jnp.zeros((b,), jnp.int32),
        jnp.zeros((b,), score_dtype(decode_step, params, cache, b)),
    )
    start = _Running(jnp.zeros((), jnp.int32), cache, jnp.full((b,), bos, jnp.int32), jnp.zeros((b,), bool), nothing)
    return lax.while_loop(unfinished, step, start).result
