"""Decoding: turn a model that scores the next token into whole sequences.

    greedy          the likeliest token at every step
    sample          a draw, from a distribution sharpened by a temperature and cut to its top k or its nucleus
    beam_search     the likeliest sequence, as far as keeping the best few at every length finds it

All three take any `decode_step(params, cache, token [N]) -> (cache, logits [N, V])` and run it in one `lax.while_loop`
that ends as soon as every sequence has. The cache is a tree whose arrays have the batch as their leading axis; scalars
(a position) are shared. `generate` puts a model of `jaxdl.models` in front. Nothing here is jitted: jit the call.

    translate = jax.jit(lambda params, source: decoding.generate(
        transformer, params, source, config, decoding.beam_search, bos=1, eos=2, max_length=40, beam=4))

Dims: B batch, T max_length, P prompt length, V vocabulary, K beams, N rows of a step (B, or B K).
"""

from collections.abc import Callable
from typing import Any, NamedTuple, TypeAlias

import jax
import jax.numpy as jnp
from jax import lax

from jaxdl.types import Array, Key, Params, Tree, at_least_float32, wide_dtype

DecodeStep: TypeAlias = Callable[[Params, Tree, Array], tuple[Tree, Array]]
"""(params, cache, token [N]) -> (cache, logits [N, V])."""
Pick: TypeAlias = Callable[[Array, Key | None], Array]

IMPOSSIBLE = -1e30  # a log-probability below all others; -inf would make NaN of differences


class Decoded(NamedTuple):
    """Sequences. A beam search puts the beams, best first, behind the batch axis.

    Attributes:
        tokens: [B, T] (beams: [B, K, T]) int32; from the end token on, `pad`.
        lengths: [B] tokens in front of the end token; T where it did not come.
        scores: [B] sum of the log-probabilities of the tokens and the end token; of a beam search, divided by the
            length penalty.
    """

    tokens: Array
    lengths: Array
    scores: Array


