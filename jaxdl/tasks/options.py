"""The options of a supervised run, on the command line and in `config.json`, and the optimizer they make."""

import dataclasses
import functools
from collections.abc import Callable
from pathlib import Path
from typing import Any, Literal, TypeAlias, TypeVar

import optax

from jaxdl import optim
from jaxdl.data import augment
from jaxdl.data.batches import n_steps
from jaxdl.ewma import check_decay
from jaxdl.tasks.precision import Precision
from jaxdl.types import Array
from jaxdl.validation import (
    require_not_negative,
    require_positive,
    require_rate,
    require_seed,
    require_types,
)

Optimizer: TypeAlias = Literal["sgd", "momentum", "nesterov", "rmsprop", "adagrad", "adam", "adamw"]
Schedule: TypeAlias = Literal["constant", "cosine", "inverse-sqrt"]


@dataclasses.dataclass(frozen=True)
class Config:
    """The options of a supervised run; a recipe's Config adds the model's.

    Attributes:
        seed: of the split, the parameters, the order of examples and dropout.
        epochs: passes over the training part.
        batch_size: examples per step; None is all of them (batch gradient descent), 1 is stochastic.
        optimizer: the update rule.
        learning_rate: its (largest) rate.
        schedule: how the rate falls over the run; "inverse-sqrt" follows a warm-up.
        warmup_epochs: epochs over which the rate rises from 0.
        l1: rate of the penalty sum |w|.
        l2: rate of the penalty sum w^2.
        weight_decay: decoupled weight decay of adamw.
        max_norm: largest norm of a unit's incoming weights; None for no limit.
        clip_norm: largest norm of the whole gradient; None for no limit.
        label_smoothing: share of the target spread evenly over all classes (classifiers).
        class_weights: how much each class counts in the loss, one number per class (classifiers); (1, p) is what is
            called pos_weight for two classes.
        balanced: weight the classes so that all count the same, however many examples each has (classifiers).
        ignore_index: a label whose examples are left out, such as -1 for "unknown" (classifiers).
        patience: epochs without a better validation score before the run ends; None never ends early.
        plateau: epochs without a better score after which the learning rate is halved; None never does.
        validation: share of the training data held out to choose the epoch.
        accumulate: micro-batches into which a step's batch is cut, one after the other, for the memory of one; their
            mean gradient is the batch's, but for batch norm, which sees one at a time.
        ewma: decay of an average of the parameters, which is evaluated and kept in their place; None for none.
        precision: of the products of a training step: "bf16" is fast on a GPU; parameters and moments stay float32.
    """

    seed: int = 0
    epochs: int = 20
    batch_size: int | None = 32
    optimizer: Optimizer = "adam"
    learning_rate: float = 1e-3
    schedule: Schedule = "constant"
    warmup_epochs: int = 0
    l1: float = 0.0
    l2: float = 0.0
    weight_decay: float = 0.0
    max_norm: float | None = None
    clip_norm: float | None = None
    label_smoothing: float = 0.0
    class_weights: tuple[float, ...] = ()
    balanced: bool = False
    ignore_index: int | None = None
    patience: int | None = None
    plateau: int | None = None
    validation: float = 0.1
    accumulate: int = 1
    ewma: float | None = None
    precision: Precision = "f32"

    def __post_init__(self) -> None:
        require_seed("train", self.seed)
        require_types("train", self)
        require_positive("train", epochs=self.epochs, learning_rate=self.learning_rate)
        optional = {"batch_size": self.batch_size, "max_norm": self.max_norm, "clip_norm": self.clip_norm}
        optional |= {"patience": self.patience, "plateau": self.plateau}
        require_positive("train", **{name: value for name, value in optional.items() if value is not None})
        require_positive("train", accumulate=self.accumulate)
        if self.batch_size is not None and self.accumulate > self.batch_size:
            raise ValueError(f"train: accumulate {self.accumulate} is more than the {self.batch_size} rows of a batch")
        if self.ewma is not None:
            check_decay("train", ewma=self.ewma)
        require_not_negative("train", warmup_epochs=self.warmup_epochs, l1=self.l1, l2=self.l2)
        require_not_negative("train", weight_decay=self.weight_decay)
        if self.weight_decay and self.optimizer != "adamw":
            raise ValueError(f"train: weight_decay belongs to adamw, not to {self.optimizer}; use l2 there")
        require_positive("train", class_weights=self.class_weights)
        if self.balanced and self.class_weights:
            raise ValueError("train: balanced computes the class_weights: give one of the two")
        require_rate("train", label_smoothing=self.label_smoothing, validation=self.validation)
        if self.schedule == "inverse-sqrt" and not self.warmup_epochs:
            raise ValueError('train: schedule "inverse-sqrt" starts from a warm-up: give warmup_epochs, at least 1')
        if self.warmup_epochs >= self.epochs:
            raise ValueError(f"train: warmup_epochs {self.warmup_epochs} must be fewer than the {self.epochs} epochs")


