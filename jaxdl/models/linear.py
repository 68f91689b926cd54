"""Linear models: linear regression, logistic regression, softmax regression. One layer, three losses.

regression      y = x W + b                 mean squared error; the normal equations solve it in one step
logistic        P(1 | x) = s(x W + b)       binary cross-entropy
softmax         P(k | x) = softmax(x W + b)  sparse categorical cross-entropy
"""

from collections.abc import Callable
from dataclasses import dataclass

import jax
import jax.numpy as jnp

from jaxdl.losses import sparse_categorical_cross_entropy
from jaxdl.models._inputs import require_features
from jaxdl.nn.activations import sigmoid, softmax
from jaxdl.nn.affine import dense, flatten, init_dense
from jaxdl.nn.initializers import zeros
from jaxdl.types import Array, Key, Params, at_least_float32
from jaxdl.validation import require_positive, require_types


@dataclass(frozen=True)
class Config:
    """A linear layer.

    Attributes:
        n_in: number of features.
        n_out: 1 for a regression or two classes, K for K classes.
    """

    n_in: int
    n_out: int = 1

    def __post_init__(self) -> None:
        require_types("linear", self)
        require_positive("linear", n_in=self.n_in, n_out=self.n_out)


def init(key: Key, config: Config) -> Params:
    """{"w": [n_in, n_out], "b": [n_out]}, all zero: the problem is convex, the start does not matter."""
    return init_dense(key, config.n_in, config.n_out, initializer=zeros)


def apply(params: Params, x: Array, config: Config, *, key: Key | None = None) -> Array:
    """x W + b: predictions of a regression, logits of a classifier. x [B, ...] -> [B, n_out], or [B] if n_out is 1.

    >>> apply({"w": jnp.array([[2.0]]), "b": jnp.array([1.0])}, jnp.array([[3.0]]), Config(n_in=1)).tolist()
    [7.0]
    """
    del key
    require_features("linear", x, config.n_in)
    y = dense(params, flatten(x))
    return y[:, 0] if config.n_out == 1 else y


def probabilities(logits: Array) -> Array:
    """Class probabilities: the sigmoid of logits [B], the softmax of logits [B, K].

    >>> probabilities(jnp.array([0.0])).tolist()
    [0.5]
    """
    return sigmoid(logits) if logits.ndim == 1 else softmax(logits)


def solve(x: Array, targets: Array, *, l2: float = 0.0) -> Params:
    """Least squares in closed form; with `l2` ridge regression (the bias is not penalized).

        W = (X^T X + l2 N I)^-1 X^T Y  on centered X and Y,    b = mean(Y) - mean(X) W

    which minimizes mean (y - t)^2 + l2 sum W^2. Solved by the singular values of X, so that X^T X is never formed (that
    would square its condition number) and dependent columns give the smallest W instead of a failure.

    Args:
        x: [N, n_in].
        targets: [N] or [N, n_out].
        l2: >= 0.
    Returns: {"w": [n_in, n_out], "b": [n_out]} for `apply`.

    >>> params = solve(jnp.array([[0.0], [1.0], [2.0]]), jnp.array([1.0, 3.0, 5.0]))
    >>> f"{params['w'][0, 0]:.3f} x + {params['b'][0]:.3f}"
    '2.000 x + 1.000'
    """
    x, y = at_least_float32(x), at_least_float32(targets).reshape(len(targets), -1)
    x_mean, y_mean = x.mean(0, keepdims=True), y.mean(0, keepdims=True)
    u, s, vt = jnp.linalg.svd(x - x_mean, full_matrices=False)
    # A singular value below rounding belongs to a direction that the data does not have.
    resolved = s > s[0] * max(x.shape) * jnp.finfo(s.dtype).eps
    scale = jnp.where(resolved, s / jnp.where(resolved, s**2 + l2 * len(x), 1), 0)
    w = vt.T @ (scale[:, None] * (u.T @ (y - y_mean)))
    return {"w": w, "b": (y_mean - x_mean @ w)[0]}


def example(key: Key) -> tuple[Callable[[Params], Array], Params]:
    """The softmax regression's loss on a few random rows."""
    params_key, x_key, y_key = jax.random.split(key, 3)
    config = Config(n_in=4, n_out=3)
    x, y = jax.random.normal(x_key, (8, 4)), jax.random.randint(y_key, (8,), 0, 3)
    params = init_dense(params_key, config.n_in, config.n_out)

    def loss(params: Params) -> Array:
        return sparse_categorical_cross_entropy(apply(params, x.astype(params["w"].dtype), config), y).mean()

    return loss, params
