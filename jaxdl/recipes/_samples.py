"""What recipes that draw images share: the classes that are asked for, and what a classifier sees in what is drawn."""

import jax.numpy as jnp
import numpy as np

from jaxdl.metrics.sample_scores import class_entropy, frechet_distance
from jaxdl.recipes._judge import Judge


def classes(n_classes: int, count: int, label: int | None = None) -> np.ndarray | None:
    """[count] the classes in turn, or one of them; None for a network without classes.

    Raises: ValueError for a class that the network does not have.

    >>> classes(3, 4).tolist(), classes(3, 2, label=1).tolist(), classes(0, 4)
    ([0, 1, 2, 0], [1, 1], None)
    """
    if label is not None and not 0 <= label < n_classes:
        has = f"the classes 0 to {n_classes - 1}" if n_classes else "no classes"
        raise ValueError(f"label {label}: this network has {has}")
    if not n_classes:
        return None
    return np.arange(count, dtype=np.int32) % n_classes if label is None else np.full(count, label, np.int32)


def scores(
    critic: Judge, images: np.ndarray, train: np.ndarray, test: np.ndarray
) -> tuple[dict[str, float], np.ndarray]:
    """What a classifier sees in images that were drawn, and its logits [S, K] of them.

    Returns: "frechet" of the images and "frechet_data" of training images, both against test images; "class_entropy" of
        all that were drawn and "sample_entropy" of one, in nats.
    """
    features, logits = critic.classify(images)
    of_test, of_train = critic.classify(test)[0], critic.classify(train)[0]
    of_all, of_one = class_entropy(jnp.asarray(logits))
    return {
        "frechet": frechet_distance(features, of_test),
        "frechet_data": frechet_distance(of_train, of_test),
        "class_entropy": of_all,
        "sample_entropy": of_one,
    }, logits
