"""What an update costs by the number of examples it looks at, and how many updates are needed.

    time to a loss = updates needed * time per update

One example: many updates, each cheap. All N examples: few updates, each N times the work. A few dozen: nearly as few
updates as with all, for hardly more time than one example takes, because a machine multiplies matrices faster than
it multiplies as many vectors. And backpropagation remembers every layer's outputs for every example of its batch:

    memory of an update ~ B * (inputs + outputs of all layers)        with B = N it grows with the data, without end
"""

import functools
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from jaxdl import optim
from jaxdl.artifacts import pictures
from jaxdl.claims._descent import batch_rows, descend, first_below
from jaxdl.claims._digits import digits
from jaxdl.claims._evidence import Budget, Result, measured, surely_above
from jaxdl.claims._programs import least_seconds
from jaxdl.models import mlp
from jaxdl.types import Array, Key, Params

STATEMENT = (
    "Mini-batches reach a given loss sooner than single examples and than the whole data; a batch that is all of the "
    "data exhausts the memory as data grow."
)
SOURCE = "Goodfellow et al., Deep Learning, section 8.1.3; LeCun, Bottou, Orr, Mueller, 1998, section 4.1"
RULE = (
    "On 1,438 digits an update on all costs at least ten times one on 32, and that less than half of 32 updates on "
    "one. At the best of four rates for each, mini-batches of 32 reach a training loss of 0.2 surely sooner, in "
    "seconds, than stochastic and than batch descent. With ten times the examples the memory of a full batch's update "
    "is at least eight times as large and that of a mini-batch's as it was."
)
SEEDS, SECONDS = 10, 9

BATCHES = {"stochastic": 1, "mini-batch": 32, "batch": None}  # None is all of the data
RATES = {"stochastic": (0.01, 0.02, 0.04, 0.08), "mini-batch": (0.1, 0.2, 0.4, 0.8), "batch": (0.2, 0.4, 0.8, 1.6)}
BETWEEN = {"stochastic": 50, "mini-batch": 3, "batch": 1}  # updates between two looks at the whole loss
UPDATES = {"stochastic": 200, "mini-batch": 30, "batch": 2}  # in a loop that is timed
BOUND, CONFIG = 0.2, mlp.Config(64, 10, (256,), "relu", "he_normal")
EXAMPLES = (1_000, 10_000, 100_000)


def run(key: Key, budget: Budget) -> Result:
    """For each size of batch: seconds per update, updates to a loss at every rate, bytes per update."""
    looks = 40 if budget.small else 60
    keys = jax.random.split(key, budget.seeds)
    curves, updates, memory = {}, {}, {}
    budget.stage("time of an update")
    seconds = seconds_per_update(key)
    for name, size in BATCHES.items():
        budget.stage(f"{name}: memory of an update and updates to a loss of {BOUND}")
        memory[name] = [bytes_per_update(size or rows) / 1e6 for rows in EXAMPLES]
        rates = jnp.array(RATES[name])
        train = jax.jit(lambda k, r, n=name: jax.lax.map(lambda rate: losses(k, rate, n, looks), r))
        every = jnp.stack([train(k, rates) for k in keys])  # [seeds, rates, looks]
        needed = (first_below(every, BOUND) + 1) * BETWEEN[name]
        best = int(jnp.median(needed, 0).argmin())
        updates[name], curves[name] = needed[:, best], every[:, best].mean(0)
    duration = {name: 1e3 * seconds[name] * np.asarray(needed) for name, needed in updates.items()}
    growth = {name: sizes[-1] / sizes[-2] for name, sizes in memory.items()}
    return Result(
        figures=(
            *(measured(f"time to a loss of {BOUND}: {name}", values, "ms") for name, values in duration.items()),
            *(measured(f"updates to a loss of {BOUND}: {name}", values) for name, values in updates.items()),
            *(measured(f"time per update: {name}", 1e6 * value, "µs") for name, value in seconds.items()),
            *(measured(f"memory of an update with 100,000 examples: {n}", m[-1], "MB") for n, m in memory.items()),
        ),
        checks={
            "an update on all is costly": seconds["batch"] > 10 * seconds["mini-batch"],
            "32 at once are cheaper than one by one": seconds["mini-batch"] < 16 * seconds["stochastic"],
            "sooner than batch descent": surely_above(np.log(duration["batch"] / duration["mini-batch"])),
            "sooner than stochastic descent": surely_above(np.log(duration["stochastic"] / duration["mini-batch"])),
            "a batch of all exhausts the memory": growth["batch"] > 8 and growth["mini-batch"] == 1,
        },
        drawn={"curves": curves, "seconds": seconds, "memory": memory},
    )


