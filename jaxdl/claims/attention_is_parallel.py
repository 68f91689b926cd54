"""A recurrent layer waits: h_t needs h_{t-1}. In attention every place is computed from all others at once.

    recurrence    h_t = f(x_t, h_{t-1})                            T products, each waiting for the one before
    attention     y = softmax(q k^T / sqrt(d)) v                   a handful of products, whatever T is

The price is the table of T x T weights, which training remembers. Computed in chunks of keys, with the running maximum
and sum of the softmax, it is never whole in memory:

    memory    plain ~ T^2        in chunks ~ T
"""

import functools
from collections.abc import Callable
from typing import Any

import jax
import numpy as np

from jaxdl import nn
from jaxdl.artifacts import pictures
from jaxdl.claims._evidence import Budget, Result, measured, surely_above
from jaxdl.claims._programs import chain, least_seconds
from jaxdl.types import Array, Key, Params

STATEMENT = (
    "Recurrence is sequential, attention parallel; attention's memory grows with the square of the length, and in "
    "proportion to it when computed in chunks."
)
SOURCE = "Vaswani and others, 2017, table 1; Rabe, Staats, 2021; Dao and others, 2022"
RULE = (
    "Of the products in a training step, the longest chain of those that wait for each other doubles with the length "
    "for a gated recurrent layer and stays as it is for attention; at 256 units a step on 256 tokens takes the "
    "recurrent layer surely more than twice as long. From 1,024 to 4,096 tokens the memory of a step grows at least "
    "tenfold for plain attention and less than sixfold in chunks."
)
SEEDS, SECONDS = 8, 25

WIDTH, HEADS = 256, 4
LENGTHS, LONG = (16, 32, 64, 128, 256), (256, 512, 1024, 2048, 4096)
CHAINED = {"recurrent (GRU)": "gru", "attention": "plain"}
REMEMBERED = {"attention": "plain", "attention in chunks": "chunked"}


def run(key: Key, budget: Budget) -> Result:
    """Count the products that wait for each other, time training steps, and ask the compiler for their memory."""
    chains, seconds, memory = {}, {}, {}
    for name, kind in CHAINED.items():
        budget.stage(f"{name}: products in turn, time of a step")
        chains[name] = [chain(jax.make_jaxpr(step(kind))(*arguments(kind, t))) for t in LENGTHS]
    seconds = seconds_per_step(key, 10 if budget.small else 40, budget.seeds)
    for name, kind in REMEMBERED.items():
        budget.stage(f"{name}: memory of a step")
        memory[name] = [bytes_per_step(kind, t) / 1e6 for t in LONG]
    growth = {name: sizes[LONG.index(4096)] / sizes[LONG.index(1024)] for name, sizes in memory.items()}
    ratio = seconds["recurrent (GRU)"][:, -1] / seconds["attention"][:, -1]
    doubling = {name: counts[-1] / counts[-2] for name, counts in chains.items()}
    return Result(
        figures=(
            *(
                measured(f"products in turn, {LENGTHS[-1]} tokens: {name}", counts[-1])
                for name, counts in chains.items()
            ),
            *(
                measured(f"time of a step, {LENGTHS[-1]} tokens: {name}", 1e3 * values[:, -1], "ms")
                for name, values in seconds.items()
            ),
            measured("time of the recurrent step over that with attention", ratio),
            *(measured(f"memory of a step, 4,096 tokens: {name}", sizes[-1], "MB") for name, sizes in memory.items()),
            *(measured(f"growth of the memory from 1,024 tokens on: {name}", times) for name, times in growth.items()),
        ),
        checks={
            "recurrence waits for every token": bool(1.9 < doubling["recurrent (GRU)"] < 2.1),
            "attention waits for none": doubling["attention"] == 1,
            "a step with attention takes less time": surely_above(np.log(ratio), np.log(2)),
            "its memory grows with the square": growth["attention"] > 10,
            "in chunks it does not": growth["attention in chunks"] < 6,
        },
        drawn={"chains": chains, "seconds": seconds, "memory": memory},
    )


def layer(kind: str, params: Params, x: Array) -> Array:
    """A recurrent layer, or self-attention in one of its forms: [B, T, D] -> [B, T, D]."""
    if kind == "gru":
        return nn.recurrent(params, x, cell="gru")[1]
    return nn.multi_head_attention(params, x, n_heads=HEADS, method=kind)


def step(kind: str) -> Callable[[Params, Array], Params]:
    """The gradient of a loss by the parameters of a layer."""
    return jax.grad(lambda params, x: (layer(kind, params, x) ** 2).mean())


def arguments(kind: str, length: int) -> tuple[Params, Array]:
    """Parameters and an input of one sequence."""
    key = jax.random.key(0)
    init = nn.init_gru(key, WIDTH, WIDTH) if kind == "gru" else nn.init_multi_head_attention(key, WIDTH)
    return init, jax.random.normal(key, (1, length, WIDTH))


def seconds_per_step(key: Key, repeats: int, seeds: int) -> dict[str, np.ndarray]:
    """{name: [seeds, LENGTHS]} the least of some timings of a compiled step, taken in turns."""
    least = {name: np.empty((seeds, len(LENGTHS))) for name in CHAINED}
    for j, length in enumerate(LENGTHS):
        steps = {}
        for name, kind in CHAINED.items():
            params, x = arguments(kind, length)
            steps[name] = functools.partial(jax.jit(step(kind)).lower(params, x).compile(), params)
        inputs = jax.random.normal(key, (seeds, 1, length, WIDTH))
        calls = {(name, i): functools.partial(steps[name], inputs[i]) for i in range(seeds) for name in CHAINED}
        for (name, i), seconds in least_seconds(calls, repeats).items():
            least[name][i, j] = seconds
    return least


def bytes_per_step(kind: str, length: int) -> int:
    """What the compiled step needs besides its arguments."""
    shapes = jax.eval_shape(lambda: arguments(kind, length))
    analysis: Any = jax.jit(step(kind)).lower(*shapes).compile().memory_analysis()
    return analysis.temp_size_in_bytes


def picture(result: Result) -> Any:
    """Products in turn, time and memory, by length."""
    figure, axes = pictures.subplots(3, 3, width=3.5, height=3.2)
    drawn = result.drawn
    names = ("products in turn", "time of a training step (ms)", "memory of a training step (MB)")
    rows = (
        (LENGTHS, drawn["chains"]),
        (LENGTHS, {name: 1e3 * values.mean(0) for name, values in drawn["seconds"].items()}),
        (LONG, drawn["memory"]),
    )
    styles = {"recurrent (GRU)": "--s", "attention": "-o", "attention in chunks": ":^"}
    for ax, name, (lengths, lines) in zip(axes, names, rows, strict=True):
        for label, values in lines.items():
            ax.loglog(lengths, values, styles[label], color="black", markerfacecolor="white", label=label)
        ax.set_xlabel("length (tokens)")
        ax.set_ylabel(name)
        ax.set_xticks(lengths, [f"{n:,}" for n in lengths], fontsize=8)
        ax.minorticks_off()
        ax.legend(frameon=False, fontsize=8, loc="upper left")
    for ax in axes[:2]:
        ax.set_ylim(top=4 * ax.get_ylim()[1])
    return figure
