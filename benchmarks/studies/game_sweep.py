"""A sweep over eight seeds of a game: one call as `fit_many` makes it, one by `vmap`, and eight calls in turn.

    gan-sweep       the DCGAN of the workload `gan`, batch 64: arithmetic is what takes the time
    mixture-sweep   the dense players of the recipe mixture_gan, batch 256: small products, many calls of small kernels

A call makes some steps by `lax.scan`, on the same data for all seeds; a seed draws parameters and noise. Milliseconds
are those of a step of all eight games.
"""

import functools
from collections.abc import Mapping
from typing import NamedTuple

import jax
import jax.numpy as jnp

from benchmarks.measuring import contest
from benchmarks.measuring.contest import Entry, Thunk, Work
from benchmarks.reports.records import Record
from benchmarks.workloads import cases, ours
from benchmarks.workloads.trainer import PARITY
from jaxdl import metrics
from jaxdl.models import gan
from jaxdl.recipes import mixture_gan
from jaxdl.tasks import adversarial
from jaxdl.training import TrainState
from jaxdl.training.together import choose_batching
from jaxdl.types import Array, Batch

SEEDS = 8
BASE = "jaxdl-together"  # `vmap` or `lax.map`, as `fit_many` chooses
TOLERANCE = PARITY / 4  # of the largest loss: within the parity of two loss curves for losses up to 4 nats


class Sweep(NamedTuple):
    """One game to be played from several seeds.

    Attributes:
        model: of both players.
        options: of the game.
        batch: examples per step.
        steps: in a call.
        flops: of one step of one game; None where the products are too small to matter.
    """

    model: gan.Config
    options: adversarial.Config
    batch: int
    steps: int
    flops: int | None


def sweeps() -> dict[str, Sweep]:
    """The two games by workload."""
    case, mixture = cases.make("gan"), mixture_gan.Config()
    return {
        "gan-sweep": Sweep(case.config, ours.game_config(case), case.batch, 4, case.flops),
        "mixture-sweep": Sweep(mixture.model, mixture, 256, 50, None),
    }


def run(rounds: int, chosen: Mapping[str, Sweep] | None = None) -> list[Record]:
    """Records of all ways to make each sweep; their losses must agree."""
    found = []
    for workload, sweep in (sweeps() if chosen is None else chosen).items():
        flops = None if sweep.flops is None else SEEDS * sweep.flops
        facts = {"seeds": SEEDS, "batch": sweep.batch}
        work = Work(workload, BASE, tolerance=TOLERANCE, calls=sweep.steps, flops=flops, facts=facts)
        entries = {row: Entry(lambda thunk=thunk: thunk) for row, thunk in implementations(sweep).items()}
        found += contest.run(work, entries, rounds, ())
    return found


def implementations(sweep: Sweep) -> dict[str, Thunk]:
    """Row -> what plays all games for `sweep.steps` steps from their start; gives the losses [SEEDS, steps]."""
    players = adversarial.players(gan, sweep.model)
    step = adversarial.make_adversarial_step(players, sweep.options)
    shape = sweep.steps, sweep.batch
    x = jax.random.uniform(jax.random.key(0), (*shape, *sweep.model.size))
    data = {"x": x, "mask": jnp.ones(shape, bool)}
    keys = jax.random.split(jax.random.key(1), SEEDS)
    start = jax.jit(functools.partial(adversarial.init_game, players=players, config=sweep.options))
    starts = [start(key) for key in keys]
    together = jax.tree.map(lambda *leaves: jnp.stack(leaves), *starts)

    def play(state: TrainState, data: Batch) -> tuple[TrainState, Array]:
        state, scores = jax.lax.scan(step, state, data)
        return state, metrics.value(scores["discriminator_loss"]) + metrics.value(scores["generator_loss"])

    one, by_vmap = jax.jit(play), jax.jit(jax.vmap(play, in_axes=(0, None)))
    spread = choose_batching(jax.make_jaxpr(play)(starts[0], data))
    chosen = jax.jit(lambda states, data: spread(lambda state: play(state, data))(states))

    def one_by_one() -> Array:
        return jnp.stack([one(state, data)[1] for state in starts])

    return {
        BASE: lambda: chosen(together, data)[1],
        "jaxdl-vmap": lambda: by_vmap(together, data)[1],
        "jaxdl-one-by-one": one_by_one,
    }
