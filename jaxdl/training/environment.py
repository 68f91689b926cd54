"""What a figure needs beside it to mean anything: versions and hardware."""

import importlib.metadata
import os
import platform
from pathlib import Path
from typing import Any

import jax

from jaxdl import kernels

_PACKAGES = ("jaxdl", "jax", "jaxlib", "optax", "numpy", "orbax-checkpoint", "scikit-learn")


def versions(*packages: str) -> dict[str, str]:
    """The versions of those of the packages that are installed.

    >>> versions("jax", "no-such-package") == {"jax": jax.__version__}
    True
    """
    installed = {}
    for name in packages:
        try:
            installed[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            continue
    return installed


def hardware() -> str:
    """The accelerator's name, or the processor's with the number of cores that this process may use."""
    if kernels.backend() != "cpu":
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


def environment() -> dict[str, Any]:
    """Versions, machine and device of a run."""
    device = jax.devices()[0]
    return {
        "python": platform.python_version(),
        "versions": versions(*_PACKAGES),
        "machine": f"{platform.system()} {platform.machine()}, {hardware()}",
        "device": f"{device.device_kind} ({jax.default_backend()}), {jax.device_count()} in all",
        "x64": bool(jax.config.read("jax_enable_x64")),
    }
