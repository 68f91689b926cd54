"""The perceptron with Rosenblatt's learning rule, and the sigmoid neuron that made it differentiable.

    perceptron      y = H(w . x + b)     learns by its rule whatever a line can separate: AND, OR, never XOR
    sigmoid neuron  y = s(w . x + b)     smooth, so that gradient descent can train it

Reference: Rosenblatt, "The perceptron: a probabilistic model", 1958; Novikoff, "On convergence proofs on
perceptrons", 1962; Minsky, Papert, "Perceptrons", 1969 (XOR).
"""

import functools
from collections.abc import Callable
from dataclasses import dataclass

import jax
import jax.numpy as jnp

from jaxdl.losses import mean_squared_error
from jaxdl.nn.activations import sigmoid, step
from jaxdl.types import Array, Key, Params
from jaxdl.validation import require_floating, require_name, require_not_negative, require_positive, require_types


@dataclass(frozen=True)
class Config:
    """One unit.

    Attributes:
        n_in: number of inputs.
        activation: "step" for the perceptron, "sigmoid" for the sigmoid neuron.
        stddev: of the first weights; 0 starts the rule from nothing, as in the proof of convergence.
    """

    n_in: int = 2
    activation: str = "step"
    stddev: float = 0.0

    def __post_init__(self) -> None:
        require_types("perceptron", self)
        require_positive("perceptron", n_in=self.n_in)
        require_not_negative("perceptron", stddev=self.stddev)
        require_name("perceptron", "activation", self.activation, ("step", "sigmoid"))


def init(key: Key, config: Config) -> Params:
    """{"w": [n_in], "b": []}: weights from N(0, stddev^2), a zero bias.

    >>> init(jax.random.key(0), Config(n_in=3))["w"].shape
    (3,)
    """
    return {"w": config.stddev * jax.random.normal(key, (config.n_in,)), "b": jnp.zeros((), jnp.float32)}


def score(params: Params, x: Array) -> Array:
    """The signed distance from the decision line times |w|: w . x + b, for x [..., n_in] -> [...]."""
    require_floating("perceptron", x=x)
    if x.shape[-1:] != params["w"].shape:
        raise ValueError(f"perceptron: x {x.shape} must end in the {params['w'].shape[0]} inputs of w")
    return x @ params["w"].astype(x.dtype) + params["b"].astype(x.dtype)


def apply(params: Params, x: Array, config: Config, *, key: Key | None = None) -> Array:
    """Output of the unit, in [0, 1], for x [..., n_in] -> [...].

    >>> both = {"w": jnp.array([1.0, 1.0]), "b": jnp.array(-1.5)}
    >>> apply(both, jnp.array([[0.0, 1.0], [1.0, 1.0]]), Config()).tolist()
    [0.0, 1.0]
    """
    del key
    return (step if config.activation == "step" else sigmoid)(score(params, x))


def learn(params: Params, x: Array, target: Array, *, learning_rate: float = 1.0) -> Params:
    """Rosenblatt's rule for one example: w <- w + a (t - y) x,  b <- b + a (t - y);  nothing moves when y = t.

    Args:
        x: [n_in].
        target: [], 0 or 1.

    >>> learn({"w": jnp.zeros(2), "b": jnp.array(-1.0)}, jnp.array([1.0, 2.0]), jnp.array(1.0))["w"].tolist()
    [1.0, 2.0]
    """
    error = learning_rate * (target - step(score(params, x)))
    return {"w": params["w"] + error * x, "b": params["b"] + error}


@functools.partial(jax.jit, static_argnames="max_epochs")
def fit(
    params: Params, x: Array, targets: Array, *, learning_rate: float = 1.0, max_epochs: int = 100
) -> tuple[Params, Array, Array]:
    """Apply the rule to one example after another until an epoch makes no mistake, at most `max_epochs` times.

    Args:
        x: [N, n_in].
        targets: [N], 0 or 1.
    Returns: (params, mistakes in the last epoch, epochs run). The rule ends without mistakes, after at most
        (R / margin)^2 updates, exactly when a line separates the classes (Novikoff).

    >>> x = jnp.array([[0.0, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 1.0]])
    >>> int(fit(init(jax.random.key(0), Config()), x, jnp.array([0.0, 0.0, 0.0, 1.0]))[1])
    0
    """

    def learn_example(params: Params, example: tuple[Array, Array]) -> tuple[Params, Array]:
        x, target = example
        return learn(params, x, target, learning_rate=learning_rate), step(score(params, x)) != target

    def epoch(carry: tuple[Params, Array, Array]) -> tuple[Params, Array, Array]:
        params, wrong = jax.lax.scan(learn_example, carry[0], (x, targets))
        return params, wrong.sum(dtype=jnp.int32), carry[2] + 1

    def not_done(carry: tuple[Params, Array, Array]) -> Array:
        return (carry[1] > 0) & (carry[2] < max_epochs)

    start = (params, jnp.asarray(1, jnp.int32), jnp.asarray(0, jnp.int32))
    return jax.lax.while_loop(not_done, epoch, start)


def example(key: Key) -> tuple[Callable[[Params], Array], Params]:
    """The sigmoid neuron's squared error on a few random rows (the step unit's gradient is zero everywhere)."""
    params_key, x_key, y_key = jax.random.split(key, 3)
    config = Config(n_in=3, activation="sigmoid", stddev=1.0)
    x, y = jax.random.normal(x_key, (8, 3)), jax.random.bernoulli(y_key, shape=(8,))

    def loss(params: Params) -> Array:
        dtype = params["w"].dtype
        return mean_squared_error(apply(params, x.astype(dtype), config), y.astype(dtype))

    return loss, init(params_key, config)
