"""The options of an adversarial run, on the command line and in `config.json`, and the optimizers that they make."""

import dataclasses
from collections.abc import Mapping
from typing import Literal, TypeAlias

import optax

from jaxdl import optim
from jaxdl.data.batches import n_steps
from jaxdl.tasks.options import update_rule
from jaxdl.tasks.precision import Precision
from jaxdl.validation import require_not_negative, require_positive, require_rate, require_seed, require_types

Loss: TypeAlias = Literal["non-saturating", "saturating", "wasserstein"]
Optimizer: TypeAlias = Literal["sgd", "momentum", "nesterov", "rmsprop", "adagrad", "adam"]
Rules: TypeAlias = Mapping[str, optax.GradientTransformation]  # "generator" and "discriminator" -> its update rule


@dataclasses.dataclass(frozen=True)
class Config:
    """The options of an adversarial run; a recipe's Config adds the model's.

    Attributes:
        seed: of the split, the parameters, the order of examples and the noise.
        epochs: passes over the training part.
        batch_size: examples per step, over all of its discriminator steps; None is all of them.
        loss: what the players minimize: the minimax game with the loss of practice for the generator, the minimax game
            itself ("saturating"), or the distance that a critic measures ("wasserstein").
        optimizer: the update rule of both players.
        generator_rate: its (largest) learning rate for the generator.
        discriminator_rate: the same for the discriminator; often the larger of the two time scales (TTUR).
        schedule: how both rates fall over the run.
        b1: decay of the first moment, of Adam and of momentum; 0.5 (DCGAN) where 0.9 would make the players swing.
        b2: decay of Adam's second moment.
        discriminator_steps: k, discriminator updates for each of the generator's (n_critic); divides the batch size.
        label_smoothing: one-sided: the discriminator's target for the data is 1 - this.
        r1: gamma, the weight of the gradient penalty on the data; 0 leaves it out.
        gradient_penalty: lambda, the weight of a Wasserstein critic's penalty for slopes other than 1; 0 leaves it out,
            for a critic with spectral norm.
        accumulate: micro-batches into which each player's minibatch is cut, one after the other, for the memory of one;
            batch norm sees one at a time.
        ewma: decay of the average of the generator, from which samples are drawn; 0 keeps the newest alone.
        precision: of the products of a training step: "bf16" is fast on a GPU; parameters and moments stay float32.
        patience: epochs without a better coverage before the run ends; None never ends early.
        validation: share of the training data held out to watch the game.
    """

    seed: int = 0
    epochs: int = 20
    batch_size: int | None = 64
    loss: Loss = "non-saturating"
    optimizer: Optimizer = "adam"
    generator_rate: float = 2e-4
    discriminator_rate: float = 2e-4
    schedule: Literal["constant", "cosine"] = "constant"
    b1: float = 0.5
    b2: float = 0.999
    discriminator_steps: int = 1
    label_smoothing: float = 0.0
    r1: float = 0.0
    gradient_penalty: float = 10.0
    accumulate: int = 1
    ewma: float = 0.99
    precision: Precision = "f32"
    patience: int | None = None
    validation: float = 0.1

    def __post_init__(self) -> None:
        require_seed("adversarial", self.seed)
        require_types("adversarial", self)
        where, k, n = "adversarial", self.discriminator_steps, self.accumulate
        require_positive(where, epochs=self.epochs, generator_rate=self.generator_rate, discriminator_steps=k)
        require_positive(where, discriminator_rate=self.discriminator_rate, validation=self.validation, accumulate=n)
        optional = {"batch_size": self.batch_size, "patience": self.patience}
        require_positive(where, **{name: value for name, value in optional.items() if value is not None})
        require_not_negative(where, r1=self.r1, gradient_penalty=self.gradient_penalty)
        require_rate(where, b1=self.b1, b2=self.b2, ewma=self.ewma)
        require_rate(where, label_smoothing=self.label_smoothing, validation=self.validation)
        if self.loss == "wasserstein" and self.label_smoothing:
            raise ValueError(f"{where}: label_smoothing {self.label_smoothing} is for probabilities, a critic has none")
        if self.batch_size is not None:
            require_equal_parts(self, self.batch_size, "batch_size {}")


def require_equal_parts(config: Config, n: int, what: str) -> None:
    """Raise ValueError unless a batch of n examples can be cut into its minibatches, and these into micro-batches."""
    k, parts = config.discriminator_steps, config.accumulate
    if n % k:
        raise ValueError(f"adversarial: discriminator_steps {k} must divide {what.format(n)}")
    if n // k % parts:
        raise ValueError(f"adversarial: accumulate {parts} must divide the {n // k} examples of {what.format(n)} / {k}")


def optimizers(config: Config, n_examples: int | None = None) -> Rules:
    """The update rules of both players, by the options.

    Args:
        config: the options.
        n_examples: of the training part: a schedule must know how many steps there are.
    Raises: ValueError for a schedule without them.

    >>> sorted(optimizers(Config()))
    ['discriminator', 'generator']
    """

    def rule(rate: float, steps_of_a_step: int) -> optax.GradientTransformation:
        scheduled: optim.LearningRate = rate
        if config.schedule == "cosine":
            if n_examples is None:
                raise ValueError('adversarial: schedule "cosine" ends with the run: say how many examples there are')
            steps = config.epochs * n_steps(n_examples, config.batch_size) * steps_of_a_step
            scheduled = optim.cosine_schedule(rate, steps)
        return update_rule(config.optimizer, scheduled, b1=config.b1, b2=config.b2)

    return {
        "generator": rule(config.generator_rate, 1),
        "discriminator": rule(config.discriminator_rate, config.discriminator_steps),
    }
