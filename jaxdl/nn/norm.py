"""Normalization: batch, layer, root-mean-square and group.

Each shifts and scales activations to zero mean and unit variance over some axes, then applies a learned scale and bias.
Variances are biased (1 / n) and `eps` sits inside the root, as in torch and flax. Statistics are computed in at least
float32, and a mean far from zero costs no digits. The backward passes of batch and layer normalization are written by
hand (measured in `benchmarks/studies/convs.py`), so forward mode (`jax.jvp`) is not available for these two.

Dims: B batch, C channels, D features of the last axis, G groups.
"""

import functools
import math

import jax
import jax.numpy as jnp
from jax import lax

from jaxdl.ewma import EwmaState, ewma
from jaxdl.types import Array, DType, Params, State, at_least_float32

FAR = 100.0  # mean^2 / var up to which E[x^2] - E[x]^2 keeps the variance to about 1e-5 in float32


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
        where: bool [B] or [B, ...] (no channels): what counts in the statistics. If nothing does, the state stays.
    Returns: y like `x` and the new state.
    Raises: ValueError if the channels of `x` and `params` differ.
    Reference: Ioffe, Szegedy, "Batch normalization", 2015.

    >>> params, state = init_batch_norm(1)
    >>> y, state = batch_norm(params, state, jnp.array([[1.0], [3.0]]), train=True)
    >>> [f"{v:.3f}" for v in (*y[:, 0], state["mean"][0], state["var"][0])]
    ['-1.000', '1.000', '0.200', '1.000']
    """
    _check_width("batch_norm", params, x, x.shape[-1])
    wide = at_least_float32(x)
    if not train:
        mean, var = state["mean"].astype(wide.dtype), state["var"].astype(wide.dtype)
        return _scale_shift(params, wide, mean, var, eps).astype(x.dtype), state
    if where is None:
        scale, bias = params["scale"].astype(wide.dtype), params["bias"].astype(wide.dtype)
        y, mean, var = _normalize_batch(scale, bias, wide, eps)  # type: ignore[misc]
    else:
        mean, var = _masked_moments(wide, where)
        y = _scale_shift(params, wide, mean, var, eps)
    average = ewma(decay, debias=False)
    old = EwmaState(average=state, steps=jnp.zeros((), jnp.int32))
    new = average.update(old, lax.stop_gradient({"mean": mean, "var": var})).average
    if where is not None:
        new = jax.tree.map(functools.partial(jnp.where, jnp.any(where)), new, state)
    return y.astype(x.dtype), new


@functools.partial(jax.custom_vjp, nondiff_argnums=(3,))
def _normalize_batch(scale: Array, bias: Array, x: Array, eps: float):
    """(y, mean, var) over all axes but the last. Gradients flow through y only.
    One pass over x for both moments, one for y; backward, one pass over (x, dy) for both sums, one for dx:

        dbias = sum(dy),   dscale = r sum(dy (x - mean)),   dx = scale r (dy - dbias / n - (x - mean) r dscale / n)

    with r = 1 / sqrt(var + eps).
    """
    return _normalize_batch_fwd(scale, bias, x, eps)[0]


def _normalize_batch_fwd(scale, bias, x, eps):
    axes = tuple(range(x.ndim - 1))
    mean, square = jnp.mean(x, axes), jnp.mean(x * x, axes)
    far = jnp.any(mean * mean > FAR * (square - mean * mean))  # the difference cancels, and long sums lose digits
    mean, var = lax.cond(far, lambda: _centered_moments(x, mean), lambda: (mean, square - mean * mean))
    root = lax.rsqrt(var + eps)
    y = (x - _channels(mean, x)) * _channels(scale * root, x) + _channels(bias, x)
    return (y, mean, var), (scale, x, mean, root, far)


def _normalize_batch_bwd(eps, residuals, cotangents):
    del eps
    (scale, x, mean, root, far), dy = residuals, cotangents[0]
    axes, n = tuple(range(x.ndim - 1)), x.size // x.shape[-1]
    dbias = jnp.sum(dy, axes)
    dscale = root * lax.cond(
        far,
        lambda: jnp.sum(dy * (x - _channels(mean, x)), axes),
        lambda: jnp.sum(dy * x, axes) - mean * dbias,
    )
    by_x, by_1 = _channels(root * dscale / n, x), _channels(dbias / n, x)
    dx = _channels(scale * root, x) * (dy - by_1 - (x - _channels(mean, x)) * by_x)
    return dscale, dbias, dx


def _centered_moments(x: Array, near: Array) -> tuple[Array, Array]:
    """Mean and variance from sums of x - near, where `near` is roughly the mean."""
    axes = tuple(range(x.ndim - 1))
    centered = x - _channels(near, x)
    shift = jnp.mean(centered, axes)
    return near + shift, jnp.mean(centered * centered, axes) - shift * shift


_normalize_batch.defvjp(_normalize_batch_fwd, _normalize_batch_bwd)


def _masked_moments(x: Array, where: Array) -> tuple[Array, Array]:
    """Mean and variance over the positions where the mask is true, in two passes."""
    axes = tuple(range(x.ndim - 1))
    mask = jnp.broadcast_to(where.reshape(where.shape + (1,) * (x.ndim - where.ndim)), x.shape)
    n = jnp.maximum(jnp.sum(mask, axes, dtype=x.dtype), 1)
    mean = jnp.sum(jnp.where(mask, x, 0), axes) / n
    centered = jnp.where(mask, x - _channels(mean, x), 0)  # padding stays out of the sums, even if it is infinite
    shift = jnp.sum(centered, axes) / n
    return mean + shift, jnp.sum(centered * centered, axes) / n - shift * shift


def _scale_shift(params: Params, x: Array, mean: Array, var: Array, eps: float) -> Array:
    """(x - mean) * (scale / sqrt(var + eps)) + bias: one subtraction and one multiply-add for each element."""
    factor = params["scale"].astype(x.dtype) * lax.rsqrt(var + eps)
    bias = params["bias"].astype(x.dtype)
    return (x - _channels(mean, x)) * _channels(factor, x) + _channels(bias, x)


def init_layer_norm(n_features: int, *, dtype: DType = jnp.float32) -> Params:
    """Parameters of `layer_norm`: {"scale": ones [D], "bias": zeros [D]}.

    >>> init_layer_norm(2)["scale"].tolist()
    [1.0, 1.0]
    """
    return {"scale": jnp.ones((n_features,), dtype), "bias": jnp.zeros((n_features,), dtype)}


def layer_norm(params: Params, x: Array, *, eps: float = 1e-5) -> Array:
    """Normalize the last axis to zero mean and unit variance.

        y = scale * n + bias,    n = (x - mean(x)) / sqrt(var(x) + eps)

    The backward pass, with g = scale * dy:

        dx = (g - mean(g) - n mean(g n)) / sqrt(var(x) + eps)

    Args:
        params: {"scale": [D], "bias": [D]}.
        x: [..., D], any float dtype.
    Returns: [..., D], dtype of `x`; statistics are computed in at least float32.
    Raises: ValueError if the last axis of `x` is not D.
    Reference: Ba, Kiros, Hinton, "Layer normalization", 2016.

    >>> [f"{v:.3f}" for v in layer_norm(init_layer_norm(4), jnp.arange(4.0))]
    ['-1.342', '-0.447', '0.447', '1.342']
    """
    _check_width("layer_norm", params, x, x.shape[-1])
    wide = at_least_float32(x)
    scale, bias = params["scale"].astype(wide.dtype), params["bias"].astype(wide.dtype)
    return jnp.asarray(_layer_norm(scale, bias, wide, eps)).astype(x.dtype)


@functools.partial(jax.custom_vjp, nondiff_argnums=(3,))
def _layer_norm(scale: Array, bias: Array, x: Array, eps: float) -> Array:
    return _layer_norm_fwd(scale, bias, x, eps)[0]


def _layer_norm_fwd(scale, bias, x, eps):
    centered, var = _center(x, -1)
    root = lax.rsqrt(var + eps)
    y = centered * jnp.broadcast_to(root, x.shape) * _channels(scale, x) + _channels(bias, x)
    return y, (scale, x, root)


def _layer_norm_bwd(eps, residuals, dy):
    del eps
    scale, x, root = residuals  # the normalized values are recomputed: a row of x is read once anyway
    root = jnp.broadcast_to(root, x.shape)
    n = _center(x, -1)[0] * root
    g = dy * _channels(scale, x)
    mean_g = jnp.broadcast_to(jnp.mean(g, -1, keepdims=True), x.shape)
    mean_gn = jnp.broadcast_to(jnp.mean(g * n, -1, keepdims=True), x.shape)
    rows = tuple(range(x.ndim - 1))
    return jnp.sum(dy * n, rows), jnp.sum(dy, rows), (g - mean_g - n * mean_gn) * root


_layer_norm.defvjp(_layer_norm_fwd, _layer_norm_bwd)


def init_rms_norm(n_features: int, *, dtype: DType = jnp.float32) -> Params:
    """Parameters of `rms_norm`: {"scale": ones [D]}.

    >>> init_rms_norm(2)["scale"].tolist()
    [1.0, 1.0]
    """
    return {"scale": jnp.ones((n_features,), dtype)}


def rms_norm(params: Params, x: Array, *, eps: float = 1e-6) -> Array:
    """Divide the last axis by its root mean square: `layer_norm` without the mean and without a bias.

        y = scale * x / sqrt(mean(x^2) + eps)

    Args:
        params: {"scale": [D]}.
        x: [..., D], any float dtype.
    Returns: [..., D], dtype of `x`; statistics are computed in at least float32.
    Raises: ValueError if the last axis of `x` is not D.
    Reference: Zhang, Sennrich, "Root mean square layer normalization", 2019.

    >>> [f"{v:.3f}" for v in rms_norm(init_rms_norm(2), jnp.array([3.0, 4.0]))]
    ['0.849', '1.131']
    """
    _check_width("rms_norm", params, x, x.shape[-1])
    wide = at_least_float32(x)
    root = lax.rsqrt(jnp.mean(wide * wide, -1, keepdims=True) + eps)
    y = wide * jnp.broadcast_to(root, x.shape) * _channels(params["scale"].astype(wide.dtype), wide)
    return y.astype(x.dtype)


def init_group_norm(n_channels: int, *, dtype: DType = jnp.float32) -> Params:
    """Parameters of `group_norm`: those of `layer_norm`, one pair per channel."""
    return init_layer_norm(n_channels, dtype=dtype)


def group_norm(params: Params, x: Array, *, groups: int, eps: float = 1e-5) -> Array:
    """Normalize each example over its pixels and the channels of a group; no statistics of the batch.

        y = scale * (x - mean_g(x)) / sqrt(var_g(x) + eps) + bias

    Group g holds the channels g C / G to (g + 1) C / G - 1. `groups` = C is instance normalization; 1 is layer
    normalization over a whole image.

    Args:
        params: {"scale": [C], "bias": [C]}.
        x: [B, ..., C], any float dtype.
        groups: G, a divisor of C.
    Returns: [B, ..., C], dtype of `x`; statistics are computed in at least float32.
    Raises: ValueError if G does not divide C, or the channels of `x` and `params` differ.
    Reference: Wu, He, "Group normalization", 2018.

    >>> x = jnp.array([[1.0, 3.0, 10.0, 30.0]])
    >>> [f"{v:.3f}" for v in group_norm(init_group_norm(4), x, groups=2)[0]]
    ['-1.000', '1.000', '-1.000', '1.000']
    """
    c = x.shape[-1]
    _check_width("group_norm", params, x, c)
    if groups < 1 or c % groups:
        raise ValueError(f"group_norm: {groups} groups do not divide the {c} channels of x {x.shape}")
    wide = at_least_float32(x)
    split = wide.reshape(x.shape[0], math.prod(x.shape[1:-1]), groups, c // groups)
    centered, var = _center(split, (1, 3))
    root = lax.rsqrt(var + eps)
    y = (centered * jnp.broadcast_to(root, split.shape)).reshape(x.shape)
    scale, bias = params["scale"].astype(wide.dtype), params["bias"].astype(wide.dtype)
    return (y * _channels(scale, x) + _channels(bias, x)).astype(x.dtype)


def _center(x: Array, axes: int | tuple[int, ...]) -> tuple[Array, Array]:
    """x - mean(x) and the variance. The mean is subtracted twice: the second takes away what the first sum rounded."""
    centered = x - jnp.broadcast_to(jnp.mean(x, axes, keepdims=True), x.shape)
    centered = centered - jnp.broadcast_to(jnp.mean(centered, axes, keepdims=True), x.shape)
    return centered, jnp.mean(centered * centered, axes, keepdims=True)


def _channels(v: Array, x: Array) -> Array:
    return jnp.broadcast_to(v, x.shape)


def _check_width(name: str, params: Params, x: Array, width: int) -> None:
    if params["scale"].shape != (width,):
        raise ValueError(
            f"{name}: x {x.shape} has {width} channels, but scale is {params['scale'].shape}; init with {width}"
        )
