"""The two-player game of a GAN as a task: one pure step that moves both players, and what is watched meanwhile.

A step cuts its batch into k minibatches (k = `discriminator_steps`) and does, as in algorithm 1 of the paper:

    k times   z ~ N(0, I),  D <- D - optimizer(d L_D / d D)  on a minibatch and G(z)
    once      G <- G - optimizer(d L_G / d G)                on the last z, judged by the new D
              the moving average of G, from which samples are drawn, takes the new G in

(The paper draws z anew for the generator. With the last z both gradients share G(z), and XLA computes it once.)
Everything that the game carries lies in one `TrainState`, so it is scanned, resumed, sharded and `vmap`ped over seeds
like any other.

Reference: Goodfellow et al., "Generative adversarial nets", 2014, algorithm 1.
"""

import dataclasses
from collections.abc import Callable
from typing import Any, NamedTuple, Protocol

import jax
import jax.numpy as jnp
import optax

from jaxdl import metrics, optim
from jaxdl.ewma import EwmaState, ewma
from jaxdl.losses import minimax
from jaxdl.tasks.supervised import as_float
from jaxdl.training.step import TrainState, step_key
from jaxdl.types import Array, Batch, Key, Metrics, Params, State
from jaxdl.validation import require_not_negative, require_positive, require_rate, require_seed, require_types


@dataclasses.dataclass(frozen=True)
class Config:
    """The options of an adversarial run; a recipe's Config adds the model's.

    Attributes:
        seed: of the split, the parameters, the order of examples and the noise.
        epochs: passes over the training part.
        batch_size: examples per step, over all of its discriminator steps; None is all of them.
        generator_rate: Adam's learning rate of the generator.
        discriminator_rate: Adam's learning rate of the discriminator.
        b1: decay of Adam's first moment, for both; 0.5 (DCGAN) where 0.9 would make the players swing.
        b2: decay of Adam's second moment, for both.
        discriminator_steps: k, discriminator updates for each of the generator's; divides the batch size.
        label_smoothing: one-sided: the discriminator's target for the data is 1 - this.
        saturating: give the generator the minimax loss itself instead of the non-saturating one.
        r1: gamma, the weight of the gradient penalty on the data; 0 leaves it out.
        average: decay of the moving average of the generator; 0 keeps the newest alone.
        patience: epochs without a better coverage before the run ends; None never ends early.
        validation: share of the training data held out to watch the game.
    """

    seed: int = 0
    epochs: int = 20
    batch_size: int | None = 64
    generator_rate: float = 2e-4
    discriminator_rate: float = 2e-4
    b1: float = 0.5
    b2: float = 0.999
    discriminator_steps: int = 1
    label_smoothing: float = 0.0
    saturating: bool = False
    r1: float = 0.0
    average: float = 0.99
    patience: int | None = None
    validation: float = 0.1

    def __post_init__(self) -> None:
        require_seed("adversarial", self.seed)
        require_types("adversarial", self)
        where, k = "adversarial", self.discriminator_steps
        require_positive(where, epochs=self.epochs, generator_rate=self.generator_rate, discriminator_steps=k)
        require_positive(where, discriminator_rate=self.discriminator_rate, validation=self.validation)
        optional = {"batch_size": self.batch_size, "patience": self.patience}
        require_positive(where, **{name: value for name, value in optional.items() if value is not None})
        require_not_negative(where, r1=self.r1)
        require_rate(where, b1=self.b1, b2=self.b2, average=self.average)
        require_rate(where, label_smoothing=self.label_smoothing, validation=self.validation)
        if self.batch_size is not None and self.batch_size % k:
            raise ValueError(f"{where}: discriminator_steps {k} must divide batch_size {self.batch_size}")


class Generate(Protocol):
    """(params, state, z, labels or None) -> (examples, new state), with the generator's parameters and state."""

    def __call__(
        self, params: Params, state: State, z: Array, labels: Array | None, *, train: bool
    ) -> tuple[Array, State]: ...