def batch_loss(params: Params, rows: Array) -> Array:
    """The mean loss of some rows of the training digits."""
    x, y, _, _ = digits()
    return mlp.mean_loss(params, x[rows], y[rows], CONFIG)


def losses(key: Key, rate: Array, name: str, looks: int) -> Array:
    """The loss on all training digits, every few updates."""
    init_key, order_key = jax.random.split(key)
    n = len(digits()[0])
    size, between = BATCHES[name] or n, BETWEEN[name]

    def stretch(params: Params, rows: Array) -> tuple[Params, Array]:
        params, _ = descend(batch_loss, params, optim.sgd(rate), rows)
        return params, batch_loss(params, jnp.arange(n))

    rows = batch_rows(order_key, n, size, looks * between).reshape(looks, between, size)
    return jax.lax.scan(stretch, mlp.init(init_key, CONFIG), rows)[1]


def seconds_per_update(key: Key) -> dict[str, float]:
    """For each size of batch the least of many timings of a compiled loop, taken in turns."""
    n, params = len(digits()[0]), mlp.init(key, CONFIG)
    rows = {name: batch_rows(key, n, size or n, UPDATES[name]) for name, size in BATCHES.items()}
    loop = jax.jit(lambda params, rows: descend(batch_loss, params, optim.sgd(0.01), rows)[0])
    loops = {name: functools.partial(loop.lower(params, r).compile(), params, r) for name, r in rows.items()}
    return {name: seconds / UPDATES[name] for name, seconds in least_seconds(loops, 40).items()}


@functools.cache
def bytes_per_update(examples: int) -> int:
    """What a compiled gradient takes: parameters, the batch, and what the backward pass remembers of it."""
    params = jax.eval_shape(lambda: mlp.init(jax.random.key(0), CONFIG))
    x, y = jax.ShapeDtypeStruct((examples, 64), jnp.float32), jax.ShapeDtypeStruct((examples,), jnp.int32)
    compiled = jax.jit(jax.grad(lambda p, x, y: mlp.mean_loss(p, x, y, CONFIG))).lower(params, x, y).compile()
    analysis: Any = compiled.memory_analysis()
    return analysis.argument_size_in_bytes + analysis.temp_size_in_bytes


def picture(result: Result) -> Any:
    """Loss by time at the best rates, time per update, memory by examples."""
    figure, (by_time, cost, by_examples) = pictures.subplots(3, 3, width=3.5, height=3.2)
    for (name, curve), style in zip(result.drawn["curves"].items(), (":", "-", "--"), strict=True):
        seconds = result.drawn["seconds"][name] * BETWEEN[name]
        by_time.loglog(1e3 * seconds * np.arange(1, len(curve) + 1), curve, style, color="black", label=name)
        by_examples.loglog(EXAMPLES, result.drawn["memory"][name], style, color="black", label=name)
    by_time.axhline(BOUND, color="0.6", linewidth=0.8)
    by_time.set_xlabel("time (ms)")
    by_time.set_ylabel("loss on all training digits")
    by_time.legend(frameon=False, fontsize=8, loc="lower left")
    cost.bar(range(3), [1e6 * seconds for seconds in result.drawn["seconds"].values()], color="0.5")
    cost.set_xticks(range(3), list(BATCHES))
    cost.set_yscale("log")
    cost.set_xlabel("descent")
    cost.set_ylabel("time per update (µs)")
    by_examples.set_xlabel("examples in the data")
    by_examples.set_ylabel("memory of an update (MB)")
    by_examples.legend(frameon=False, fontsize=8)
    return figure
