"""Checkpoints through orbax: after every epoch the last state and the best one so far, each with its history.

orbax takes a fifth of a second to import, so only a run that keeps checkpoints does.
"""

import math
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, cast

import jax

from jaxdl.training.events import History
from jaxdl.training.step import TrainState

if TYPE_CHECKING:
    import orbax.checkpoint as ocp


class Checkpoints:
    """The checkpoints of one run folder; without a folder every method does nothing.

    Saving goes on in the background while the next epoch trains; leaving the `with` block waits for it.

    Args:
        run_dir: the run's folder; the checkpoints lie in its subfolder `checkpoints/<epoch>`.
        monitor: the score that says which epoch is the best.
        mode: "max" or "min".
    """

    def __init__(self, run_dir: Path | str | None, monitor: str, mode: str) -> None:
        self._manager = None if run_dir is None else _manager(Path(run_dir), monitor, mode)
        self._monitor = monitor

    def save(self, state: TrainState, history: History) -> None:
        """Save the state behind the last epoch of `history`; the buffers are copied before this returns."""
        if self._manager is not None:
            import orbax.checkpoint as ocp

            if self._monitor not in history.last():
                raise ValueError(f"no score {self._monitor!r} to monitor; this run has {', '.join(history.last())}")
            self._manager.save(
                history.epoch[-1],
                args=ocp.args.Composite(
                    state=ocp.args.StandardSave(_plain(state)),
                    history=ocp.args.JsonSave({"epoch": history.epoch, "history": history.history}),
                ),
                metrics=history.last() | {"epoch": history.epoch[-1]},
            )

    def require_none(self) -> None:
        """Raise ValueError if the folder already holds checkpoints: a new run must not mix with an old one."""
        if self._manager is not None and self._manager.latest_step() is not None:
            raise ValueError(f"{self._manager.directory} holds checkpoints: resume that run or name another folder")

    def restore(self, like: TrainState) -> tuple[TrainState, TrainState, History]:
        """(best state, last state, history up to the last epoch).

        Args:
            like: a state of the same structure, shapes and dtypes, such as a fresh one.
        Raises: ValueError if there is no checkpoint, or one that cannot be read.
        """
        last = None if self._manager is None else self._manager.latest_step()
        if last is None:
            raise ValueError("there is no checkpoint to resume from")
        best_epoch = cast("ocp.CheckpointManager", self._manager).best_step()
        state, history = self._load(last, like)
        best = self._load(last if best_epoch is None else best_epoch, like)[0]
        return best, state, history

    def _load(self, epoch: int, like: TrainState) -> tuple[TrainState, History]:
        import orbax.checkpoint as ocp

        target = jax.tree.map(ocp.utils.to_shape_dtype_struct, _plain(like))
        manager = cast("ocp.CheckpointManager", self._manager)
        what = ocp.args.Composite(state=ocp.args.StandardRestore(target), history=ocp.args.JsonRestore())
        try:
            items = manager.restore(epoch, args=what)
        except Exception as error:  # orbax raises whatever its file formats do
            reason = str(error).strip().split("\n")[0][:200]
            raise ValueError(
                f"the checkpoint {manager.directory / str(epoch)} cannot be read: it is damaged, or of another model "
                f"({type(error).__name__}: {reason})"
            ) from error
        leaves = jax.tree.leaves(items["state"])
        plain = jax.tree.unflatten(jax.tree.structure(_plain(like)), leaves)
        state = plain._replace(key=jax.random.wrap_key_data(plain.key))
        return state, History(list(items["history"]["epoch"]), dict(items["history"]["history"]))

    def __enter__(self) -> "Checkpoints":
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        if self._manager is not None:
            self._manager.wait_until_finished()
            self._manager.close()


def _manager(run_dir: Path, monitor: str, mode: str) -> "ocp.CheckpointManager":
    import orbax.checkpoint as ocp
    from orbax.checkpoint import checkpoint_managers as policies

    def score(metrics: Any) -> Any:
        value = metrics[monitor] if mode == "max" else -metrics[monitor]
        return (-math.inf if math.isnan(value) else value, -metrics["epoch"])  # of equal epochs the first is best

    keep = policies.AnyPreservationPolicy([policies.LatestN(1), policies.BestN(get_metric_fn=score, n=1)])
    options = ocp.CheckpointManagerOptions(preservation_policy=keep, best_fn=score)
    return ocp.CheckpointManager(run_dir.absolute() / "checkpoints", options=options)


def _plain(state: TrainState) -> TrainState:
    """The state with its typed key as plain integers."""
    return state._replace(key=jax.random.key_data(state.key))
