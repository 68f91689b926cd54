"""Checkpoints through orbax: the last three and the best epoch's, each a sealed folder to go on from exactly.

checkpoints/<step>/   state/          the train state, as orbax writes it
                      progress.json   the history so far, the sums of the epoch under way, the facts of the run
                      manifest.json   the sha256 of each file, written last: without it nothing was saved

A folder appears by one rename when it is whole. One that is damaged, or of another run, is passed over and kept aside.
orbax takes a fifth of a second to import, so only a run that keeps checkpoints does.
"""

import concurrent.futures
import contextlib
import errno
import logging
import os
import shutil
import time
from pathlib import Path
from types import TracebackType
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from jaxdl.artifacts import manifest
from jaxdl.training import agreement
from jaxdl.training.events import History
from jaxdl.training.saved import Saved, best_step, from_json, to_json
from jaxdl.training.step import TrainState, with_plain_key, with_typed_key
from jaxdl.tree import broken_leaves, named_leaves
from jaxdl.types import Metrics

_LAST = 3
_ROOM = 2**19  # bytes beside the arrays, which orbax holds twice while it merges its files
_log = logging.getLogger(__name__)


class Checkpoints:
    """The checkpoints of one run folder; without a folder every method does nothing.

    Files are written by a thread while training goes on, from copies: nothing that the run changes later is shared.
    Leaving the `with` block waits for it.

    Args:
        run_dir: the run's folder; the checkpoints lie in its subfolder `checkpoints/<step>`.
        monitor: the score that says which epoch is the best.
        mode: "max" or "min".
        save_every: seconds after which a checkpoint is due inside an epoch; None for never.
    """

    def __init__(self, run_dir: Path | str | None, monitor: str, mode: str, save_every: float | None = None) -> None:
        self._folder = None if run_dir is None else Path(run_dir).absolute() / "checkpoints"
        self._monitor, self._mode, self._every = monitor, mode, save_every
        self._kept: dict[int, int | None] = {}  # step -> the step of its best epoch
        self._unusable: dict[int, str] = {}
        self._thread = concurrent.futures.ThreadPoolExecutor(1, "checkpoints")
        self._pending: concurrent.futures.Future[None] | None = None
        self._clock = time.monotonic()

    @property
    def kept(self) -> bool:
        """Whether there is a folder to keep any in."""
        return self._folder is not None

    def due(self) -> bool:
        """Whether the last checkpoint is older than it may become."""
        return self._folder is not None and self._every is not None and time.monotonic() - self._clock >= self._every

    def save(
        self,
        state: TrainState,
        totals: Metrics,
        history: History,
        seconds: float = 0.0,
        waited: float = 0.0,
        *,
        position: Any = None,
    ) -> None:
        """Save the state after a step; everything is copied before this returns.

        Args:
            state: the train state.
            totals: the metrics summed so far in the epoch under way.
            history: of the epochs before it, with the facts of the run.
            seconds: spent in the epoch under way.
            waited: of these, for the data.
            position: of a stream of batches, for JSON.

        Raises: OSError if this one, or the one before, cannot be written.
        """
        step = int(state.step)
        if self._folder is None or step in self._kept:
            return
        self.wait()
        self._kept[step] = best_step(history, self._monitor, self._mode)
        plain = with_plain_key(state)
        sums = [np.asarray(leaf) for leaf in jax.tree.leaves(totals)]
        saved = Saved(step, self._kept[step], history, sums, seconds, _types(plain), waited, position)
        progress = to_json(saved)
        self._clock = time.monotonic()
        if agreement.several():  # each its slices, together: orbax waits for all of them
            self._write(step, plain, progress)
        else:
            self._pending = self._thread.submit(self._write, step, jax.tree.map(np.array, plain), progress)

    def wait(self) -> None:
        """Until the last save is on the disk. Raises OSError if it is not."""
        if self._pending is not None:
            pending, self._pending = self._pending, None
            pending.result()

    def require_none(self) -> None:
        """Raise ValueError if the folder already holds checkpoints: a new run must not mix with an old one."""
        if agreement.from_first(lambda: bool(self._steps())):
            raise ValueError(f"{self._folder} holds checkpoints: resume that run or name another folder")

    def latest(self, facts: dict[str, Any], like: TrainState) -> Saved:
        """The newest checkpoint that is whole and of this run; `set_aside` names the others.

        Args:
            facts: what must be equal in both runs: batch size, seed, data, ...
            like: a state of the same structure, shapes and dtypes, such as a fresh one.
        Raises: ValueError if there is none.
        """
        kept, newest = agreement.from_first(lambda: self._look(facts, like))
        self._kept = {step: best for step, best in kept}
        return from_json(newest)

    def _look(self, facts: dict[str, Any], like: TrainState) -> tuple[list[tuple[int, int | None]], str]:
        """The checkpoints that may be gone on from, as (step, best step), and what the newest says, as JSON."""
        usable: list[Saved] = []
        for step in sorted(self._steps(), reverse=True):
            try:
                usable.append(self._examine(step, facts, like))
            except ValueError as error:
                self._unusable[step] = str(error)
        if not usable:
            reasons = [f"{self._folder}/{step} cannot be used: {why}" for step, why in self._unusable.items()]
            raise ValueError(reasons[0] if reasons else "there is no checkpoint to resume from")
        return [(saved.step, saved.best) for saved in usable], to_json(usable[0])

    def set_aside(self) -> None:
        """Rename the checkpoints that cannot be used, so that new ones may take their numbers, and say so."""
        for step, why in self._unusable.items():
            folder = _free(Path(f"{self._folder}/{step}.unusable"))
            os.rename(Path(f"{self._folder}/{step}"), folder)
            _log.warning("the checkpoint of step %d cannot be used: %s; kept as %s", step, why, folder)
        self._unusable = {}

    def restore(self, saved: Saved, like: TrainState) -> tuple[TrainState | None, TrainState]:
        """(the best epoch's state, the state itself) of a checkpoint from `latest`; None where the best one is lost."""
        if saved.best is not None and saved.best not in self._kept:
            _log.warning("the checkpoint of the best epoch so far, step %d, is lost: its weights are too", saved.best)
        best = self._load(saved.best, like) if saved.best in self._kept else None
        return best, self._load(saved.step, like)

    def finite(self, like: TrainState, before: int) -> tuple[TrainState, Any] | None:
        """The newest state without NaN and infinity of a whole checkpoint before a step, and its position; or None."""
        self.wait()
        for step in sorted((step for step in self._steps() if step < before), reverse=True):
            with contextlib.suppress(ValueError):
                saved = self._examine(step, {}, like)
                state = self._load(step, like)
                if not broken_leaves(state):
                    return state, saved.position
        return None

    def _load(self, step: int | None, like: TrainState) -> TrainState:
        import orbax.checkpoint as ocp

        target = jax.tree.map(lambda leaf: np.empty(leaf.shape, leaf.dtype), jax.eval_shape(with_plain_key, like))
        with ocp.Checkpointer(ocp.StandardCheckpointHandler()) as checkpointer:
            items = checkpointer.restore(f"{self._folder}/{step}/state", args=ocp.args.StandardRestore(target))
        plain = jax.tree.unflatten(jax.tree.structure(target), jax.tree.leaves(items))
        return with_typed_key(jax.tree.map(jnp.asarray, plain))

    def __enter__(self) -> "Checkpoints":
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        try:
            self.wait()
        except OSError:
            if error is None:  # the first error is the one to hear of
                raise
        finally:
            self._thread.shutdown()

    def _steps(self) -> list[int]:
        if self._folder is None or not self._folder.is_dir():
            return []
        return [int(path.name) for path in self._folder.iterdir() if path.name.isdecimal() and path.name.isascii()]

    def _examine(self, step: int, facts: dict[str, Any], like: TrainState) -> Saved:
        """What the checkpoint says. Raises ValueError, with what is wrong in a clause, if it cannot be used."""
        folder = Path(f"{self._folder}/{step}")
        if (why := manifest.damage(folder)) is not None:
            raise ValueError(f"it is damaged: {why}")
        try:
            saved = from_json((folder / "progress.json").read_text())
        except (OSError, ValueError, KeyError, TypeError, RecursionError):
            raise ValueError("its progress.json is of another version") from None
        expected = _types(jax.eval_shape(with_plain_key, like))
        for path in expected | saved.leaves:
            if saved.leaves.get(path) != (here := expected.get(path)):
                raise ValueError(f"it is of another model: {path} is {saved.leaves.get(path)} there, {here} here")
        for name, value in facts.items():
            if saved.history.params.get(name) != value:
                raise ValueError(
                    f"it is of another run: {name} is {saved.history.params.get(name)} there, {value} here"
                )
        if saved.step != step:
            raise ValueError(f"it is the checkpoint of step {saved.step}")
        return saved

    def _write(self, step: int, state: TrainState, progress: str) -> None:
        import orbax.checkpoint as ocp

        temporary, folder = Path(f"{self._folder}/.{step}.part"), Path(f"{self._folder}/{step}")

        def begin() -> None:
            shutil.rmtree(temporary, ignore_errors=True)
            temporary.mkdir(parents=True)
            _require_room(temporary, 2 * sum(leaf.nbytes for leaf in jax.tree.leaves(state)) + _ROOM)

        def end() -> None:
            (temporary / "progress.json").write_text(progress)
            manifest.seal(temporary)
            os.rename(temporary, folder)

        try:
            agreement.from_first(begin)
            with ocp.Checkpointer(ocp.StandardCheckpointHandler()) as checkpointer:
                checkpointer.save(temporary / "state", args=ocp.args.StandardSave(state))
            agreement.from_first(end)
        except Exception as error:  # orbax raises whatever its file formats do
            if agreement.several() and not isinstance(error, OSError):  # the others are gone, or not told
                raise
            if agreement.is_first():
                shutil.rmtree(temporary, ignore_errors=True)
            raise _unwritable(error, folder) from error
        self._prune()

    def _prune(self) -> None:
        """Keep the last three checkpoints, and for each of them its best epoch's: any of them may be gone on from."""
        last = sorted(self._kept)[-_LAST:]
        for step in self._kept.keys() - set(last) - {self._kept[step] for step in last}:
            if agreement.is_first():
                shutil.rmtree(f"{self._folder}/{step}", ignore_errors=True)
            del self._kept[step]


def _types(state: TrainState) -> dict[str, str]:
    return {path: f"{leaf.dtype}{list(leaf.shape)}" for path, leaf in named_leaves(state).items()}


def _require_room(folder: Path, size: int) -> None:
    """Raise OSError where the disk is too full: orbax would find out in threads, each with a traceback of its own."""
    if shutil.disk_usage(folder).free < size:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(folder))


def _unwritable(error: Exception, folder: Path) -> OSError:
    """The error as the operating system would raise it, whatever library met it."""
    if isinstance(error, OSError) and error.errno is not None:
        return OSError(error.errno, os.strerror(error.errno), str(folder))
    full = "No space left on device" in str(error)
    code = errno.ENOSPC if full else errno.EIO
    reason = os.strerror(code) if full else f"{type(error).__name__}: {str(error).strip().splitlines()[0][:200]}"
    return OSError(code, reason, str(folder))


def _free(path: Path) -> Path:
    """The path, or with the next free number at its end."""
    numbered = (path.with_name(f"{path.name}.{i}") for i in range(1, 10**6))
    return path if not path.exists() else next(name for name in numbered if not name.exists())
