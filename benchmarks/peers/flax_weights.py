"""jaxdl's parameters of the sequence models under flax's names and in flax's shapes, for linen and nnx alike."""

from typing import Any

from jaxdl import interop

Tree = dict[str, Any]


def transformer(config: Any, weights: Tree) -> Tree:
    """The layers apart, queries, keys and values apart and cut into heads; keys get a bias of zeros.

    That bias adds the same to all scores of a query: whatever it becomes, no output sees it.
    """
    return interop.to_flax(config, weights)["params"]


def sides(weights: Tree) -> Tree:
    """The embeddings and the output layer."""
    tables = {name: {"embedding": weights[name]["table"]} for name in ("source", "target")}
    return tables | {"output": {"kernel": weights["output"]["w"], "bias": weights["output"]["b"]}}
