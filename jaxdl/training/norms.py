"""Norms of the parameters and of their gradient, once an epoch, read from the train state that is there anyway.

    |params| = sqrt(sum_i p_i^2)        of all parameters, and of each part at the top of their tree

The gradient itself does not outlive its step, but an optimizer keeps an average of it: what is logged as "gradient" is
the norm of that average, under the name that the optimizer gives it.

    mu     Adam's first moment and centered RMSProp's mean: about the last 1 / (1 - decay) gradients, ten by default;
           it starts at 0, so that the norms of fewer steps are too small
    ema    the same of `ewma_momentum`
    trace  momentum's velocity: a sum with the same weights, about 1 / (1 - decay) times as long
    nu     RMSProp's averaged squares, of whose sum the root is taken: the root mean square of the gradients' norms
    ""     plain gradient descent and AdaGrad keep no average

The state is read between two epochs, by a program of its own on an accelerator and in place on a CPU, where compiling
would take longer than all of the reading: steps and results are what they were without it.
"""

import contextlib
import functools
import json
import math
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from jaxdl.artifacts import files
from jaxdl.kernels import backend
from jaxdl.training.events import Callback, Event
from jaxdl.training.step import TrainState
from jaxdl.tree import named_leaves
from jaxdl.types import Array, at_least_float32

_KEPT = ("mu", "ema", "trace", "nu")  # fields of optimizers' states, ours and optax's; the first that is there counts


def norms(state: TrainState) -> dict[str, dict[str, float]]:
    """{"parameters": {"": of all, part: ...}, "gradient": {...}}; no "gradient" where the optimizer keeps none.

    >>> from jaxdl.optim import adam
    >>> from jaxdl.training.step import init_train_state
    >>> params = {"a": {"w": jnp.array([3.0])}, "b": {"w": jnp.array([4.0])}}
    >>> norms(init_train_state(jax.random.key(0), params, adam(0.1)))
    {'parameters': {'': 5.0, 'a': 3.0, 'b': 4.0}, 'gradient': {'': 0.0, 'a': 0.0, 'b': 0.0}}
    """
    kind = gradient_kind(state)
    found = {"parameters": _by_part(_sums(named_leaves(state.params), squared=False))}
    if kind:
        found["gradient"] = _by_part(_sums(_kept(state.opt_state, kind), squared=kind == "nu"))
    return found


def gradient_kind(state: TrainState) -> str:
    """Which average of the gradient the optimizer keeps: "mu", "ema", "trace", "nu", or "" for none."""
    return next((kind for kind in _KEPT if _kept(state.opt_state, kind)), "")


def _kept(node: Any, kind: str, path: tuple[str, ...] = ()) -> dict[str, Array]:
    """The leaves of every field `kind` in an optimizer's state, by the names of the parameters that they belong to."""
    if kind in getattr(node, "_fields", ()):
        return {"/".join((*path, name)): leaf for name, leaf in named_leaves(getattr(node, kind)).items()}
    if isinstance(node, dict):
        items = [(value, (*path, str(name))) for name, value in node.items()]
    else:
        items = [(value, path) for value in node] if isinstance(node, tuple | list) else []
    found: dict[str, Array] = {}
    for value, below in items:
        found |= _kept(value, kind, below)
    return found


def _sums(leaves: dict[str, Array], *, squared: bool) -> dict[str, float]:
    """Every leaf's sum of squares; of its numbers, if they are `squared` already."""
    floats = {path: leaf for path, leaf in leaves.items() if jnp.issubdtype(leaf.dtype, jnp.inexact)}
    sums = _in_place(floats, squared) if backend() == "cpu" else jax.device_get(_compiled(floats, squared))
    return {path: float(total) for path, total in sums.items()}


def _in_place(leaves: dict[str, Array], squared: bool) -> dict[str, float]:
    def total(part: Any) -> float:
        x = np.asarray(part).reshape(-1)
        x = x if x.dtype.kind in "fc" else x.astype(np.float32)  # bfloat16
        return float(x.sum() if squared else np.vdot(x, x).real)

    return {
        path: math.fsum(total(shard.data) for shard in leaf.addressable_shards if shard.replica_id == 0)
        for path, leaf in leaves.items()
    }


@functools.partial(jax.jit, static_argnums=1)
def _compiled(leaves: dict[str, Array], squared: bool) -> dict[str, Array]:
    wide = {path: at_least_float32(leaf) for path, leaf in leaves.items()}
    return {path: (x if squared else jnp.square(jnp.abs(x))).sum() for path, x in wide.items()}


def _by_part(sums: dict[str, float]) -> dict[str, float]:
    """The norm of all leaves, under "", and of those under each first name of several."""
    parts: dict[str, list[float]] = {"": list(sums.values())}
    for path, total in sums.items():
        if "/" in path:
            parts.setdefault(path.split("/")[0], []).append(total)
    return {name: _root(math.fsum(totals)) for name, totals in parts.items()}


def _root(total: float) -> float:
    return math.sqrt(total) if total >= 0 else math.nan


def norm_log(path: Path) -> Callback:
    """Append one JSON object an epoch to a file: {"epoch", "parameters", "gradient", "average"}, the last its kind.

    A norm that is not finite is null. A resumed run first drops the epochs that it will do again.
    """

    def callback(event: Event) -> None:
        if event.kind == "begin":
            kept = _rows_of(path, event.history.epoch)
            files.write(path, lambda temporary: temporary.write_text(kept))
        elif event.kind == "epoch":
            found = {
                name: {part: _number(x) for part, x in parts.items()} for name, parts in norms(event.state).items()
            }
            row = {"epoch": event.epoch} | found | {"average": gradient_kind(event.state)}
            with path.open("a") as file:
                file.write(json.dumps(row, allow_nan=False) + "\n")

    return callback


def _rows_of(path: Path, epochs: list[int]) -> str:
    """The lines of these epochs, of those that can be read."""
    kept = []
    for line in path.read_text().splitlines() if epochs and path.is_file() else []:
        with contextlib.suppress(ValueError, KeyError, TypeError):
            if json.loads(line)["epoch"] in epochs:
                kept.append(line + "\n")
    return "".join(kept)


def _number(value: float) -> float | None:
    return float(f"{value:.6g}") if math.isfinite(value) else None
