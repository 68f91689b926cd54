"""The ground floor: the names that every other file uses for arrays and trees.

Dims used in every file: B batch, N examples, D features, K classes, T time, H heads, C channels, V vocabulary.
"""

from collections.abc import Callable
from typing import Any, Protocol, TypeAlias

import jax
import jax.numpy as jnp

Array: TypeAlias = jax.Array
Key: TypeAlias = jax.Array  # a typed key from `jax.random.key`, used once
Params: TypeAlias = Any  # nested dict of arrays: what `jax.grad` differentiates
State: TypeAlias = Any  # nested dict of arrays that a model carries beside its parameters (running statistics)
Tree: TypeAlias = Any  # any tree of arrays: gradients, squared gradients, parameters, statistics
Batch: TypeAlias = dict[str, Array]  # arrays with a common leading axis B: {"x": ..., "y": ..., "mask": [B] bool}
Pair: TypeAlias = tuple[Array, Array]  # (sum, count): adds over batches and devices; the mean is sum / count
Metrics: TypeAlias = dict[str, Any]  # name -> Pair, or a dict of Pairs for what takes several sums (R2)
Shape: TypeAlias = tuple[int, ...]
DType: TypeAlias = Any
Activation: TypeAlias = Callable[[Array], Array]


class Initializer(Protocol):
    """The signature of `jax.nn.initializers`: either library's initializers can stand in for the other's."""

    def __call__(self, key: Key, shape: Shape, dtype: DType = jnp.float32) -> Array: ...


_WIDE = (jnp.float32, jnp.float64, jnp.complex64, jnp.complex128)


def at_least_float32(x: Array) -> Array:
    """Cast half precision and integers up to float32, and leave wider and complex dtypes as they are.

    For sums, norms, softmax and moments.
    """
    return x if x.dtype in _WIDE else x.astype(jnp.float32)


def wide_dtype(dtype: DType) -> DType:
    """The dtype that `at_least_float32` gives."""
    return dtype if dtype in _WIDE else jnp.dtype(jnp.float32)


def varying_as(x: Array, *others: Tree) -> Array:
    """`x`, which under `jax.shard_map` varies over the same axes of the mesh as any of the others.

    The start of a loop must be of the type of what the loop makes of it; zeros are the same on every device at first.
    """
    axes = [set(jax.typeof(leaf).manual_axis_type.varying) for leaf in jax.tree.leaves((x, others))]
    missing = tuple(set().union(*axes) - axes[0])
    return jax.lax.pcast(x, missing, to="varying") if missing else x
