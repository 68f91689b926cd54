"""A module of the benchmarks in a process of its own, whose last line of output is JSON."""

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from typing import Any

from benchmarks import ROOT


def run(module: str, *arguments: str, variables: Mapping[str, str] | None = None) -> Any:
    """What `python -m MODULE ARGUMENTS` printed last, with some variables added to its environment.

    Raises: RuntimeError with the end of its error output if it fails.
    """
    command = [sys.executable, "-m", module, *arguments]
    environment = os.environ | dict(variables or {})
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(f"{' '.join(command)} failed:\n{done.stderr[-2000:]}")
    return json.loads(done.stdout.splitlines()[-1])
