"""What a game needs of a model: two players as pure functions, from noise to examples and from examples to logits."""

from collections.abc import Callable
from typing import Any, NamedTuple, Protocol

import jax.numpy as jnp

from jaxdl.tasks.precision import Precision, cast
from jaxdl.types import Array, Key, Params, State


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
        spectral_norm: whether spectral norm bounds the discriminator's slope.
    """

    init: Callable[[Key], tuple[Params, State]]
    generate: Generate
    discriminate: Discriminate
    n_latent: int
    n_classes: int = 0
    bounds: tuple[float, float] | None = None
    batch_norm: bool = False
    spectral_norm: bool = False


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
    spectral = config.discriminator_norm == "spectral"
    return Players(init, generate, discriminate, config.n_latent, config.n_classes, bounds, normalized, spectral)


def rounded(players: Players, precision: Precision) -> Players:
    """The players as a training step computes them: in bfloat16 for "bf16", from float32 and to float32.

    Parameters, examples, logits and running statistics stay float32 outside, so do their gradients.
    """
    if precision == "f32":
        return players
    wide, half = jnp.float32, jnp.bfloat16

    def generate(params: Params, state: State, z: Array, labels: Array | None, *, train: bool) -> tuple[Array, State]:
        made = players.generate(cast(params, wide, half), state, z.astype(half), labels, train=train)
        return cast(made, half, wide)

    def discriminate(
        params: Params, state: State, x: Array, labels: Array | None, *, train: bool
    ) -> tuple[Array, State]:
        made = players.discriminate(cast(params, wide, half), state, x.astype(half), labels, train=train)
        return cast(made, half, wide)

    return players._replace(generate=generate, discriminate=discriminate)
