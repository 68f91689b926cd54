"""Activation functions, element by element on any shape (softmax and log-softmax: along one axis).

The output has the dtype and shape of `x`, a floating array, number or list; integers are refused. Every function and
its gradient is finite at +-1e4 in every float dtype, and the element-wise ones have their limits at +-infinity.
`BY_NAME` serves configurations, `DERIVATIVES` the hand-derived backpropagation of `models/mlp.py`.
"""

import math

import jax
import jax.numpy as jnp

from jaxdl.types import Activation, Array, at_least_float32
from jaxdl.validation import require_floating


def _floating(name: str, x: Array) -> Array:
    """`x` as an array; ValueError for what is not floating, with the fix."""
    x = jnp.asarray(x)
    require_floating(name, x=x)
    return x


def identity(x: Array) -> Array:
    """f(x) = x,  f'(x) = 1: the linear layer.

    >>> identity(jnp.array([-1.0, 2.0])).tolist()
    [-1.0, 2.0]
    """
    return _floating("identity", x)


def step(x: Array) -> Array:
    """Heaviside: H(x) = 1 if x >= 0 else 0;  H'(x) = 0 wherever it exists (Rosenblatt's threshold unit).

    >>> step(jnp.array([-0.1, 0.0, 2.0])).tolist()
    [0.0, 1.0, 1.0]
    """
    x = _floating("step", x)
    return jnp.where(jnp.isnan(x), x, (x >= 0).astype(x.dtype))


def sigmoid(x: Array) -> Array:
    """s(x) = 1 / (1 + exp(-x)),  s'(x) = s(x) (1 - s(x)) <= 1/4.

    >>> [f"{v:.3f}" for v in sigmoid(jnp.array([-2.0, 0.0, 2.0]))]
    ['0.119', '0.500', '0.881']
    """
    return jax.lax.logistic(
        _floating("sigmoid", x)
    )  # one primitive: exp(-x) written out gives a NaN gradient where it overflows


def tanh(x: Array) -> Array:
    """tanh(x) = (exp(x) - exp(-x)) / (exp(x) + exp(-x)) = 2 s(2x) - 1,  tanh'(x) = 1 - tanh(x)^2.

    >>> [f"{v:.3f}" for v in tanh(jnp.array([-1.0, 0.0, 1.0]))]
    ['-0.762', '0.000', '0.762']
    """
    return jnp.tanh(_floating("tanh", x))


def relu(x: Array) -> Array:
    """f(x) = max(x, 0),  f'(x) = 1 if x > 0 else 0 (at the kink: 0). NaN stays NaN, so that it can be found.

    >>> relu(jnp.array([-1.0, 0.0, 2.0])).tolist()
    [0.0, 0.0, 2.0]
    """
    x = _floating("relu", x)
    return jnp.where(x <= 0, 0, x)


def leaky_relu(x: Array, slope: float = 0.01) -> Array:
    """f(x) = x if x > 0 else slope * x,  f'(x) = 1 if x > 0 else slope: no unit is ever wholly off.

    Reference: Maas, Hannun, Ng, "Rectifier nonlinearities improve neural network acoustic models", 2013.

    >>> leaky_relu(jnp.array([-2.0, 2.0]), slope=0.5).tolist()
    [-1.0, 2.0]
    """
    x = _floating("leaky_relu", x)
    return jnp.where(x > 0, x, slope * x)


def elu(x: Array, alpha: float = 1.0) -> Array:
    """f(x) = x if x > 0 else alpha (exp(x) - 1),  f'(x) = 1 if x > 0 else f(x) + alpha.

    Reference: Clevert, Unterthiner, Hochreiter, "Fast and accurate deep network learning by ELUs", 2016.

    >>> [f"{v:.3f}" for v in elu(jnp.array([-1.0, 2.0]))]
    ['-0.632', '2.000']
    """
    x = _floating("elu", x)
    negative = jnp.where(x > 0, 0, x)  # the unused branch must not overflow; min(x, 0) halves f'(0)
    return jnp.where(x > 0, x, alpha * jnp.expm1(negative))


def gelu(x: Array) -> Array:
    """f(x) = x P(x) with P the normal distribution function,  f'(x) = P(x) + x p(x),  p(x) = exp(-x^2/2) / sqrt(2 pi).

    Reference: Hendrycks, Gimpel, "Gaussian error linear units", 2016.

    >>> [f"{v:.3f}" for v in gelu(jnp.array([-1.0, 0.0, 1.0]))]
    ['-0.159', '0.000', '0.841']
    """
    x = _floating("gelu", x)
    wide, rest = _split_off_infinity(at_least_float32(x))
    return (wide * 0.5 * jax.lax.erfc(-wide * math.sqrt(0.5)) + rest).astype(x.dtype)


def gelu_tanh(x: Array) -> Array:
    """f(x) = x/2 (1 + tanh(u)), u = sqrt(2/pi) (x + 0.044715 x^3): GELU's approximation, at most 5e-4 away.

    f'(x) = (1 + tanh(u)) / 2 + x/2 (1 - tanh(u)^2) sqrt(2/pi) (1 + 3 * 0.044715 x^2).

    >>> [f"{v:.3f}" for v in gelu_tanh(jnp.array([-1.0, 0.0, 1.0]))]
    ['-0.159', '0.000', '0.841']
    """
    x = _floating("gelu_tanh", x)
    wide, rest = _split_off_infinity(at_least_float32(x))  # x^3 overflows float16 from 41 on
    u = math.sqrt(2 / math.pi) * (wide + 0.044715 * wide * wide * wide)
    return (0.5 * wide * (1 + jnp.tanh(u)) + rest).astype(x.dtype)


