"""Trained parameters as a file: params.safetensors, every leaf under its path, readable by any other library."""

from pathlib import Path

import jax
import numpy as np

from jaxdl.artifacts import files
from jaxdl.training.step import TrainState
from jaxdl.tree import from_named_leaves, named_leaves


def write_params(folder: Path, state: TrainState) -> None:
    """params.safetensors: every leaf of the parameters under its path; running statistics under "state/<path>"."""
    from safetensors.numpy import save_file

    leaves = named_leaves(state.params) | {f"state/{name}": leaf for name, leaf in named_leaves(state.state).items()}
    arrays = {name: np.array(jax.device_get(leaf), order="C") for name, leaf in leaves.items()}
    files.write(folder / "params.safetensors", lambda temporary: save_file(arrays, temporary))


def read_params(folder: Path, like: TrainState) -> TrainState:
    """`like` with the parameters and running statistics of the run. Raises ValueError if damaged or missing."""
    from safetensors import SafetensorError
    from safetensors.numpy import load_file

    path = folder / "params.safetensors"
    if not path.is_file():
        raise ValueError(f"{folder} has no params.safetensors: that run did not finish; jaxdl train --resume {folder}")
    try:
        leaves = load_file(path)
        state = {name.removeprefix("state/"): leaves.pop(name) for name in list(leaves) if name.startswith("state/")}
        params = from_named_leaves(like.params, leaves)
        return like._replace(params=params, state=from_named_leaves(like.state, state))
    except (SafetensorError, ValueError) as error:
        raise ValueError(f"{path} is damaged or of another configuration: {error}") from None
