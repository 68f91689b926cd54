"""jaxdl's parameters as a parameter tree of flax, and back.

    dense, conv2d  w, b                    kernel, bias, in the same order of axes
    batch norm     scale, bias, mean, var  the same, mean and var in the collection "batch_stats"
    embedding      table                   embedding
    rnn            x, h                    i, h of SimpleCell
    lstm           gates i, f, g, o        ii, if, ig, io and hi, hf, hg, ho of OptimizedLSTMCell, the biases beside h
    gru            gates r, z, n           ir, iz, in with biases and hr, hz, hn of GRUCell, hn with the candidate's
    attention      qkv/w, q/b, v/b, out    query, key, value cut into heads, out; the keys' bias is zero

The bias of the keys is left out on the way back, since it adds the same to all scores of a query.

Dims: H heads, K features of a head, D = H K features of a model.
"""

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from jaxdl.interop.conversion import Arrays, Kind, Library, convert, convert_back, renamed
from jaxdl.types import Params, State

_COLLECTIONS = ("params", "batch_stats")
_STATISTICS = ("mean", "var")


def to_flax(config: Any, params: Params, state: State | None = None) -> dict[str, Any]:
    """What `apply` of the module of `flax_module(config)` takes: {"params": ...}, and "batch_stats" with statistics.

    Args: as in `to_torch`.
    Raises: ValueError for a network that has no form in flax.

    >>> import jax
    >>> from jaxdl.models import mlp
    >>> config = mlp.Config(n_in=4, n_out=3, widths=(8,))
    >>> variables = to_flax(config, mlp.init(jax.random.key(0), config))
    >>> variables["params"]["layer_0"]["kernel"].shape
    (4, 8)
    """
    tree: dict[str, Any] = {}
    for name, array in convert(FLAX, config, params, state or {}).items():
        *layers, leaf = ("batch_stats" if name.endswith(_STATISTICS) else "params", *name.split("."))
        inner = tree
        for layer in layers:
            inner = inner.setdefault(layer, {})
        inner[leaf] = array
    return tree


def from_flax(
    config: Any, variables: Mapping[str, Any], *, names: Mapping[str, str] | None = None
) -> tuple[Params, State]:
    """(params, state) of a network with the weights of a flax module.

    Args:
        config: as in `to_torch`: the same layers as the module's.
        variables: {"params": ..., "batch_stats": ...} or a parameter tree alone; of nnx, `nnx.to_pure_dict` of the
            module's parameters.
        names: where the module's layers have other names than those of `flax_module(config)`: ours -> theirs, with
            dots.
    Raises: ValueError, in one line, for a leaf that is missing, one that has no place, and another shape.

    >>> import numpy as np
    >>> from jaxdl.models import linear
    >>> variables = {"params": {"Dense_0": {"kernel": np.ones((2, 1), np.float32), "bias": np.zeros(1, np.float32)}}}
    >>> params, _ = from_flax(linear.Config(n_in=2, n_out=1), variables, names={"layer_0": "Dense_0"})
    >>> params["w"].shape
    (2, 1)
    """
    parts = [variables[name] for name in _COLLECTIONS if name in variables] or [variables]
    return convert_back(FLAX, config, {name: leaf for part in parts for name, leaf in _flat(part)}, names)


def _flat(tree: Mapping[Any, Any], before: str = "") -> Iterator[tuple[str, Any]]:
    for name, leaf in tree.items():
        if isinstance(leaf, Mapping):
            yield from _flat(leaf, f"{before}{name}.")
        else:
            yield f"{before}{name}", leaf


def _cell(gates: str, biased: str) -> Kind:
    """A cell whose gates stand apart; `biased` says whether their biases stand beside "i" or "h"."""
    n = len(gates)

    def to(part: Arrays, sizes: tuple[int, ...]) -> Arrays:
        found = {}
        for source, name in (("x", "i"), ("h", "h")):
            for gate, w in zip(gates, np.split(part[f"{source}/w"], n, axis=1), strict=True):
                found[f"{name}{gate}.kernel"] = w
        for gate, bias in zip(gates, np.split(part["x/b"], n), strict=True):
            found[f"{biased}{gate}.bias"] = bias
        return found | ({f"h{gates[-1]}.bias": part["candidate/b"]} if "candidate/b" in part else {})

    def back(part: Arrays, sizes: tuple[int, ...]) -> Arrays:
        def joined(name: str, leaf: str) -> np.ndarray:
            return np.concatenate([part[f"{name}{gate}.{leaf}"] for gate in gates], axis=-1)

        found = {"x/w": joined("i", "kernel"), "h/w": joined("h", "kernel"), "x/b": joined(biased, "bias")}
        own = f"h{gates[-1]}.bias"
        return found | ({"candidate/b": part[own]} if biased == "i" and own in part else {})

    return Kind(to, back)


def _attention_to(part: Arrays, sizes: tuple[int, ...]) -> Arrays:
    d, heads = len(part["out/b"]), (sizes[0], -1)
    biases = part["q/b"], np.zeros_like(part["q/b"]), part["v/b"]
    found = {}
    for name, w, b in zip(("query", "key", "value"), np.split(part["qkv/w"], 3, axis=1), biases, strict=True):
        found |= {f"{name}.kernel": w.reshape(d, *heads), f"{name}.bias": b.reshape(heads)}
    return found | {"out.kernel": part["out/w"].reshape(*heads, d), "out.bias": part["out/b"]}


def _attention_back(part: Arrays, sizes: tuple[int, ...]) -> Arrays:
    d = len(part["out.bias"])
    qkv = np.concatenate([part[f"{name}.kernel"].reshape(d, -1) for name in ("query", "key", "value")], axis=1)
    biases = {"q/b": part["query.bias"].reshape(-1), "v/b": part["value.bias"].reshape(-1)}
    return {"qkv/w": qkv, "out/w": part["out.kernel"].reshape(-1, d), "out/b": part["out.bias"]} | biases


_DENSE = renamed({"w": "kernel", "b": "bias"})
FLAX = Library(
    "flax",
    {
        "dense": _DENSE,
        "dense_of_maps": _DENSE,
        "conv": _DENSE,
        "norm": renamed({name: name for name in ("scale", "bias", *_STATISTICS)}),
        "embedding": renamed({"table": "embedding"}),
        "rnn": renamed({"x/w": "i.kernel", "x/b": "i.bias", "h/w": "h.kernel"}),
        "lstm": _cell("ifgo", "h"),
        "gru": _cell("rzn", "i"),
        "attention": Kind(_attention_to, _attention_back),
    },
)
