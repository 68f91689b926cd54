"""A trained run in forms that need no jaxdl: safetensors, a program of `jax.export`, a PyTorch state dict.

safetensors   every parameter under its path ("layer_0/w"), running statistics under "state/..."
jax           raw inputs -> logits or values with the parameters inside, for a batch of any size: what
              `jax.export.deserialize` reads (StableHLO)
torch         the state dict, and beside it a .py file that defines the module
"""

from collections.abc import Callable
from pathlib import Path

import jax
import numpy as np

from jaxdl.artifacts import files
from jaxdl.runs.torch_form import to_torch
from jaxdl.runs.trained import Run
from jaxdl.training.prediction import Network

SUFFIXES = {"safetensors": ".safetensors", "jax": ".jaxexport", "torch": ".pt"}


def export(run: Run, form: str, path: Path) -> list[str]:
    """Write a run in one of `SUFFIXES`'s forms; returns lines that say what was written and how it is read.

    Raises: ValueError for a run without such a form, and for a library that is missing.
    """
    writers: dict[str, Callable[[Run, Path], list[str]]] = {
        "safetensors": _safetensors,
        "jax": _jax,
        "torch": _torch,
    }
    return writers[form](run, path)


def program(run: Run) -> jax.export.Exported:
    """(x [B, ...]) -> logits [B, K] or values [B], for any B, compiled for this machine's kind of device.

    Raises: ValueError for a run that predicts from no arrays.
    """
    network = _network(run)
    (b,) = jax.export.symbolic_shape("b")
    inputs = jax.ShapeDtypeStruct((b, *network.shape), network.dtype)
    return jax.export.export(jax.jit(lambda x: network.apply(run.state.params, run.state.state, x)))(inputs)


def _safetensors(run: Run, path: Path) -> list[str]:
    content = (run.folder / "params.safetensors").read_bytes()
    files.write(path, lambda temporary: temporary.write_bytes(content))
    return [f"{path}: safetensors.numpy.load_file reads it"]


def _jax(run: Run, path: Path) -> list[str]:
    exported = program(run)
    try:
        content = exported.serialize()
    except ImportError:
        raise ValueError("jax.export writes by flatbuffers, which is missing: pip install 'jaxdl[export]'") from None
    files.write(path, lambda temporary: temporary.write_bytes(bytes(content)))
    network = _network(run)
    shape = ", ".join(map(str, ("b", *network.shape)))
    return [
        f"{path}: x {np.dtype(network.dtype).name}[{shape}] -> {exported.out_avals[0].str_short()}, "
        f"for {', '.join(exported.platforms)}",
        f"read it with: jax.export.deserialize(pathlib.Path({str(path)!r}).read_bytes()).call(x)",
    ]


def _torch(run: Run, path: Path) -> list[str]:
    form = to_torch(_network(run).config, run.state.params, run.state.state)
    try:
        import torch
    except ImportError:
        raise ValueError("a state dict is written by PyTorch, which is missing: pip install torch") from None
    tensors = {name: torch.from_numpy(np.array(array)) for name, array in form.state.items()}
    files.write(path, lambda temporary: torch.save(tensors, temporary))
    module = path.with_suffix(".py")
    files.write(module, lambda temporary: temporary.write_text(form.code))
    network = _network(run)
    takes = "images [B, C, H, W], bytes in [0, 1]" if len(network.shape) == 3 else "x [B, D]"
    return [
        f"{path}: the state dict of the module in {module}: model.load_state_dict(torch.load({str(path)!r}))",
        f"it takes {takes}" + (", scaled as the training part was" if network.prepared else ""),
    ]


def _network(run: Run) -> Network:
    if run.predictor.network is None:
        raise ValueError(f"{run.folder} is a run of {run.recipe}, which predicts from no arrays of numbers")
    return run.predictor.network
