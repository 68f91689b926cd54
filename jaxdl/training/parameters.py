"""Trained parameters as a file: params.safetensors, every leaf under its path, readable by any other library.

The file's own metadata holds a checksum of all leaves, so that a changed bit is noticed wherever the file goes.
"""

from pathlib import Path

import jax
import numpy as np

from jaxdl.artifacts import files
from jaxdl.artifacts.digest import digest
from jaxdl.training.step import TrainState
from jaxdl.tree import from_named_leaves, named_leaves


def write_params(folder: Path, state: TrainState) -> None:
    """params.safetensors: every leaf of the parameters under its path; running statistics under "state/<path>"."""
    from safetensors.numpy import save

    arrays = {name: np.array(jax.device_get(leaf), order="C") for name, leaf in _leaves(state).items()}
    content = save(arrays, metadata={"sha256": digest(arrays)})
    files.write(folder / "params.safetensors", lambda temporary: temporary.write_bytes(content))


def read_params(folder: Path, like: TrainState) -> TrainState:
    """`like` with the parameters and running statistics of the run.

    Raises: ValueError for a file that is missing, damaged, of another model or dtype, or holds NaN or infinity.
    """
    from safetensors import SafetensorError, safe_open

    path = folder / "params.safetensors"
    if not path.is_file():
        raise ValueError(f"{folder} has no params.safetensors: that run did not finish; jaxdl train --resume {folder}")
    try:
        with safe_open(path, framework="numpy") as file:
            stored = (file.metadata() or {}).get("sha256")
            leaves = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 - not a dict
        if stored != digest(leaves):
            raise ValueError("its content is not what its checksum says")
        _check_leaves(leaves, _leaves(like))
        state = {name.removeprefix("state/"): leaves.pop(name) for name in list(leaves) if name.startswith("state/")}
        params = from_named_leaves(like.params, leaves)
        return like._replace(params=params, state=from_named_leaves(like.state, state))
    except (SafetensorError, ValueError, OverflowError, TypeError) as error:
        raise ValueError(f"{path} is damaged or of another configuration: {error}") from None


def _leaves(state: TrainState) -> dict[str, jax.Array]:
    return named_leaves(state.params) | {f"state/{name}": leaf for name, leaf in named_leaves(state.state).items()}


def _check_leaves(leaves: dict[str, np.ndarray], like: dict[str, jax.Array]) -> None:
    for name, leaf in leaves.items():
        if name in like and leaf.dtype != like[name].dtype:
            raise ValueError(f"leaf {name!r}: expected {like[name].dtype}, got {leaf.dtype}")
        if np.issubdtype(leaf.dtype, np.inexact) and not np.isfinite(leaf).all():
            raise ValueError(f"leaf {name!r} holds {np.count_nonzero(~np.isfinite(leaf))} NaN or infinite numbers")
