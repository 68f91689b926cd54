"""Supervised tasks: a model, a loss and the options that every classifier and regression has, made into a `Task`."""

from collections.abc import Callable, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from jaxdl import losses, metrics
from jaxdl.artifacts import pictures
from jaxdl.data.arrays import validate
from jaxdl.data.splits import Splits
from jaxdl.losses import regularizers
from jaxdl.models import Model
from jaxdl.tasks import weighting
from jaxdl.tasks.building import build
from jaxdl.tasks.options import Config as Config
from jaxdl.tasks.options import ImageConfig as ImageConfig
from jaxdl.tasks.options import Optimizer as Optimizer
from jaxdl.tasks.options import Schedule as Schedule
from jaxdl.tasks.precision import like_params
from jaxdl.training.evaluation import evaluate, has_rows
from jaxdl.training.prediction import Predictor, array_predictor
from jaxdl.training.step import TrainState
from jaxdl.training.task import Task
from jaxdl.types import Array, Batch, Key, Metrics, Params, State, at_least_float32


def as_float(x: Array) -> Array:
    """Bytes to [0, 1] as float32; floats stay as they are. Inside the step, so that the data lie there as bytes."""
    return x.astype(jnp.float32) / 255 if x.dtype == jnp.uint8 else x


def classification(
    model: Model,
    config: Config,
    data: Splits,
    class_names: Sequence[str],
    *,
    augmentation: Callable[..., Array] | None = None,
    more_pictures: dict[str, Callable[[TrainState, Splits], Any]] | None = None,
    prepare: Callable[[Any], Any] | None = None,
    **fields: Any,
) -> Task:
    """A classifier: sparse categorical cross-entropy of its logits, accuracy, the confusion matrix.

    Args:
        model: outputs logits [B, K].
        config: how to train it.
        data: {"x": [N, ...], "y": [N] labels} in each part, and "weight": [N] where examples count differently.
        class_names: K names.
        augmentation: (x, key=key) -> x, applied to training batches only.
        more_pictures: further pictures for the run folder.
        prepare: what new examples undergo before they are predicted, as those of `data` did (scaling, say).
        fields: further fields of `Task`.
    Raises: ValueError for labels outside [0, K), values that are not finite, a model without K outputs.
    """
    data = weighting.scaled_weights(weighting.without_label(data, config.ignore_index))
    _check_data(model, data, len(class_names))
    of_class = weighting.class_weights(config, data.train["y"], len(class_names))

    def loss_fn(params: Params, state: State, batch: Batch, key: Key) -> tuple[Array, tuple[State, Metrics]]:
        model_key, augment_key = jax.random.split(key)
        x = as_float(batch["x"]) if augmentation is None else augmentation(as_float(batch["x"]), key=augment_key)
        outputs, state = model.apply(params, state, like_params(x, params), train=True, key=model_key)
        logits = at_least_float32(outputs)
        each = losses.sparse_categorical_cross_entropy(
            logits, batch["y"], label_smoothing=config.label_smoothing, where=batch["mask"]
        )
        scores = _scores(logits, batch, each) | {"loss": weighting.weighted_mean(each, batch, of_class)}
        return metrics.value(scores["loss"]) + _penalty(params, config), (state, scores)

    def evaluate_batch(state: TrainState, batch: Batch) -> Metrics:
        logits, _ = model.apply(state.params, state.state, as_float(batch["x"]), train=False)
        each = losses.sparse_categorical_cross_entropy(logits, batch["y"], where=batch["mask"])
        confusion = metrics.confusion_matrix(logits, batch["y"], where=batch["mask"])
        return _scores(logits, batch, each) | {"confusion": confusion}

    def confusion(state: TrainState, data: Splits) -> Any:
        part = data.test if has_rows(data.test) else data.train
        return pictures.confusion_matrix(evaluate(evaluate_batch, state, part)["confusion"][0], class_names)

    figures = {"confusion": confusion} | (more_pictures or {})
    options: dict[str, Any] = {"monitor": "accuracy", "mode": "max", "classifier": True, "pictures": figures}
    options["predictor"] = _predictor(model, data, class_names, prepare)
    return build(model.init, loss_fn, evaluate_batch, data, config, **(options | fields))


