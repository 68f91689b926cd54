"""Peak host memory of one implementation, in its process: `python -m benchmarks.measuring.memory mlp jaxdl`."""

import json
import resource
import sys
from pathlib import Path

from benchmarks.measuring import child

EPOCHS = 3


def peak_host_mb() -> float:
    """The largest resident size that this process has had, in MB (2^20 bytes).

    Linux's `ru_maxrss` survives an exec, so that a child starts with its parent's figure: VmHWM is its own.
    """
    status = Path("/proc/self/status")
    if status.exists():
        line = next(line for line in status.read_text().splitlines() if line.startswith("VmHWM"))
        return int(line.split()[1]) / 2**10
    unit = 2**20 if sys.platform == "darwin" else 2**10
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / unit


def measure(workload: str, row: str) -> dict[str, float]:
    """{"peak_host_mb": of a process that trains some epochs, "import_host_mb": of it before the model is built}.

    Beside them "peak_device_mb" where the device keeps count of its memory.
    """
    return child.run("benchmarks.measuring.memory", workload, row)


def main(workload: str, row: str) -> None:
    """Train and print what `measure` reads."""
    import jax

    from benchmarks.workloads import cases, implementations

    case = cases.make(workload)
    make = implementations.find(case, row)
    imported = peak_host_mb()
    trainer = make()
    for _ in range(EPOCHS):
        jax.block_until_ready(trainer.epoch())
    found = {"peak_host_mb": round(peak_host_mb(), 1), "import_host_mb": round(imported, 1)}
    counted = jax.local_devices()[0].memory_stats() or {}  # a CPU keeps none
    if "peak_bytes_in_use" in counted:
        found["peak_device_mb"] = round(counted["peak_bytes_in_use"] / 2**20, 1)
    print(json.dumps(found))


if __name__ == "__main__":
    main(*sys.argv[1:])
