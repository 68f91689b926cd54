"""A recurrent network from a sequence of numbers to one answer: a forecast, or the logits of classes.

    h_t = cell(h_{t-1}, x_t)        t = 1 .. T, in `n_layers` layers, each on the outputs of the one below
    y   = W h_T + b                 from the last state alone; with `residual`, y + x_T: the change from the last value

Cells are those of `jaxdl.nn.recurrence`.

References: Elman, "Finding structure in time", 1990. Hochreiter, Schmidhuber, "Long short-term memory", 1997.

Dims: B batch, T time, D input features, H hidden features.
"""

from collections.abc import Callable
from dataclasses import dataclass

import jax

from jaxdl.models._inputs import require_examples
from jaxdl.nn.affine import dense, init_dense
from jaxdl.nn.noise import dropout, split_key
from jaxdl.nn.recurrence import CELLS, CellName, recurrent
from jaxdl.types import Array, Key, Params
from jaxdl.validation import require_positive, require_rate, require_types


@dataclass(frozen=True)
class Config:
    """The network.

    Attributes:
        n_in: D, numbers at every time.
        n_out: 1 for a regression, K for K classes.
        n_hidden: H.
        n_layers: recurrent layers on top of each other.
        cell: "lstm", "gru" or "rnn".
        residual: add the last value of the first feature: what is learned is the change (n_out 1).
        dropout: rate after each recurrent layer.
    """

    n_in: int = 1
    n_out: int = 1
    n_hidden: int = 32
    n_layers: int = 1
    cell: CellName = "gru"
    residual: bool = False
    dropout: float = 0.0

    def __post_init__(self) -> None:
        require_types("rnn", self)
        require_positive("rnn", n_in=self.n_in, n_out=self.n_out, n_hidden=self.n_hidden, n_layers=self.n_layers)
        require_rate("rnn", dropout=self.dropout)
        if self.residual and self.n_out != 1:
            raise ValueError(f"rnn: residual adds one value to one output, but n_out is {self.n_out}")


def init(key: Key, config: Config) -> Params:
    """{"layer_0": the cell's, ..., "output": {"w": [H, n_out], "b": [n_out]}}.

    >>> params = init(jax.random.key(0), Config(n_in=2, n_hidden=4))
    >>> sorted(params), params["layer_0"]["x"]["w"].shape
    (['layer_0', 'output'], (2, 12))
    """
    *keys, out_key = jax.random.split(key, config.n_layers + 1)
    sizes = (config.n_in, *[config.n_hidden] * (config.n_layers - 1))
    make = CELLS[config.cell].init
    layers = {f"layer_{i}": make(k, n, config.n_hidden) for i, (k, n) in enumerate(zip(keys, sizes, strict=True))}
    return layers | {"output": init_dense(out_key, config.n_hidden, config.n_out)}


def apply(params: Params, x: Array, config: Config, *, key: Key | None = None) -> Array:
    """y [B, n_out], or [B] if n_out is 1, of sequences x [B, T, D] of any length; dropout only when a key is given.

    >>> import jax.numpy as jnp
    >>> config = Config(n_in=2, n_hidden=4)
    >>> apply(init(jax.random.key(0), config), jnp.ones((3, 5, 2)), config).shape
    (3,)
    """
    require_examples("rnn", x, (None, config.n_in))
    keys, h = split_key(key, config.n_layers), x
    for i in range(config.n_layers):
        _, h = recurrent(params[f"layer_{i}"], h, cell=config.cell)  # [B, T, H]
        h = dropout(h, config.dropout, key=keys[i])
    y = dense(params["output"], h[:, -1])  # [B, n_out]
    y = y + x[:, -1, :1] if config.residual else y
    return y[:, 0] if config.n_out == 1 else y


def example(key: Key) -> tuple[Callable[[Params], Array], Params]:
    """A small loss of the parameters: two layers and the residual."""
    params_key, x_key, y_key = jax.random.split(key, 3)
    config = Config(n_in=2, n_hidden=3, n_layers=2, residual=True)
    x, y = jax.random.normal(x_key, (4, 5, 2)), jax.random.normal(y_key, (4,))

    def loss(params: Params) -> Array:
        dtype = params["output"]["w"].dtype
        return ((apply(params, x.astype(dtype), config) - y.astype(dtype)) ** 2).mean()

    return loss, init(params_key, config)
