"""Texts that a trained language model writes: what `jaxdl write` runs.

Dims: T tokens of a window.
"""

import functools
import logging
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from jaxdl import decoding
from jaxdl.data import text
from jaxdl.data.padding import pad
from jaxdl.data.text import BOS, EOS, N_SPECIAL, PAD, UNK
from jaxdl.models import transformer
from jaxdl.tasks.language import Language
from jaxdl.types import Array, Key, Params, Tree

_NEVER = -1e9  # the logit of a token that is no text; a prompt may still force it
_log = logging.getLogger(__name__)


def write(
    language: Language,
    params: Params,
    prompt: str,
    *,
    length: int = 300,
    temperature: float = 0.8,
    top_k: int | None = None,
    top_p: float | None = None,
    key: Key,
) -> str:
    """A prompt and what the model writes after it.

    The model sees a window of T tokens: when it is full, its second half begins the next one.

    Args:
        language: the model and its tokenizer.
        params: its parameters.
        prompt: may be empty.
        length: tokens to write.
        temperature: below 1 bolder, above 1 wilder; 0 takes the likeliest token every time.
        top_k, top_p: as in `jaxdl.decoding.filter_logits`.
        key: of the draws.
    """
    ids = text.encode(language.tokenizer, prompt)
    if UNK in ids:
        _log.warning("the prompt has characters that the model does not know")
    run, t = _program(language, temperature, top_k, top_p), language.length
    end = len(ids) + length
    while len(ids) < end:
        context = ids[-(t // 2) :] if t > 1 else []
        key, drawing = jax.random.split(key)
        tokens = np.asarray(run(params, jnp.asarray(pad([context], t)), drawing))[0]
        ids += tokens[len(context) :].tolist()
    return text.decode(language.tokenizer, ids[:end])


@functools.lru_cache(maxsize=8)
def _program(
    language: Language, temperature: float, top_k: int | None, top_p: float | None
) -> Callable[[Params, Array, Key], Array]:
    """One compiled call: (params, start of a window [1, T] filled up with PAD, key) -> the window's tokens [1, T]."""
    limits: dict[str, Any] = {"bos": BOS, "eos": EOS, "pad": PAD, "max_length": language.length}
    special = jnp.arange(language.config.n_target) < N_SPECIAL

    def decode_step(params: Params, cache: Tree, token: Array) -> tuple[Tree, Array]:
        cache, logits = transformer.decode_step(params, cache, token, language.config)
        return cache, jnp.where(special[None], jnp.asarray(_NEVER, logits.dtype), logits)

    def run(params: Params, start: Array, key: Key) -> Array:
        cache = transformer.start_cache(params, None, start, language.config, max_length=language.length)
        if temperature == 0:
            return decoding.greedy(decode_step, params, cache, prompt=start, **limits).tokens
        options: dict[str, Any] = {"temperature": temperature, "top_k": top_k, "top_p": top_p, "key": key}
        return decoding.sample(decode_step, params, cache, prompt=start, **limits, **options).tokens

    return jax.jit(run)
