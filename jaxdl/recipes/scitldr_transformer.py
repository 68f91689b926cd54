"""One-sentence summaries of papers (SciTLDR-A) written by a Transformer that may copy from the abstract.

jaxdl train scitldr_transformer

Rouge1 0.2649 (one seed), 3604 s for the fastest run on cpu, 2 cores; record of 2026-11-21.

Needs the extra `jaxdl[text]`. Trained from scratch on 1,992 papers, it is made to show the mechanism, not to win: the
first sentence of the abstract (`lead1_...` beside the scores) is hard to beat without pre-training. The defaults are a
labeled short run for a CPU; `--preset gpu` is the whole one.
"""

import dataclasses

from jaxdl import data
from jaxdl.applications import translation
from jaxdl.data import text
from jaxdl.data.arrays import Arrays
from jaxdl.data.pairs import texts
from jaxdl.metrics.summaries import Tokenizer, rouge, tokenize
from jaxdl.models import transformer
from jaxdl.tasks import sequences, supervised, text_to_text
from jaxdl.training import Task


@dataclasses.dataclass(frozen=True)
class Config(sequences.Config):
    """SciTLDR-A with a Transformer of 2 + 2 layers, 256 wide, and a pointer; one vocabulary for both sides.

    Attributes:
        model: the network; its n_source and n_target are the size of the vocabulary that is learned.
        source_length: subwords of an abstract at most; the rest is cut off.
        target_length: subwords of a summary at most; longer ones are left out of the training.
    """

    model: transformer.Config = transformer.Config(
        n_source=4_000,
        n_target=4_000,
        d_model=256,
        n_heads=4,
        n_encoder_layers=2,
        n_decoder_layers=2,
        d_hidden=512,
        dropout=0.2,
        tied="all",
        copy=True,
    )
    source_length: int = 256
    target_length: int = 64
    epochs: int = 10
    batch_size: int | None = 16
    learning_rate: float = 5e-4
    schedule: supervised.Schedule = "cosine"
    warmup_epochs: int = 1
    clip_norm: float | None = 1.0


# Six times the epochs, and four hypotheses in place of one.
PRESETS = {"gpu": Config(epochs=60, beam=4)}


def task(config: Config) -> Task:
    """1,992 abstracts to train on, 619 to choose the epoch, 618 to test: ROUGE (F, the best reference, no stemming).

    Beside it stands lead-1, the ROUGE of each abstract's first sentence, counted in the same way.
    """
    papers = data.load("scitldr")
    assert papers.validation is not None
    assert papers.test is not None
    train, validation, test = (abstracts(part) for part in (papers.train, papers.validation, papers.test))
    both = [*train["x"], *(right[0] for right in train["references"])]
    words = text.bpe_tokenizer(both, config.model.n_source)
    system = text_to_text.translator(config.model, words, words, config.source_length, config.target_length)
    lead = [sentences[0] for sentences in papers.test["x"]]

    def measure(outputs: list[str], references: list[tuple[str, ...]]) -> dict[str, float]:
        ours, first = mean_rouge(outputs, references), mean_rouge(lead, references)
        return ours | {f"lead1_{kind}": score for kind, score in first.items()}

    return translation.task(system, config, data.Splits(train, validation, test), measure=measure, headline="rouge1")


def abstracts(part: Arrays) -> Arrays:
    """The sentences of each abstract as one text."""
    return texts((" ".join(x), right) for x, right in zip(part["x"], part["references"], strict=True))


def mean_rouge(
    outputs: list[str], references: list[tuple[str, ...]], tokenizer: Tokenizer = tokenize
) -> dict[str, float]:
    """ROUGE-1, ROUGE-2 and ROUGE-L F, the mean over all outputs."""
    each = [rouge(output, right, tokenizer=tokenizer) for output, right in zip(outputs, references, strict=True)]
    return {kind: sum(scores[kind].f for scores in each) / len(each) for kind in each[0]}
