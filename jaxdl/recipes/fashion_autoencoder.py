"""Fashion-MNIST with a convolutional autoencoder: 32 numbers for each picture, beside 32 principal components.

jaxdl train fashion_autoencoder

Explained variance 0.8825 (mean of 3 seeds), 91 s for the fastest run on cpu, 2 cores; record of 2026-11-22.
"""

import dataclasses

from jaxdl import data
from jaxdl.models import autoencoder
from jaxdl.tasks import autoencoding, supervised, vision
from jaxdl.training import Task, TrainState


@dataclasses.dataclass(frozen=True)
class Config(supervised.Config):
    """Fashion-MNIST with a convolutional autoencoder.

    Attributes:
        model: the network.
    """

    model: autoencoder.Config = autoencoder.Config(
        shape=(28, 28, 1), n_code=32, widths=(256,), channels=(16, 32), activation="elu", loss="squared_error"
    )
    epochs: int = 5
    batch_size: int | None = 128
    learning_rate: float = 2e-3
    schedule: supervised.Schedule = "cosine"
    validation: float = 1 / 12


def task(config: Config) -> Task:
    """The official parts; scored by the variance of the test images that the codes explain."""
    splits, _ = vision.load("fashion_mnist", config)

    def scores(state: TrainState, _: data.Splits) -> dict[str, float]:
        return autoencoding.explained_variance(built, config.model.n_code, state)

    figures = autoencoding.figures(config.model)
    built = autoencoding.task(
        config.model, config, splits, pictures=figures, scores=scores, headline="explained variance"
    )
    return built
