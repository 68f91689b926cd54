"""A trained run in forms that need no jaxdl; `FORMS` names them.

safetensors   every parameter under its path ("layer_0/w"), running statistics under "state/..."
jax           raw inputs -> logits or values with the parameters inside, for a batch of any size: what
              `jax.export.deserialize` reads (StableHLO)
onnx          the same as an ONNX model
torch         a state dict, and beside it a .py file that defines the module
flax          a parameter tree, and beside it a .py file that defines the module
"""

import importlib
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import jax
import numpy as np

from jaxdl import interop
from jaxdl.artifacts import files
from jaxdl.interop import onnx_form
from jaxdl.models import cnn
from jaxdl.runs.trained import Run
from jaxdl.training.prediction import Network


def export(run: Run, form: str, path: Path) -> list[str]:
    """Write a run in one of `FORMS`; returns lines that say what was written and how it is read.

    Raises: ValueError for a run without such a form, and for a library that is missing.
    """
    return FORMS[form].write(run, path)


def program(run: Run) -> jax.export.Exported:
    """(x [B, ...]) -> logits [B, K] or values [B], for any B, compiled for this machine's kind of device.

    Raises: ValueError for a run that predicts from no arrays.
    """
    function, arguments = _function(run)
    return jax.export.export(jax.jit(function))(*arguments)


def _function(run: Run) -> tuple[Callable[..., jax.Array], list[jax.ShapeDtypeStruct]]:
    """What the run computes, its parameters inside, and the shapes that it takes: what may differ is a symbol."""
    network = _network(run)
    letters = ["b", *(n for one in network.inputs for n in one.shape if isinstance(n, str))]
    sizes = dict(zip(letters, jax.export.symbolic_shape(", ".join(letters)), strict=True))
    shapes = [("b", *one.shape) for one in network.inputs]
    arguments = [
        jax.ShapeDtypeStruct(tuple(sizes[n] if isinstance(n, str) else n for n in shape), one.dtype)
        for shape, one in zip(shapes, network.inputs, strict=True)
    ]
    return lambda *inputs: network.apply(run.state.params, run.state.state, *inputs), arguments


def _safetensors(run: Run, path: Path) -> list[str]:
    content = (run.folder / "params.safetensors").read_bytes()
    files.write(path, lambda temporary: temporary.write_bytes(content))
    return [f"{path}: safetensors.numpy.load_file reads it"]


def _jax(run: Run, path: Path) -> list[str]:
    exported = program(run)
    _library("flatbuffers", "jax.export writes by flatbuffers", "'jaxdl[export]'")
    content = bytes(exported.serialize())
    files.write(path, lambda temporary: temporary.write_bytes(content))
    names = ", ".join(one.name for one in _network(run).inputs)
    return [
        f"{path}: {_takes(run)} -> {exported.out_avals[0].str_short()}, for {', '.join(exported.platforms)}",
        f"read it with: jax.export.deserialize(pathlib.Path({str(path)!r}).read_bytes()).call({names})",
    ]


def _onnx(run: Run, path: Path) -> list[str]:
    names = [one.name for one in _network(run).inputs]
    content = onnx_form.to_onnx(*_function(run), names)
    files.write(path, lambda temporary: temporary.write_bytes(content))
    inputs = ", ".join(f'"{name}": {name}' for name in names)
    return [
        f"{path}: {_takes(run)} -> y",
        f"read it with: onnxruntime.InferenceSession({str(path)!r}).run(None, {{{inputs}}})",
    ]


def _torch(run: Run, path: Path) -> list[str]:
    config = _network(run).config
    arrays, code = interop.to_torch(config, run.state.params, run.state.state), interop.torch_module(config)
    torch = _library("torch", "a state dict is written by PyTorch", "torch")
    tensors = {name: torch.from_numpy(np.array(array)) for name, array in arrays.items()}
    files.write(path, lambda temporary: torch.save(tensors, temporary))
    module = _write_module(path, "torch", code)
    return [
        f"{path}: the state dict of the module in {module}: model.load_state_dict(torch.load({str(path)!r}))",
        _module_takes(run, "images [B, C, H, W]" if isinstance(config, cnn.Config) else ""),
    ]


def _flax(run: Run, path: Path) -> list[str]:
    config = _network(run).config
    variables, code = interop.to_flax(config, run.state.params, run.state.state), interop.flax_module(config)
    serialization = _library("flax.serialization", "a parameter tree is written by flax", "flax")
    content = serialization.msgpack_serialize(variables)
    files.write(path, lambda temporary: temporary.write_bytes(content))
    module = _write_module(path, "flax", code)
    return [
        f"{path}: the variables of the module in {module}: "
        f"flax.serialization.msgpack_restore(pathlib.Path({str(path)!r}).read_bytes())",
        _module_takes(run, "images [B, H, W, C]" if isinstance(config, cnn.Config) else ""),
    ]


def _library(module: str, what_for: str, install: str) -> Any:
    try:
        return importlib.import_module(module)
    except ImportError:
        raise ValueError(f"{what_for}, which is missing: pip install {install}") from None


def _write_module(path: Path, library: str, code: str) -> Path:
    module = path.with_name(f"{path.stem}_{library}.py")
    files.write(module, lambda temporary: temporary.write_text(code))
    return module


def _takes(run: Run) -> str:
    """The inputs of the program: "x float32[b, 4]"."""
    return ", ".join(
        f"{one.name} {np.dtype(one.dtype).name}[{', '.join(map(str, ('b', *one.shape)))}]"
        for one in _network(run).inputs
    )


def _module_takes(run: Run, images: str) -> str:
    network = _network(run)
    as_bytes = ", bytes in [0, 1]" if network.inputs[0].dtype == np.uint8 else ""
    scaled = ", scaled as the training part was" if network.prepared else ""
    return f"it takes {images or _takes(run)}{as_bytes}{scaled}"


def _network(run: Run) -> Network:
    if run.predictor.network is None:
        raise ValueError(f"{run.folder} is a run of {run.recipe}, which predicts from no arrays of numbers")
    return run.predictor.network


class Form(NamedTuple):
    """A way to write a run.

    Attributes:
        suffix: of its file.
        write: (run, path) -> lines that say what was written.
    """

    suffix: str
    write: Callable[[Run, Path], list[str]]


FORMS = {
    "safetensors": Form(".safetensors", _safetensors),
    "jax": Form(".jaxexport", _jax),
    "onnx": Form(".onnx", _onnx),
    "torch": Form(".pt", _torch),
    "flax": Form(".msgpack", _flax),
}
