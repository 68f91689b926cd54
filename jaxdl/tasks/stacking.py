"""Stacked autoencoders: layers trained greedily, a softmax on top of them, and the whole fine-tuned as an MLP."""

import dataclasses
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from jaxdl import metrics, models
from jaxdl.data import Splits
from jaxdl.models import autoencoder, mlp
from jaxdl.tasks import autoencoding, supervised
from jaxdl.training import Task, TrainState, evaluate
from jaxdl.types import Array, Key, Params, State
from jaxdl.validation import require_not_negative, require_positive, require_rate


@dataclasses.dataclass(frozen=True)
class Config(supervised.Config):
    """The options of fine-tuning, and those of what comes before.

    Attributes:
        model: the deep autoencoder; its encoder becomes the classifier.
        pretrain_epochs: passes over the training part for each layer.
        pretrain_learning_rate: falls along a cosine in each stage.
        unroll_epochs: passes that train all layers together as one deep autoencoder; 0 for none.
        dropout: rate after each hidden layer while fine-tuning, in [0, 1).
    """

    model: autoencoder.Config = autoencoder.Config(
        shape=(28, 28, 1),
        n_code=500,
        widths=(500,),
        activation="sigmoid",
        code_activation="sigmoid",
        corruption="masking",
        corruption_level=0.25,
    )
    pretrain_epochs: int = 6
    pretrain_learning_rate: float = 1e-3
    unroll_epochs: int = 3
    dropout: float = 0.2

    def __post_init__(self) -> None:
        super().__post_init__()
        rate, epochs = self.pretrain_learning_rate, self.pretrain_epochs
        require_positive("train", pretrain_learning_rate=rate, pretrain_epochs=epochs)
        require_not_negative("train", unroll_epochs=self.unroll_epochs)
        require_rate("train", dropout=self.dropout)
        autoencoder.layer_configs(self.model)  # a model that cannot be stacked is refused here


def task(config: Config, splits: Splits, class_names: tuple[str, ...]) -> Task:
    """The fine-tuning of a classifier that starts from pre-trained layers; "pretrained" in its state is that start.

    Scores, beside those of the parts: the test accuracy of the softmax on the frozen code, before fine-tuning.
    """
    classifier = mlp.Config(
        n_in=int(np.prod(config.model.shape)),
        n_out=len(class_names),
        widths=(*config.model.widths, config.model.n_code),
        activation=config.model.activation,
        initializer=config.model.initializer,
        dropout=config.dropout,
    )
    plain = models.bind(mlp, classifier)

    def init(key: Key) -> tuple[Params, State]:
        params, _ = plain.init(key)
        return params, {"pretrained": jax.tree.map(jnp.zeros_like, params)}

    def warm_start(state: TrainState) -> TrainState:
        params = pretrain(config, splits, class_names)
        return state._replace(params=params, state={"pretrained": jax.tree.map(jnp.copy, params)})

    def scores(state: TrainState, splits: Splits) -> dict[str, float]:
        before = state._replace(params=state.state["pretrained"])
        total = evaluate(built.evaluate, before, splits.test)
        return {"test accuracy before fine-tuning": metrics.scalars(total)["accuracy"]}

    def filters(state: TrainState, _: Splits) -> Any:
        title = "filters of the first layer after fine-tuning"
        return autoencoding.filter_grid(state.params, config.model.shape, title=title)

    def pretrained_filters(state: TrainState, _: Splits) -> Any:
        title = "filters of the first layer before fine-tuning"
        return autoencoding.filter_grid(state.state["pretrained"], config.model.shape, title=title)

    figures = {"filters": filters, "filters_pretrained": pretrained_filters}
    model = models.Model(init, plain.apply)
    built = supervised.classification(model, config, splits, class_names, more_pictures=figures)
    return built._replace(warm_start=warm_start, scores=scores)


def pretrain(config: Config, splits: Splits, class_names: tuple[str, ...]) -> Params:
    """Train each layer on the codes of the one below, then all together, then a softmax on the code: MLP parameters."""
    shallow = autoencoder.layer_configs(config.model)
    layers, inputs = [], splits
    for i, layer in enumerate(shallow):
        options = _options(config, i, config.pretrain_epochs)
        name = f"layer {i + 1} of {len(shallow)}, {np.prod(layer.shape)} to {layer.n_code}"
        layers.append(autoencoding.stage(name, autoencoding.task(layer, options, inputs), options).params)
        inputs = autoencoding.features(_encoder(layer, layers[-1]), inputs)
    deep = autoencoder.unroll(layers)
    if config.unroll_epochs:
        options = _options(config, len(shallow), config.unroll_epochs)
        whole = autoencoding.task(config.model, options, splits)
        whole = whole._replace(warm_start=lambda state: state._replace(params=deep))
        deep = autoencoding.stage("all layers, unrolled", whole, options).params
        inputs = autoencoding.features(_encoder(config.model, deep), splits)
    softmax = dataclasses.replace(autoencoding.SOFTMAX, seed=config.seed)
    top = autoencoding.stage("softmax on the code", autoencoding.softmax_task(inputs, class_names), softmax)
    return autoencoder.mlp_params(deep, top.params)


def _encoder(model: autoencoder.Config, params: Params) -> Any:
    def encode(x: Array) -> Array:
        return autoencoder.encode(params, x, model)

    return encode


def _options(config: Config, number: int, epochs: int) -> supervised.Config:
    """How to train one stage; its seed is its own, so that equal layers do not start equal."""
    seed = int(np.random.SeedSequence((config.seed, number)).generate_state(1)[0])
    rate = config.pretrain_learning_rate
    return supervised.Config(
        seed=seed, epochs=epochs, batch_size=config.batch_size, learning_rate=rate, schedule="cosine"
    )
