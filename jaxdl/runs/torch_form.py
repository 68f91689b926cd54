"""A linear model, an MLP or a CNN as a PyTorch module: its state dict, the code of the module, and back.

    dense       w [n_in, n_out]        weight [n_out, n_in], transposed
    conv2d      w [h, w, in, out]      weight [out, in, h, w]
    batch norm  scale, bias            weight, bias; mean, var are running_mean, running_var

Images are [B, C, H, W] in PyTorch and bytes are divided by 255 first. The first dense layer behind feature maps reads
them channel by channel there, so its rows change places.

Names: C channels, h and w the sides of the last feature maps.
"""

import itertools
from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np

from jaxdl.models import cnn, linear, mlp
from jaxdl.tree import named_leaves
from jaxdl.types import Params, State

_ACTIVATIONS = {
    "identity": "Identity()",
    "sigmoid": "Sigmoid()",
    "tanh": "Tanh()",
    "relu": "ReLU()",
    "leaky_relu": "LeakyReLU(0.01)",
    "elu": "ELU()",
    "gelu": "GELU()",
    "gelu_tanh": 'GELU(approximate="tanh")',
    "silu": "SiLU()",
    "softplus": "Softplus()",
    "softsign": "Softsign()",
}
_NAMES = {"w": "weight", "b": "bias", "scale": "weight", "bias": "bias", "mean": "running_mean", "var": "running_var"}


class TorchForm(NamedTuple):
    """A network for PyTorch.

    Attributes:
        state: name -> array, what `load_state_dict` takes.
        code: a Python file that defines `model`, the module without its weights.
    """

    state: dict[str, np.ndarray]
    code: str


def to_torch(config: Any, params: Params, state: State) -> TorchForm:
    """The PyTorch form of a network, by its Config.

    Raises: ValueError for a network that has none.

    >>> import jax
    >>> config = mlp.Config(n_in=4, n_out=3, widths=(8,))
    >>> form = to_torch(config, mlp.init(jax.random.key(0), config), {})
    >>> {name: array.shape for name, array in form.state.items()}
    {'layer_0.bias': (8,), 'layer_0.weight': (8, 4), 'layer_1.bias': (3,), 'layer_1.weight': (3, 8)}
    """
    code = _code(config)
    found = {}
    for path, leaf in {**named_leaves(_with_layer(config, params)), **named_leaves(state)}.items():
        layer, kind = path.rsplit("/", 1)
        found[f"{layer.replace('/', '.')}.{_NAMES[kind]}"] = _turned(config, layer, np.asarray(leaf))
    return TorchForm(found, code)


def from_torch(config: Any, arrays: Mapping[str, Any], like: tuple[Params, State]) -> tuple[Params, State]:
    """(params, state) of `to_torch`'s names and arrays, back again.

    Args:
        like: params and state of the network (or their shapes), for the structure.
    Raises: ValueError for a name that is missing and an array of another shape.
    """
    import jax

    def back(tree: Any) -> Any:
        leaves = {}
        for path, leaf in named_leaves(tree).items():
            layer, kind = path.rsplit("/", 1)
            name = f"{layer.replace('/', '.')}.{_NAMES[kind]}"
            if name not in arrays:
                raise ValueError(f"from_torch: there is no {name!r} among {', '.join(arrays)}")
            array = _turned(config, layer, np.asarray(arrays[name]), back=True)
            if array.shape != leaf.shape:
                raise ValueError(f"from_torch: {name} gives {array.shape}, but the network has {leaf.shape}")
            leaves[path] = array.astype(leaf.dtype)
        return jax.tree.unflatten(jax.tree.structure(tree), [leaves[path] for path in named_leaves(tree)])

    params, state = back(_with_layer(config, like[0])), back(like[1])
    return (params["layer_0"] if isinstance(config, linear.Config) else params), state


