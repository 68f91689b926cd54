"""A layer of n ReLU units bends a line at most n times; a layer on top of another bends every piece again.

    one hidden layer of n units    at most n + 1 pieces
    k layers of two units          up to 2^k pieces: t(t(...t(x)...)) with the tent t(x) = 2 relu(x) - 4 relu(x - 1/2)

So there are functions that ask for exponentially many units in width and for few in depth. Whether the function that
data show is one of them is another question: it is where parts are made of parts.
"""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp

from jaxdl import losses, optim
from jaxdl.artifacts import pictures
from jaxdl.claims._descent import batch_rows, descend
from jaxdl.claims._digits import digits
from jaxdl.claims._drawing import dots
from jaxdl.claims._evidence import Budget, Result, measured, surely_above
from jaxdl.models import mlp
from jaxdl.types import Array, Key, Params

STATEMENT = "With equally many parameters a deep network does more than a wide one."
SOURCE = "Telgarsky, 2016; Montufar and others, 2014; Goodfellow et al., Deep Learning, section 6.4.1"
RULE = (
    "Four layers of two units draw a curve of 16 pieces with an error below 1e-5; one hidden layer with as many "
    "parameters, trained at the best of three rates, surely keeps a root mean squared error above 0.15. On digits, "
    "with at most 10,000 parameters and the best of three rates for each, three hidden layers are surely more "
    "accurate on the test part than one."
)
SEEDS, SECONDS = 8, 16

FOLDS, PARAMETERS, DEPTHS = 4, 10_000, (1, 2, 3, 5)
RATES = (3e-3, 1e-2, 3e-2)


def run(key: Key, budget: Budget) -> Result:
    """A folded curve, by hand in depth and by training in width; digits by depth."""
    steps = 300 if budget.small else 800
    depths = (1, 3) if budget.small else DEPTHS
    keys = jax.random.split(key, budget.seeds)
    x = jnp.linspace(0, 1, 2**FOLDS * 16 + 1)[:, None]
    target, deep = tent(x), folded()
    exact = losses.root_mean_squared_error(mlp.apply(deep, x, network(1, 1, (2,) * FOLDS)), target)
    size = sum(leaf.size for leaf in jax.tree.leaves(deep))
    units = (size - 1) // 3
    budget.stage(f"one layer of {units} units learns {2**FOLDS} pieces")
    curves, fits = best_rate(lambda k, rate: learn_curve(k, rate, x, target, units, 5 * steps), keys)
    accuracy = {}
    for depth in depths:
        budget.stage(f"{depth} hidden layers of {widest(depth)} units")
        widths = (widest(depth),) * depth
        accuracy[depth] = best_rate(lambda k, r, w=widths: learn_digits(k, r, w, steps), keys)[1]
    return Result(
        figures=(
            measured(f"root mean squared error of the curve: {FOLDS} layers, {size} parameters", exact),
            measured(f"root mean squared error of the curve: one layer, {3 * units + 1} parameters", -fits),
            *(measured(f"test accuracy on digits: {d} x {widest(d)} units", a) for d, a in accuracy.items()),
        ),
        checks={
            "a few layers draw many pieces": bool(exact < 1e-5),
            "a wide layer does not": surely_above(-fits, 0.15),
            "three layers beat one on digits": surely_above(accuracy[3] - accuracy[1]),
        },
        drawn={"curve": (x[:, 0], target[:, 0], curves[0, :, 0]), "accuracy": accuracy},
        remark=(
            "On 1,438 digits of 8 x 8 pixels one layer is enough: depth has nothing to fold there, and narrow layers "
            "lose what they cannot pass on. Depth pays where the function is made of functions and the data show it."
        ),
    )


def tent(x: Array) -> Array:
    """t(t(...t(x)...)): FOLDS times."""
    for _ in range(FOLDS):
        x = 1 - jnp.abs(2 * x - 1)
    return x


def folded() -> Params:
    """The same as weights: every layer holds relu(t) and relu(t - 1/2) of the tent t before it."""
    up, shift = jnp.array([[2.0], [-4.0]]), jnp.array([0.0, -0.5])
    first, last = {"w": jnp.ones((1, 2)), "b": shift}, {"w": up, "b": jnp.zeros(1)}
    middle = {f"layer_{i}": {"w": up @ jnp.ones((1, 2)), "b": shift} for i in range(1, FOLDS)}
    return {"layer_0": first, **middle, f"layer_{FOLDS}": last}


def network(n_in: int, n_out: int, widths: tuple[int, ...]) -> mlp.Config:
    """Of ReLU units."""
    return mlp.Config(n_in, n_out, widths, "relu", "he_normal")


def widest(depth: int) -> int:
    """The most units for each of `depth` layers between 64 pixels and 10 classes."""
    return max(n for n in range(1, 200) if 65 * n + (depth - 1) * n * (n + 1) + 10 * (n + 1) <= PARAMETERS)


def best_rate(train: Callable[[Key, Array], tuple[Array, Array]], keys: Array) -> tuple[Array, Array]:
    """What `train` gives for every seed, and its scores, at the rate with the best median score."""
    results, scores = jax.jit(jax.vmap(jax.vmap(train, (None, 0)), (0, None)))(keys, jnp.array(RATES))
    best = jnp.median(scores, 0).argmax()  # of [seeds, rates]
    return results[:, best], scores[:, best]


def learn_curve(key: Key, rate: Array, x: Array, y: Array, units: int, steps: int) -> tuple[Array, Array]:
    """The curve of one hidden layer after full-batch Adam, and its negative error."""
    net, optimizer = network(1, 1, (units,)), optim.adam(optim.cosine_schedule(rate, steps))

    def loss(params: Params, _: Array) -> Array:
        return losses.mean_squared_error(mlp.apply(params, x, net), y)

    params, _ = descend(loss, mlp.init(key, net), optimizer, jnp.arange(steps))
    return mlp.apply(params, x, net), -jnp.sqrt(loss(params, rate))


def learn_digits(key: Key, rate: Array, widths: tuple[int, ...], steps: int) -> tuple[Array, Array]:
    """What a network says of the test digits, and its accuracy."""
    x, y, test_x, test_y = digits()
    net, optimizer = network(64, 10, widths), optim.adam(optim.cosine_schedule(rate, steps))
    init_key, order_key = jax.random.split(key)
    rows = batch_rows(order_key, len(x), 50, steps)
    params, _ = descend(lambda p, r: mlp.mean_loss(p, x[r], y[r], net), mlp.init(init_key, net), optimizer, rows)
    said = mlp.apply(params, test_x, net).argmax(-1)
    return said, (said == test_y).mean()


def picture(result: Result) -> Any:
    """The folded curve and what one layer makes of it; test accuracy by depth."""
    figure, (curve, depth) = pictures.subplots(2, 2, width=4.4, height=3.4)
    x, target, wide = result.drawn["curve"]
    curve.plot(x, target, color="0.6", linewidth=0.9, label=f"{FOLDS} layers of two units")
    curve.plot(x, wide, color="black", linewidth=1.6, label="one layer, as many parameters")
    curve.set_ylim(-0.1, 1.5)
    curve.set_xlabel("x")
    curve.set_ylabel("y")
    curve.legend(frameon=False, fontsize=9, loc="upper left")
    for layers, scores in result.drawn["accuracy"].items():
        dots(depth, layers, 100 * scores)
    depth.set_xticks(list(result.drawn["accuracy"]))
    depth.set_xlabel(f"hidden layers, {PARAMETERS:,} parameters in all")
    depth.set_ylabel("accuracy on the test digits (%)")
    return figure
