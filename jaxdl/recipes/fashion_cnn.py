"""Fashion-MNIST with convolutions, batch norm and dropout.

jaxdl train fashion_cnn

Test accuracy 0.9290 (mean of 3 seeds), 1844 s for the fastest run on cpu, 2 cores; record of 2026-11-21.

`--preset gpu`: twice the channels, 40 epochs.
"""

import dataclasses

from jaxdl.models import cnn
from jaxdl.tasks import supervised, vision
from jaxdl.training import Task


@dataclasses.dataclass(frozen=True)
class Config(supervised.ImageConfig):
    """Fashion-MNIST with a CNN.

    Attributes:
        model: the network.
    """

    model: cnn.Config = cnn.Config(
        channels=(32, 64, 128), padding="SAME", widths=(256,), normalization="batch", dropout=0.25
    )
    epochs: int = 15
    batch_size: int | None = 128
    learning_rate: float = 2e-3
    schedule: supervised.Schedule = "cosine"
    flip: bool = True
    validation: float = 1 / 12


# Twice the channels, nearly three times the epochs.
PRESETS = {
    "gpu": Config(model=dataclasses.replace(Config().model, channels=(64, 128, 256)), epochs=40),
}


def task(config: Config) -> Task:
    """The official training and test parts; the epoch is judged on the held-out share of the training part."""
    return vision.task("fashion_mnist", cnn, config)
