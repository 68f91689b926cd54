"""What counts how much: weights of classes and of examples, and labels that are left out.

    loss = sum_i w_i L_i / sum_i w_i,    w_i = class_weights[y_i] * weight_i

as in torch and scikit-learn: the mean's denominator is weighted too, so that only the ratios of the weights matter.
Weights shape the loss that is trained; the scores count every example once.
"""

import jax.numpy as jnp
import numpy as np

from jaxdl import data, metrics
from jaxdl.data.arrays import Arrays, count, take
from jaxdl.data.splits import Splits
from jaxdl.tasks.options import Config
from jaxdl.training.evaluation import has_rows
from jaxdl.types import Array, Batch, Pair


def without_label(splits: Splits, ignored: int | None) -> Splits:
    """Every part without the examples of one label (`ignore_index`): they count nowhere.

    Raises: ValueError if a part has no other examples.

    >>> part = {"x": np.zeros((3, 1)), "y": np.array([0, -1, 1])}
    >>> without_label(Splits(part, {}, {}), -1).train["y"].tolist()
    [0, 1]
    """
    if ignored is None:
        return splits

    def kept(name: str, part: Arrays) -> Arrays:
        rows = np.flatnonzero(part["y"] != ignored) if has_rows(part) else np.arange(0)
        if has_rows(part) and not len(rows):
            raise ValueError(f"train: every label of the {name} part is ignore_index {ignored}")
        return part if len(rows) == len(part.get("y", ())) else take(part, rows)

    return Splits(*(kept(name, part) for name, part in splits._asdict().items()))


def class_weights(config: Config, labels: np.ndarray, n_classes: int) -> np.ndarray | None:
    """[K] weights of the classes, the smallest 1; None where all count the same.

    "balanced" takes those of `jaxdl.data.class_weights`, so that all classes weigh the same together.

    Raises: ValueError for another number of weights than of classes.

    >>> class_weights(Config(balanced=True), np.array([0, 0, 0, 1]), 2).tolist()
    [1.0, 3.0]
    """
    if config.balanced:
        weights = data.class_weights(labels, n_classes).astype(np.float64)
    elif config.class_weights:
        weights = np.array(config.class_weights, np.float64)
    else:
        return None
    if len(weights) != n_classes:
        raise ValueError(f"train: class_weights {config.class_weights} must be {n_classes}, one for each class")
    return (weights / weights[weights > 0].min()).astype(np.float32)


def scaled_weights(splits: Splits) -> Splits:
    """The data with "weight" [N] of the training part, where there is one, scaled so that the smallest but 0 is 1.

    Raises: ValueError for weights that are negative, not finite, all 0 or not one for each example.
    """
    if "weight" not in splits.train:
        return splits
    weights, n = splits.train["weight"], count(splits.train)
    if weights.shape != (n,) or not np.isfinite(weights).all() or (weights < 0).any() or not (weights > 0).any():
        raise ValueError(
            f"train: weight {weights.shape} must be one finite number, at least 0, for each of the {n} examples, "
            "and some above 0"
        )
    scaled = (weights / weights[weights > 0].min()).astype(np.float32)
    return splits._replace(train=splits.train | {"weight": scaled})


def weighted_mean(each: Array, batch: Batch, of_class: np.ndarray | None = None) -> Pair:
    """(sum of w L, sum of w) over the rows of a batch that its mask keeps.

    >>> batch = {"y": jnp.array([0, 1]), "mask": jnp.array([True, True])}
    >>> [total.item() for total in weighted_mean(jnp.array([1.0, 2.0]), batch, np.array([1.0, 3.0], np.float32))]
    [7.0, 4.0]
    """
    weights = batch["mask"].astype(each.dtype)
    if of_class is not None:
        weights = weights * jnp.asarray(of_class, each.dtype)[batch["y"]]
    if "weight" in batch:
        weights = weights * batch["weight"].astype(each.dtype)
    return metrics.mean(each, weights=weights, where=weights > 0)
