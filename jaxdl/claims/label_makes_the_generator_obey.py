"""A generator that is told a label, before a discriminator that knows it too, must make an example of that class.

    V(D, G) = E_{x, y}[log D(x, y)] + E_{z, y}[log(1 - D(G(z, y), y))]        equal only if p_g(x | y) = p(x | y)

For an example of another class, however good, D says no. Without the label D compares one mixture of ten digits with
another; with it, one digit with one digit, and what lies between two digits is told apart more easily.
"""

from typing import Any

import jax
import jax.numpy as jnp

from jaxdl import optim
from jaxdl.artifacts import pictures
from jaxdl.claims._descent import batch_rows, descend
from jaxdl.claims._digits import digits
from jaxdl.claims._evidence import Budget, Result, measured, surely_above
from jaxdl.models import gan, mlp
from jaxdl.tasks import adversarial
from jaxdl.types import Array, Key, Params

STATEMENT = "The label makes the generator obey: it draws the class that is asked for; and its samples are sharper."
SOURCE = "Mirza, Osindero, 2014; Odena, Olah, Shlens, 2017; Miyato, Koyama, 2018"
RULE = (
    "Asked for each digit equally often, a conditional generator's samples are of the class asked for, by a classifier "
    "of real digits, in surely more than 90 %, and an unconditional one's of equal size and training in surely less "
    "than 15 %; and the classifier is surely less in doubt (entropy) about the conditional one's."
)
SEEDS, SECONDS = 5, 15

STEPS, LATENT, HIDDEN, SAMPLES = 2500, 16, (128, 128), 500
JUDGE = mlp.Config(64, 10, (64,), "relu", "he_normal")
OPTIONS = adversarial.Config(generator_rate=1e-3, discriminator_rate=1e-3, r1=0.1, ewma=0.99)
CLASSES = {"with the label": 10, "without": 0}


def run(key: Key, budget: Budget) -> Result:
    """Play both games, ask for digits, let a classifier say what came."""
    steps = 600 if budget.small else STEPS
    budget.stage("a classifier of real digits")
    judge_key, *keys = jax.random.split(key, budget.seeds + 1)
    judge, asked = train_judge(judge_key), jnp.arange(SAMPLES, dtype=jnp.int32) % 10
    _, _, test_x, test_y = digits()
    real, obeyed, doubt, shown = mlp.apply(judge, test_x, JUDGE), {}, {}, {}
    for name, n_classes in CLASSES.items():
        budget.stage(f"the game {name}")
        play = jax.jit(lambda k, n=n_classes: samples(k, n, asked, steps))
        made = jnp.stack([play(k) for k in keys])  # [seeds, SAMPLES, 8, 8, 1]
        logits = mlp.apply(judge, made.reshape(-1, 64), JUDGE).reshape(budget.seeds, SAMPLES, 10)
        obeyed[name] = (logits.argmax(-1) == asked[None]).mean(1)
        doubt[name] = entropy(logits).mean(1)
        shown[name] = made[0, :40]
    return Result(
        figures=(
            *(measured(f"of the class asked for, {name}", 100 * values, "%") for name, values in obeyed.items()),
            *(measured(f"the classifier's doubt, {name}", values, "nats") for name, values in doubt.items()),
            measured("the classifier's doubt, real test digits", entropy(real).mean(), "nats"),
            measured("the classifier's accuracy, real test digits", 100 * (real.argmax(-1) == test_y).mean(), "%"),
        ),
        checks={
            "the conditional generator obeys": surely_above(obeyed["with the label"], 0.9),
            "the other cannot": surely_above(-obeyed["without"], -0.15),
            "its samples are sharper": surely_above(doubt["without"] - doubt["with the label"]),
        },
        drawn=shown,
    )


def samples(key: Key, n_classes: int, asked: Array, steps: int) -> Array:
    """What the averaged generator draws for the labels asked for, after the game."""
    x, y, _, _ = digits(flat=False)
    config = gan.Config(
        (8, 8, 1),
        "dense",
        LATENT,
        HIDDEN,
        HIDDEN,
        generator_norm="none",
        discriminator_norm="none",
        n_classes=n_classes,
    )
    players = adversarial.players(gan, config)
    step = adversarial.make_adversarial_step(players, OPTIONS)
    init_key, order_key, z_key = jax.random.split(key, 3)

    def play(state: Any, rows: Array) -> tuple[Any, None]:
        labels = {"y": y[rows]} if n_classes else {}
        return step(state, {"x": x[rows], "mask": jnp.ones(len(rows), bool)} | labels)[0], None

    start = adversarial.init_game(init_key, players, OPTIONS)
    state, _ = jax.lax.scan(play, start, batch_rows(order_key, len(x), 64, steps))
    z = jax.random.normal(z_key, (len(asked), LATENT))
    generator = adversarial.averaged_generator(state, OPTIONS)
    return players.generate(*generator, z, asked if n_classes else None, train=False)[0]


def train_judge(key: Key) -> Params:
    """A classifier of real digits."""
    x, y, _, _ = digits()
    init_key, order_key = jax.random.split(key)
    rows = batch_rows(order_key, len(x), 64, 1000)
    return descend(lambda p, r: mlp.mean_loss(p, x[r], y[r], JUDGE), mlp.init(init_key, JUDGE), optim.adam(3e-3), rows)[
        0
    ]


def entropy(logits: Array) -> Array:
    """-sum p log p of the classes [..., 10], in nats."""
    p = jax.nn.softmax(logits)
    return -(p * jax.nn.log_softmax(logits)).sum(-1)


def picture(result: Result) -> Any:
    """Samples by the digit asked for, a column for each."""
    figure, axes = pictures.subplots(2, 2, width=4.4, height=2.6)
    for ax, (name, images) in zip(axes, result.drawn.items(), strict=True):
        tiles = jnp.pad(images[..., 0].reshape(4, 10, 8, 8), ((0, 0), (0, 0), (1, 1), (1, 1)))
        ax.imshow(tiles.transpose(0, 2, 1, 3).reshape(40, 100), cmap="gray_r", vmin=0, vmax=1)
        ax.set_xticks([10 * digit + 4.5 for digit in range(10)], [str(digit) for digit in range(10)])
        ax.set_yticks([])
        ax.set_xlabel("digit asked for")
        ax.set_title(name, fontsize=10)
    return figure
