"""How long JAX traced and compiled: spans of time that it reports of itself, whichever library called it.

    trace_s     from Python functions to the program that the compiler gets (jaxpr and StableHLO)
    compile_s   from there to machine code, or to its copy in the persistent cache

Spans inside each other, a jitted function's inside its caller's, count once.

>>> import jax.numpy as jnp
>>> with watch() as stages:
...     _ = jax.jit(lambda x: 3 * x + 1)(jnp.ones(3))
>>> [0 < seconds < 60 for seconds in stages.seconds().values()]
[True, True]
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import jax

TRACE = ("/jax/core/compile/jaxpr_trace_duration", "/jax/core/compile/jaxpr_to_mlir_module_duration")
COMPILE = ("/jax/core/compile/backend_compile_duration",)
CACHE_HIT = "/jax/compilation_cache/cache_hits"


class Stages:
    """What was reported between `start` and `stop`.

    Attributes:
        cached: programs that came from the persistent cache.
    """

    def __init__(self) -> None:
        self._spans: dict[str, list[tuple[float, float]]] = {}
        self.cached = 0
        self._listening = False

    def start(self) -> None:
        """Listen to JAX."""
        self._listening = True
        jax.monitoring.register_event_time_span_listener(self._listen)
        jax.monitoring.register_event_listener(self._count)

    def stop(self) -> None:
        """Listen no longer, if it is so."""
        if not self._listening:
            return
        self._listening = False
        jax.monitoring.unregister_event_time_span_listener(self._listen)
        jax.monitoring.unregister_event_listener(self._count)

    def _listen(self, event: str, start_time: float, end_time: float, **_: Any) -> None:
        self._spans.setdefault(event, []).append((start_time, end_time))

    def _count(self, event: str, **_: Any) -> None:
        self.cached += event == CACHE_HIT

    def clear(self) -> None:
        """Forget what was before."""
        self._spans.clear()
        self.cached = 0

    @property
    def programs(self) -> int:
        """How many programs were compiled, or came from the persistent cache."""
        return sum(len(self._spans.get(event, [])) for event in COMPILE)

    def seconds(self) -> dict[str, float]:
        """{"trace_s", "compile_s"}; {} if nothing was compiled, as in other frameworks."""
        spans = {name: [s for e in events for s in self._spans.get(e, [])] for name, events in NAMES.items()}
        return {name: round(covered(found), 3) for name, found in spans.items()} if spans["compile_s"] else {}


NAMES = {"trace_s": TRACE, "compile_s": COMPILE}


@contextmanager
def watch() -> Iterator[Stages]:
    """Listen to JAX inside the block."""
    stages = Stages()
    stages.start()
    try:
        yield stages
    finally:
        stages.stop()


def covered(spans: Sequence[tuple[float, float]]) -> float:
    """The length of the union of intervals.

    >>> covered([(0.0, 2.0), (1.0, 3.0), (1.5, 1.6), (5.0, 6.0)])
    4.0
    """
    total, end = 0.0, float("-inf")
    for start, stop in sorted(spans):
        total += max(0.0, stop - max(start, end))
        end = max(end, stop)
    return total
