"""MNIST with an overcomplete sparse autoencoder: 1,024 sigmoid units, of which few are on at a time.

jaxdl train mnist_sparse_autoencoder

Probe accuracy 0.9754 (mean of 3 seeds), 40 s for the fastest run on cpu, 2 cores; record of 2026-11-22.
"""

import dataclasses

from jaxdl import data
from jaxdl.models import autoencoder
from jaxdl.tasks import autoencoding, supervised, vision
from jaxdl.training import Task, TrainState


@dataclasses.dataclass(frozen=True)
class Config(supervised.Config):
    """MNIST with a sparse autoencoder.

    Attributes:
        model: the network; `--model.sparsity l1` takes the other penalty (and another `--model.sparsity-rate`).
    """

    model: autoencoder.Config = autoencoder.Config(
        shape=(28, 28, 1), n_code=1024, code_activation="sigmoid", sparsity="kl", sparsity_rate=0.5, rho=0.05
    )
    epochs: int = 10
    batch_size: int | None = 256
    learning_rate: float = 3e-3
    schedule: supervised.Schedule = "cosine"
    validation: float = 1 / 12


def task(config: Config) -> Task:
    """The official parts; scored by a linear classifier on the codes, beside one on the raw pixels."""
    splits, class_names = vision.load("mnist", config)

    def scores(state: TrainState, splits: data.Splits) -> dict[str, float]:
        encode = lambda x: autoencoder.encode(state.params, x, config.model)  # noqa: E731
        pixels = lambda x: x.reshape(len(x), -1)  # noqa: E731
        probe = lambda function: autoencoding.probe_accuracy(function, splits, class_names)  # noqa: E731
        return {"probe accuracy": probe(encode), "probe accuracy of pixels": probe(pixels)}

    figures = autoencoding.figures(config.model)
    return autoencoding.task(config.model, config, splits, pictures=figures, scores=scores, headline="probe accuracy")
