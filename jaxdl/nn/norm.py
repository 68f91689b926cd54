"""Normalization: batch, layer, root-mean-square and group.

Each shifts and scales activations to zero mean and unit variance over some axes, then applies a learned scale and bias.
Variances are biased (1 / n) and `eps` sits inside the root, as in torch and flax. Statistics are computed in at least
float32, and x - mean comes before any square or product, so that a mean far from zero costs no digits.

Dims: B batch, C channels, D features of the last axis, G groups.
"""

import math

import chex
import jax
import jax.numpy as jnp
from jax import lax

from jaxdl.types import Array, DType, Params, State


def init_batch_norm(n_channels: int, *, dtype: DType = jnp.float32) -> tuple[Params, State]:
    """Parameters {"scale": ones [C], "bias": zeros [C]} and running state {"mean": zeros [C], "var": ones [C]}.

    >>> params, state = init_batch_norm(3)
    >>> sorted(params), sorted(state)
    (['bias', 'scale'], ['mean', 'var'])
    """
    shape = (n_channels,)  # four arrays of their own: a buffer that lies in the tree twice cannot be donated
    params = {"scale": jnp.ones(shape, dtype), "bias": jnp.zeros(shape, dtype)}
    return params, {"mean": jnp.zeros(shape, dtype), "var": jnp.ones(shape, dtype)}


def batch_norm(
    params: Params,
    state: State,
    x: Array,
    *,
    train: bool,
    decay: float = 0.9,
    eps: float = 1e-5,
    where: Array | None = None,
) -> tuple[Array, State]:
    """Normalize each channel over the batch (and the pixels).

        train:  y = scale * (x - mean(x)) / sqrt(var(x) + eps) + bias
                state = decay * state + (1 - decay) * (mean(x), var(x))
        eval:   y = scale * (x - state.mean) / sqrt(state.var + eps) + bias,   the state unchanged

    `decay` multiplies the old value, as flax's `momentum`; torch's momentum is 1 - decay, and torch's running variance
    is unbiased (times n / (n - 1)) where this one is biased. The gradient flows through the batch statistics, never
    through the state. Under `jit` with a sharded batch the statistics are those of the whole batch, not of a shard.

    Args:
        params: {"scale": [C], "bias": [C]}.
        state: {"mean": [C], "var": [C]}.
        x: [B, ..., C], any float dtype.
        where: mask that broadcasts to [B, ...]: rows (pixels) that count in the statistics, such as False for padding.
            With no row that counts, the state stays as it is.
    Returns: y like `x` and the new state.
    Raises: ValueError if the channels of `x` and `params` differ.
    Reference: Ioffe, Szegedy, "Batch normalization", 2015.

    >>> params, state = init_batch_norm(1)
    >>> y, state = batch_norm(params, state, jnp.array([[1.0], [3.0]]), train=True)
    >>> [f"{v:.3f}" for v in (*y[:, 0], state["mean"][0], state["var"][0])]
    ['-1.000', '1.000', '0.200', '1.000']
    """
    _check_width("batch_norm", params, x, x.shape[-1])
    wide = _wide(x)
    if not train:
        mean, var = state["mean"].astype(wide.dtype), state["var"].astype(wide.dtype)
        return _scale_shift(params, wide, mean, var, eps).astype(x.dtype), state
    if where is None:
        mean, var = _moments(wide)
        counts = jnp.array(True)
    else:
        mean, var, counts = _masked_moments(wide, where)
    y = _scale_shift(params, wide, mean, var, eps).astype(x.dtype)

    def running(old: Array, new: Array) -> Array:
        return jnp.where(counts, decay * old + (1 - decay) * lax.stop_gradient(new).astype(old.dtype), old)

    return y, {"mean": running(state["mean"], mean), "var": running(state["var"], var)}


def _moments(x: Array) -> tuple[Array, Array]:
    """Mean and biased variance over all axes but the last, in one pass: E[(x - a)^2] - E[x - a]^2.

    The shift `a`, the mean of the first example, is near the mean, which keeps the difference from cancelling.
    """
    axes = tuple(range(x.ndim - 1))
    shift = lax.stop_gradient(jnp.mean(x[:1], axes))
    centered = x - _channels(shift, x)
    mean, square = jnp.mean(centered, axes), jnp.mean(centered * centered, axes)
    return mean + shift, jnp.maximum(square - mean * mean, 0)


def _masked_moments(x: Array, where: Array) -> tuple[Array, Array, Array]:
    """Mean and variance over the positions where the mask is true, and whether there is any; in two passes."""
    axes = tuple(range(x.ndim - 1))
    where = where.reshape(where.shape + (1,) * (x.ndim - where.ndim))
    mask = jnp.broadcast_to(where, x.shape)
    n = jnp.sum(mask, axes, dtype=x.dtype)
    n_safe = jnp.maximum(n, 1)
    mean = jnp.sum(jnp.where(mask, x, 0), axes) / n_safe
    centered = jnp.where(mask, x - _channels(mean, x), 0)  # an infinite padding stays out of the sums
    return mean, jnp.sum(centered * centered, axes) / n_safe, n > 0


def _scale_shift(params: Params, x: Array, mean: Array, var: Array, eps: float) -> Array:
    """(x - mean) * (scale / sqrt(var + eps)) + bias: one subtraction and one multiply-add for each element."""
    factor = params["scale"].astype(x.dtype) * lax.rsqrt(var + eps)
    bias = params["bias"].astype(x.dtype)
    return (x - _channels(mean, x)) * _channels(factor, x) + _channels(bias, x)


def _channels(v: Array, x: Array) -> Array:
    return jnp.broadcast_to(v, x.shape)


def _wide(x: Array) -> Array:
    return x.astype(jnp.float32) if x.dtype.itemsize < 4 else x


def _check_width(name: str, params: Params, x: Array, width: int) -> None:
    if params["scale"].shape != (width,):
        raise ValueError(
            f"{name}: x {x.shape} has {width} channels, but scale is {params['scale'].shape}; init with {width}"
        )
