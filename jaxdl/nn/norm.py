"""Normalization: batch, layer, root-mean-square and group.

Each shifts and scales activations to zero mean and unit variance over some axes, then applies a learned scale and bias.
Variances are biased (1 / n) and `eps` sits inside the root, as in torch and flax. Statistics are computed in at least
float32, and a mean far from zero costs no digits: it is taken off twice. Masks (`where`) are bool, True for what counts
in the statistics; what does not is taken for 0.

Dims: B batch, C channels, D features of the last axis, G groups.
"""

import math

import chex
import jax
import jax.numpy as jnp
from jax import lax

from jaxdl.ewma import EwmaState, ewma
from jaxdl.kernels.normalization import normalize_batch
from jaxdl.types import Array, DType, Params, State, at_least_float32
from jaxdl.validation import require_floating, require_mask, require_name

Axes = int | tuple[int, ...]


def init_batch_norm(n_channels: int, *, dtype: DType = jnp.float32) -> tuple[Params, State]:
    """Parameters {"scale": ones, "bias": zeros} and running state {"mean": zeros, "var": ones}, each [C].

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
    method: str = "auto",
) -> tuple[Array, State]:
    """Normalize each channel over the batch (and the pixels).

        train:  y = scale * (x - mean(x)) / sqrt(var(x) + eps) + bias
                state = decay * state + (1 - decay) * (mean(x), var(x))
        eval:   y = scale * (x - state.mean) / sqrt(state.var + eps) + bias,   the state unchanged

    `decay` multiplies the old value, as flax's `momentum`; torch's momentum is 1 - decay, and torch's running variance
    is unbiased (times n / (n - 1)) where this one is biased. The gradient flows through the batch statistics, never
    through the state. Under `jit` with a sharded batch the statistics are those of the whole batch, not of a shard.

    Fast form: `kernels.normalization`, equal by test.

    Args:
        params: {"scale": [C], "bias": [C]}.
        state: {"mean": [C], "var": [C]}.
        x: [B, ..., C], any float dtype.
        where: bool [B] or [B, ...] (no channels): what counts in the statistics. If nothing does, the state stays.
        method: "plain" is the definition, "one_pass" the fast form, which "auto" takes where there is no mask.
    Returns: y like `x` and the new state.
    Raises: ValueError if the channels of `x` and `params` differ.
    Reference: Ioffe, Szegedy, "Batch normalization", 2015.

    >>> params, state = init_batch_norm(1)
    >>> y, state = batch_norm(params, state, jnp.array([[1.0], [3.0]]), train=True)
    >>> [f"{v:.3f}" for v in (*y[:, 0], state["mean"][0], state["var"][0])]
    ['-1.000', '1.000', '0.200', '1.000']
    """
    _check("batch_norm", params, x)
    chex.assert_rank(x, {2, 3, 4, 5})
    require_name("batch_norm", "method", method, ("auto", "plain", "one_pass"))
    wide = at_least_float32(x)
    scale, bias = (params[name].astype(wide.dtype) for name in ("scale", "bias"))
    if not train:
        mean, var = (state[name].astype(wide.dtype) for name in ("mean", "var"))
        y = (wide - _last(mean, x)) * _last(scale * lax.rsqrt(var + eps), x) + _last(bias, x)
        return y.astype(x.dtype), state
    if 0 in x.shape[:-1]:  # nothing has no mean
        return x, state
    if where is None and method != "plain":
        y, mean, var = normalize_batch(scale, bias, wide, eps)
    else:
        counts = None if where is None else where.reshape(where.shape + (1,) * (x.ndim - where.ndim))
        centered, mean, var = _moments("batch_norm", wide, tuple(range(x.ndim - 1)), counts)
        y = _last(scale, x) * centered * lax.rsqrt(var + eps) + _last(bias, x)
    old = EwmaState(average=state, steps=jnp.zeros((), jnp.int32))
    batch = lax.stop_gradient({"mean": mean.reshape(-1), "var": var.reshape(-1)})
    new = ewma(decay, debias=False).update(old, batch).average
    if where is not None:
        some = where.any()
        new = jax.tree.map(lambda a, b: jnp.where(some, a, b), new, state)
    return y.astype(x.dtype), new


def init_layer_norm(n_features: int, *, dtype: DType = jnp.float32) -> Params:
    """Parameters of `layer_norm`: {"scale": ones [D], "bias": zeros [D]}.

    >>> init_layer_norm(2)["scale"].tolist()
    [1.0, 1.0]
    """
    return {"scale": jnp.ones((n_features,), dtype), "bias": jnp.zeros((n_features,), dtype)}


def layer_norm(params: Params, x: Array, *, axis: Axes = -1, eps: float = 1e-5, where: Array | None = None) -> Array:
    """Normalize the last axis to zero mean and unit variance.

        y = scale * (x - mean(x)) / sqrt(var(x) + eps) + bias

    Args:
        params: {"scale": [D], "bias": [D]}.
        x: [..., D], any float dtype.
        axis: what the statistics run over; scale and bias belong to the last axis in any case.
        where: bool of the rank of `x` (axes of 1 broadcast), True for what counts in the statistics.
    Returns: [..., D], dtype of `x`; statistics are computed in at least float32.
    Raises: ValueError if the last axis of `x` is not D.
    Reference: Ba, Kiros, Hinton, "Layer normalization", 2016.

    >>> [f"{v:.3f}" for v in layer_norm(init_layer_norm(4), jnp.arange(4.0))]
    ['-1.342', '-0.447', '0.447', '1.342']
    """
    _check("layer_norm", params, x)
    wide = at_least_float32(x)
    centered, _, var = _moments("layer_norm", wide, axis, where)
    scale, bias = (_last(params[name].astype(wide.dtype), x) for name in ("scale", "bias"))
    return (scale * centered * lax.rsqrt(var + eps) + bias).astype(x.dtype)


def init_rms_norm(n_features: int, *, dtype: DType = jnp.float32) -> Params:
    """Parameters of `rms_norm`: {"scale": ones [D]}.

    >>> init_rms_norm(2)["scale"].tolist()
    [1.0, 1.0]
    """
    return {"scale": jnp.ones((n_features,), dtype)}


def rms_norm(params: Params, x: Array, *, axis: Axes = -1, eps: float = 1e-6, where: Array | None = None) -> Array:
    """Divide the last axis by its root mean square: `layer_norm` without the mean and without a bias.

        y = scale * x / sqrt(mean(x^2) + eps)

    Args:
        params: {"scale": [D]}.
        x: [..., D], any float dtype.
        axis, where: as in `layer_norm`.
    Returns: [..., D], dtype of `x`; statistics are computed in at least float32.
    Raises: ValueError if the last axis of `x` is not D.
    Reference: Zhang, Sennrich, "Root mean square layer normalization", 2019.

    >>> [f"{v:.3f}" for v in rms_norm(init_rms_norm(2), jnp.array([3.0, 4.0]))]
    ['0.849', '1.131']
    """
    _check("rms_norm", params, x)
    wide = _hide("rms_norm", at_least_float32(x), where)
    square = _mean(wide * wide, axis, where)
    return (_last(params["scale"].astype(wide.dtype), x) * wide * lax.rsqrt(square + eps)).astype(x.dtype)


def init_group_norm(n_channels: int, *, dtype: DType = jnp.float32) -> Params:
    """Parameters of `group_norm`: those of `layer_norm`, one pair per channel."""
    return init_layer_norm(n_channels, dtype=dtype)


def group_norm(params: Params, x: Array, *, groups: int, eps: float = 1e-5, where: Array | None = None) -> Array:
    """Normalize each example over its pixels and the channels of a group; no statistics of the batch.

        y = scale * (x - mean_g(x)) / sqrt(var_g(x) + eps) + bias

    Group g holds the channels g C / G to (g + 1) C / G - 1. `groups` = C is instance normalization; 1 is layer
    normalization over a whole image.

    Args:
        params: {"scale": [C], "bias": [C]}.
        x: [B, ..., C], any float dtype.
        groups: G, a divisor of C.
        where: bool of the rank of `x` (axes of 1 broadcast), True for what counts in the statistics.
    Returns: [B, ..., C], dtype of `x`; statistics are computed in at least float32.
    Raises: ValueError if G does not divide C, or the channels of `x` and `params` differ.
    Reference: Wu, He, "Group normalization", 2018.

    >>> x = jnp.array([[1.0, 3.0, 10.0, 30.0]])
    >>> [f"{v:.3f}" for v in group_norm(init_group_norm(4), x, groups=2)[0]]
    ['-1.000', '1.000', '-1.000', '1.000']
    """
    _check("group_norm", params, x)
    chex.assert_rank(x, {2, 3, 4, 5})
    c = x.shape[-1]
    if groups < 1 or c % groups:
        raise ValueError(f"group_norm: {groups} groups do not divide the {c} channels of x {x.shape}")
    wide = at_least_float32(x)
    split = (x.shape[0], math.prod(x.shape[1:-1]), groups, c // groups)
    if where is not None:
        require_mask("group_norm", where, x.shape, "the shape of x")
        where = jnp.broadcast_to(where, x.shape).reshape(split)
    centered, _, var = _moments("group_norm", wide.reshape(split), (1, 3), where)
    scale, bias = (_last(params[name].astype(wide.dtype), x) for name in ("scale", "bias"))
    return (scale * (centered * lax.rsqrt(var + eps)).reshape(x.shape) + bias).astype(x.dtype)


def _moments(name: str, x: Array, axis: Axes, where: Array | None) -> tuple[Array, Array, Array]:
    """x - mean(x), mean(x) and var(x), the axes kept.

    The mean is subtracted twice: the second takes away what the first sum rounded, and has no slope.
    """
    x = _hide(name, x, where)
    mean = _mean(x, axis, where)
    rest = lax.stop_gradient(_mean(x - mean, axis, where))
    centered = x - mean - rest
    return centered, mean + rest, _mean(centered * centered, axis, where)


def _mean(x: Array, axis: Axes, where: Array | None) -> Array:
    """Over what counts; 0 where nothing does."""
    if where is None:
        return jnp.mean(x, axis, keepdims=True)
    count = jnp.sum(jnp.broadcast_to(where, x.shape), axis, keepdims=True, dtype=x.dtype)
    return jnp.sum(x, axis, keepdims=True, where=where) / jnp.maximum(count, 1)


def _hide(name: str, x: Array, where: Array | None) -> Array:
    if where is None:
        return x
    require_mask(name, where, x.shape, "the shape of x")
    return jnp.where(where, x, 0)


def _last(v: Array, x: Array) -> Array:
    """[C] as [1, ..., 1, C], of the rank of x."""
    return v.reshape((1,) * (x.ndim - 1) + v.shape)


def _check(name: str, params: Params, x: Array) -> None:
    require_floating(name, x=x)
    chex.assert_rank(params["scale"], 1)
    if x.ndim == 0 or params["scale"].shape != x.shape[-1:]:
        n = x.shape[-1] if x.ndim else 0
        raise ValueError(f"{name}: x {x.shape} has {n} channels, but scale is {params['scale'].shape}; init with {n}")
