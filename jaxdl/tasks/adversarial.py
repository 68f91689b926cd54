"""The two-player game of a GAN as a task: one pure step that moves both players, and what is watched meanwhile.

A step cuts its batch into k minibatches (k = `discriminator_steps`) and does, as in algorithm 1 of the paper:

    k times   z ~ N(0, I),  D <- D - optimizer(d L_D / d D)  on a minibatch and G(z)
    once      G <- G - optimizer(d L_G / d G)                on the last z, judged by the new D
              the moving average of G, from which samples are drawn, takes the new G in

(The paper draws z anew for the generator. With the last z both gradients share G(z), and XLA computes it once.)
The losses are those of the minimax game or of the Wasserstein game, where D is a critic.
Everything that the game carries lies in one `TrainState`, so it is scanned, resumed, sharded and `vmap`ped over seeds
like any other.

Reference: Goodfellow et al., "Generative adversarial nets", 2014, algorithm 1.
"""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import optax

from jaxdl import metrics
from jaxdl.ewma import ewma
from jaxdl.losses import minimax, wasserstein
from jaxdl.optim import averaged
from jaxdl.tasks.game_options import Config as Config
from jaxdl.tasks.game_options import Rules as Rules
from jaxdl.tasks.game_options import optimizers as optimizers
from jaxdl.tasks.players import Players as Players
from jaxdl.tasks.players import players as players
from jaxdl.tasks.players import rounded
from jaxdl.tasks.supervised import as_float
from jaxdl.training.step import LossFn, TrainState, accumulated, step_key
from jaxdl.types import Array, Batch, Key, Metrics, Params, State


def init_game(key: Key, players: Players, config: Config, rules: Rules | None = None) -> TrainState:
    """The state before the first step: both players, their optimizers, and the empty average of the generator.

    `rules` are those of `make_adversarial_step`.
    """
    init_key, run_key = jax.random.split(key)
    params, state = players.init(init_key)
    average = ewma(config.ewma).init({"params": params["generator"], "state": state["generator"]})
    opt_state = {name: optimizer.init(params[name]) for name, optimizer in (rules or optimizers(config)).items()}
    return TrainState(params, {**state, "average": average}, opt_state, run_key, jnp.zeros((), jnp.int32))


def averaged_generator(train_state: TrainState, config: Config) -> tuple[Params, State]:
    """Parameters and running statistics of the generator's moving average; before the first step, the first ones."""
    newest = {"params": train_state.params["generator"], "state": train_state.state["generator"]}
    chosen = averaged(newest, train_state.state["average"], config.ewma)
    return chosen["params"], chosen["state"]


def make_adversarial_step(
    players: Players, config: Config, rules: Rules | None = None
) -> Callable[[TrainState, Batch], tuple[TrainState, Metrics]]:
    """One step of the game as a pure function of (train state, batch): algorithm 1, see the head of the file.

    The batch is {"x": [B, ...], "mask": [B]} and, for a conditional game, "y": [B] labels, which the generated examples
    share. Metrics: both losses, and the mean of D on the data and on what is generated (both end at 1/2; of a critic
    any number).

    Args:
        players: the model.
        config: the losses and penalties.
        rules: an optimizer for each player, with its schedule; by default those of the config's options. `init_game`
            takes the same.
    Raises: ValueError for a penalty on slopes where the discriminator's batch norm makes one example's logit depend on
        the others, and for a Wasserstein critic whose slope nothing bounds.
    """
    _check_slopes(players, config)
    rules, players = rules or optimizers(config), rounded(players, config.precision)

    def step(train_state: TrainState, batch: Batch) -> tuple[TrainState, Metrics]:
        key, k = step_key(train_state), config.discriminator_steps
        params, state, opt_state = (dict(tree) for tree in train_state[:3])

        def descend(name: str, loss_fn: LossFn, rows: Batch, key: Key) -> Metrics:
            gradient = jax.value_and_grad(loss_fn, has_aux=True)
            gradient = gradient if config.accumulate == 1 else accumulated(gradient, config.accumulate)
            (_, (state[name], scores)), slope = gradient(params[name], state[name], rows, key)
            updates, opt_state[name] = rules[name].update(slope, opt_state[name], params[name])
            params[name] = optax.apply_updates(params[name], updates)
            return scores

        def of_discriminator(d: Params, d_state: State, rows: Batch, key: Key) -> Any:
            fake, _ = players.generate(params["generator"], state["generator"], rows["z"], rows.get("y"), train=True)
            return discriminator_loss(d, d_state, rows, fake, players, config, key=key)

        def of_generator(g: Params, g_state: State, rows: Batch, key: Key) -> Any:
            judge = params["discriminator"], state["discriminator"]
            return generator_loss(g, g_state, rows["z"], rows.get("y"), judge, players, config)

        scores, rows = {}, {}
        for i, rows in enumerate(_minibatches(batch, k, players.n_classes > 0)):
            rows["z"] = jax.random.normal(jax.random.fold_in(key, i), (len(rows["x"]), players.n_latent))
            scores = descend("discriminator", of_discriminator, rows, jax.random.fold_in(key, k + i))
        last = {name: rows[name] for name in ("z", "y") if name in rows}
        scores |= descend("generator", of_generator, last, key)
        newest = {"params": params["generator"], "state": state["generator"]}
        state["average"] = ewma(config.ewma).update(state["average"], newest)
        return TrainState(params, state, opt_state, train_state.key, train_state.step + 1), scores

    return step


