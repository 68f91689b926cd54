"""Fair timing on a shared machine: interleaved rounds, medians with quartiles, and the measured limit of the hardware.

>>> import jax.numpy as jnp
>>> x = jnp.ones((64, 64))
>>> timings = measure({"product": lambda: x @ x, "sum": lambda: x + x}, rounds=5)
>>> sorted(timings), timings["sum"].rounds
(['product', 'sum'], 5)
"""

import gc
import statistics
import time
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

Thunk = Callable[[], Any]  # runs the work once and returns what must be ready; a peer's CPU results pass through


class Timing(NamedTuple):
    """Seconds a call: the median of all rounds, the quartiles, and the fastest round."""

    median: float
    q1: float
    q3: float
    fastest: float
    rounds: int


def measure(thunks: Mapping[str, Thunk], *, rounds: int = 30, warmup: int = 3) -> dict[str, Timing]:
    """Time each thunk once a round, so that a slow minute of the machine falls on all of them alike.

    Every round starts with the next thunk: none always runs behind the same neighbor's cold cache. Results are waited
    for (`jax.block_until_ready`); the warm-up calls, which compile, are not counted; the garbage collector is off.

    Raises: ValueError for fewer than two rounds or one warm-up, or without thunks.
    """
    if rounds < 2 or warmup < 1 or not thunks:
        raise ValueError(f"measure: needs a thunk, 2 rounds and 1 warm-up, got {len(thunks)}, {rounds} and {warmup}")
    for thunk in thunks.values():
        for _ in range(warmup):
            jax.block_until_ready(thunk())
    names = list(thunks)
    seconds: dict[str, list[float]] = {name: [] for name in names}
    collecting = gc.isenabled()
    gc.disable()
    try:
        for i in range(rounds):
            first = i % len(names)
            for name in names[first:] + names[:first]:
                start = time.perf_counter()
                jax.block_until_ready(thunks[name]())
                seconds[name].append(time.perf_counter() - start)
    finally:
        if collecting:
            gc.enable()
    return {name: summarize(values) for name, values in seconds.items()}


def summarize(seconds: list[float]) -> Timing:
    """Median and quartiles of at least two measurements.

    >>> summarize([4.0, 1.0, 3.0, 2.0, 5.0])
    Timing(median=3.0, q1=2.0, q3=4.0, fastest=1.0, rounds=5)
    """
    q1, median, q3 = statistics.quantiles(seconds, n=4, method="inclusive")
    return Timing(median, q1, q3, min(seconds), len(seconds))


def matmul_peak(n: int = 2048, *, rounds: int = 10, dtype: Any = jnp.float32) -> float:
    """FLOP/s of the fastest of some n x n products, 2 n^3 / time: the ceiling that a step is held against.

    float32 runs in full precision (on a GPU that excludes TF32).
    """
    a = jax.random.normal(jax.random.key(0), (n, n)).astype(dtype)
    product = jax.jit(lambda x: jnp.matmul(x, x, precision="highest"))
    return 2 * n**3 / measure({"product": lambda: product(a)}, rounds=rounds)["product"].fastest


def table(timings: Mapping[str, Timing], reference: str | None = None) -> str:
    """Lines of name, median and quartiles in milliseconds, and the median relative to that of `reference`.

    >>> print(table({"a": Timing(0.002, 0.001, 0.003, 0.001, 9), "b": Timing(0.001, 0.001, 0.001, 0.001, 9)}, "b"))
    a      2.000 ms  [   1.000,    3.000]   2.00
    b      1.000 ms  [   1.000,    1.000]   1.00
    """
    base = timings[reference if reference is not None else next(iter(timings))].median
    width = max(len(name) for name in timings)
    return "\n".join(
        f"{name:<{width}} {1e3 * t.median:10.3f} ms  [{1e3 * t.q1:8.3f}, {1e3 * t.q3:8.3f}] {t.median / base:6.2f}"
        for name, t in timings.items()
    )
