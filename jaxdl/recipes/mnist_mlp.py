"""MNIST with a multilayer perceptron of one hidden layer of 800 units.

jaxdl train mnist_mlp

Test accuracy 0.9846 (mean of 3 seeds), 41 s for the fastest run on cpu, 2 cores; record of 2026-11-21.
"""

import dataclasses

from jaxdl.models import mlp
from jaxdl.tasks import supervised, vision
from jaxdl.training import Task


@dataclasses.dataclass(frozen=True)
class Config(supervised.ImageConfig):
    """MNIST with an MLP.

    Attributes:
        model: the network.
    """

    model: mlp.Config = mlp.Config(n_in=784, n_out=10, widths=(800,), dropout=0.4)
    epochs: int = 30
    batch_size: int | None = 128
    schedule: supervised.Schedule = "cosine"
    validation: float = 1 / 12


def task(config: Config) -> Task:
    """The official training and test parts; the epoch is judged on the held-out share of the training part."""
    return vision.task("mnist", mlp, config)
