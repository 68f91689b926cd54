"""A run that stopped at NaN: what went bad first, and the file `nan.safetensors` in its folder that replays it."""

import logging
from pathlib import Path
from typing import Any

import jax

from jaxdl import recipes
from jaxdl.runs.run_folder import configuration
from jaxdl.training import NonFiniteError, Task, autopsy

FILE = "nan.safetensors"
_log = logging.getLogger(__name__)


def explained(error: NonFiniteError, folder: Path, task: Task, config: Any) -> NonFiniteError:
    """The error with what the autopsy finds; the case is written to the folder."""
    _log.info("%s; looking for where it began", str(error).partition(" (")[0])
    case = autopsy.reproduce(task, seed=config.seed, batch_size=config.batch_size, until=error.step, run_dir=folder)
    found = None if case is None else autopsy.examine(task, case)
    if case is None or found is None:
        return NonFiniteError(f"{error}; step by step it does not happen again")
    autopsy.write(folder / FILE, case)
    return NonFiniteError(f"{error}; {found}; again: jaxdl check {folder}")


def replayed(folder: Path | str) -> autopsy.Autopsy | None:
    """The autopsy of a run folder's case, made anew; None where the step is well now (the code was mended).

    Raises: ValueError for a folder without a case.
    """
    folder = Path(folder)
    recipe, config = configuration(folder)
    if not (folder / FILE).is_file():
        raise ValueError(f"{folder} has no {FILE}: that run did not stop at NaN")
    task: Task = recipes.load(recipe).task(config)
    return autopsy.examine(task, autopsy.read(folder / FILE, jax.eval_shape(task.init, jax.random.key(0))))
