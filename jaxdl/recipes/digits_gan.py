"""Handwritten digits (8x8, embedded) drawn by a small convolutional GAN.

jaxdl train digits_gan
"""

import dataclasses

from jaxdl.models import gan
from jaxdl.recipes import _gan
from jaxdl.training import Task, adversarial


@dataclasses.dataclass(frozen=True)
class Config(adversarial.Config):
    """Digits with a GAN.

    Attributes:
        model: both players.
    """

    model: gan.Config = gan.Config(
        size=(8, 8, 1), n_latent=32, generator=(64, 32), discriminator=(32, 64), discriminator_norm="none"
    )
    epochs: int = 150
    generator_rate: float = 1e-3
    discriminator_rate: float = 1e-3
    r1: float = 1.0
    average: float = 0.99


def task(config: Config) -> Task:
    """70 % of the 1,797 digits to train on, 10 % to watch the game, 20 % to score the samples against; stratified."""
    return _gan.image_task("digits", config, headline="frechet", test=0.2)


sample = _gan.sample
interpolate = _gan.interpolate
