"""The cross-entropy alone, value and gradient: integer labels against a one-hot matrix, time and memory.

    jaxdl-sparse          integer labels
    jaxdl-one-hot         the one-hot matrix made from labels inside the compiled function
    jaxdl-one-hot-given   the one-hot matrix made beforehand, as data
    optax-sparse          optax's loss for integer labels

`temp_mb` is what the compiled function allocates beside its arguments and results, `argument_mb` its arguments.
"""

import functools
from collections.abc import Callable, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import optax

from benchmarks.measuring import timing
from benchmarks.reports import records
from benchmarks.reports.records import Record
from benchmarks.workloads.trainer import PARITY
from jaxdl import losses

SHAPES = ((128, 10), (2048, 8000))  # [examples, classes]: a small classifier, a language model's batch
BASE = "jaxdl-sparse"
Loss = Callable[[jax.Array, jax.Array], jax.Array]


def implementations(n_classes: int) -> dict[str, tuple[Loss, bool]]:
    """Row -> (mean loss of logits and targets, whether its targets are a one-hot matrix)."""

    def of_made(logits: jax.Array, labels: jax.Array) -> jax.Array:
        return losses.categorical_cross_entropy(logits, jax.nn.one_hot(labels, n_classes, dtype=logits.dtype)).mean()

    return {
        "jaxdl-sparse": (lambda x, y: losses.sparse_categorical_cross_entropy(x, y).mean(), False),
        "jaxdl-one-hot": (of_made, False),
        "jaxdl-one-hot-given": (lambda x, t: losses.categorical_cross_entropy(x, t).mean(), True),
        "optax-sparse": (lambda x, y: optax.softmax_cross_entropy_with_integer_labels(x, y).mean(), False),
    }


def run(rounds: int, shapes: Sequence[tuple[int, int]] = SHAPES) -> list[Record]:
    """Records of all implementations at all shapes; the losses must agree."""
    found = []
    for shape in shapes:
        shared = {"workload": f"losses-{shape[0]}x{shape[1]}", **records.environment()}
        found += [shared | record for record in _run(shape, rounds)]
    return found


def _run(shape: tuple[int, int], rounds: int) -> list[Record]:
    n, n_classes = shape
    logits_key, labels_key = jax.random.split(jax.random.key(0))
    logits, labels = jax.random.normal(logits_key, shape), jax.random.randint(labels_key, (n,), 0, n_classes)
    one_hot = jax.nn.one_hot(labels, n_classes, dtype=jnp.float32)
    thunks, found, values = {}, {}, {}
    for row, (loss, takes_matrix) in implementations(n_classes).items():
        arguments = (logits, one_hot if takes_matrix else labels)
        compiled = jax.jit(jax.value_and_grad(loss)).lower(*arguments).compile()
        sizes: Any = compiled.memory_analysis()  # CPU, GPU and TPU all have it
        temp, given = (round(size / 2**20, 3) for size in (sizes.temp_size_in_bytes, sizes.argument_size_in_bytes))
        found[row] = {"implementation": row, "temp_mb": temp, "argument_mb": given}
        thunks[row] = functools.partial(compiled, *arguments)
        values[row] = float(compiled(*arguments)[0])
    for row, value in values.items():
        if abs(value - values[BASE]) > PARITY:
            raise ValueError(f"benchmarks: {row} gives a loss of {value}, {BASE} one of {values[BASE]}")
    for row, times in timing.measure(thunks, rounds=rounds).items():
        found[row]["step_ms"] = records.milliseconds(times)
    return list(found.values())
