"""jaxdl's parameters as a PyTorch state dict, and back.

    dense       w [n_in, n_out]        weight [n_out, n_in], transposed
    conv2d      w [h, w, in, out]      weight [out, in, h, w]
    batch norm  scale, bias            weight, bias; mean, var are running_mean, running_var
    recurrent   x/w, h/w, x/b          weight_ih, weight_hh transposed, bias_ih; bias_hh is 0, a GRU's candidate has one
    attention   qkv/w, q/b, v/b, out   in_proj_weight, in_proj_bias with zeros for the keys, out_proj

PyTorch's second bias of a recurrent layer is added to the first on the way back, wherever only their sum counts; its
bias of the keys is left out, since it adds the same to all scores of a query. The first dense layer behind feature maps
reads them channel by channel there, so its rows change places.

Dims: H hidden features, D features of a model.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np

from jaxdl.interop.conversion import Arrays, Kind, Library, convert, convert_back, renamed
from jaxdl.types import Params, State


def to_torch(config: Any, params: Params, state: State | None = None) -> Arrays:
    """What `load_state_dict` of the module of `torch_module(config)` takes, as NumPy arrays.

    Args:
        config: of `jaxdl.models.linear`, `mlp`, `cnn`, `rnn` or `transformer`.
        params: the model's.
        state: running statistics, of a model that has such.
    Raises: ValueError for a network that has no form in PyTorch.

    >>> import jax
    >>> from jaxdl.models import mlp
    >>> config = mlp.Config(n_in=4, n_out=3, widths=(8,))
    >>> arrays = to_torch(config, mlp.init(jax.random.key(0), config))
    >>> {name: array.shape for name, array in arrays.items()}
    {'layer_0.bias': (8,), 'layer_0.weight': (8, 4), 'layer_1.bias': (3,), 'layer_1.weight': (3, 8)}
    """
    return convert(TORCH, config, params, state or {})


def from_torch(
    config: Any, state_dict: Mapping[str, Any], *, names: Mapping[str, str] | None = None
) -> tuple[Params, State]:
    """(params, state) of a network with the weights of a PyTorch module.

    Args:
        config: as in `to_torch`: the same layers as the module's.
        state_dict: `module.state_dict()`, or arrays by name.
        names: where the module's layers have other names than those of `torch_module(config)`: ours -> theirs.
    Raises: ValueError, in one line, for a leaf that is missing, one that has no place, and another shape.

    >>> import numpy as np
    >>> from jaxdl.models import linear
    >>> arrays = {"head.weight": np.ones((1, 2), np.float32), "head.bias": np.zeros(1, np.float32)}
    >>> params, _ = from_torch(linear.Config(n_in=2, n_out=1), arrays, names={"layer_0": "head"})
    >>> params["w"].shape
    (2, 1)
    """
    counted = {name: array for name, array in state_dict.items() if not name.endswith("num_batches_tracked")}
    return convert_back(TORCH, config, counted, names)


def _maps_to(part: Arrays, sizes: tuple[int, ...]) -> Arrays:
    w = part["w"].reshape(*sizes, -1)  # [h, w, C, n_out]
    return {"weight": np.ascontiguousarray(np.moveaxis(w, 2, 0).reshape(part["w"].shape).T), "bias": part["b"]}


def _maps_back(part: Arrays, sizes: tuple[int, ...]) -> Arrays:
    h, w, channels = sizes
    weight = part["weight"].T.reshape(channels, h, w, -1)
    return {"w": np.moveaxis(weight, 0, 2).reshape(part["weight"].shape[::-1]), "b": part["bias"]}


def _recurrent_to(part: Arrays, sizes: tuple[int, ...]) -> Arrays:
    second = np.zeros_like(part["x/b"])
    if "candidate/b" in part:
        second[-len(part["candidate/b"]) :] = part["candidate/b"]
    weights = {"weight_ih": np.ascontiguousarray(part["x/w"].T), "weight_hh": np.ascontiguousarray(part["h/w"].T)}
    return weights | {"bias_ih": part["x/b"], "bias_hh": second}


def _recurrent_back(part: Arrays, sizes: tuple[int, ...]) -> Arrays:
    n_hidden = part["weight_hh"].shape[1]
    bias, second, found = part["bias_ih"], part["bias_hh"], {}
    if len(bias) == 3 * n_hidden:  # a GRU's reset gate stands between the candidate's two biases
        found = {"candidate/b": second[2 * n_hidden :]}
        second = np.concatenate([second[: 2 * n_hidden], np.zeros_like(found["candidate/b"])])
    return {"x/w": part["weight_ih"].T, "h/w": part["weight_hh"].T, "x/b": bias + second} | found


def _attention_to(part: Arrays, sizes: tuple[int, ...]) -> Arrays:
    biases = [part["q/b"], np.zeros_like(part["q/b"]), part["v/b"]]
    return {
        "in_proj_weight": np.ascontiguousarray(part["qkv/w"].T),
        "in_proj_bias": np.concatenate(biases),
        "out_proj.weight": np.ascontiguousarray(part["out/w"].T),
        "out_proj.bias": part["out/b"],
    }


def _attention_back(part: Arrays, sizes: tuple[int, ...]) -> Arrays:
    queries, _, values = np.split(part["in_proj_bias"], 3)
    found = {"qkv/w": part["in_proj_weight"].T, "q/b": queries, "v/b": values}
    return found | {"out/w": part["out_proj.weight"].T, "out/b": part["out_proj.bias"]}


_WEIGHTS = {"w": "weight", "b": "bias"}
_RECURRENT = Kind(_recurrent_to, _recurrent_back)
TORCH = Library(
    "torch",
    {
        "dense": renamed(_WEIGHTS, (1, 0)),
        "dense_of_maps": Kind(_maps_to, _maps_back),
        "conv": renamed(_WEIGHTS, (3, 2, 0, 1)),
        "norm": renamed({"scale": "weight", "bias": "bias", "mean": "running_mean", "var": "running_var"}),
        "embedding": renamed({"table": "weight"}),
        "rnn": _RECURRENT,
        "lstm": _RECURRENT,
        "gru": _RECURRENT,
        "attention": Kind(_attention_to, _attention_back),
    },
)