def _scores(logits: Array, batch: Batch, each: Array) -> Metrics:
    return {
        "loss": metrics.mean(each, where=batch["mask"]),
        "accuracy": metrics.accuracy(logits, batch["y"], where=batch["mask"]),
    }


def regression(
    model: Model, config: Config, data: Splits, *, prepare: Callable[[Any], Any] | None = None, **fields: Any
) -> Task:
    """A regression: mean squared error; RMSE's square, MAE and R2 as scores. Outputs and targets [B].

    "weight": [N] in the training part makes examples count differently in the loss; `prepare` and `fields` are as in
    `classification`.

    Raises: ValueError for values that are not finite, a model whose outputs have another shape than the targets, and
        for label smoothing, which a regression has no classes to spread over.
    """
    data = weighting.scaled_weights(data)
    _check_data(model, data, None)
    center = float(np.mean(data.train["y"], dtype=np.float64))  # R2 of targets far from zero keeps its digits
    if config.label_smoothing:
        raise ValueError(
            f"label_smoothing {config.label_smoothing} is for classifiers; this is a regression: leave it 0"
        )

    def scores(params: Params, state: State, batch: Batch, train: bool, key: Key | None) -> tuple[Metrics, State]:
        x = like_params(as_float(batch["x"]), params)
        outputs, state = model.apply(params, state, x, train=train, key=key)
        y = at_least_float32(outputs)
        error, where = y - batch["y"], batch["mask"]
        errors = metrics.squared_errors(y, batch["y"], center=center, where=where)
        return {
            "loss": weighting.weighted_mean(error * error, batch)
            if train
            else metrics.mean(error * error, where=where),
            "mae": metrics.mean(jnp.abs(error), where=where),
            "r2": errors,
        }, state

    def loss_fn(params: Params, state: State, batch: Batch, key: Key) -> tuple[Array, tuple[State, Metrics]]:
        values, state = scores(params, state, batch, True, key)
        return metrics.value(values["loss"]) + _penalty(params, config), (state, values)

    def evaluate_batch(state: TrainState, batch: Batch) -> Metrics:
        return scores(state.params, state.state, batch, False, None)[0]

    options: dict[str, Any] = {"monitor": "r2", "mode": "max", "predictor": _predictor(model, data, (), prepare)}
    return build(model.init, loss_fn, evaluate_batch, data, config, **(options | fields))


def _predictor(
    model: Model, data: Splits, class_names: Sequence[str], prepare: Callable[[Any], Any] | None
) -> Predictor:
    def outputs(params: Params, state: State, x: Array) -> Array:
        return model.apply(params, state, as_float(x), train=False)[0]

    x = data.train["x"]
    options: dict[str, Any] = {"prepare": prepare, "dtype": x.dtype, "config": model.config}
    return array_predictor(outputs, x.shape[1:], classes=class_names, **options)


def _check_data(model: Model, data: Splits, n_classes: int | None) -> None:
    """On the host, before anything is compiled or written: labels, finite values, the shape of the outputs."""
    for name, part in data._asdict().items():
        if has_rows(part):
            validate(part, n_classes, name=name)
    outputs = jax.eval_shape(
        lambda key, x: model.apply(*model.init(key), as_float(x), train=False)[0],
        jax.random.key(0),
        data.train["x"][:1],
    )
    expected = data.train["y"][:1].shape if n_classes is None else (1, n_classes)
    if outputs.shape != expected:
        what = "the targets' shape" if n_classes is None else f"{n_classes} classes"
        raise ValueError(f"the model's outputs {outputs.shape} for one example need {what}: {expected}")


def _penalty(params: Params, config: Config) -> Array:
    return regularizers.elastic_net(params, l1_rate=config.l1, l2_rate=config.l2)
