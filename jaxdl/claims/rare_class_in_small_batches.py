"""Where a class is rare, most small batches hold no example of it, and each such update says: never name it.

    P(no rare example among B) = (1 - p)^B        p = 2 %, B = 1: 98 %        B = 32: 52 %        B = 256: 0.6 %

But in one pass over the data batches of one make 256 times as many updates as batches of 256 do, and every rare example
is seen once in either. So it depends on what is held equal. What repairs it, at any size, is to make the class weigh
more: by weights in the loss, n / (2 n_k) for a class of n_k examples, or by drawing both classes equally often.
"""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from jaxdl import losses, metrics, optim
from jaxdl.artifacts import pictures
from jaxdl.claims._descent import batch_rows, descend
from jaxdl.claims._digits import digits
from jaxdl.claims._drawing import dots
from jaxdl.claims._evidence import Budget, Result, measured, surely_above
from jaxdl.models import mlp
from jaxdl.types import Array, Key, Params

STATEMENT = (
    "Very small batches learn badly where classes are imbalanced; class weights or drawing the rare class more often "
    "repairs it."
)
SOURCE = "A rule of thumb of courses on deep learning; He, Garcia, 2009, section 3, on weights and resampling"
RULE = (
    "Is it an eight? With 26 eights among 1,325 digits and the best of six rates for each (by mean F1 on the test "
    "part), the recall of eights with batches of one is surely below that with batches of 32 after five epochs, and "
    "surely below that with batches of 256 after 300 updates. After five epochs class weights, and equal draws, surely "
    "raise it with batches of one and with batches of 32."
)
SEEDS, SECONDS = 8, 19

RARE, KEPT, EPOCHS, UPDATES = 8, 26, 5, 300
REPAIRS = ("class weights", "equal draws")
RATES = (0.003, 0.01, 0.03, 0.1, 0.3, 1.0)
CONFIG = mlp.Config(64, 2, (32,), "relu", "he_normal")


def run(key: Key, budget: Budget) -> Result:
    """Equal epochs, equal updates, and both repairs."""
    keys = jax.random.split(key, budget.seeds)
    parts = jnp.stack([imbalanced(k) for k in keys])  # [seeds, n]
    n = parts.shape[1]
    sizes = (1, 32, 256)
    trials = {("equal epochs", size): (size, EPOCHS * (n // size), "nothing") for size in sizes}
    trials |= {("equal updates", size): (size, UPDATES, "nothing") for size in sizes}
    trials |= {(repair, size): (size, EPOCHS * (n // size), repair) for repair in REPAIRS for size in (1, 32)}
    recall, f1 = {}, {}
    for name, trial in trials.items():
        budget.stage(f"{name[0]}, batches of {name[1]}")
        train = jax.vmap(lambda rate, k, part, t=trial: scores(k, part, rate, *t), (0, None, None))
        every = jax.jit(jax.vmap(train, (None, 0, 0)))(jnp.array(RATES), keys, parts)  # recall and F1 [seeds, rates]
        best = int(every[1].mean(0).argmax())
        recall[name], f1[name] = every[0][:, best], every[1][:, best]
    gain = {name: recall[name] - recall["equal epochs", name[1]] for name in recall if name[0] in REPAIRS}
    return Result(
        figures=(
            *(measured(f"recall: {name}, batches of {size}", values) for (name, size), values in recall.items()),
            *(measured(f"F1: {name}, batches of {size}", values) for (name, size), values in f1.items()),
        ),
        checks={
            "worse at equal epochs": surely_above(recall["equal epochs", 32] - recall["equal epochs", 1]),
            "worse at equal updates": surely_above(recall["equal updates", 256] - recall["equal updates", 1]),
            **{f"{repair} repair it": all(surely_above(gain[repair, size]) for size in (1, 32)) for repair in REPAIRS},
        },
        drawn=recall,
        remark=(
            "At equal epochs it is the other way round: batches of one make 32 times as many updates as batches of 32, "
            "and updates are what five epochs are short of. It holds where the number of updates is what is equal."
        ),
    )


def imbalanced(key: Key) -> Array:
    """Rows of the training digits: all that are no eights, and then 26 eights."""
    labels = np.asarray(digits()[1])
    eights = jax.random.permutation(key, jnp.asarray(np.flatnonzero(labels == RARE)))[:KEPT]
    return jnp.concatenate([jnp.asarray(np.flatnonzero(labels != RARE)), eights])


def draw(key: Key, n: int, size: int, updates: int, repair: str) -> Array:
    """[updates, size] of n rows: epoch by epoch; or each class with the same probability."""
    if repair != "equal draws":
        return batch_rows(key, n, size, updates)
    class_key, row_key = jax.random.split(key)
    common = jax.random.bernoulli(class_key, 0.5, (updates, size))
    low, high = jnp.where(common, 0, n - KEPT), jnp.where(common, n - KEPT, n)
    return jax.random.randint(row_key, (updates, size), low, high)


def scores(key: Key, part: Array, rate: Array, size: int, updates: int, repair: str) -> tuple[Array, Array]:
    """Recall and F1 of eights on the test part, after training with batches of a size."""
    digits_x, digits_y, test_x, test_y = digits()
    init_key, order_key = jax.random.split(key)
    x, y, n = digits_x[part], (digits_y[part] == RARE).astype(jnp.int32), len(part)
    weigh = repair == "class weights"
    weights = jnp.array([n / (2 * (n - KEPT)), n / (2 * KEPT)]) if weigh else jnp.ones(2)

    def loss(params: Params, rows: Array) -> Array:
        each = losses.sparse_categorical_cross_entropy(mlp.apply(params, x[rows], CONFIG), y[rows])
        return (weights[y[rows]] * each).mean()

    rows = draw(order_key, n, size, updates, repair)
    params, _ = descend(loss, mlp.init(init_key, CONFIG), optim.sgd(rate), rows)
    confusion, _ = metrics.confusion_matrix(mlp.apply(params, test_x, CONFIG), (test_y == RARE).astype(jnp.int32))
    return metrics.recall(confusion, average="none")[1], metrics.f1(confusion, average="none")[1]


def picture(result: Result) -> Any:
    """Recall of eights by size of batch: at equal epochs, at equal updates, repaired."""
    figure, axes = pictures.subplots(3, 3, width=3.2, height=3.2)
    panels = (("equal epochs",), ("equal updates",), REPAIRS)
    titles = (f"{EPOCHS} epochs", f"{UPDATES} updates", f"{EPOCHS} epochs, repaired")
    for ax, names, title in zip(axes, panels, titles, strict=True):
        places = [key for key in result.drawn if key[0] in names]
        for at, key in enumerate(places):
            dots(ax, at, 100 * result.drawn[key])
        words = [f"{size}" if len(names) == 1 else f"{size}\n{name}".replace(" ", "\n") for name, size in places]
        ax.set_xticks(range(len(places)), words)
        ax.set_ylim(-4, 104)
        ax.set_xlabel("examples in a batch")
        ax.set_title(title)
    axes[0].set_ylabel("recall of the rare class (%)")
    return figure
