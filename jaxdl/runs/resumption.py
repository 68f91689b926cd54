"""Going on with a run: what may change, what may not, and how a run that ended early says so."""

import dataclasses
import errno
import json
import logging
import shlex
from pathlib import Path
from typing import Any, NamedTuple

from jaxdl import optim
from jaxdl.runs import run_folder
from jaxdl.training import Event

_MAY_CHANGE = ("epochs", "patience")
_log = logging.getLogger(__name__)


class Resumption(NamedTuple):
    """A run that goes on.

    Attributes:
        folder: the run's.
        from_checkpoint: whether it has one; if not, it starts again.
        stored: the Config with which it ran so far.
        config: the one with which it goes on.
        before: the resumptions before this one, as `environment.json` has them.
    """

    folder: Path
    from_checkpoint: bool
    stored: Any
    config: Any
    before: list[Any]

    @property
    def changes(self) -> dict[str, tuple[Any, Any]]:
        """Option -> (value before, value now)."""
        return _changes(self.stored, self.config)

    def note(self, event: Event) -> list[Any]:
        """All resumptions with this one, for `environment.json`; says what the change does to the learning rate."""
        if "epochs" in self.changes and getattr(self.config, "schedule", "") == "cosine":
            _log.warning("%s", _jump(self.stored, self.config, len(event.history.epoch)))
        return [*self.before, {"step": event.step, **{name: list(pair) for name, pair in self.changes.items()}}]


def begin(folder: Path, config: Any) -> Resumption:
    """Look at a run folder and at the options with which to go on; changes nothing.

    Raises: ValueError for an option that may not change, with both values, and for a run whose checkpoints are gone.
    """
    _, stored = run_folder.configuration(folder)
    changes = _changes(stored, config)
    if fixed := next((name for name in changes if name not in _MAY_CHANGE), None):
        before, now = changes[fixed]
        raise ValueError(
            f"{fixed} cannot change in a resumed run: it is {before!r}, not {now!r}; these can: "
            f"{', '.join(_MAY_CHANGE)}, save-every"
        )
    from_checkpoint = any((folder / "checkpoints").glob("[0-9]*"))
    if not from_checkpoint:
        if (folder / "params.safetensors").exists() or _has_lines(folder / "metrics.jsonl"):
            raise ValueError(f"{folder} cannot be resumed: it has no checkpoint, though it has trained; train anew")
        _log.warning("%s ended before its first checkpoint: it starts again", folder)
    return Resumption(folder, from_checkpoint, stored, config, _noted(folder))


def how(folder: Path | None) -> str:
    """The line that resumes a run."""
    if folder is None or not (folder / "config.json").is_file():
        return "nothing was written"
    return f"go on with: jaxdl train --resume {shlex.quote(str(folder))}"


def with_the_way_on(error: OSError, folder: Path | None) -> OSError:
    """The error of a full disk, or of a process that is lost, with the line that resumes the run; another as it is."""
    if error.errno == errno.ECONNABORTED:
        return OSError(error.errno, f"{error.strerror} ({how(folder)})")
    if error.errno not in (errno.ENOSPC, errno.EDQUOT, errno.EIO):
        return error
    return OSError(error.errno, f"{error.strerror} (make room, then {how(folder)})", error.filename)


def _changes(stored: Any, config: Any, prefix: str = "") -> dict[str, tuple[Any, Any]]:
    """Option -> (stored, now) for all that differ, those of the model as "model.<name>"."""
    changes = {}
    for field in dataclasses.fields(stored):
        before, now = getattr(stored, field.name), getattr(config, field.name)
        if dataclasses.is_dataclass(before) and type(before) is type(now):
            changes |= _changes(before, now, f"{prefix}{field.name}.")
        elif before != now:
            changes[prefix + field.name] = (before, now)
    return changes


def _jump(stored: Any, config: Any, done: int) -> str:
    """What becomes of the learning rate when a cosine is stretched over other epochs in the middle of a run."""
    warmup = getattr(config, "warmup_epochs", 0)

    def rate(epochs: int) -> float:
        return float(optim.cosine_schedule(config.learning_rate, epochs - warmup)(max(done - warmup, 0)))

    return (
        f"the learning rate falls along a cosine over all epochs: after epoch {done} of {config.epochs} instead of "
        f"{stored.epochs} it goes on from {rate(config.epochs):.3g} instead of {rate(stored.epochs):.3g}"
    )


def _has_lines(path: Path) -> bool:
    return path.is_file() and path.stat().st_size > 0


def _noted(folder: Path) -> list[Any]:
    try:
        noted = json.loads((folder / "environment.json").read_text()).get("resumed", [])
        return noted if isinstance(noted, list) else []
    except (OSError, ValueError, AttributeError, RecursionError):
        return []  # it is written anew
