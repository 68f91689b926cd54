"""Pronunciations of English words (CMUdict) with a Transformer.

jaxdl train g2p_transformer

Word_error_rate 0.3286 (one seed), 5941 s for the fastest run on cpu, 2 cores; record of 2026-11-21.

The defaults are a labeled short run for a CPU; `--preset gpu` is the whole one (published: word error rate 0.206).
"""

import dataclasses

from jaxdl.models import transformer
from jaxdl.recipes import _g2p
from jaxdl.tasks import supervised
from jaxdl.training import Task


@dataclasses.dataclass(frozen=True)
class Config(_g2p.Config):
    """CMUdict with a Transformer of 3 + 3 layers, 256 wide.

    Attributes:
        model: the network.
    """

    model: transformer.Config = transformer.Config(
        n_source=_g2p.N_SOURCE, n_target=_g2p.N_TARGET, d_model=256, n_heads=4, d_hidden=1024, dropout=0.1
    )
    epochs: int = 5
    learning_rate: float = 1e-3
    label_smoothing: float = 0.1
    schedule: supervised.Schedule = "cosine"
    warmup_epochs: int = 1


# Twelve times the epochs.
PRESETS = {"gpu": Config(epochs=60, warmup_epochs=4)}


def task(config: Config) -> Task:
    """The standard split of CMUdict; see `_g2p.task`."""
    return _g2p.task(config, config.model)