class Discriminate(Protocol):
    """(params, state, x, labels or None) -> (logits [B], new state), with the discriminator's parameters and state."""

    def __call__(
        self, params: Params, state: State, x: Array, labels: Array | None, *, train: bool
    ) -> tuple[Array, State]: ...


class Players(NamedTuple):
    """What the game needs of a model.

    Attributes:
        init: key -> (params, state), each {"generator": ..., "discriminator": ...}.
        generate: noise to examples.
        discriminate: examples to logits.
        n_latent: entries of the noise z.
        n_classes: K of the labels "y" that both players get; 0 without.
        bounds: the range of the generator's examples, which the data must share; None is any real number.
        batch_norm: whether the discriminator normalizes by the batch.
    """

    init: Callable[[Key], tuple[Params, State]]
    generate: Generate
    discriminate: Discriminate
    n_latent: int
    n_classes: int = 0
    bounds: tuple[float, float] | None = None
    batch_norm: bool = False


def players(module: Any, config: Any) -> Players:
    """The `Players` of a model module such as `jaxdl.models.gan` and its Config."""

    def generate(params: Params, state: State, z: Array, labels: Array | None, *, train: bool) -> tuple[Array, State]:
        return module.generate(params, state, z, config, train=train, labels=labels)

    def discriminate(
        params: Params, state: State, x: Array, labels: Array | None, *, train: bool
    ) -> tuple[Array, State]:
        return module.discriminate(params, state, x, config, train=train, labels=labels)

    def init(key: Key) -> tuple[Params, State]:
        return module.init(key, config), module.init_state(config)

    bounds = (0.0, 1.0) if config.output == "sigmoid" else None
    normalized = config.discriminator_norm == "batch" and len(config.discriminator) > 1  # never in the first layer
    return Players(init, generate, discriminate, config.n_latent, config.n_classes, bounds, normalized)


def optimizers(config: Config) -> dict[str, optax.GradientTransformation]:
    """One Adam for each player."""
    rates = {"generator": config.generator_rate, "discriminator": config.discriminator_rate}
    return {name: optim.adam(rate, config.b1, config.b2) for name, rate in rates.items()}


def init_game(key: Key, players: Players, config: Config) -> TrainState:
    """The state before the first step: both players, their optimizers, and the empty average of the generator."""
    init_key, run_key = jax.random.split(key)
    params, state = players.init(init_key)
    average = ewma(config.average).init({"params": params["generator"], "state": state["generator"]})
    opt_state = {name: optimizer.init(params[name]) for name, optimizer in optimizers(config).items()}
    return TrainState(params, {**state, "average": average}, opt_state, run_key, jnp.zeros((), jnp.int32))


def averaged_generator(train_state: TrainState, config: Config) -> tuple[Params, State]:
    """Parameters and running statistics of the generator's moving average; before the first step, the first ones."""
    average: EwmaState = train_state.state["average"]
    newest = {"params": train_state.params["generator"], "state": train_state.state["generator"]}
    smooth = ewma(config.average).value(average)
    chosen = jax.tree.map(lambda a, p: jnp.where(average.steps > 0, a.astype(p.dtype), p), smooth, newest)
    return chosen["params"], chosen["state"]


