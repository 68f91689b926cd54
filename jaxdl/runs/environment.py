"""What a figure needs beside it to mean anything: versions and hardware."""

import importlib.metadata
import os
import platform
from pathlib import Path

import jax


def versions(*packages: str) -> dict[str, str]:
    """The versions of those of the packages that are installed.

    >>> versions("jax", "no-such-package") == {"jax": jax.__version__}
    True
    """
    found = {}
    for name in packages:
        try:
            found[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            continue
    return found


def hardware() -> str:
    """The accelerator's name, or the processor's with the number of cores that this process may use."""
    if jax.default_backend() != "cpu":
        return jax.devices()[0].device_kind
    lines = (read_text("/proc/cpuinfo") or "").splitlines()
    names = [line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")]
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    return f"{names[0] if names else platform.processor() or platform.machine()}, {cores} cores"


def read_text(path: str) -> str | None:
    """A file that the system may have, without its last newline; None where it has not."""
    try:
        return Path(path).read_text().strip()
    except OSError:
        return None
