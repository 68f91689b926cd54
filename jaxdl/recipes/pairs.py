"""Pairs of texts of your own (--data pairs.tsv) with a Transformer or an LSTM encoder-decoder.

jaxdl train pairs
"""

import dataclasses
import functools
from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import Any, Literal, TypeAlias

from jaxdl.applications import translation
from jaxdl.artifacts import files
from jaxdl.data import splits
from jaxdl.data import text as tokens
from jaxdl.data.arrays import Arrays, count
from jaxdl.data.pair_files import parse_pairs, read_pairs
from jaxdl.data.pairs import texts
from jaxdl.data.splits import Splits
from jaxdl.data.text import Tokenizer
from jaxdl.metrics import sequence_metrics
from jaxdl.models import seq2seq, transformer
from jaxdl.recipes import _numerals
from jaxdl.tasks import options, sequences, supervised, text_to_text
from jaxdl.tasks.text_to_text import Translator
from jaxdl.training import Task
from jaxdl.validation import require_positive, require_rate

Tokens: TypeAlias = Literal["characters", "words", "subwords"]

_EXAMPLE = "example.tsv"


@dataclasses.dataclass(frozen=True)
class Config(sequences.Config):
    """The options of a run on pairs of texts.

    Attributes:
        data: the pairs, a file with a source, a tab and its target in each line; without one, numbers in words.
        network: "transformer", or "seq2seq", a recurrent network with attention.
        source_tokens: what the source is read by.
        target_tokens: what the target is written by; words have a space between them.
        vocabulary: words or subwords of a side at most; subwords are at least 260.
        longest: tokens of a side at most: longer sources are cut off, pairs with a longer target are left out.
        width: features of every position, or units of every recurrent layer.
        n_layers: of the encoder and of the decoder.
        n_heads: of the Transformer's attention, a divisor of width.
        dropout: rate.
        test: share of the sources for the test part.
    """

    data: str = ""
    network: Literal["transformer", "seq2seq"] = "transformer"
    source_tokens: Tokens = "characters"
    target_tokens: Tokens = "characters"
    vocabulary: int = 8000
    longest: int = 200
    width: int = 64
    n_layers: int = 2
    n_heads: int = 4
    dropout: float = 0.1
    test: float = 0.1
    epochs: int = 12
    batch_size: int | None = 32
    learning_rate: float = 1e-3
    schedule: supervised.Schedule = "cosine"
    warmup_epochs: int = 1
    clip_norm: float | None = 1.0

    def __post_init__(self) -> None:
        super().__post_init__()
        require_positive("train", vocabulary=self.vocabulary, longest=self.longest, test=self.test)
        require_rate("train", test=self.test)
        model(self, 5, 5)
        options.resolve(self, "data")


def task(config: Config) -> Task:
    """80 % of the sources to train on, 10 % for validation, 10 % to test; no source is in two parts."""
    notes: list[str] = []
    example = "" if config.data else _numerals.pairs()
    pairs = read_pairs(config.data, notes=notes) if config.data else parse_pairs(example, _EXAMPLE)
    parts = splits.split(pairs, validation=config.validation, test=config.test, seed=config.seed)
    system = _system(config, parts.train)
    name = Path(config.data).name or _EXAMPLE
    sides = ((system.source, config.source_tokens), (system.target, config.target_tokens))
    sizes = [f"{tokens.vocabulary_size(each) - tokens.N_SPECIAL} {kind}" for each, kind in sides]
    notes.append(f"{name}: {count(pairs):,} sources with their targets; {sizes[0]} to {sizes[1]}")
    notes += _too_long(config, system, parts)
    built = translation.task(system, config, parts, measure=measure, headline="exact_match")
    return built._replace(notes=notes, files={**built.files, **({} if config.data else {_EXAMPLE: example})})


def restore(config: Config, folder: Path) -> Task:
    """The task of a finished run without its pairs: what predicts."""
    network = functools.partial(model, config)
    system = files.read(folder / text_to_text.FILE, lambda stored: text_to_text.from_json(stored, network))
    one = texts([("", ("",))])  # no example: its shapes
    built = translation.task(
        system, options.without_batches(config), Splits(one, one, one), measure=measure, headline="exact_match"
    )
    return built._replace(data=Splits({}, {}, {}), scores=None, pictures={}, predictor=_with_files(system, built))


def _with_files(system: Translator, built: Task) -> Any:
    assert built.predictor is not None
    return built.predictor._replace(examples=lambda path: sequences.examples(system, read_pairs(path)))


def model(config: Config, n_source: int, n_target: int) -> Any:
    """The network for two vocabularies: its Config."""
    if config.network == "seq2seq":
        return seq2seq.Config(
            n_source,
            n_target,
            d_embedding=config.width,
            n_hidden=config.width,
            n_layers=config.n_layers,
            bidirectional=True,
            dropout=config.dropout,
        )
    return transformer.Config(
        n_source,
        n_target,
        d_model=config.width,
        n_heads=config.n_heads,
        n_encoder_layers=config.n_layers,
        n_decoder_layers=config.n_layers,
        d_hidden=4 * config.width,
        dropout=config.dropout,
    )


def measure(outputs: list[str], references: list[tuple[str, ...]]) -> dict[str, float]:
    """The share of outputs that are entirely right, and the edits that a character needs."""
    edits, _ = sequence_metrics.error_rates(list(map(list, outputs)), [list(map(list, right)) for right in references])
    exact = sequence_metrics.exact_match(outputs, references)
    return {"exact_match": exact, "character_error_rate": edits}


def _system(config: Config, train: Arrays) -> Translator:
    source = _tokenizer(config.source_tokens, train["x"], config.vocabulary)
    target = _tokenizer(config.target_tokens, (y for right in train["references"] for y in right), config.vocabulary)
    network = model(config, tokens.vocabulary_size(source), tokens.vocabulary_size(target))
    longest = [
        max(len(tokens.encode(source, x)) for x in train["x"]),
        max(len(tokens.encode(target, y)) for right in train["references"] for y in right),
    ]
    return text_to_text.translator(network, source, target, *(min(n, config.longest) + 1 for n in longest))


def _tokenizer(kind: Tokens, sides: Iterable[str], vocabulary: int) -> Tokenizer:
    if kind == "characters":
        return tokens.character_tokenizer(sides)
    if kind == "subwords":
        return tokens.bpe_tokenizer(sides, vocabulary)
    common = Counter(word for text in sides for word in text.split()).most_common(vocabulary)
    return tokens.word_tokenizer(word for word, _ in common)


def _too_long(config: Config, system: Translator, parts: Splits) -> list[str]:
    """A line that says how many pairs are cut off or left out, if any are."""
    rows = [(x, y) for part in parts for x, right in zip(part["x"], part["references"], strict=True) for y in right]
    cut = sum(len(tokens.encode(system.source, x)) >= system.source_length for x, _ in rows)
    out = sum(len(tokens.encode(system.target, y)) >= system.target_length for _, y in rows)
    said = [f"{cut} sources are cut off"] * bool(cut) + [f"{out} pairs with longer targets are left out"] * bool(out)
    return [f"longest {config.longest}: {', '.join(said)} of {len(rows)}"] if said else []
