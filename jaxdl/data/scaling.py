"""Feature scaling, each as (fit, apply, inverse): fit on the training part, apply to every part.

`fit` runs on the host in float64; `apply` and `inverse` are pure, take numpy or JAX arrays and can be jitted.
N examples, D features.
"""

import functools
from collections.abc import Callable
from typing import Any, NamedTuple, TypeAlias

import numpy as np

from jaxdl.data.splits import Splits

AnyArray: TypeAlias = Any  # numpy or JAX: the functions use only what both have, and so return what they were given
Statistics: TypeAlias = dict[str, np.ndarray]


class Scaler(NamedTuple):
    """Three pure functions; what was learned from the training part is the dict of arrays between them.

    Attributes:
        fit: x [N, ...] -> statistics.
        apply: (statistics, x [M, ...]) -> scaled x, same shape.
        inverse: (statistics, scaled x) -> x: `inverse(s, apply(s, x))` is x up to rounding.
    """

    fit: Callable[[AnyArray], Statistics]
    apply: Callable[[Statistics, AnyArray], AnyArray]
    inverse: Callable[[Statistics, AnyArray], AnyArray]


def _work(x: AnyArray) -> AnyArray:
    """Integers and half precision as float32; float32 and float64 as they are."""
    return x if x.dtype in (np.float32, np.float64) else x.astype(np.float32)


def _minus(x: AnyArray, shift: AnyArray) -> AnyArray:
    """x - shift without loss where x lies near the shift, however far from 0 both are (timestamps).

    The shift is split into two floats, and so are long integers: what is large cancels exactly.
    """
    v = _work(x)
    high = shift.astype(v.dtype)
    low = (shift - high.astype(shift.dtype)).astype(v.dtype)
    if x.dtype.kind not in "iu" or x.dtype.itemsize <= 2:
        return (v - high) - low
    if isinstance(x, np.ndarray):
        whole = np.round(shift).astype(np.int64)
        return ((x.astype(np.int64) - whole).astype(np.float64) - (shift - whole)).astype(np.float32)
    rest = x & 4095
    return (_work(x - rest) - high) + (_work(rest) - low)


def _back(y: AnyArray, x: AnyArray) -> AnyArray:
    """Cast to the dtype of x if x was floating (integers become float32)."""
    return y if x.dtype.kind in "iub" else y.astype(x.dtype)


def _array(x: AnyArray) -> AnyArray:
    """Lists and tables as numpy arrays; arrays of both libraries as they are."""
    return x if hasattr(x, "dtype") and hasattr(x, "ndim") and hasattr(x, "reshape") else np.asarray(x)


def _checked(x: AnyArray, who: str) -> np.ndarray:
    x = np.asarray(x)
    if x.ndim < 1 or x.size == 0:
        raise ValueError(f"{who}: fit needs x [N, ...] with at least one example, got shape {x.shape}")
    if x.dtype.kind not in "iubfV":  # V: bfloat16
        raise ValueError(f"{who}: x must be real numbers, got {x.dtype}")
    values = x.astype(np.float64)
    if not np.isfinite(values).all():
        raise ValueError(f"{who}: x holds values that are not finite; see jaxdl.data.validate")
    return values


def _shift_and_scale(statistics: Statistics, x: AnyArray) -> AnyArray:
    x = _array(x)
    v = _minus(x, statistics["shift"])
    return _back(v / statistics["scale"].astype(v.dtype), x)


def _undo_shift_and_scale(statistics: Statistics, y: AnyArray) -> AnyArray:
    y = _array(y)
    v = _work(y)
    return _back(v * statistics["scale"].astype(v.dtype) + statistics["shift"].astype(v.dtype), y)


def standardize(axis: int | tuple[int, ...] = 0) -> Scaler:
    """Zero mean and unit variance for each feature.

        y = (x - mean) / std,    std the biased estimate (divide by N) of the training part

    A constant feature is only shifted (its std counts as 1), so it becomes 0 and nothing is divided by zero.

    Args:
        axis: the axes that the statistics run over: 0 for one pair for each feature (or pixel), (0, 1, 2) for one for
            each channel of images [N, H, W, C].
    Returns: a `Scaler` with statistics {"shift": mean, "scale": std}, of the rank of x.

    >>> scaler = standardize()
    >>> statistics = scaler.fit(np.array([[0.0, 5.0], [2.0, 5.0]]))
    >>> scaler.apply(statistics, np.array([[3.0, 5.0]])).tolist()
    [[2.0, 0.0]]
    """

    def fit(x: AnyArray) -> Statistics:
        v = _checked(x, "standardize")
        constant = v.max(axis, keepdims=True) == v.min(axis, keepdims=True)  # exact, where std rounds to 1e-17
        mean = np.where(constant, v.min(axis, keepdims=True), v.mean(axis, keepdims=True))
        return {"shift": mean, "scale": np.where(constant, 1.0, v.std(axis, keepdims=True))}

    return Scaler(fit, _shift_and_scale, _undo_shift_and_scale)


