"""Exclusive or (XOR), which no single layer can learn, with one hidden layer.

jaxdl train xor_mlp

Train accuracy 1.0000 (mean of 3 seeds), 9 s for the fastest run on cpu, 2 cores; record of 2026-11-21.
"""

import dataclasses

import numpy as np

from jaxdl import models
from jaxdl.data import Splits
from jaxdl.models import mlp
from jaxdl.tasks import supervised
from jaxdl.training import Task


@dataclasses.dataclass(frozen=True)
class Config(supervised.Config):
    """XOR with a two-layer MLP, by batch gradient descent.

    Attributes:
        model: the network.
    """

    model: mlp.Config = mlp.Config(n_in=2, n_out=2, widths=(8,), activation="tanh", initializer="glorot_uniform")
    epochs: int = 100
    batch_size: int | None = None
    learning_rate: float = 0.1


def task(config: Config) -> Task:
    """The truth table is all there is: four rows to train on, nothing to hold out."""
    x = np.array([[0, 0], [0, 1], [1, 0], [1, 1]], np.float32)
    y = np.array([0, 1, 1, 0], np.int32)
    splits = Splits({"x": x, "y": y}, {}, {})
    return supervised.classification(models.bind(mlp, config.model), config, splits, ("0", "1"))
