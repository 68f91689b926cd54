"""Handwritten digits (8x8, embedded) with a multilayer perceptron.

jaxdl train digits_mlp

Test accuracy 0.9794 (mean of 5 seeds), 3 s for the fastest run on cpu, 2 cores; record of 2026-11-21.
"""

import dataclasses

from jaxdl import data, models
from jaxdl.models import mlp
from jaxdl.tasks import supervised
from jaxdl.training import Task


@dataclasses.dataclass(frozen=True)
class Config(supervised.Config):
    """Digits with an MLP.

    Attributes:
        model: the network.
    """

    model: mlp.Config = mlp.Config(n_in=64, n_out=10, widths=(256, 256), dropout=0.3)
    epochs: int = 30
    learning_rate: float = 2e-3
    schedule: supervised.Schedule = "cosine"


def task(config: Config) -> Task:
    """1,797 digits, 70 % to train on, 10 % to choose the epoch, 20 % to test; stratified."""
    digits = data.load("digits")
    splits = data.split(digits.train, validation=config.validation, test=0.2, stratify="y", seed=config.seed)
    return supervised.classification(models.bind(mlp, config.model), config, splits, digits.class_names)
