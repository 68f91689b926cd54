"""What the recipes on dates share: the drawn examples, the two alphabets, the score."""

import dataclasses
from typing import Any

from jaxdl.applications import translation
from jaxdl.data import Splits, dates, text
from jaxdl.data.arrays import Arrays
from jaxdl.data.pairs import texts
from jaxdl.metrics import sequence_metrics
from jaxdl.tasks import sequences, text_to_text
from jaxdl.training import Task
from jaxdl.validation import require_positive

N_SOURCE, N_TARGET = 256, 16  # room for 198 and 15 tokens: another version of Babel may write a few letters more

_SOURCE_LENGTH, _TARGET_LENGTH = 40, 11  # the longest date has 39 letters; ten of ISO and the end
_HELD_OUT = 2_000


@dataclasses.dataclass(frozen=True)
class Config(sequences.Config):
    """The options of a run on dates; a recipe's Config adds the model's.

    Attributes:
        examples: dates to train on; they are drawn, so there is no end of them.
    """

    examples: int = 40_000
    batch_size: int | None = 64
    schedule: sequences.supervised.Schedule = "cosine"
    clip_norm: float | None = 1.0

    def __post_init__(self) -> None:
        super().__post_init__()
        require_positive("train", examples=self.examples)


def task(config: Config, model: Any) -> Task:
    """Dates in 36 languages to ISO; 2,000 others choose the epoch, and 2,000 more are the test. No date is shared."""
    system = text_to_text.translator(
        model,
        text.character_tokenizer([dates.characters()]),
        text.character_tokenizer(["0123456789-"]),
        _SOURCE_LENGTH,
        _TARGET_LENGTH,
    )

    parts = Splits(
        drawn("train", config.seed, config.examples), drawn("validation", config.seed), drawn("test", config.seed)
    )
    return translation.task(
        system, config, parts, measure=measure, headline="exact_match", monitor=("exact_match", "max")
    )


def drawn(part: dates.Part, seed: int, n: int | None = None) -> Arrays:
    """Texts of n dates, by default as many as are held out."""
    pairs = dates.draw_dates(_HELD_OUT if n is None else n, seed=seed, part=part)
    return texts((x, (y,)) for x, y in zip(pairs["x"], pairs["y"], strict=True))


def measure(outputs: list[str], references: list[tuple[str, ...]]) -> dict[str, float]:
    """The share of dates that are written entirely right."""
    return {"exact_match": sequence_metrics.exact_match(outputs, references)}
