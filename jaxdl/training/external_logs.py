"""A run's scores in the logs of other programs: TensorBoard, Weights & Biases. Each function makes a callback."""

import importlib.util
import logging
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from jaxdl.training.events import Callback, Event

NEEDS = {"tensorboard": "tensorboardX", "wandb": "wandb"}
"""The package behind each log, which is also the name of an extra."""


def require_log(name: str) -> None:
    """Raise ValueError where a log's package is not installed."""
    if importlib.util.find_spec(NEEDS[name]) is None:
        raise ValueError(f"the log {name} needs {NEEDS[name]}: pip install 'jaxdl[{name}]'")


def tensorboard(folder: Path | str) -> Callback:
    """Write every score of every epoch as a TensorBoard scalar (needs the extra `jaxdl[tensorboard]`).

    `tensorboard --logdir FOLDER` shows them.

    Raises: ValueError if tensorboardX is not installed.
    """
    require_log("tensorboard")
    from tensorboardX import SummaryWriter

    writer = SummaryWriter(str(folder))

    def callback(event: Event) -> None:
        if event.kind == "epoch":
            for name, value in event.metrics.items():
                writer.add_scalar(name, value, event.epoch)
        elif event.kind in ("end", "abort"):
            writer.close()

    return callback


def wandb(folder: Path | str, config: Mapping[str, Any] | None = None) -> Callback:
    """Write every score of every epoch as a run of Weights & Biases, offline (needs the extra `jaxdl[wandb]`).

    What is written lies in `folder`/wandb; `wandb sync` of its `offline-run-...` sends it. $WANDB_MODE says otherwise.

    Args:
        config: options of the run that are shown beside its scores.
    Raises: ValueError if wandb is not installed.
    """
    require_log("wandb")
    import wandb as library  # type: ignore[import-not-found]

    logging.getLogger("wandb").setLevel(logging.ERROR)
    run: Any = None

    def callback(event: Event) -> None:
        nonlocal run
        if event.kind == "begin":
            options: dict[str, Any] = {"mode": os.environ.get("WANDB_MODE", "offline"), "dir": str(folder)}
            quiet = library.Settings(silent=True, console="off")
            run = library.init(project="jaxdl", config=dict(config or {}), settings=quiet, **options)
        elif event.kind == "epoch":
            run.log(dict(event.metrics), step=event.epoch)
        elif event.kind in ("end", "abort") and run is not None:
            run.finish(exit_code=int(event.kind == "abort"))

    return callback
