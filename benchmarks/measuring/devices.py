"""One device a process: JAX chooses its backend once, and formulations are chosen by it."""

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

import jax

from benchmarks import ROOT
from benchmarks.reports import records
from benchmarks.reports.records import Record

DEVICES = ("cpu", "gpu", "tpu")


def use(device: str) -> str:
    """Make `device` the one that this process computes on; gives back why it cannot be, or "".

    >>> use("tpu") if jax.default_backend() != "tpu" else "no tpu here: JAX computes on cpu"
    'no tpu here: JAX computes on cpu'
    """
    if device == "cpu":  # also where a GPU is: nothing has been computed yet
        jax.config.update("jax_platforms", "cpu")
    found = jax.default_backend()
    return "" if found == device else f"no {device} here: JAX computes on {found}"


def absent(workloads: Sequence[str], device: str, reason: str) -> list[Record]:
    """A record for each workload that could not be timed on a device."""
    shared = records.environment() | {"device": device, "hardware": None, "implementation": "jaxdl"}
    return [shared | {"workload": workload, "not_timed": reason} for workload in workloads]


def apart(arguments: Sequence[str], devices: Sequence[str]) -> tuple[list[Record], int]:
    """The same command in a process for each device: all their records, and the largest exit code."""
    found, code = [], 0
    variables = {name: value for name, value in os.environ.items() if name != "JAX_PLATFORMS"}
    variables["PYTHONPATH"] = os.pathsep.join(filter(None, (str(ROOT), os.environ.get("PYTHONPATH"))))
    with tempfile.TemporaryDirectory() as folder:
        for device in devices:
            file = Path(folder, f"{device}.json")
            command = [sys.executable, "-m", "benchmarks", *arguments, "--devices", device, "--part", str(file)]
            code = max(code, subprocess.run(command, env=variables, check=False).returncode)
            found += json.loads(file.read_text()) if file.is_file() else []
    return found, code
