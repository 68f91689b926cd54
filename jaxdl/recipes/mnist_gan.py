"""MNIST drawn by a convolutional GAN (DCGAN), reduced for a CPU.

jaxdl train mnist_gan

Parzen 182.1988 (mean of 2 seeds), 736 s for the fastest run on cpu, 2 cores; record of 2026-11-22.

`--preset gpu` is the whole setting: twice the channels, eight times the epochs.
"""

import dataclasses

from jaxdl.models import gan
from jaxdl.recipes import _gan
from jaxdl.tasks import adversarial
from jaxdl.training import Task


@dataclasses.dataclass(frozen=True)
class Config(adversarial.Config):
    """MNIST with a GAN.

    Attributes:
        model: both players.
    """

    model: gan.Config = gan.Config(
        n_latent=64,
        generator=(64, 32),
        discriminator=(32, 64, 128),  # a third layer sees whole digits: without labels two see only strokes
        discriminator_norm="none",
    )
    epochs: int = 6
    batch_size: int | None = 64
    generator_rate: float = 1e-3
    discriminator_rate: float = 1e-3
    r1: float = 0.1
    ewma: float = 0.995
    validation: float = 1 / 12


# Twice the channels, eight times the epochs.
PRESETS = {
    "gpu": Config(
        model=dataclasses.replace(Config().model, n_latent=100, generator=(128, 64), discriminator=(64, 128, 256)),
        epochs=50,
        ewma=0.999,
    ),
}


def task(config: Config) -> Task:
    """The official parts; a twelfth of the training part is held out to watch the game and to choose sigma on."""
    return _gan.image_task("mnist", config, headline="parzen")


sample = _gan.sample
interpolate = _gan.interpolate