def generate(
    model: Any,
    params: Params,
    source: Array,
    config: Any,
    search: Callable[..., Decoded] | None = None,
    *,
    max_length: int,
    **options: Any,
) -> Decoded:
    """Sequences for a batch of sources by a model of `jaxdl.models` (`transformer` or `seq2seq`).

    Args:
        model: the module: `encode`, `start_cache` and `decode_step` are used.
        source: [B, S] integers; of a decoder alone, the prompt [B, P].
        search: `greedy` (None), `sample` or `beam_search`.
        options: of the search: bos, eos and so on.
    """
    memory = None if getattr(config, "n_encoder_layers", 1) == 0 else model.encode(params, source, config)
    cache = model.start_cache(params, memory, source, config, max_length=max_length)

    def decode_step(params: Params, cache: Tree, token: Array) -> tuple[Tree, Array]:
        return model.decode_step(params, cache, token, config)

    return (search or greedy)(decode_step, params, cache, max_length=max_length, **options)


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
        cache: as the model starts it, for B sequences.
        bos, eos, pad: the tokens that start, end and fill up a sequence.
        max_length: T, tokens at the most; the cache must have room for them.
        prompt: [B, P] integers: how each sequence must begin, filled up with `pad` (ragged prompts are fine). They
            count as tokens of the sequence.
    Returns: Decoded.

    >>> def decode_step(params, cache, token):  # counts up; 4 is the end
    ...     return cache, jax.nn.one_hot(token + 1, 5)
    >>> greedy(decode_step, {}, {"x": jnp.zeros(1)}, bos=1, eos=4, max_length=5).tokens.tolist()
    [[2, 3, 0, 0, 0]]
    """

    def pick(log_p: Array, key: Key | None) -> Array:
        return log_p.argmax(-1).astype(jnp.int32)

    return _decode(decode_step, params, cache, pick, None, bos, eos, max_length, pad, prompt)


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
    Returns: Decoded; scores are of the model's own distribution, not of the filtered one.

    >>> def decode_step(params, cache, token):
    ...     return cache, 100 * jax.nn.one_hot(token + 1, 5)
    >>> options = dict(bos=1, eos=4, max_length=5, key=jax.random.key(0))
    >>> sample(decode_step, {}, {"x": jnp.zeros(1)}, **options).tokens.tolist()
    [[2, 3, 0, 0, 0]]
    """

    def pick(log_p: Array, key: Key | None) -> Array:
        logits = filter_logits(log_p, temperature=temperature, top_k=top_k, top_p=top_p)
        return jax.random.categorical(key, logits).astype(jnp.int32)

    return _decode(decode_step, params, cache, pick, key, bos, eos, max_length, pad, prompt)


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
    Reference: Holtzman et al., "The curious case of neural text degeneration", 2020.

    >>> probabilities = jax.nn.softmax(filter_logits(jnp.log(jnp.array([0.5, 0.3, 0.2])), top_p=0.7))
    >>> [f"{p:.3f}" for p in probabilities]
    ['0.625', '0.375', '0.000']
    """
    logits = logits / jnp.asarray(temperature, logits.dtype)
    if top_k is not None:
        lowest = lax.top_k(logits, min(top_k, logits.shape[-1]))[0][..., -1:]
        logits = jnp.where(logits >= jnp.broadcast_to(lowest, logits.shape), logits, IMPOSSIBLE)
    if top_p is not None:
        ordered = jnp.sort(logits, axis=-1, descending=True)
        p = jax.nn.softmax(ordered, axis=-1)
        before = jnp.cumsum(p, axis=-1) - p  # the probability of all that are likelier
        kept = (before < jnp.asarray(top_p, p.dtype)).at[..., 0].set(True)
        lowest = jnp.where(kept, ordered, jnp.inf).min(-1, keepdims=True)
        logits = jnp.where(logits >= jnp.broadcast_to(lowest, logits.shape), logits, IMPOSSIBLE)
    return logits


def _decode(
    decode_step: DecodeStep,
    params: Params,
    cache: Tree,
    pick: Pick,
    key: Key | None,
    bos: int,
    eos: int,
    max_length: int,
    pad: int,
    prompt: Array | None,
) -> Decoded:
    """The loop of `greedy` and `sample`: `pick` chooses a token [B] from log-probabilities [B, V]."""
    b = _batch_size(cache)
    forced = _forced(prompt, b, max_length, pad)

    def unfinished(carry: tuple[Any, ...]) -> Array:
        t, _, _, done, *_ = carry
        return (t < max_length) & ~done.all()

    def step(carry: tuple[Any, ...]) -> tuple[Any, ...]:
        t, cache, token, done, tokens, lengths, scores = carry
        cache, logits = decode_step(params, cache, token)
        log_p = jax.nn.log_softmax(at_least_float32(logits), axis=-1)
        given = lax.dynamic_index_in_dim(forced, t, axis=1, keepdims=False)
        own = pick(log_p, None if key is None else jax.random.fold_in(key, t))
        token = jnp.where(given == pad, own, given)
        scores = scores + jnp.where(done, 0.0, jnp.take_along_axis(log_p, token[:, None], axis=1)[:, 0])
        done = done | (token == eos)
        lengths = lengths + (~done).astype(jnp.int32)
        tokens = lax.dynamic_update_index_in_dim(tokens, jnp.where(done, pad, token), t, axis=1)
        return t + 1, cache, token, done, tokens, lengths, scores

    zero = jnp.zeros((b,), jnp.int32)
    start = (
        jnp.zeros((), jnp.int32),
        cache,
        jnp.full((b,), bos, jnp.int32),
        jnp.zeros((b,), bool),
        jnp.full((b, max_length), pad, jnp.int32),
        zero,
        zero.astype(_score_dtype(decode_step, params, cache, zero)),
    )
    _, _, _, _, tokens, lengths, scores = lax.while_loop(unfinished, step, start)
    return Decoded(tokens, lengths, scores)


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
        bos, eos, max_length, pad: as in `greedy`.
    Returns: Decoded with K beams for each sequence, best first: tokens [B, K, T], lengths and scores [B, K].
    Reference: Wu et al., "Google's neural machine translation system", 2016, equation 14 (without coverage).

    >>> def decode_step(params, cache, token):
    ...     return cache, jax.nn.one_hot(token + 1, 5)
    >>> beam_search(decode_step, {}, {"x": jnp.zeros(1)}, bos=1, eos=4, max_length=5, beam=2).tokens[0, 0].tolist()
    [2, 3, 0, 0, 0]
    """
    b = _batch_size(cache)
    cache = jax.tree.map(lambda leaf: jnp.repeat(leaf, beam, axis=0) if jnp.ndim(leaf) else leaf, cache)
    alpha = jnp.asarray(length_penalty, _score_dtype(decode_step, params, cache, jnp.zeros((b * beam,), jnp.int32)))

    def penalty(lengths: Array) -> Array:
        return jnp.power((5 + lengths).astype(alpha.dtype) / 6, alpha)

    def unfinished(carry: tuple[Any, ...]) -> Array:
        t, _, _, done, *_ = carry
        return (t < max_length) & ~done.all()

    def step(carry: tuple[Any, ...]) -> tuple[Any, ...]:
        t, cache, token, done, tokens, lengths, log_ps = carry
        new_cache, logits = decode_step(params, cache, token.reshape(b * beam))
        log_p = jax.nn.log_softmax(at_least_float32(logits), axis=-1).reshape(b, beam, -1)
        n_tokens = log_p.shape[-1]
        stay = jnp.where(jnp.arange(n_tokens) == pad, 0.0, IMPOSSIBLE).astype(log_p.dtype)  # an ended beam adds nothing
        ended = jnp.broadcast_to(done[..., None], log_p.shape)
        sums = jnp.broadcast_to(log_ps[..., None], log_p.shape) + jnp.where(
            ended, jnp.broadcast_to(stay, log_p.shape), log_p
        )
        sums = jnp.maximum(sums, IMPOSSIBLE)
        counts = (lengths + (~done).astype(jnp.int32))[..., None]
        scores = sums / jnp.broadcast_to(penalty(counts), sums.shape)
        _, best = lax.top_k(scores.reshape(b, -1), beam)  # [B, K] of K V candidates
        parent, token = best // n_tokens, (best % n_tokens).astype(jnp.int32)
        pick = lambda x: jnp.take_along_axis(x, parent, axis=1)  # noqa: E731
        was_done = pick(done)
        done = was_done | (token == eos)
        lengths = pick(lengths) + (~was_done).astype(jnp.int32)
        log_ps = jnp.take_along_axis(sums.reshape(b, -1), best, axis=1)
        tokens = jnp.take_along_axis(tokens, parent[..., None], axis=1)
        tokens = lax.dynamic_update_index_in_dim(tokens, jnp.where(done, pad, token), t, axis=2)
        rows = (jnp.arange(b)[:, None] * beam + parent).reshape(-1)
        cache = jax.tree.map(lambda new, old: new if new is old else _rows(new, rows), new_cache, cache)
        return t + 1, cache, token, done, tokens, lengths, log_ps

    start = (
        jnp.zeros((), jnp.int32),
        cache,
        jnp.full((b, beam), bos, jnp.int32),
        jnp.zeros((b, beam), bool),
        jnp.full((b, beam, max_length), pad, jnp.int32),
        jnp.zeros((b, beam), jnp.int32),
        jnp.broadcast_to(jnp.where(jnp.arange(beam) == 0, 0.0, IMPOSSIBLE)[None].astype(alpha.dtype), (b, beam)),
    )
    _, _, _, done, tokens, lengths, log_ps = lax.while_loop(unfinished, step, start)
    scores = log_ps / penalty(lengths)
    order = jnp.argsort(scores, axis=1, descending=True)
    tokens = jnp.take_along_axis(tokens, order[..., None], axis=1)
    return Decoded(
        tokens,
        jnp.take_along_axis(lengths - done.astype(jnp.int32), order, axis=1),
        jnp.take_along_axis(scores, order, axis=1),
    )