def silu(x: Array) -> Array:
    """f(x) = x s(x) (swish),  f'(x) = s(x) (1 + x (1 - s(x))), s the sigmoid.

    Reference: Elfwing, Uchibe, Doya, 2018; Ramachandran, Zoph, Le, 2017.

    >>> [f"{v:.3f}" for v in silu(jnp.array([-1.0, 0.0, 1.0]))]
    ['-0.269', '0.000', '0.731']
    """
    finite, rest = _split_off_infinity(_floating("silu", x))
    return finite * sigmoid(finite) + rest


def softplus(x: Array) -> Array:
    """f(x) = log(1 + exp(x)) = max(x, 0) + log(1 + exp(-|x|)),  f'(x) = s(x): a smooth ReLU.

    >>> [f"{v:.3f}" for v in softplus(jnp.array([-1.0, 0.0, 1e4]))]
    ['0.313', '0.693', '10000.000']
    """
    return jnp.logaddexp(_floating("softplus", x), 0.0)  # max and |x| written out have the wrong slope at 0


def softsign(x: Array) -> Array:
    """f(x) = x / (1 + |x|),  f'(x) = 1 / (1 + |x|)^2.

    >>> softsign(jnp.array([-1.0, 0.0, 3.0])).tolist()
    [-0.5, 0.0, 0.75]
    """
    x = _floating("softsign", x)
    size = jnp.abs(x)
    finite = jnp.where(size < math.inf, x, 0)
    limit = jnp.where(size == math.inf, jnp.sign(x), jnp.where(size < math.inf, 0, x))  # NaN stays NaN
    return finite / (1 + jnp.abs(finite)) + jax.lax.stop_gradient(limit)


def softmax(x: Array, axis: int = -1) -> Array:
    """y_i = exp(x_i) / sum_j exp(x_j),  dy_i/dx_j = y_i ([i = j] - y_j).

    The maximum is taken off first (the same value, no overflow); sums run in at least float32.

    >>> softmax(jnp.array([1e4, 1e4])).tolist()
    [0.5, 0.5]
    """
    x = _floating("softmax", x)
    wide = at_least_float32(x)
    e = jnp.exp(wide - _largest(wide, axis))
    return (e / e.sum(axis, keepdims=True)).astype(x.dtype)


def log_softmax(x: Array, axis: int = -1) -> Array:
    """y_i = x_i - log sum_j exp(x_j),  dy_i/dx_j = [i = j] - softmax(x)_j.

    >>> [f"{v:.3f}" for v in log_softmax(jnp.array([0.0, 0.0, -1e4]))]
    ['-0.693', '-0.693', '-10000.693']
    """
    x = _floating("log_softmax", x)
    wide = at_least_float32(x)
    shifted = wide - _largest(wide, axis)
    return (shifted - jnp.log(jnp.exp(shifted).sum(axis, keepdims=True))).astype(x.dtype)


def _largest(x: Array, axis: int) -> Array:
    """The maximum as a constant; finite, so that logits of minus infinity have probability 0."""
    lowest = float(jnp.finfo(x.dtype).min)
    return jax.lax.stop_gradient(x.max(axis, keepdims=True, initial=lowest))


def _split_off_infinity(x: Array) -> tuple[Array, Array]:
    """x kept within +-1e4, far beyond where x P(x) is x or 0, and what is missing of positive x."""
    near = jnp.where(x > 1e4, 1e4, jnp.where(x < -1e4, -1e4, x))
    return near, jnp.where(x > 1e4, x - 1e4, 0)


BY_NAME: dict[str, Activation] = {
    "identity": identity,
    "step": step,
    "sigmoid": sigmoid,
    "tanh": tanh,
    "relu": relu,
    "leaky_relu": leaky_relu,
    "elu": elu,
    "gelu": gelu,
    "gelu_tanh": gelu_tanh,
    "silu": silu,
    "softplus": softplus,
    "softsign": softsign,
    "softmax": softmax,
    "log_softmax": log_softmax,
}
"""For configurations: every activation by its name."""


def _gelu_derivative(x: Array) -> Array:
    x, _ = _split_off_infinity(x)
    density = jnp.exp(-0.5 * x * x) / math.sqrt(2 * math.pi)
    return 0.5 * jax.lax.erfc(-x * math.sqrt(0.5)) + x * density


def _gelu_tanh_derivative(x: Array) -> Array:
    x, _ = _split_off_infinity(x)
    c = math.sqrt(2 / math.pi)
    t = jnp.tanh(c * (x + 0.044715 * x * x * x))
    return 0.5 * (1 + t) + 0.5 * x * (1 - t * t) * c * (1 + 3 * 0.044715 * x * x)


def _silu_derivative(x: Array) -> Array:
    x, _ = _split_off_infinity(x)
    return sigmoid(x) * (1 + x * (1 - sigmoid(x)))


DERIVATIVES: dict[str, Activation] = {
    "identity": jnp.ones_like,
    "step": jnp.zeros_like,
    "sigmoid": lambda x: sigmoid(x) * (1 - sigmoid(x)),
    "tanh": lambda x: 1 - jnp.tanh(x) ** 2,
    "relu": lambda x: (x > 0).astype(x.dtype),
    "leaky_relu": lambda x: jnp.where(x > 0, jnp.ones_like(x), jnp.full_like(x, 0.01)),
    "elu": lambda x: jnp.where(x > 0, jnp.ones_like(x), jnp.exp(jnp.minimum(x, 0))),
    "gelu": _gelu_derivative,
    "gelu_tanh": _gelu_tanh_derivative,
    "silu": _silu_derivative,
    "softplus": sigmoid,
    "softsign": lambda x: 1 / (1 + jnp.abs(x)) ** 2,
}
"""f'(x) of the element-wise activations at their default arguments, by the formulas of the docstrings."""
