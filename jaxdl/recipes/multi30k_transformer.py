"""English to German (Multi30k: descriptions of pictures) with a Transformer on subwords.

jaxdl train multi30k_transformer

Bleu 32.3535 (one seed), 5417 s for the fastest run on cpu, 2 cores; record of 2026-11-21.

Needs the extra `jaxdl[text]`. The defaults are a labeled short run for a CPU; `--preset gpu` is the whole one.
"""

import dataclasses
from typing import Any

from jaxdl import data
from jaxdl.applications import translation
from jaxdl.data import text
from jaxdl.models import transformer
from jaxdl.tasks import sequences, supervised, text_to_text
from jaxdl.training import Task


@dataclasses.dataclass(frozen=True)
class Config(sequences.Config):
    """Multi30k with a Transformer of 3 + 3 layers, 256 wide; one vocabulary for both languages.

    Attributes:
        model: the network; its n_source and n_target are the size of the vocabulary that is learned.
        length: subwords of a sentence at most. Longer sources are cut off, longer targets left out of the training.
    """

    model: transformer.Config = transformer.Config(
        n_source=8_000, n_target=8_000, d_model=256, n_heads=4, d_hidden=1024, dropout=0.3, tied="all"
    )
    length: int = 48
    epochs: int = 6
    batch_size: int | None = 64
    learning_rate: float = 1e-3
    label_smoothing: float = 0.1
    schedule: supervised.Schedule = "cosine"
    warmup_epochs: int = 1
    clip_norm: float | None = 1.0


# Seven times the epochs, and five hypotheses in place of one.
PRESETS = {"gpu": Config(epochs=40, beam=5)}


def task(config: Config) -> Task:
    """29,000 pairs to train on, 1,014 to choose the epoch, 1,000 (test 2016, Flickr) to test: BLEU by sacrebleu."""
    pairs = data.load("multi30k")
    assert pairs.validation is not None
    assert pairs.test is not None
    both = [*pairs.train["x"], *(right[0] for right in pairs.train["references"])]
    words = text.bpe_tokenizer(both, config.model.n_source)
    system = text_to_text.translator(config.model, words, words, config.length, config.length)
    parts = data.Splits(pairs.train, pairs.validation, pairs.test)
    built = translation.task(system, config, parts, measure=measure, headline="bleu")
    return built._replace(files={**built.files, "sacrebleu.txt": signature() + "\n"})


def measure(outputs: list[str], references: list[tuple[str, ...]]) -> dict[str, float]:
    """BLEU in [0, 100] as sacrebleu counts it, on the raw texts."""
    return {"bleu": _bleu().corpus_score(outputs, [[right[0] for right in references]]).score}


def signature() -> str:
    """How sacrebleu counts: tokenization, case, smoothing, version."""
    bleu = _bleu()
    bleu.corpus_score(["one"], [["one"]])  # the number of references is a part of the signature
    return str(bleu.get_signature())


def _bleu() -> Any:
    try:
        import sacrebleu
    except ImportError:
        raise ValueError("BLEU needs sacrebleu: pip install 'jaxdl[text]'") from None
    return sacrebleu.BLEU()
