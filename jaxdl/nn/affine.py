"""The dense (fully connected) layer and `flatten`."""

import math

import chex
import jax.numpy as jnp

from jaxdl.nn.initializers import glorot_uniform, zeros
from jaxdl.types import Array, DType, Initializer, Key, Params
from jaxdl.validation import require_arrays, require_floating


def init_dense(
    key: Key,
    n_in: int,
    n_out: int,
    *,
    bias: bool = True,
    initializer: Initializer = glorot_uniform,
    dtype: DType = jnp.float32,
) -> Params:
    """Parameters of `dense`: {"w": [n_in, n_out], "b": [n_out]}; biases start at zero.

    >>> import jax
    >>> {name: leaf.shape for name, leaf in init_dense(jax.random.key(0), 3, 2).items()}
    {'w': (3, 2), 'b': (2,)}
    """
    params = {"w": initializer(key, (n_in, n_out), dtype)}
    if bias:
        params["b"] = zeros(key, (n_out,), dtype)
    return params


def dense(params: Params, x: Array) -> Array:
    """Multiply the last axis by a matrix and add a bias.

        y = x W + b

    Args:
        params: {"w": [n_in, n_out], "b": [n_out] (may be absent)}; used in the dtype of `x`.
        x: [..., n_in], any float dtype.
    Returns: [..., n_out], dtype of `x`.
    Raises: ValueError if the last axis of `x` is not n_in, or `x` is not floating (bytes: divide by 255).

    >>> dense({"w": jnp.array([[1.0], [2.0]]), "b": jnp.array([0.5])}, jnp.array([[3.0, 4.0]])).tolist()
    [[11.5]]
    """
    w = params["w"]
    chex.assert_rank(w, 2)
    require_floating("dense", x=x)
    if x.ndim == 0 or x.shape[-1] != w.shape[0]:
        raise ValueError(
            f"dense: x {x.shape} ends in {x.shape[-1] if x.ndim else 0}, but w {w.shape} takes {w.shape[0]} inputs"
        )
    rows = x.reshape(
        math.prod(x.shape[:-1]), x.shape[-1]
    )  # one large product: XLA's batched products are slower on a CPU
    y = rows @ w.astype(x.dtype)
    if "b" in params:
        y = y + params["b"].astype(x.dtype)[None]
    return y.reshape(*x.shape[:-1], w.shape[1])


def flatten(x: Array) -> Array:
    """Fold all axes after the batch axis into one: [B, ...] -> [B, features].

    >>> flatten(jnp.zeros((2, 3, 4))).shape
    (2, 12)
    """
    require_arrays("flatten", x=x)
    return x.reshape(x.shape[0], math.prod(x.shape[1:]))  # -1 is undecided where the batch is empty
