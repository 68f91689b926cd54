"""Handwritten digits (8x8, embedded) with two hidden layers: a recipe to start from."""

import dataclasses

from jaxdl import data, models
from jaxdl.models import mlp
from jaxdl.tasks import supervised
from jaxdl.training import Task


@dataclasses.dataclass(frozen=True)
class Config(supervised.Config):
    """Every field is an option of the command line.

    Attributes:
        model: the network.
    """

    model: mlp.Config = mlp.Config(n_in=64, n_out=10, widths=(64, 64), dropout=0.1)
    epochs: int = 10
    learning_rate: float = 2e-3


def task(config: Config) -> Task:
    """Your own arrays go here: {"x": [N, ...] floats, "y": [N] labels}."""
    digits = data.load("digits")
    splits = data.split(digits.train, validation=config.validation, test=0.2, stratify="y", seed=config.seed)
    return supervised.classification(models.bind(mlp, config.model), config, splits, digits.class_names)