def min_max(low: float = 0.0, high: float = 1.0, *, axis: int | tuple[int, ...] = 0) -> Scaler:
    """Map each feature's range in the training part onto [low, high].

        y = low + (high - low) (x - min) / (max - min)

    Values outside the training range leave [low, high]: they are not clipped, or `inverse` would lose them. A constant
    feature goes to `low`.

    Args:
        low: the image of the least training value.
        high: the image of the largest, > low.
        axis: as in `standardize`.
    Returns: a `Scaler` with statistics {"shift", "scale"}, of the rank of x.
    Raises: ValueError unless low < high.

    >>> scaler = min_max(-1.0, 1.0)
    >>> scaler.apply(scaler.fit(np.array([[0.0], [4.0]])), np.array([[1.0], [4.0], [6.0]])).tolist()
    [[-0.5], [1.0], [2.0]]
    """
    if not low < high:
        raise ValueError(f"min_max: low must be below high, got low={low}, high={high}")

    def fit(x: AnyArray) -> Statistics:
        v = _checked(x, "min_max")
        least, most = v.min(axis, keepdims=True), v.max(axis, keepdims=True)
        scale = np.where(most == least, 1.0, (most - least) / (high - low))
        return {"shift": least - low * scale, "scale": scale}

    return Scaler(fit, _shift_and_scale, _undo_shift_and_scale)


def whiten(method: str = "zca", *, eps: float = 0.0) -> Scaler:
    """Decorrelate: the covariance of the training part becomes the identity.

        C = (x - mean)ᵀ (x - mean) / N = U diag(l) Uᵀ
        PCA: y = (x - mean) U diag(1 / sqrt(l + eps))          components, the largest variance first
        ZCA: y = (x - mean) U diag(1 / sqrt(l + eps)) Uᵀ       the whitening that stays closest to x

    Directions without variance (l at rounding level, as for constant or redundant features) are not scaled at all when
    eps = 0. A positive eps (0.01 to 0.1 for images in [0, 1]) keeps the noise of weak directions small.

    Args:
        method: "pca" or "zca".
        eps: added to each variance, >= 0.
    Returns: a `Scaler` for x [N, ...]; trailing axes are flattened to D inside, the shape of x is kept.
        Statistics {"mean": [1, D], "forward": [D, D], "backward": [D, D]}.
    Raises: ValueError for another method or a negative eps.
    Reference: Bell, Sejnowski, "The independent components of natural scenes are edge filters", 1997.

    >>> x = np.array([[2.0, 0.0], [0.0, 1.0], [-2.0, 0.0], [0.0, -1.0]])
    >>> scaler = whiten("pca")
    >>> y = scaler.apply(scaler.fit(x), x)
    >>> (np.round(y.T @ y / 4, 6) + 0.0).tolist()
    [[1.0, 0.0], [0.0, 1.0]]
    """
    if method not in ("pca", "zca"):
        raise ValueError(f"whiten: the method must be 'pca' or 'zca', got {method!r}")
    if eps < 0:
        raise ValueError(f"whiten: eps is added to a variance and must be >= 0, got {eps}")

    def fit(x: AnyArray) -> Statistics:
        v = _checked(x, "whiten").reshape(len(x), -1)
        mean = v.mean(axis=0, keepdims=True)
        variances, axes = np.linalg.eigh((v - mean).T @ (v - mean) / len(v))
        variances, axes = variances[::-1], axes[:, ::-1]
        flat = variances <= 1e-12 * max(variances[0], 1e-300)
        root = np.sqrt(np.where(flat, 0.0, variances) + eps)
        root = np.where(root == 0.0, 1.0, root)
        forward, backward = axes / root, (axes * root).T
        if method == "zca":
            forward, backward = forward @ axes.T, axes @ backward
        return {"mean": mean, "forward": forward, "backward": backward}

    def apply(statistics: Statistics, x: AnyArray) -> AnyArray:
        x = _array(x)
        v = _minus(x.reshape(x.shape[0], -1), statistics["mean"])
        y = v @ statistics["forward"].astype(v.dtype)
        return _back(y.reshape(x.shape), x)

    def inverse(statistics: Statistics, y: AnyArray) -> AnyArray:
        y = _array(y)
        v = _work(y).reshape(y.shape[0], -1)
        x = v @ statistics["backward"].astype(v.dtype) + statistics["mean"].astype(v.dtype)
        return _back(x.reshape(y.shape), y)

    return Scaler(fit, apply, inverse)


def fitted(scaler: Scaler, x: AnyArray) -> Callable[[AnyArray], AnyArray]:
    """A scaler's `apply` with the statistics of x: what new examples undergo as the training part did.

    >>> fitted(standardize(), np.array([[1.0], [3.0]]))(np.array([[5.0]])).tolist()
    [[3.0]]
    """
    return functools.partial(scaler.apply, scaler.fit(x))


def scale(splits: Splits, scaler: Scaler, *, name: str = "x") -> Splits:
    """Fit a scaler on the training part of a split and apply it to all parts (to one array of each, "x" by default).

    >>> parts = Splits({"x": np.array([[1.0], [3.0]])}, {"x": np.array([[5.0]])}, {})
    >>> scale(parts, standardize()).validation["x"].tolist()
    [[3.0]]
    """
    apply = fitted(scaler, splits.train[name])
    has_rows = [len(part.get(name, ())) > 0 for part in splits]
    return Splits(*(p | {name: apply(p[name])} if rows else p for p, rows in zip(splits, has_rows, strict=True)))
