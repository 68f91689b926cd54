"""Why a run's numbers went bad: the run again from its last good state, and the first bad operation of the bad step.

`nan_stop` says after which step a metric was not finite; the step that did it may be an earlier one, whose loss was
fine and whose gradient was not. Nothing is kept while a run is well: orders and keys depend on the step alone.
"""

import contextlib
from pathlib import Path
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from jaxdl.artifacts import files
from jaxdl.training.blame import Blame, find
from jaxdl.training.checkpoint import Checkpoints
from jaxdl.training.step import TrainState, order_key, with_plain_key, with_typed_key
from jaxdl.training.streaming.opening import open_source
from jaxdl.training.task import Task, initial_state
from jaxdl.tree import broken_leaves, from_named_leaves, named_leaves
from jaxdl.types import Batch

_PHASES = {
    "data": "in the data",
    "start": "before it began",
    "forward": "in the forward pass",
    "backward": "in the backward pass",
    "update": "in the update",
}


class Case(NamedTuple):
    """A step that goes wrong: replay it with `task.step(state, batch)`.

    Attributes:
        state: before the step.
        batch: what it is given.
        rows: the training examples in it; empty where they have no numbers.
    """

    state: TrainState
    batch: Batch
    rows: np.ndarray


class Autopsy(NamedTuple):
    """What was found.

    Attributes:
        step: the number of the bad step, from 1.
        rows: the training examples that are bad, or else all of the batch; empty where they have no numbers.
        blame: the first bad operation.
        leaf: the first leaf of the state that is bad after the step; "" for none.
    """

    step: int
    rows: list[int]
    blame: Blame
    leaf: str

    def __str__(self) -> str:
        b = self.blame
        layer = f" after {b.leaf}" if b.leaf else ""
        which = ("training rows", self.rows) if self.rows else ("rows of the batch", b.rows)
        rows = f", {which[0]} {', '.join(map(str, which[1][:8]))}" if b.rows else ""
        leaf = f"; the first leaf that it breaks is {self.leaf}" if self.leaf else ""
        return f"step {self.step} went bad first, {_PHASES[b.phase]}: {b.operation} in {b.place}{layer}{rows}{leaf}"


def reproduce(
    task: Task, *, seed: int, batch_size: int | None, until: int, run_dir: Path | str | None = None
) -> Case | None:
    """Step from the last checkpoint that is finite (or from the start) to the first step that gives what is not.

    Args:
        task, seed, batch_size, run_dir: as `fit` had them.
        until: the step after which a metric was not finite.
    Returns: that step's case; None where all is finite this time.
    """
    start = initial_state(task.init, seed)
    with Checkpoints(run_dir, task.monitor, task.mode) as checkpoints:
        found = checkpoints.finite(start, until)
    if found is not None:
        state, position = found
    else:
        state, position = start if task.warm_start is None else task.warm_start(start), None
    done, options = int(state.step), {"batch_size": batch_size, "groups": task.groups, "position": position}
    source = open_source(task.data.train, key=order_key(start), done=done, **options)
    program = jax.jit(task.step)
    with contextlib.closing(source):
        while (done := int(state.step)) < until:
            chunk = source.read(done, 1, 1)
            batch = {name: jnp.asarray(values[0]) for name, values in chunk.arrays.items()}
            after, metrics = program(state, batch)
            if broken_leaves((after, metrics)):
                return Case(state, batch, np.zeros(0, np.int32) if chunk.rows is None else chunk.rows[0])
            state = after
    return None


def examine(task: Task, case: Case) -> Autopsy | None:
    """The first bad operation of a case; None for a case that is well."""
    blame = find(task.step, case.state, case.batch)
    if blame is None:
        return None
    after, _ = jax.jit(task.step)(case.state, case.batch)
    rows = [int(case.rows[i]) for i in blame.rows if i < len(case.rows)] or case.rows.tolist()
    return Autopsy(int(case.state.step) + 1, rows, blame, next(iter(broken_leaves(after)), ""))


def write(path: Path, case: Case) -> None:
    """A case as safetensors: "state/<leaf>", "batch/<name>" and "rows"."""
    from safetensors.numpy import save

    tree = {"state": with_plain_key(case.state), "batch": case.batch, "rows": case.rows}
    arrays = {name: np.array(leaf, order="C") for name, leaf in named_leaves(tree).items()}
    content = save(arrays)
    files.write(path, lambda temporary: temporary.write_bytes(content))


def read(path: Path, like: TrainState) -> Case:
    """The case of a file.

    Args:
        like: a state of the same task, or its shapes.
    Raises: ValueError for a file that is missing, damaged or of another task.
    """
    from safetensors import SafetensorError
    from safetensors.numpy import load

    try:
        leaves = load(path.read_bytes())
        parts: Any = {
            part: {name.removeprefix(f"{part}/"): x for name, x in leaves.items() if name.startswith(f"{part}/")}
            for part in ("state", "batch")
        }
        state = jax.tree.map(jnp.asarray, from_named_leaves(jax.eval_shape(with_plain_key, like), parts["state"]))
        batch = {name: jnp.asarray(x) for name, x in parts["batch"].items()}
        return Case(with_typed_key(state), batch, leaves["rows"])
    except (OSError, ValueError, KeyError, SafetensorError) as error:
        raise ValueError(f"{path} is missing, damaged or of another task: {error}") from None
