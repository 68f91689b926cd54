"""What the recipes on pronunciations share: the standard split of CMUdict, its two alphabets, PER and WER."""

import dataclasses
import string
from typing import Any

import numpy as np

from jaxdl import data
from jaxdl.applications import translation
from jaxdl.data import text
from jaxdl.data.arrays import Arrays, take
from jaxdl.metrics import sequence_metrics
from jaxdl.tasks import sequences, text_to_text
from jaxdl.training import Task

N_SOURCE, N_TARGET = 31, 43  # 27 graphemes and 39 phones, four special tokens each

PHONES = "AA AE AH AO AW AY B CH D DH EH ER EY F G HH IH IY JH K L M N NG OW OY P R S SH T TH UH UW V W Y Z ZH"

_LENGTH = 24  # the longest word of the split has 22 letters, the longest pronunciation 20 phones
_HELD_OUT = 2_670


@dataclasses.dataclass(frozen=True)
class Config(sequences.Config):
    """The options of a run on pronunciations; a recipe's Config adds the model's."""

    batch_size: int | None = 128
    clip_norm: float | None = 1.0


def task(config: Config, model: Any) -> Task:
    """104,167 words to train on, 2,670 drawn by the seed to choose the epoch, the standard 12,000 to test.

    A word with several pronunciations is several training examples. Scores: WER, a word being right if it equals any
    of its pronunciations; PER, against the nearest pronunciation.
    """
    words = data.load("g2p")
    assert words.test is not None
    system = text_to_text.translator(
        model,
        text.character_tokenizer([string.ascii_uppercase + "'"], upper=True),
        text.word_tokenizer([PHONES]),
        _LENGTH,
        _LENGTH,
    )
    parts = data.Splits(*hold_out(words.train, _HELD_OUT, config.seed), words.test)
    return translation.task(system, config, parts, measure=measure, headline="word_error_rate")


def hold_out(part: Arrays, n: int, seed: int) -> tuple[Arrays, Arrays]:
    """(the rest, n examples), drawn by a seed."""
    order = np.random.default_rng(seed).permutation(len(part["x"]))
    return take(part, np.sort(order[n:])), take(part, np.sort(order[:n]))


def measure(outputs: list[str], references: list[tuple[str, ...]]) -> dict[str, float]:
    """PER and WER of pronunciations written with spaces between the phones."""
    phones, words = sequence_metrics.error_rates(
        [output.split() for output in outputs], [[one.split() for one in right] for right in references]
    )
    return {"word_error_rate": words, "phoneme_error_rate": phones}
