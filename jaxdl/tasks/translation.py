"""From text to text with a trained sequence model: what `jaxdl translate` and the scores of sequence recipes run.

A `Translator` is a model module, its Config, and a tokenizer for each side. A run keeps the last two in
`translator.json`, so that its folder alone is enough.
"""

import functools
import json
from collections.abc import Callable, Iterable, Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from jaxdl import decoding
from jaxdl.data import text
from jaxdl.data.padding import bucket_batches, bucket_lengths, pad
from jaxdl.data.text import BOS, EOS, PAD, Tokenizer
from jaxdl.models import seq2seq, transformer
from jaxdl.types import Array, Params

FILE = "translator.json"
MODELS = (transformer, seq2seq)

_BUCKETS = 4  # shapes that sources are padded to, each compiled once


class Translator(NamedTuple):
    """A sequence model between two tokenizers.

    Attributes:
        model: the module, `jaxdl.models.transformer` or `seq2seq`.
        config: its Config.
        source: of the texts that are read.
        target: of the texts that are written.
        source_length: S, tokens of a source at most, its end token included; longer ones are cut off.
        target_length: T, tokens that are written at most, the end token included.
    """

    model: Any
    config: Any
    source: Tokenizer
    target: Tokenizer
    source_length: int
    target_length: int


def translator(config: Any, source: Tokenizer, target: Tokenizer, source_length: int, target_length: int) -> Translator:
    """A `Translator` for the Config of one of `MODELS`.

    Raises: ValueError for another Config, one whose vocabularies are smaller than the tokenizers', or another `pad`.
    """
    model = next((model for model in MODELS if isinstance(config, model.Config)), None)
    if model is None:
        raise ValueError(f"{type(config)} is no sequence model's Config; these are: transformer, seq2seq")
    for side, tokenizer in (("n_source", source), ("n_target", target)):
        room, needed = getattr(config, side), text.vocabulary_size(tokenizer)
        if room < needed:
            raise ValueError(f"{side} is {room}, but the vocabulary has {needed} tokens: give model.{side} {needed}")
    if config.pad != PAD:
        raise ValueError(f"texts are padded with token {PAD}, but the model has pad {config.pad}: give model.pad {PAD}")
    return Translator(model, config, source, target, source_length, target_length)


def to_json(system: Translator) -> str:
    """What a run must keep beside its configuration and parameters."""
    return text.dumps(
        {
            "source": text.to_json(system.source),
            "target": text.to_json(system.target),
            "source_length": system.source_length,
            "target_length": system.target_length,
        }
    )


def from_json(stored: str, config: Any) -> Translator:
    """The `Translator` that `to_json` wrote, for a model's Config. Raises ValueError if damaged."""
    try:
        values = json.loads(stored)
        source, target = (text.from_json(values[side]) for side in ("source", "target"))
        return translator(config, source, target, int(values["source_length"]), int(values["target_length"]))
    except (KeyError, TypeError, json.JSONDecodeError) as error:
        raise ValueError(f"not a stored translator: {error!r}") from None


def encode_source(system: Translator, source: str) -> list[int]:
    """Token numbers of a text, cut off at S, the end token last."""
    return [*text.encode(system.source, source)[: system.source_length - 1], EOS]


def encode_pairs(system: Translator, sources: Iterable[str], targets: Iterable[str]) -> dict[str, np.ndarray]:
    """Training arrays {"source": [N, S], "target": [N, T + 1]} int32, padded; targets lie between BOS and EOS.

    A source longer than S is cut off; a pair whose target does not fit into T is left out.
    """
    pairs = ((encode_source(system, a), text.encode(system.target, b)) for a, b in zip(sources, targets, strict=True))
    kept = [(a, [BOS, *b, EOS]) for a, b in pairs if len(b) < system.target_length]
    return {
        "source": pad([a for a, _ in kept], system.source_length),
        "target": pad([b for _, b in kept], system.target_length + 1),
    }


def translate(
    system: Translator, params: Params, sources: Sequence[str], *, beam: int = 1, batch_size: int = 128
) -> list[str]:
    """The model's output for every text: greedy with one beam, else the best of a beam search.

    Args:
        system: model, tokenizers, lengths.
        params: the model's parameters.
        sources: N texts of any lengths; texts of like length share a batch.
        beam: K.
        batch_size: texts decoded together.
    Returns: N texts, in the order of the sources.
    """
    if not len(sources):
        return []
    run = _program(system.model, system.config, system.target_length, beam)
    ids = [encode_source(system, source) for source in sources]
    outputs = [""] * len(ids)
    lengths = bucket_lengths([len(one) for one in ids], _BUCKETS)
    for rows, batch in bucket_batches(ids, lengths, min(batch_size, len(ids))):
        tokens = jax.device_get(run(params, jnp.asarray(batch)))
        for row, written in zip(rows, tokens, strict=False):  # behind the last row come only the batch's fillers
            outputs[row] = text.decode(system.target, written)
    return outputs


def attention(
    system: Translator, params: Params, source: str, *, beam: int = 1
) -> tuple[np.ndarray, list[str], list[str]]:
    """Where the model looks while it writes its output for one text.

    Returns: (weights [L, H, T, S], the T tokens written, the S tokens read): row t holds the weights with which the
        t-th written token read the source, in every layer and head.
    Raises: ValueError for a model without attention.
    """
    ids = encode_source(system, source)
    read = jnp.asarray(pad([ids], *bucket_lengths([len(ids)], 1)))
    tokens = jax.device_get(_program(system.model, system.config, system.target_length, beam)(params, read))[0]
    written = [int(token) for token in tokens if token != PAD]
    written += [EOS] * (len(written) < len(tokens))  # it stands there unless the output was cut off
    target_in = jnp.asarray(pad([[BOS, *written[:-1]]], system.target_length))
    maps = _maps_program(system.model, system.config)(params, read, target_in)
    weights = np.asarray(jax.device_get(maps))[0, :, :, : len(written), : len(ids)]
    return weights, text.pieces(system.target, written), text.pieces(system.source, ids)


@functools.lru_cache(maxsize=16)
def _program(model: Any, config: Any, max_length: int, beam: int) -> Callable[[Params, Array], Array]:
    """One compiled call a shape: sources [B, S] to tokens [B, T]."""
    options: dict[str, Any] = {"bos": BOS, "eos": EOS, "pad": PAD, "max_length": max_length}

    def run(params: Params, source: Array) -> Array:
        if beam == 1:
            return decoding.generate(model, params, source, config, **options).tokens
        search = decoding.beam_search
        return decoding.generate(model, params, source, config, search, beam=beam, **options).tokens[:, 0]

    return jax.jit(run)


@functools.lru_cache(maxsize=16)
def _maps_program(model: Any, config: Any) -> Callable[[Params, Array, Array], Array]:
    return jax.jit(lambda params, source, target_in: model.attention_maps(params, source, target_in, config))
