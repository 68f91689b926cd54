"""MNIST with a stacked autoencoder: two layers trained greedily, then together, then fine-tuned as a classifier.

jaxdl train mnist_stacked_autoencoder
"""

import dataclasses

from jaxdl.recipes import _stacked, _vision
from jaxdl.training import Task, supervised


@dataclasses.dataclass(frozen=True)
class Config(_stacked.Config):
    """MNIST, 784-500-500-10."""

    epochs: int = 15
    batch_size: int | None = 128
    schedule: supervised.Schedule = "cosine"
    validation: float = 1 / 12


def task(config: Config) -> Task:
    """The official parts; see `_stacked.task` for the stages and scores."""
    return _stacked.task(config, *_vision.load("mnist", config))
