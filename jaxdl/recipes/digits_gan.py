"""Handwritten digits (8x8, embedded) drawn digit by digit by a dense conditional GAN.

jaxdl train digits_gan

Label_accuracy 0.9857 (mean of 3 seeds), 69 s for the fastest run on cpu, 2 cores; record of 2026-11-21.
"""

import dataclasses

from jaxdl.models import gan
from jaxdl.recipes import _gan
from jaxdl.tasks import adversarial
from jaxdl.training import Task


@dataclasses.dataclass(frozen=True)
class Config(adversarial.Config):
    """Digits with a GAN; `--model.n-classes 0` tells the players nothing of the classes.

    Attributes:
        model: both players.
    """

    model: gan.Config = gan.Config(
        size=(8, 8, 1),
        kind="dense",
        n_latent=32,
        generator=(256, 256),
        discriminator=(256, 256),
        generator_norm="none",
        discriminator_norm="none",
        n_classes=10,
    )
    epochs: int = 200
    generator_rate: float = 1e-3
    discriminator_rate: float = 1e-3
    r1: float = 0.1
    ewma: float = 0.995


def task(config: Config) -> Task:
    """70 % of the 1,797 digits to train on, 10 % to watch the game, 20 % to score the samples against; stratified."""
    return _gan.image_task("digits", config, headline="label_accuracy", test=0.2)


sample = _gan.sample
interpolate = _gan.interpolate
