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
from typing import Any

from jaxdl.decoding.beam import beam_search as beam_search
from jaxdl.decoding.loop import Decoded as Decoded
from jaxdl.decoding.loop import DecodeStep as DecodeStep
from jaxdl.decoding.sampling import filter_logits as filter_logits
from jaxdl.decoding.sampling import greedy as greedy
from jaxdl.decoding.sampling import sample as sample
from jaxdl.types import Array, Params, Tree


def generate(
    model: Any,
    params: Params,
    source: Array,
    config: Any,
    search: Callable[..., Decoded] = greedy,
    *,
    max_length: int,
    **options: Any,
) -> Decoded:
    """Sequences for a batch of sources by a model of `jaxdl.models`, `transformer` or `seq2seq`.

    Args:
        model: the module: its `encode`, `start_cache` and `decode_step` are used.
        source: [B, S] integers, filled up with `config.pad`; of a decoder alone, the prompts [B, P].
        search: `greedy`, `sample` or `beam_search`.
        max_length: T, tokens at the most.
        options: of the search: bos, eos and so on.

    >>> import jax, jax.numpy as jnp
    >>> from jaxdl.models import seq2seq
    >>> config = seq2seq.Config(n_source=5, n_target=6, d_embedding=4, n_hidden=4)
    >>> params = seq2seq.init(jax.random.key(0), config)
    >>> generate(seq2seq, params, jnp.ones((2, 3), int), config, bos=1, eos=2, max_length=4).tokens.shape
    (2, 4)
    """
    if getattr(config, "n_encoder_layers", None) == 0:
        memory, options = None, {"prompt": source, **options}
    else:
        memory = model.encode(params, source, config)
    cache = model.start_cache(params, memory, source, config, max_length=max_length)

    def decode_step(params: Params, cache: Tree, token: Array) -> tuple[Tree, Array]:
        return model.decode_step(params, cache, token, config)

    return search(decode_step, params, cache, max_length=max_length, **options)
