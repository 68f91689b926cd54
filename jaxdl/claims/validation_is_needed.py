"""The best of many scores is best partly by luck, and the luck does not come along.

    E[max_i score_i] > max_i E[score_i]        score_i = skill_i + noise_i

Choose by the test set, and the noise of the winner is counted as skill. A validation set takes the luck, and the test
set, read once, tells the truth. And a score may say nothing: where one class is rare, always naming the other one is
accurate and finds nobody (recall 0, F1 0).
"""

from typing import Any

import jax
import jax.numpy as jnp

from jaxdl import metrics
from jaxdl.artifacts import pictures
from jaxdl.claims._descent import batch_rows, descend
from jaxdl.claims._digits import digits
from jaxdl.claims._drawing import dots
from jaxdl.claims._evidence import Budget, Result, measured, surely_above
from jaxdl.models import mlp
from jaxdl.optim import adam
from jaxdl.types import Array, Key

STATEMENT = (
    "A model that is chosen on the test set looks better than it is, so validation is needed; and accuracy misleads "
    "where a class is rare."
)
SOURCE = "Cawley, Talbot, 2010; Hastie, Tibshirani, Friedman, 2009, section 7.10; Goodfellow et al., section 11.1"
RULE = (
    "Of 40 equally good networks the one chosen on 60 test digits scores there surely more than on 1,000 fresh digits; "
    "for the one chosen on a validation set that difference is surely less than a fifth of it. Naming the "
    "commonest of two classes (1 in 10 is rare) has at least 89 % accuracy, a recall of 0 and an F1 of 0."
)
SEEDS, SECONDS = 20, 6

MODELS, JUDGED = 40, 60
CONFIG = mlp.Config(64, 10, (16,), "relu", "he_normal")


def run(key: Key, budget: Budget) -> Result:
    """Choose among many networks by a small test set and by a validation set; score a classifier that finds nobody."""
    budget.stage(f"{MODELS} networks")
    x, y, more_x, more_y = digits()
    x, y = jnp.concatenate([x, more_x]), jnp.concatenate([y, more_y])
    train_key, choose_key = jax.random.split(key)
    order = jax.random.permutation(jax.random.key(1), len(x))
    train, rest = order[:600], order[600:]
    right = jax.jit(jax.vmap(lambda k: correct(k, x, y, train, rest)))(jax.random.split(train_key, MODELS))
    budget.stage("choosing")
    chosen = jax.vmap(lambda k: choose(k, right))(jax.random.split(choose_key, budget.seeds))
    on_test, fresh_of_test, by_validation, fresh_of_validation = chosen
    optimism = on_test - fresh_of_test
    honest = by_validation - fresh_of_validation
    rare = (y == 3).astype(jnp.int32)
    confusion, _ = metrics.confusion_matrix(jnp.tile(jnp.array([[1.0, 0.0]]), (len(y), 1)), rare)
    accuracy = 1 - rare.mean()
    recall = confusion[1, 1] / confusion[1].sum()
    return Result(
        figures=(
            measured("chosen on the test set: accuracy there", on_test),
            measured("chosen on the test set: accuracy on fresh digits", fresh_of_test),
            measured("chosen on a validation set: accuracy on the test set", by_validation),
            measured("chosen on a validation set: accuracy on fresh digits", fresh_of_validation),
            measured("always the common class: accuracy", accuracy),
            measured("always the common class: recall of the rare one", recall),
        ),
        checks={
            "chosen on the test set it looks better": surely_above(optimism),
            "chosen on a validation set it does not": surely_above(optimism / 5 - honest),
            "accuracy misleads where a class is rare": bool(accuracy >= 0.89) and float(recall) == 0.0,
        },
        drawn={"optimism": optimism, "honest": honest},
    )


def correct(key: Key, x: Array, y: Array, train: Array, rest: Array) -> Array:
    """Which of the other rows a network, trained on a part of the training rows, gets right: [len(rest)]."""
    init_key, part_key, order_key = jax.random.split(key, 3)
    part = jax.random.permutation(part_key, train)[:400]
    rows = batch_rows(order_key, 400, 50, 300)
    params, _ = descend(
        lambda p, r: mlp.mean_loss(p, x[part[r]], y[part[r]], CONFIG), mlp.init(init_key, CONFIG), adam(3e-3), rows
    )
    return (mlp.apply(params, x[rest], CONFIG).argmax(-1) == y[rest]).astype(jnp.float32)


def choose(key: Key, right: Array) -> tuple[Array, Array, Array, Array]:
    """(score on the test set, fresh score) of the best there, and the same of the best on a validation set.

    Means over 20 draws of the three sets.
    """

    def draw(key: Key) -> tuple[Array, Array, Array, Array]:
        order = jax.random.permutation(key, right.shape[1])
        test, validation, fresh = order[:JUDGED], order[JUDGED : 2 * JUDGED], order[2 * JUDGED :]
        by_test, by_validation, truth = (right[:, rows].mean(1) for rows in (test, validation, fresh))
        lucky, fair = by_test.argmax(), by_validation.argmax()
        return by_test[lucky], truth[lucky], by_test[fair], truth[fair]

    return jax.tree.map(lambda scores: scores.mean(), jax.vmap(draw)(jax.random.split(key, 20)))


def picture(result: Result) -> Any:
    """Score on the test set less score on fresh digits, by how the network was chosen."""
    figure, (ax,) = pictures.subplots(1, 1, width=5.4, height=3.0)
    for row, values in enumerate((result.drawn["honest"], result.drawn["optimism"])):
        dots(ax, row, 100 * values, sideways=True)
    ax.axvline(0, color="0.6", linewidth=0.8)
    ax.set_yticks([0, 1], ["chosen on a\nvalidation set", "chosen on\nthe test set"])
    ax.set_xlabel("accuracy on the test set less that on fresh digits (points)")
    return figure
