"""The multilayer perceptron, with its backward pass derived by hand beside the one that `jax.grad` finds.

Forward, for layers l = 1 .. L with h_0 = x:

    z_l = h_{l-1} W_l + b_l          pre-activation  [B, n_l]
    h_l = f(z_l)  for l < L          hidden layers; dropout follows each
    logits = z_L

Backward (Rumelhart, Hinton, Williams, "Learning representations by back-propagating errors", 1986): with
d_l = dLoss/dz_l [B, n_l] and the mean softmax cross-entropy as the loss,

    d_L     = (softmax(z_L) - onehot(y)) / B
    dW_l    = h_{l-1}^T d_l,    db_l = sum over the batch of d_l
    d_{l-1} = (d_l W_l^T) * f'(z_{l-1})
"""

from collections.abc import Callable
from dataclasses import dataclass

import jax

from jaxdl import losses
from jaxdl.models._inputs import require_features, require_integers
from jaxdl.nn import activations, initializers
from jaxdl.nn.affine import dense, flatten, init_dense
from jaxdl.nn.noise import dropout, split_key
from jaxdl.types import Array, Key, Params
from jaxdl.validation import require_name, require_positive, require_rate, require_types


@dataclass(frozen=True)
class Config:
    """Any depth and width.

    Attributes:
        n_in: number of inputs (all axes after the batch axis, flattened).
        n_out: number of outputs (classes).
        widths: units of each hidden layer; () is a linear model.
        activation: of the hidden layers, a name in `nn.activations.DERIVATIVES`.
        initializer: of the weights, a name in `nn.initializers.BY_NAME`.
        dropout: rate after each hidden layer, in [0, 1).
    """

    n_in: int
    n_out: int
    widths: tuple[int, ...] = (128,)
    activation: str = "relu"
    initializer: str = "he_normal"
    dropout: float = 0.0

    def __post_init__(self) -> None:
        require_types("mlp", self)
        require_positive("mlp", n_in=self.n_in, n_out=self.n_out, widths=self.widths)
        require_rate("mlp", dropout=self.dropout)
        require_name("mlp", "activation", self.activation, activations.DERIVATIVES)
        require_name("mlp", "initializer", self.initializer, initializers.BY_NAME)


def init(key: Key, config: Config) -> Params:
    """{"layer_0": {"w", "b"}, ..., "layer_L": {"w", "b"}}.

    >>> params = init(jax.random.key(0), Config(n_in=4, n_out=3, widths=(8,)))
    >>> {name: layer["w"].shape for name, layer in params.items()}
    {'layer_0': (4, 8), 'layer_1': (8, 3)}
    """
    sizes = (config.n_in, *config.widths, config.n_out)
    keys = jax.random.split(key, len(sizes) - 1)
    draw = initializers.BY_NAME[config.initializer]
    return {
        f"layer_{i}": init_dense(k, n_in, n_out, initializer=draw)
        for i, (k, n_in, n_out) in enumerate(zip(keys, sizes[:-1], sizes[1:], strict=True))
    }


def apply(params: Params, x: Array, config: Config, *, key: Key | None = None) -> Array:
    """Logits [B, n_out] of x [B, ...]; dropout only when a key is given.

    >>> import jax.numpy as jnp
    >>> config = Config(n_in=4, n_out=3)
    >>> apply(init(jax.random.key(0), config), jnp.ones((2, 2, 2)), config).shape
    (2, 3)
    """
    require_features("mlp", x, config.n_in)
    f = activations.BY_NAME[config.activation]
    n_hidden = len(config.widths)
    keys = split_key(key, max(n_hidden, 1))
    h = flatten(x)  # [B, n_in]
    for i in range(n_hidden):
        h = dropout(f(dense(params[f"layer_{i}"], h)), config.dropout, key=keys[i])  # [B, widths[i]]
    return dense(params[f"layer_{n_hidden}"], h)  # [B, n_out]


def backpropagate(params: Params, x: Array, targets: Array, config: Config) -> tuple[Array, Params]:
    """Loss and gradient by the equations above, no autodiff: equal to `jax.value_and_grad` of `mean_loss`.

    Args:
        x: [B, ...].
        targets: [B] integer labels.
    Returns: (mean cross-entropy, gradient with the structure of `params`). Without dropout.

    >>> import jax.numpy as jnp
    >>> config = Config(n_in=2, n_out=2, widths=(3,), activation="tanh")
    >>> params, x, y = init(jax.random.key(0), config), jnp.ones((1, 2)), jnp.array([1])
    >>> by_hand, by_autodiff = backpropagate(params, x, y, config)[1], jax.grad(mean_loss)(params, x, y, config)
    >>> bool(jax.tree.all(jax.tree.map(lambda a, b: jnp.allclose(a, b, atol=1e-6), by_hand, by_autodiff)))
    True
    """
    require_features("mlp", x, config.n_in)
    require_integers("mlp", 1, targets=targets)
    f, slope = activations.BY_NAME[config.activation], activations.DERIVATIVES[config.activation]
    n_layers = len(config.widths) + 1
    layers = [params[f"layer_{i}"] for i in range(n_layers)]
    z, h = [], [flatten(x)]
    for layer in layers:
        z.append(dense(layer, h[-1]))
        h.append(f(z[-1]))
    logits = z[-1]
    loss = losses.sparse_categorical_cross_entropy(logits, targets).mean()

    one_hot = jax.nn.one_hot(targets, config.n_out, dtype=logits.dtype)
    delta = (activations.softmax(logits) - one_hot) / len(logits)
    gradient = {}
    for i in reversed(range(n_layers)):
        gradient[f"layer_{i}"] = {"w": h[i].T @ delta, "b": delta.sum(0)}
        if i > 0:
            delta = (delta @ layers[i]["w"].T) * slope(z[i - 1])
    return loss, gradient


def mean_loss(params: Params, x: Array, targets: Array, config: Config, *, key: Key | None = None) -> Array:
    """Mean softmax cross-entropy of the logits: the function whose gradient `backpropagate` writes out."""
    return losses.sparse_categorical_cross_entropy(apply(params, x, config, key=key), targets).mean()


def example(key: Key) -> tuple[Callable[[Params], Array], Params]:
    """A small loss of the parameters, with every layer kind of the model in it."""
    params_key, x_key, y_key, dropout_key = jax.random.split(key, 4)
    config = Config(n_in=4, n_out=3, widths=(6, 5), activation="gelu", dropout=0.2)
    x, y = jax.random.normal(x_key, (8, 4)), jax.random.randint(y_key, (8,), 0, 3)

    def loss(params: Params) -> Array:
        return mean_loss(params, x.astype(params["layer_0"]["w"].dtype), y, config, key=dropout_key)

    return loss, init(params_key, config)
