"""Mixed precision: weights and optimizer in float32, the forward and backward pass in bfloat16.

    f32     everything in float32; `benchmarks.gpu` turns a GPU's TF32 off for all libraries, which is on in XLA
    bf16    the loss sees weights and inputs rounded to bfloat16; its gradients come back in float32. torch has
            `autocast` for it, Keras the policy "mixed_bfloat16"

bfloat16 keeps 8 bits: rounding a sum of a loss's terms moves it by up to 2^-9, and libraries round at other places. So
curves must agree to `TOLERANCE` of the loss (or of 1, if that is larger).
"""

from collections.abc import Callable, Sequence
from typing import Any

import jax
import jax.numpy as jnp

PRECISIONS = ("f32", "bf16")
TOLERANCE = {"f32": 1e-3, "bf16": 0.03}


ONLY_F32 = ("game", "decoding")  # kinds of cases


def compute_dtype(precision: str) -> Any:
    """What the products of this device are computed in: a CPU widens bfloat16, so that its limit is that of float32.

    >>> compute_dtype("f32").__name__
    'float32'
    """
    return jnp.bfloat16 if precision == "bf16" and jax.default_backend() != "cpu" else jnp.float32


def tolerance(precision: str, curve: Sequence[float]) -> float:
    """The largest difference of two loss curves, in nats: absolute for f32, of the largest loss for bf16.

    >>> tolerance("f32", [550.0]), tolerance("bf16", [2.0, 100.0])
    (0.001, 3.0)
    """
    scale = max(1.0, *map(abs, curve)) if precision == "bf16" else 1.0
    return TOLERANCE[precision] * scale


def cast(tree: Any, precision: str) -> Any:
    """The float32 leaves of a tree in bfloat16 for "bf16"; the tree itself for "f32".

    >>> {name: str(leaf.dtype) for name, leaf in cast({"x": jnp.ones(1), "y": jnp.ones(1, int)}, "bf16").items()}
    {'x': 'bfloat16', 'y': 'int32'}
    """
    if precision == "f32":
        return tree
    return jax.tree.map(lambda x: x.astype(jnp.bfloat16) if x.dtype == jnp.float32 else x, tree)


def widen(tree: Any) -> Any:
    """The bfloat16 leaves of a tree in float32."""
    return jax.tree.map(lambda x: x.astype(jnp.float32) if x.dtype == jnp.bfloat16 else x, tree)


def in_precision(loss_fn: Callable[..., Any], precision: str) -> Callable[..., Any]:
    """A loss (params, state, batch, key) -> (loss, (state, metrics)) with what it reads rounded.

    Running statistics stay in float32, and so do loss and metrics.
    """
    if precision == "f32":
        return loss_fn

    def rounded(params: Any, state: Any, batch: Any, key: Any) -> Any:
        return widen(loss_fn(cast(params, precision), state, cast(batch, precision), key))

    return rounded
