"""What a machine's memory holds, asked before anything is allocated: a mistyped size is told, not waited for."""

import contextlib
import math
import os
from pathlib import Path
from typing import Any

import jax

from jaxdl import kernels
from jaxdl.tree import parameter_count
from jaxdl.types import Params


def machine_memory() -> int:
    """Bytes that arrays may take: of the first device, or of the host where it computes on the CPU."""
    stats = _device_stats()
    if "bytes_limit" in stats:
        return int(stats["bytes_limit"])
    return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")


def available_memory() -> int:
    """Bytes that are free now: on the first device, or on the host (in its control group) where it computes there."""
    stats = _device_stats()
    if "bytes_limit" in stats:
        return int(stats["bytes_limit"]) - int(stats.get("bytes_in_use", 0))
    return min(machine_memory(), *_free_on_the_host())


def _device_stats() -> dict[str, int]:
    """What the first device says of its memory; {} where it says nothing, and for the host."""
    return (jax.local_devices()[0].memory_stats() if kernels.backend() != "cpu" else None) or {}


def _free_on_the_host() -> list[int]:
    """What the system says, and what is left of the control group's limit; what can be given back counts as free."""
    found = []
    with contextlib.suppress(OSError, ValueError, StopIteration):
        lines = Path("/proc/meminfo").read_text().splitlines()
        found.append(1024 * int(next(line.split()[1] for line in lines if line.startswith("MemAvailable"))))
    for limit, used in (
        ("memory.max", "memory.current"),
        ("memory/memory.limit_in_bytes", "memory/memory.usage_in_bytes"),
    ):
        with contextlib.suppress(OSError, ValueError):
            group = Path("/sys/fs/cgroup")
            found.append(int((group / limit).read_text()) - int((group / used).read_text()))
    return found


def tree_bytes(tree: Any) -> int:
    """Bytes of a tree of arrays, or of their shapes (`jax.eval_shape`): nothing is allocated.

    >>> tree_bytes(jax.ShapeDtypeStruct((10, 10), "float32"))
    400
    """
    return sum(math.prod(leaf.shape) * leaf.dtype.itemsize for leaf in jax.tree.leaves(tree))


def require_memory(what: str, needed: int, fix: str, *, available: int | None = None) -> None:
    """Raise ValueError for more bytes than the machine has (or than `available`).

    >>> require_memory("sample: 4000000000 examples", 10**12, "ask for fewer", available=8 * 10**9)
    Traceback (most recent call last):
        ...
    ValueError: sample: 4000000000 examples take 1,000 GB, but there are 8 GB of memory here; ask for fewer
    """
    available = machine_memory() if available is None else available
    if needed > available:
        raise ValueError(
            f"{what} take {needed / 1e9:,.0f} GB, but there are {available / 1e9:,.0f} GB of memory here; {fix}"
        )


def require_room(state: Any, params: Params) -> None:
    """Raise ValueError where a train state and one gradient do not fit in memory; both may be shapes alone."""
    n = parameter_count(params)
    needed = tree_bytes(state._replace(key=())) + tree_bytes(params)
    require_memory(f"{n:,} parameters with their gradient and the optimizer's state", needed, "make the model smaller")
