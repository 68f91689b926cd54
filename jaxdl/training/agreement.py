"""What several processes say to each other: process 0's word counts, facts are compared, slices become whole arrays.

Every function here is called by all of the processes, in the same order; one that is alone says it to itself.
"""

import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jax
import numpy as np
from jax.experimental import multihost_utils


def several() -> bool:
    """Whether this is one of several processes."""
    return jax.process_count() > 1


def is_first() -> bool:
    """Whether this is the process that writes logs and pictures; true where it is alone."""
    return jax.process_index() == 0


def from_first(function: Callable[[], Any]) -> Any:
    """What a function, called by process 0 alone, returns (or raises) there: a value that JSON can hold, in all."""
    if not several():
        return function()
    said: dict[str, Any] = {}
    error: BaseException | None = None
    if is_first():
        try:
            said = {"value": function()}
        except (ValueError, OSError) as e:
            error, number = e, getattr(e, "errno", None)
            said = {"error": str(e) if number is None else [number, getattr(e, "strerror", ""), e.filename]}  # type: ignore[attr-defined]
    text = json.dumps(said).encode()
    size = int(multihost_utils.broadcast_one_to_all(np.int32(len(text))))
    buffer = np.zeros(size, np.uint8)
    if is_first():
        buffer[:] = np.frombuffer(text, np.uint8)
    heard = json.loads(np.asarray(multihost_utils.broadcast_one_to_all(buffer)).tobytes())
    if error is not None:
        raise error
    if "error" in heard:
        what = heard["error"]
        raise ValueError(what) if isinstance(what, str) else OSError(*what)
    return heard["value"]


def require_agreement(facts: dict[str, Any]) -> None:
    """Raise ValueError where a process has other facts than process 0: other options or data."""
    if not several():
        return
    here = json.loads(json.dumps(facts, default=str))
    first = from_first(lambda: here)
    wrong = next((name for name in first | here if first.get(name) != here.get(name)), None)
    one = multihost_utils.process_allgather(np.asarray(wrong is not None))
    if one.any():
        others = [i for i, differs in enumerate(one.tolist()) if differs]
        what = "the same options and data are needed in all of them"
        said = "" if wrong is None else f": {wrong} is {here.get(wrong)} here, {first.get(wrong)} there"
        raise ValueError(f"process {others[0]} is not about the same run as process 0{said}; {what}")


def require_shared(path: Path, seconds: float = 10.0) -> None:
    """Raise ValueError where a process does not see a path of process 0, even after some seconds."""
    until = time.monotonic() + seconds
    while several() and not path.exists() and time.monotonic() < until:
        time.sleep(0.2)
    blind = [i for i, (seen,) in enumerate(gathered(path.exists())) if not seen]
    if several() and blind:
        raise ValueError(
            f"process {blind[0]} does not see {path.parent}: a run's folder must be one that all of them see"
        )


def gathered(*numbers: int) -> np.ndarray:
    """[processes, numbers]: what each process says. Alone: its own."""
    row = np.asarray(numbers, np.int32)
    return multihost_utils.process_allgather(row) if several() else row[None]


def whole(tree: Any) -> Any:
    """A tree of arrays that lie on devices of several processes, whole in each of them; any other tree as it is."""
    leaves, structure = jax.tree.flatten(tree)
    if all(getattr(leaf, "is_fully_addressable", True) for leaf in leaves):
        return tree
    return jax.tree.unflatten(structure, [_whole(leaf) for leaf in leaves])


def _whole(leaf: Any) -> Any:
    if getattr(leaf, "is_fully_addressable", True):
        return leaf
    if _is_key(leaf):
        return jax.random.wrap_key_data(_whole(jax.random.key_data(leaf)), impl=jax.random.key_impl(leaf))
    return jax.numpy.asarray(multihost_utils.process_allgather(leaf, tiled=True))


def same(tree: Any) -> Any:
    """A tree of local arrays with process 0's values in all processes."""
    if not several():
        return tree
    leaves, structure = jax.tree.flatten(tree)
    plain = [np.asarray(jax.random.key_data(leaf) if _is_key(leaf) else leaf) for leaf in leaves]
    heard = multihost_utils.broadcast_one_to_all(plain)
    back = [
        jax.random.wrap_key_data(new, impl=jax.random.key_impl(old)) if _is_key(old) else jax.numpy.asarray(new)
        for old, new in zip(leaves, heard, strict=True)
    ]
    return jax.tree.unflatten(structure, back)


def _is_key(leaf: Any) -> bool:
    return jax.dtypes.issubdtype(leaf.dtype, jax.dtypes.prng_key)
