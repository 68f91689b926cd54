"""A text of your own (--data FILE) with a small decoder-only Transformer, by characters or by subwords.

jaxdl train text
"""

import dataclasses
from pathlib import Path
from typing import Any, Literal

from jaxdl.applications import writing
from jaxdl.data import text as tokens
from jaxdl.data.text import Tokenizer
from jaxdl.data.text_files import read_text
from jaxdl.models import transformer
from jaxdl.recipes import _stories
from jaxdl.tasks import language, options, supervised
from jaxdl.tasks.language import Language
from jaxdl.training import Task
from jaxdl.types import Key, Params
from jaxdl.validation import require_positive, require_rate

_EXAMPLE = "example.txt"
_LEAST = 4  # windows of the training part


@dataclasses.dataclass(frozen=True)
class Config(supervised.Config):
    """The options of a run on a text.

    Attributes:
        data: the text, a file; without one, drawn stories of a line each.
        tokens: "subwords" (byte-pair encoding) see further back with as many tokens.
        vocabulary: subwords at most, at least 260.
        length: tokens that the model sees.
        d_model: features of every position.
        n_heads: of the attention, a divisor of d_model.
        n_layers: blocks.
        d_hidden: units inside each block's feed-forward network.
        dropout: rate.
        positions: "sinusoidal", "learned" or "rotary".
        test: share of the text, its end, for the test part; what comes before it is for validation.
    """

    data: str = ""
    tokens: Literal["characters", "subwords"] = "characters"
    vocabulary: int = 512
    length: int = 128
    d_model: int = 128
    n_heads: int = 4
    n_layers: int = 2
    d_hidden: int = 512
    dropout: float = 0.1
    positions: Literal["sinusoidal", "learned", "rotary"] = "rotary"
    test: float = 0.05
    validation: float = 0.05
    epochs: int = 8
    batch_size: int | None = 16
    learning_rate: float = 2e-3
    optimizer: supervised.Optimizer = "adamw"
    weight_decay: float = 0.05
    schedule: supervised.Schedule = "cosine"
    clip_norm: float | None = 1.0

    def __post_init__(self) -> None:
        super().__post_init__()
        require_positive("train", length=self.length, n_layers=self.n_layers, vocabulary=self.vocabulary)
        require_rate("train", test=self.test)
        _model(self, 2)
        options.resolve(self, "data")


def task(config: Config) -> Task:
    """The start of the text to train on, 5 % of it for validation, the last 5 % to test."""
    notes: list[str] = []
    whole = read_text(config.data, notes=notes) if config.data else _stories.text()
    parts = language.split(whole, config.validation, config.test)
    system = _language(config, _tokenizer(config, parts[0]))
    name, least = Path(config.data).name or _EXAMPLE, _LEAST * config.length
    if len(tokens.encode(system.tokenizer, parts[0])) < least:
        raise ValueError(f"{name} is too short: its training part must have {least} tokens; give a smaller --length")
    different = tokens.vocabulary_size(system.tokenizer) - tokens.N_SPECIAL
    notes += [
        f"{name}: {len(whole):,} characters, {different} different {config.tokens}; {len(parts[0]):,} characters to "
        f"train on, {len(parts[1]):,} for validation, the last {len(parts[2]):,} to test"
    ]
    files = {} if config.data else {_EXAMPLE: whole}
    return language.task(system, config, parts, notes=notes, files=files)


def restore(config: Config, folder: Path) -> Task:
    """The task of a finished run without its text."""
    return language.restored(lambda tokenizer: _language(config, tokenizer), config, folder)


def write(config: Config, folder: Path, params: Params, prompt: str, *, key: Key, **chosen: Any) -> str:
    """What `jaxdl write` prints: see `jaxdl.applications.writing.write`."""
    system = language.load(lambda tokenizer: _language(config, tokenizer), folder)
    return writing.write(system, params, prompt, key=key, **chosen)


def _tokenizer(config: Config, train: str) -> Tokenizer:
    if config.tokens == "characters":
        return tokens.character_tokenizer([train])
    return tokens.bpe_tokenizer(train.splitlines(keepends=True), config.vocabulary)


def _language(config: Config, tokenizer: Tokenizer) -> Language:
    return Language(_model(config, tokens.vocabulary_size(tokenizer)), tokenizer, config.length)


def _model(config: Config, n_tokens: int) -> transformer.Config:
    return transformer.Config(
        n_source=n_tokens,
        n_target=n_tokens,
        d_model=config.d_model,
        n_heads=config.n_heads,
        n_encoder_layers=0,
        n_decoder_layers=config.n_layers,
        d_hidden=config.d_hidden,
        dropout=config.dropout,
        positions=config.positions,
        max_length=config.length,
        activation="gelu",
    )
