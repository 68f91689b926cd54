"""CIFAR-10 with a residual network of 20 layers (made for a GPU).

jaxdl train cifar10_resnet
"""

import dataclasses

from jaxdl.models import resnet
from jaxdl.tasks import supervised, vision
from jaxdl.training import Task


@dataclasses.dataclass(frozen=True)
class Config(supervised.ImageConfig):
    """CIFAR-10 with a residual network.

    Attributes:
        model: the network.
    """

    model: resnet.Config = resnet.Config(blocks=3)
    epochs: int = 100
    batch_size: int | None = 128
    optimizer: supervised.Optimizer = "nesterov"
    learning_rate: float = 0.1
    schedule: supervised.Schedule = "cosine"
    warmup_epochs: int = 2
    l2: float = 2.5e-4
    shift: int = 4
    flip: bool = True


def task(config: Config) -> Task:
    """The official training and test parts; the epoch is judged on the held-out share of the training part."""
    return vision.task("cifar10", resnet, config)
