"""Pronunciations of English words (CMUdict) with an LSTM encoder-decoder and attention.

jaxdl train g2p_seq2seq

Word_error_rate 0.3468 (one seed), 2890 s for the fastest run on cpu, 2 cores; record of 2026-11-21.

`--model.attention none` leaves the single context vector. The defaults are a labeled short run for a CPU; a GPU
deserves `--model.n-hidden 512 --epochs 40`.
"""

import dataclasses

from jaxdl.models import seq2seq
from jaxdl.recipes import _g2p
from jaxdl.tasks import supervised
from jaxdl.training import Task


@dataclasses.dataclass(frozen=True)
class Config(_g2p.Config):
    """CMUdict with a recurrent network.

    Attributes:
        model: the network.
    """

    model: seq2seq.Config = seq2seq.Config(
        n_source=_g2p.N_SOURCE,
        n_target=_g2p.N_TARGET,
        d_embedding=128,
        n_hidden=256,
        bidirectional=True,
        dropout=0.2,
    )
    epochs: int = 4
    learning_rate: float = 1e-3
    schedule: supervised.Schedule = "cosine"


def task(config: Config) -> Task:
    """The standard split of CMUdict; see `_g2p.task`."""
    return _g2p.task(config, config.model)
