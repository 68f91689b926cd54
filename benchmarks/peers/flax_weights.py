"""jaxdl's parameters of the sequence models under flax's names and in flax's shapes, for linen and nnx alike."""

from typing import Any

import jax
import numpy as np

Tree = dict[str, Any]


def transformer(weights: Tree, n_heads: int) -> Tree:
    """The layers apart, queries, keys and values apart and cut into heads; keys get a bias of zeros.

    That bias adds the same to all scores of a query: whatever it becomes, no output sees it.
    """
    tree = sides(weights)
    for side in ("encoder", "decoder"):
        layers = weights[side]["layers"]
        for i in range(len(layers["hidden"]["w"])):
            layer = jax.tree.map(lambda leaf, i=i: leaf[i], layers)
            tree[f"{side}_{i}"] = {name: _part(part, n_heads) for name, part in layer.items()}
        tree[f"{side}_norm"] = weights[side]["norm"]
    return tree


def sides(weights: Tree) -> Tree:
    """The embeddings and the output layer."""
    tables = {name: {"embedding": weights[name]["table"]} for name in ("source", "target")}
    return tables | {"output": dense(weights["output"])}


def dense(layer: Tree) -> Tree:
    """w -> kernel, b -> bias."""
    return {"kernel": layer["w"], "bias": layer["b"]}


def _part(part: Tree, n_heads: int) -> Tree:
    """A norm, a dense layer or an attention."""
    if "scale" in part:
        return part
    if "qkv" not in part:
        return dense(part)
    d = len(part["out"]["b"])
    heads = (n_heads, d // n_heads)
    kernels = np.split(part["qkv"]["w"], 3, axis=1)
    biases = part["q"]["b"], np.zeros(d, np.float32), part["v"]["b"]
    tree = {
        name: {"kernel": w.reshape(d, *heads), "bias": b.reshape(heads)}
        for name, w, b in zip(("query", "key", "value"), kernels, biases, strict=True)
    }
    return tree | {"out": {"kernel": part["out"]["w"].reshape(*heads, d), "bias": part["out"]["b"]}}
