"""Handwritten digits (8x8, embedded) with a small convolutional network.

jaxdl train digits_cnn

Test accuracy 0.9894 (mean of 5 seeds), 16 s for the fastest run on cpu, 2 cores; record of 2026-11-21.
"""

import dataclasses

from jaxdl import data, models
from jaxdl.models import cnn
from jaxdl.tasks import supervised, vision
from jaxdl.training import Task


@dataclasses.dataclass(frozen=True)
class Config(supervised.ImageConfig):
    """Digits with a CNN.

    Attributes:
        model: the network.
    """

    model: cnn.Config = cnn.Config(size=(8, 8), channels=(32, 64), padding="SAME", widths=(128,), dropout=0.2)
    epochs: int = 60
    learning_rate: float = 2e-3
    schedule: supervised.Schedule = "cosine"
    shift: int = 1


def task(config: Config) -> Task:
    """1,797 digits, 70 % to train on, 10 % to choose the epoch, 20 % to test; stratified."""
    digits = data.load("digits")
    splits = data.split(digits.train, validation=config.validation, test=0.2, stratify="y", seed=config.seed)
    return vision.classifier(models.bind(cnn, config.model), config, splits, digits.class_names)
