"""A convolutional network that classifies texts: it looks for short runs of words, wherever they stand.

    e_t    = E x_t                                        embedding of token t              [B, T, D]
    c_k    = relu(W_k * e + b_k)                          convolution with a window of k tokens, F maps  [B, T, F]
    p_k    = max over the tokens t of c_k,t               the best match of every map       [B, F]
    logits = W [p_k1; p_k2; ...] + b                      dropout before it                 [B, K]

Padding changes nothing: it reads as zeros, as what lies outside of the text, and is no place for a match.

Reference: Kim, "Convolutional neural networks for sentence classification", 2014.

Dims: B batch, T tokens, D embedding, F maps of a window, K classes.
"""

from collections.abc import Callable
from dataclasses import dataclass

import jax
import jax.numpy as jnp

from jaxdl.data.padding import token_mask
from jaxdl.losses import sparse_categorical_cross_entropy
from jaxdl.models._inputs import require_integers
from jaxdl.nn.activations import relu
from jaxdl.nn.affine import dense, init_dense
from jaxdl.nn.conv import conv1d, init_conv1d
from jaxdl.nn.embeddings import embedding, init_embedding
from jaxdl.nn.noise import dropout
from jaxdl.types import Array, Key, Params
from jaxdl.validation import require_positive, require_rate, require_types


@dataclass(frozen=True)
class Config:
    """The network.

    Attributes:
        n_tokens: of the vocabulary.
        n_classes: K.
        d_embedding: D.
        windows: tokens that a map sees at once, one convolution for each.
        n_maps: F.
        dropout: rate before the last layer.
    """

    n_tokens: int
    n_classes: int
    d_embedding: int = 64
    windows: tuple[int, ...] = (2, 3, 4)
    n_maps: int = 64
    dropout: float = 0.5

    def __post_init__(self) -> None:
        require_types("text_cnn", self)
        require_positive("text_cnn", n_tokens=self.n_tokens, n_classes=self.n_classes, d_embedding=self.d_embedding)
        require_positive("text_cnn", windows=self.windows, n_maps=self.n_maps)
        require_rate("text_cnn", dropout=self.dropout)
        if not self.windows or len(set(self.windows)) < len(self.windows):
            raise ValueError(f"text_cnn: windows must be different sizes, at least one, got {self.windows}")


def init(key: Key, config: Config) -> Params:
    """{"embedding": {"table"}, "window_2": {"w", "b"}, ..., "output": {"w", "b"}}.

    >>> params = init(jax.random.key(0), Config(n_tokens=9, n_classes=2, d_embedding=4, windows=(2, 3), n_maps=5))
    >>> params["window_3"]["w"].shape, params["output"]["w"].shape
    ((3, 4, 5), (10, 2))
    """
    table_key, out_key, *keys = jax.random.split(key, len(config.windows) + 2)
    params = {"embedding": init_embedding(table_key, config.n_tokens, config.d_embedding)}
    for k, window in zip(keys, config.windows, strict=True):
        params[f"window_{window}"] = init_conv1d(k, config.d_embedding, config.n_maps, window)
    return params | {"output": init_dense(out_key, len(config.windows) * config.n_maps, config.n_classes)}


def apply(params: Params, tokens: Array, config: Config, *, key: Key | None = None) -> Array:
    """Logits [B, K] of tokens [B, T], PAD after each text's end; dropout only when a key is given.

    >>> config = Config(n_tokens=9, n_classes=2)
    >>> apply(init(jax.random.key(0), config), jnp.ones((3, 7), int), config).shape
    (3, 2)
    """
    require_integers("text_cnn", 2, tokens=tokens)
    mask = token_mask(tokens)[..., None]  # [B, T, 1]
    e = jnp.where(mask, embedding(params["embedding"], tokens), 0)
    best = []
    for window in config.windows:
        h = relu(conv1d(params[f"window_{window}"], e))  # [B, T, F], at least 0
        best.append(jnp.where(mask, h, 0).max(1))  # [B, F]
    h = dropout(jnp.concatenate(best, axis=-1), config.dropout, key=key)
    return dense(params["output"], h)


def example(key: Key) -> tuple[Callable[[Params], Array], Params]:
    """A small loss of the parameters, with padding in the batch."""
    params_key, x_key = jax.random.split(key)
    config = Config(n_tokens=8, n_classes=3, d_embedding=3, windows=(1, 2), n_maps=2)
    tokens = jax.random.randint(x_key, (4, 5), 4, 8).at[0, 3:].set(0)
    y = jnp.array([0, 1, 2, 1])

    def loss(params: Params) -> Array:
        return sparse_categorical_cross_entropy(apply(params, tokens, config), y).mean()

    return loss, init(params_key, config)
