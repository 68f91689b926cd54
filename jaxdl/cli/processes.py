"""`--coordinator HOST:PORT --num-processes N --process-id I`: this command as one of several processes."""

import sys
from typing import Any

from jaxdl.cli.arguments import UsageError, whole

JOINING = ("--coordinator", "--num-processes", "--process-id")


def join(options: dict[str, str]) -> None:
    """Join the others, if the options say that there are any; comes before anything that jax computes.

    Raises: UsageError for options without each other, ValueError for what cannot be and where nobody comes.
    """
    given = {name: options[name] for name in JOINING if name in options}
    if not given:
        return
    coordinator = given.get("--coordinator", "")
    needed = JOINING[:1] if coordinator == "auto" else JOINING
    if missing := next((name for name in needed if not given.get(name)), None):
        raise UsageError(f"{missing} is missing: several processes need {', '.join(needed)}")
    n, process_id = (whole(name, given[name], least=0) if name in given else None for name in JOINING[1:])
    from jaxdl.training import processes

    processes.join(coordinator, n, process_id)


def note(code: int) -> None:
    """The exit code to come, for one of several processes, which does not wait for the others then."""
    module: Any = sys.modules.get("jaxdl.training.processes")
    if module is not None:
        module.exit_code = code