def _check_slopes(players: Players, config: Config) -> None:
    critic = config.loss == "wasserstein"
    penalty = f"r1 {config.r1}" if config.r1 else f"gradient_penalty {config.gradient_penalty}"
    if players.batch_norm and (config.r1 or (critic and config.gradient_penalty)):
        raise ValueError(
            f"adversarial: {penalty} penalizes the gradient of each example's own logit, but batch norm in the "
            f'discriminator mixes the examples: use discriminator_norm "none" or "spectral"'
            + (", or r1 0" if config.r1 else "")
        )
    if critic and not config.gradient_penalty and not players.spectral_norm:
        raise ValueError(
            "adversarial: a Wasserstein critic needs a bounded slope: give gradient_penalty (10 in the paper), or "
            'discriminator_norm "spectral"'
        )


def discriminator_loss(
    params: Params,
    state: State,
    batch: Batch,
    fake: Array,
    players: Players,
    config: Config,
    *,
    key: Key | None = None,
) -> tuple[Array, tuple[State, Metrics]]:
    """The discriminator's loss with its penalties, its new state, and metrics (of the loss without the penalties).

    `key` is that of the places where a Wasserstein critic's slope is penalized.
    """
    x, y, mask = batch["x"], batch.get("y"), batch["mask"]
    real_logits, new = players.discriminate(params, state, x, y, train=True)
    fake_logits, new = players.discriminate(params, new, fake, y, train=True)
    logits = lambda x: players.discriminate(params, state, x, y, train=True)[0]  # noqa: E731
    if config.loss == "wasserstein":
        loss = wasserstein.critic_loss(real_logits, fake_logits, where=mask)
    else:
        loss = minimax.discriminator_loss(real_logits, fake_logits, label_smoothing=config.label_smoothing, where=mask)
    scores = {
        "discriminator_loss": metrics.mean(loss),
        "d_real": metrics.mean(opinion(real_logits, config), where=mask),
        "d_fake": metrics.mean(opinion(fake_logits, config)),
    }
    if config.r1:
        loss = loss + config.r1 * minimax.gradient_penalty(logits, x, where=mask)
    if config.loss == "wasserstein" and config.gradient_penalty:
        if key is None:
            raise ValueError("adversarial: the penalty looks at random places: discriminator_loss(..., key=key)")
        penalty = wasserstein.gradient_penalty(logits, x, fake, key=key, where=mask)
        loss = loss + config.gradient_penalty * penalty
    return loss, (new, scores)


def opinion(logits: Array, config: Config) -> Array:
    """What D says: the probability that an example is real; of a Wasserstein critic the number that it gives."""
    return logits if config.loss == "wasserstein" else jax.nn.sigmoid(logits)


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
    loss = _GENERATOR_LOSSES[config.loss](logits)
    return loss, (new, {"generator_loss": metrics.mean(loss)})


_GENERATOR_LOSSES: dict[str, Callable[[Array], Array]] = {
    "non-saturating": minimax.non_saturating_generator_loss,
    "saturating": minimax.saturating_generator_loss,
    "wasserstein": wasserstein.generator_loss,
}


def _minibatches(batch: Batch, k: int, conditional: bool) -> list[Batch]:
    """The batch in k equal parts, its examples as floats; without labels where the players take none."""
    n = batch["x"].shape[0]
    if n % k:
        raise ValueError(f"adversarial: discriminator_steps {k} must divide the {n} examples of a batch")
    chosen = {"x": as_float(batch["x"]), "mask": batch["mask"]} | ({"y": batch["y"]} if conditional else {})
    return [{name: v[i * n // k : (i + 1) * n // k] for name, v in chosen.items()} for i in range(k)]
