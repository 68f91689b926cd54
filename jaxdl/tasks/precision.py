"""Mixed precision: parameters, moments and sums in float32, the products of a training step in bfloat16.

    loss = loss_fn(bf16(params), ...),    params <- params + optimizer(f32(d loss / d bf16(params)))

A layer computes in the dtype of its input, so the inputs follow the parameters (`like_params`). bfloat16 has float32's
range and 8 of its 24 bits: no scaling of the loss is needed. It is fast on a GPU; a CPU widens it again.

Reference: Micikevicius et al., "Mixed precision training", 2018.
"""

import functools
from typing import Any, Literal, TypeAlias

import jax
import jax.numpy as jnp

from jaxdl.training.step import LossFn
from jaxdl.types import Array, Batch, Key, Metrics, Params, State

Precision: TypeAlias = Literal["f32", "bf16"]


def in_precision(loss_fn: LossFn, precision: Precision) -> LossFn:
    """The loss of parameters that are rounded to bfloat16 for "bf16". Loss, metrics and running statistics stay wide.

    >>> loss_fn = lambda params, state, batch, key: (params["w"] * 1.0, (state, {}))
    >>> in_precision(loss_fn, "bf16")({"w": jnp.float32(1.001)}, {}, {}, None)[0]
    Array(1., dtype=float32)
    """
    if precision == "f32":
        return loss_fn

    @functools.wraps(loss_fn)
    def rounded(params: Params, state: State, batch: Batch, key: Key) -> tuple[Array, tuple[State, Metrics]]:
        return cast(loss_fn(cast(params, jnp.float32, jnp.bfloat16), state, batch, key), jnp.bfloat16, jnp.float32)

    return rounded


def like_params(x: Array, params: Params) -> Array:
    """Floats in the dtype of the parameters where these are bfloat16; everything else as it is."""
    half = any(leaf.dtype == jnp.bfloat16 for leaf in jax.tree.leaves(params))
    return x.astype(jnp.bfloat16) if half and x.dtype == jnp.float32 else x


def cast(tree: Any, old: Any, new: Any) -> Any:
    """The leaves of one dtype in another."""
    return jax.tree.map(lambda leaf: leaf.astype(new) if leaf.dtype == old else leaf, tree)