ConfigT = TypeVar("ConfigT", bound=Config)


@dataclasses.dataclass(frozen=True)
class ImageConfig(Config):
    """The options of a run on images: `Config` and augmentation of the training batches.

    Attributes:
        shift: largest random shift in pixels, both ways.
        flip: mirror half of the images left to right.
        cutout: side of the square that is blanked.
        noise: standard deviation of Gaussian noise on pixels in [0, 1].
    """

    shift: int = 0
    flip: bool = False
    cutout: int = 0
    noise: float = 0.0

    def __post_init__(self) -> None:
        super().__post_init__()
        require_not_negative("train", shift=self.shift, cutout=self.cutout, noise=self.noise)

    def augmentation(self) -> Callable[..., Array] | None:
        """The chosen augmentations as one function (x, key=key) -> x; None for none."""
        chosen: list[Callable[..., Array]] = []
        if self.shift:
            chosen.append(functools.partial(augment.random_shift, max_shift=self.shift))
        if self.flip:
            chosen.append(augment.random_flip)
        if self.cutout:
            chosen.append(functools.partial(augment.cutout, size=self.cutout))
        if self.noise:
            chosen.append(functools.partial(augment.gaussian_noise, std=self.noise))
        return augment.compose(*chosen) if chosen else None


def resolve(config: Config, name: str) -> None:
    """Make a file's name in a Config, if it has one, the whole path: a run is found again from every folder."""
    if value := getattr(config, name):
        object.__setattr__(config, name, str(Path(value).expanduser().resolve()))


def without_batches(config: ConfigT) -> ConfigT:
    """A Config for a task that is not trained: nothing in it depends on how many examples there are."""
    return dataclasses.replace(config, batch_size=None, balanced=False, class_weights=())


def make_optimizer(config: Config, n_examples: int) -> optax.GradientTransformation:
    """The update rule of a configuration, with its schedule, clipping and constraint."""
    steps = n_steps(n_examples, config.batch_size)
    rate: Any = config.learning_rate
    warmup = config.warmup_epochs * steps
    if config.schedule == "cosine":
        rate = optim.cosine_schedule(config.learning_rate, config.epochs * steps - warmup)
    if config.schedule == "inverse-sqrt":
        rate = optim.inverse_sqrt_schedule(config.learning_rate, warmup)
    if warmup:
        after = rate if callable(rate) else optim.constant_schedule(rate)
        rate = optim.warmup_schedule(after, warmup)
    parts = [update_rule(config.optimizer, rate, weight_decay=config.weight_decay)]
    if config.clip_norm is not None:
        parts.insert(0, optim.clip_by_global_norm(config.clip_norm))
    if config.plateau is not None:
        parts.append(optim.scale_by_factor())
    if config.max_norm is not None:
        parts.append(optim.max_norm(config.max_norm))
    if config.ewma is not None:
        parts.append(optim.average_parameters(config.ewma))
    return optax.chain(*parts)


def update_rule(
    name: str, rate: optim.LearningRate, *, b1: float = 0.9, b2: float = 0.999, weight_decay: float = 0.0
) -> optax.GradientTransformation:
    """An optimizer by the name of an option.

    Args:
        name: one of `Optimizer`.
        rate: a number or a schedule.
        b1: decay of the first moment, of Adam and of momentum.
        b2: decay of the second moment, of Adam.
        weight_decay: of adamw.
    """
    rules: dict[str, Callable[[], optax.GradientTransformation]] = {
        "sgd": lambda: optim.sgd(rate),
        "momentum": lambda: optim.momentum(rate, b1),
        "nesterov": lambda: optim.momentum(rate, b1, nesterov=True),
        "rmsprop": lambda: optim.rmsprop(rate),
        "adagrad": lambda: optim.adagrad(rate),
        "adam": lambda: optim.adam(rate, b1, b2),
        "adamw": lambda: optim.adamw(rate, b1, b2, weight_decay=weight_decay, mask=optim.weights),
    }
    return rules[name]()