def _rows(leaf: Array, rows: Array) -> Array:
    return jnp.take(leaf, rows, axis=0) if jnp.ndim(leaf) else leaf


def _batch_size(cache: Tree) -> int:
    sizes = {leaf.shape[0] for leaf in jax.tree.leaves(cache) if jnp.ndim(leaf)}
    if len(sizes) != 1:
        raise ValueError(f"decoding: every array of the cache leads with the batch axis, got sizes {sorted(sizes)}")
    return sizes.pop()


def _forced(prompt: Array | None, batch: int, max_length: int, pad: int) -> Array:
    """[B, T]: the token that must stand there, or `pad` where it is free."""
    if prompt is None:
        return jnp.full((batch, max_length), pad, jnp.int32)
    if prompt.ndim != 2 or prompt.shape[0] != batch or prompt.shape[1] > max_length:
        raise ValueError(f"decoding: prompt {prompt.shape} must be [{batch}, P] with P <= max_length {max_length}")
    widths = ((0, 0), (0, max_length - prompt.shape[1]))
    return jnp.pad(prompt.astype(jnp.int32), widths, constant_values=pad)


def _score_dtype(decode_step: DecodeStep, params: Params, cache: Tree, token: Array) -> Any:
    logits = jax.eval_shape(decode_step, params, cache, token)[1]
    return wide_dtype(logits.dtype)
