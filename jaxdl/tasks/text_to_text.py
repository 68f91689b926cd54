"""Between texts and token numbers: what a sequence model needs beside its parameters to read and to write.

A `Translator` is a model module, its Config, and a tokenizer for each side. A run keeps the last two in
`translator.json`, so that its folder alone is enough.
"""

import json
from collections.abc import Iterable
from typing import Any, NamedTuple

import numpy as np

from jaxdl.data import text
from jaxdl.data.padding import pad
from jaxdl.data.text import BOS, EOS, PAD, Tokenizer
from jaxdl.models import seq2seq, transformer

FILE = "translator.json"
MODELS = (transformer, seq2seq)


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
    """The `Translator` that `to_json` wrote, for a model's Config, or (n_source, n_target) -> one.

    Raises: ValueError if damaged.
    """
    try:
        values = json.loads(stored)
        source, target = (text.from_json(values[side]) for side in ("source", "target"))
        if callable(config):
            config = config(text.vocabulary_size(source), text.vocabulary_size(target))
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
