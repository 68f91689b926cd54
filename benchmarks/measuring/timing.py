"""Fair timing on a shared machine: interleaved rounds, medians with quartiles, and the measured limit of the hardware.

>>> import jax.numpy as jnp
>>> x = jnp.ones((64, 64))
>>> timings = measure({"product": lambda: x @ x, "sum": lambda: x + x}, rounds=5)
>>> sorted(timings), timings["sum"].rounds
(['product', 'sum'], 5)
"""

import gc
import random
import statistics
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

PEAK_SIDE, COPY_BYTES = 2048, 2**28  # of the arrays that the machine's limits are measured with
SHORT_S = 0.3  # beside which the milliseconds that a neighbor's threads spin on are nothing
Thunk = Callable[[], Any]  # runs the work once and returns what must be ready; a peer's CPU results pass through


class Timing(NamedTuple):
    """Seconds per call: the median of all rounds, the quartiles, and the fastest round."""

    median: float
    q1: float
    q3: float
    fastest: float
    rounds: int


def block_until_ready(result: Any) -> Any:
    """`jax.block_until_ready`; where torch computes on a GPU, wait for that too."""
    jax.block_until_ready(result)
    torch = sys.modules.get("torch")
    if torch is not None and torch.cuda.is_initialized():
        torch.cuda.synchronize()
    return result


def measure(thunks: Mapping[str, Thunk], *, rounds: int = 30, warmup: int = 3) -> dict[str, Timing]:
    """Time each thunk once a round, so that a slow minute of the machine falls on all of them alike.

    Each round draws its order: none always runs after the same neighbor. A thunk shorter than `SHORT_S` is called once
    more, uncounted, in front of each timed call: threads of the neighbor spin on for some milliseconds (OpenMP's do, in
    PyTorch), which would slow 30 ms by a third. Results are waited for (`block_until_ready`); the warm-up calls, which
    compile, are not counted; the garbage collector is off.

    Raises: ValueError for fewer than two rounds or one warm-up, or without thunks.
    """
    return {name: summarize(values) for name, values in seconds(thunks, rounds=rounds, warmup=warmup).items()}


def seconds(thunks: Mapping[str, Thunk], *, rounds: int, warmup: int) -> dict[str, list[float]]:
    """What `measure` summarizes: the seconds of every round."""
    if rounds < 2 or warmup < 1 or not thunks:
        raise ValueError(f"measure: needs a thunk, 2 rounds and 1 warm-up, got {len(thunks)}, {rounds} and {warmup}")
    last = {name: [_seconds(thunk) for _ in range(warmup)][-1] for name, thunk in thunks.items()}
    order, draw = list(thunks), random.Random(0)
    found: dict[str, list[float]] = {name: [] for name in thunks}
    collecting = gc.isenabled()
    gc.disable()
    try:
        for _ in range(rounds):
            draw.shuffle(order)
            for name in order:
                if last[name] < SHORT_S:
                    _seconds(thunks[name])
                found[name].append(_seconds(thunks[name]))
    finally:
        if collecting:
            gc.enable()
    return found


def _seconds(thunk: Thunk) -> float:
    start = time.perf_counter()
    block_until_ready(thunk())
    return time.perf_counter() - start


def summarize(seconds: Sequence[float]) -> Timing:
    """Median and quartiles of at least two measurements.

    >>> summarize([4.0, 1.0, 3.0, 2.0, 5.0])
    Timing(median=3.0, q1=2.0, q3=4.0, fastest=1.0, rounds=5)
    """
    q1, median, q3 = statistics.quantiles(seconds, n=4, method="inclusive")
    return Timing(median, q1, q3, min(seconds), len(seconds))


def matmul_peak(n: int | None = None, *, rounds: int = 10, dtype: Any = jnp.float32) -> float:
    """FLOP/s of the fastest of some n x n products, 2 n^3 / time: the ceiling that a step is held against.

    float32 runs in full precision (on a GPU that excludes TF32). `n` is `PEAK_SIDE` unless given.
    """
    n = PEAK_SIDE if n is None else n
    a = jax.random.normal(jax.random.key(0), (n, n)).astype(dtype)
    product = jax.jit(lambda x: jnp.matmul(x, x, precision="highest"))
    return 2 * n**3 / measure({"product": lambda: product(a)}, rounds=rounds)["product"].fastest


def copy_bandwidth(n_bytes: int | None = None, *, rounds: int = 10) -> float:
    """Bytes a second of the fastest of some passes over a large array, which read it and write another.

    The written array is the one of the call before (donated), so that no page of memory is new. Counted are the bytes
    read and the bytes written.
    """
    x = jnp.ones((COPY_BYTES if n_bytes is None else n_bytes) // 4, jnp.float32)
    written = jnp.zeros_like(x)
    negative = jax.jit(lambda old, x: -x, donate_argnums=0, keep_unused=True)

    def thunk() -> jax.Array:
        nonlocal written
        written = negative(written, x)
        return written

    return 2 * x.nbytes / measure({"copy": thunk}, rounds=rounds)["copy"].fastest


class Ceilings(NamedTuple):
    """What the hardware reached just now: FLOP/s of a large matrix product, bytes/s of a large copy."""

    matmul: float
    copy: float

    def record(self) -> dict[str, float]:
        """In the units of the records.

        >>> Ceilings(2e11, 3e10).record()
        {'matmul_peak_gflops_per_s': 200.0, 'copy_gb_per_s': 30.0}
        """
        return {
            "matmul_peak_gflops_per_s": round(self.matmul / 1e9, 1),
            "copy_gb_per_s": round(self.copy / 1e9, 1),
        }


def ceilings(dtype: Any = jnp.float32) -> Ceilings:
    """Both limits, measured; that of the product in `dtype`."""
    return Ceilings(matmul_peak(dtype=dtype), copy_bandwidth())


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