def _with_layer(config: Any, params: Params) -> Params:
    """A linear model's only layer under a name, as the others have theirs."""
    return {"layer_0": params} if isinstance(config, linear.Config) else params


def _turned(config: Any, layer: str, array: np.ndarray, *, back: bool = False) -> np.ndarray:
    """An array of one library as the other has it."""
    if array.ndim == 4:
        return np.ascontiguousarray(array.transpose((2, 3, 1, 0) if back else (3, 2, 0, 1)))
    if array.ndim != 2:
        return array
    w = array.T if back else array  # [n_in, n_out]
    if isinstance(config, cnn.Config) and layer == "dense_0":
        channels = config.channels[-1]
        h, width = cnn.map_size(config)
        shape = (channels, h, width) if back else (h, width, channels)
        w = np.moveaxis(w.reshape(*shape, -1), *((0, 2) if back else (2, 0))).reshape(w.shape)
    return np.ascontiguousarray(w if back else w.T)


def _code(config: Any) -> str:
    """The module's Python code. Raises ValueError for a network that has no form here."""
    if isinstance(config, linear.Config):
        layers = [("layer_0", f"Linear({config.n_in}, {config.n_out})")]
    elif isinstance(config, mlp.Config):
        layers = [("flatten", "Flatten()"), *_dense(config, "layer", (config.n_in, *config.widths, config.n_out))]
    elif isinstance(config, cnn.Config):
        h, w = cnn.map_size(config)
        flat = h * w * config.channels[-1]
        layers = [*_blocks(config), ("flatten", "Flatten()")]
        layers += _dense(config, "dense", (flat, *config.widths, config.n_out))
    else:
        raise ValueError("there is a PyTorch form of linear models, MLPs and CNNs; this network is none of them")
    lines = "\n".join(f'            ("{name}", nn.{code}),' for name, code in layers)
    return (
        "from collections import OrderedDict\n\nfrom torch import nn\n\n"
        f"model = nn.Sequential(\n    OrderedDict(\n        [\n{lines}\n        ]\n    )\n).eval()\n"
    )


def _dense(config: Any, name: str, sizes: tuple[int, ...]) -> list[tuple[str, str]]:
    layers = []
    last = len(sizes) - 2
    for i, (n_in, n_out) in enumerate(itertools.pairwise(sizes)):
        layers.append((f"{name}_{i}", f"Linear({n_in}, {n_out})"))
        if i < last:
            layers.append((f"{name}_{i}_activation", _activation(config)))
    return layers


def _blocks(config: cnn.Config) -> list[tuple[str, str]]:
    layers: list[tuple[str, str]] = [("border", f"ZeroPad2d({config.border})")] if config.border else []
    normalized = config.normalization == "batch"
    same, odd, rest = config.padding == "SAME", config.window % 2 == 1, config.window - 1
    padding = ', padding="same"' if same and odd else ""
    uneven = f"ZeroPad2d(({rest // 2}, {rest - rest // 2}, {rest // 2}, {rest - rest // 2}))"
    sizes = (config.n_in, *config.channels)
    for i, (n_in, n_out) in enumerate(itertools.pairwise(sizes)):
        bias = ", bias=False" if normalized else ""
        if same and not odd:  # a pixel more on the right and below
            layers.append((f"pad_{i}", uneven))
        layers.append((f"conv_{i}", f"Conv2d({n_in}, {n_out}, {config.window}{padding}{bias})"))
        if normalized:
            layers.append((f"norm_{i}", f"BatchNorm2d({n_out})"))
        layers.append((f"conv_{i}_activation", _activation(config)))
        layers.append((f"pool_{i}", "MaxPool2d(2)" if config.pool == "max" else "AvgPool2d(2)"))
    return layers


def _activation(config: Any) -> str:
    if config.activation not in _ACTIVATIONS:
        raise ValueError(f"there is no PyTorch form of the activation {config.activation!r}")
    return _ACTIVATIONS[config.activation]
