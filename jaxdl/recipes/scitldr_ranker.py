"""One-sentence summaries of papers (SciTLDR-A) by a trained extractive ranker.

jaxdl train scitldr_ranker

Test rouge1 0.3641 (mean of 5 seeds), 26 s for the fastest run on cpu, 2 cores; record of 2026-11-21.
"""

import dataclasses
from typing import Any

import jax.numpy as jnp
import numpy as np

from jaxdl import data, losses, metrics
from jaxdl.data.arrays import Arrays
from jaxdl.losses import regularizers
from jaxdl.metrics.summaries import rouge
from jaxdl.models import ranker
from jaxdl.tasks import build, supervised
from jaxdl.training import Task
from jaxdl.training.step import TrainState
from jaxdl.types import Array, Batch, Key, Metrics, Params, State

KINDS = ("rouge1", "rouge2", "rougeL")


@dataclasses.dataclass(frozen=True)
class Config(supervised.Config):
    """SciTLDR-A with a ranker of sentences. The validation part is the official one, whatever `validation` says.

    Attributes:
        model: the network.
    """

    model: ranker.Config = ranker.Config()
    epochs: int = 8
    learning_rate: float = 4e-3
    schedule: supervised.Schedule = "cosine"

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.label_smoothing:
            raise ValueError("scitldr_ranker: label_smoothing would reward sentences that a text does not have; use 0")


def task(config: Config) -> Task:
    """1,992 abstracts to train on, 619 to choose the epoch, 618 to test; the official parts.

    Scores: how often the labeled sentence is chosen, and ROUGE of the chosen one (F, largest over the references,
    without stemming; `python -m benchmarks.scores.summaries` has the table with stemming, as it is published).
    """
    papers = data.load("scitldr")
    assert papers.validation is not None
    assert papers.test is not None
    parts = data.Splits(*(prepare(part, config.model) for part in (papers.train, papers.validation, papers.test)))

    def scores(params: Params, batch: Batch, key: Key | None) -> tuple[Array, Metrics]:
        logits, where = ranker.apply(params, batch, config.model, key=key), batch["mask"]
        within = where & (batch["y"] < logits.shape[1])  # not a label after the last sentence that counts
        each = losses.sparse_categorical_cross_entropy(logits, batch["y"], where=within)
        chosen = logits.argmax(-1)
        values = {
            "loss": metrics.mean(each, where=within),
            "accuracy": metrics.mean((chosen == batch["y"]).astype(jnp.float32), where=where),
        }
        gained = jnp.take_along_axis(batch["rouge"], chosen[:, None, None], axis=1)[:, 0]  # [B, 3]
        values |= {kind: metrics.mean(gained[:, i], where=where) for i, kind in enumerate(KINDS)}
        return metrics.value(values["loss"]), values

    def loss_fn(params: Params, state: State, batch: Batch, key: Key) -> tuple[Array, tuple[State, Metrics]]:
        loss, values = scores(params, batch, key)
        return loss + regularizers.elastic_net(params, l1_rate=config.l1, l2_rate=config.l2), (state, values)

    def evaluate(state: TrainState, batch: Batch) -> Metrics:
        return scores(state.params, batch, None)[1]

    start = lambda key: (ranker.init(key, config.model), {})  # noqa: E731
    return build(start, loss_fn, evaluate, parts, config, monitor="rouge1", mode="max")


def prepare(part: Arrays, model: ranker.Config) -> Arrays:
    """A part for the training: `ranker.encode` of every text, "y" [N], and "rouge" [N, S, 3] of every sentence."""
    encoded: list[dict[str, Any]] = [ranker.encode(sentences, model) for sentences in part["x"]]
    arrays = {name: np.stack([row[name] for row in encoded]) for name in encoded[0]}
    gains = np.zeros((len(encoded), model.n_sentences, len(KINDS)), np.float32)
    for i, (sentences, references) in enumerate(zip(part["x"], part["references"], strict=True)):
        for j, sentence in enumerate(sentences[: model.n_sentences]):
            found = rouge(sentence, references)
            gains[i, j] = [found[kind].f for kind in KINDS]
    return arrays | {"y": part["y"], "rouge": gains}