def make_adversarial_step(
    players: Players, config: Config
) -> Callable[[TrainState, Batch], tuple[TrainState, Metrics]]:
    """One step of the game as a pure function of (train state, batch): algorithm 1, see the head of the file.

    The batch is {"x": [B, ...], "mask": [B]} and, for a conditional game, "y": [B] labels, which the generated examples
    share. Metrics: both losses, and the mean of D on the data and on what is generated (both end at 1/2).

    Raises: ValueError for `r1` where the discriminator's batch norm makes one example's logit depend on the others.
    """
    if config.r1 and players.batch_norm:
        raise ValueError(
            f"adversarial: r1 {config.r1} penalizes the gradient of each example's own logit, but batch norm in the "
            'discriminator mixes the examples: use discriminator_norm "none" or "spectral", or r1 0'
        )
    rules = optimizers(config)

    def step(train_state: TrainState, batch: Batch) -> tuple[TrainState, Metrics]:
        key = step_key(train_state)
        params, state, opt_state = (dict(tree) for tree in train_state[:3])

        def descend(name: str, gradient: Params) -> None:
            updates, opt_state[name] = rules[name].update(gradient, opt_state[name], params[name])
            params[name] = optax.apply_updates(params[name], updates)

        def discriminator_turn(number: int, minibatch: Batch) -> tuple[Array, Array | None, Metrics]:
            y = minibatch.get("y")
            z = jax.random.normal(jax.random.fold_in(key, number), (len(minibatch["x"]), players.n_latent))
            fake, _ = players.generate(params["generator"], state["generator"], z, y, train=True)
            gradient, (state["discriminator"], scores) = jax.grad(discriminator_loss, has_aux=True)(
                params["discriminator"], state["discriminator"], minibatch, fake, players, config
            )
            descend("discriminator", gradient)
            return z, y, scores

        minibatches = _minibatches(batch, config.discriminator_steps, players.n_classes > 0)
        *_, (z, y, scores) = [discriminator_turn(i, minibatch) for i, minibatch in enumerate(minibatches)]
        judge = params["discriminator"], state["discriminator"]
        gradient, (state["generator"], loss) = jax.grad(generator_loss, has_aux=True)(
            params["generator"], state["generator"], z, y, judge, players, config
        )
        descend("generator", gradient)
        newest = {"params": params["generator"], "state": state["generator"]}
        state["average"] = ewma(config.average).update(state["average"], newest)
        return TrainState(params, state, opt_state, train_state.key, train_state.step + 1), scores | loss

    return step


def discriminator_loss(
    params: Params, state: State, batch: Batch, fake: Array, players: Players, config: Config
) -> tuple[Array, tuple[State, Metrics]]:
    """The discriminator's loss with its penalty, its new state, and metrics (of the loss without the penalty)."""
    x, y, mask = batch["x"], batch.get("y"), batch["mask"]
    real_logits, new = players.discriminate(params, state, x, y, train=True)
    fake_logits, new = players.discriminate(params, new, fake, y, train=True)
    loss = minimax.discriminator_loss(real_logits, fake_logits, label_smoothing=config.label_smoothing, where=mask)
    scores = {
        "discriminator_loss": metrics.mean(loss),
        "d_real": metrics.mean(jax.nn.sigmoid(real_logits), where=mask),
        "d_fake": metrics.mean(jax.nn.sigmoid(fake_logits)),
    }
    if config.r1:
        logits = lambda x: players.discriminate(params, state, x, y, train=True)[0]  # noqa: E731
        loss = loss + config.r1 * minimax.gradient_penalty(logits, x, where=mask)
    return loss, (new, scores)


def generator_loss(
    params: Params,
    state: State,
    z: Array,
    labels: Array | None,
    judge: tuple[Params, State],
    players: Players,
    config: Config,
) -> tuple[Array, tuple[State, Metrics]]:
    """The generator's loss before a discriminator (params, state) that holds still, and its new state."""
    fake, new = players.generate(params, state, z, labels, train=True)
    logits, _ = players.discriminate(*judge, fake, labels, train=True)
    of_logits = minimax.saturating_generator_loss if config.saturating else minimax.non_saturating_generator_loss
    loss = of_logits(logits)
    return loss, (new, {"generator_loss": metrics.mean(loss)})


def _minibatches(batch: Batch, k: int, conditional: bool) -> list[Batch]:
    """The batch in k equal parts, its examples as floats; without labels where the players take none."""
    n = batch["x"].shape[0]
    if n % k:
        raise ValueError(f"adversarial: discriminator_steps {k} must divide the {n} examples of a batch")
    chosen = {"x": as_float(batch["x"]), "mask": batch["mask"]} | ({"y": batch["y"]} if conditional else {})
    return [{name: v[i * n // k : (i + 1) * n // k] for name, v in chosen.items()} for i in range(k)]
