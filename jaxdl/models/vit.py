"""The vision Transformer: an image as a sequence of patches, read by a Transformer's encoder.

    x_p     patch p of P x P pixels, flattened                      [B, N, P P C],  N = (H / P) (W / P)
    h       = [c; x_p W + b] + positions                            c a learned class token      [B, 1 + N, D]
    h       <- `n_layers` pre-norm blocks of attention over all patches and a feed-forward network
    logits  = W_o norm(h_0) + b_o                                   from the class token alone   [B, K]

Nothing in it knows which patches are neighbors: positions are learned, each with a vector of its own.

Reference: Dosovitskiy et al., "An image is worth 16x16 words", 2021.

Dims: B batch, H x W x C image, N patches, D model, K classes.
"""

from collections.abc import Callable
from dataclasses import dataclass

import jax
import jax.numpy as jnp

from jaxdl.losses import sparse_categorical_cross_entropy
from jaxdl.models._inputs import require_examples
from jaxdl.nn.activations import gelu
from jaxdl.nn.affine import dense, init_dense
from jaxdl.nn.attention import multi_head_attention
from jaxdl.nn.blocks import init_transformer_block, transformer_block
from jaxdl.nn.depth import init_stack, stack
from jaxdl.nn.initializers import normal
from jaxdl.nn.noise import dropout, split_key
from jaxdl.nn.norm import init_layer_norm, layer_norm
from jaxdl.types import Array, Key, Params
from jaxdl.validation import require_positive, require_rate, require_types


@dataclass(frozen=True)
class Config:
    """The network.

    Attributes:
        size: height and width of the images.
        n_in: channels C.
        n_out: classes K.
        patch: P, a divisor of both sides.
        d_model: D.
        n_heads: of the attention, a divisor of D.
        n_layers: blocks.
        d_hidden: units inside each block's feed-forward network.
        dropout: rate after the embedding and inside of each block.
    """

    size: tuple[int, int] = (28, 28)
    n_in: int = 1
    n_out: int = 10
    patch: int = 4
    d_model: int = 64
    n_heads: int = 4
    n_layers: int = 4
    d_hidden: int = 128
    dropout: float = 0.1

    def __post_init__(self) -> None:
        require_types("vit", self)
        require_positive("vit", size=self.size, n_in=self.n_in, n_out=self.n_out, patch=self.patch)
        require_positive("vit", d_model=self.d_model, n_heads=self.n_heads, n_layers=self.n_layers)
        require_positive("vit", d_hidden=self.d_hidden)
        require_rate("vit", dropout=self.dropout)
        if any(side % self.patch for side in self.size):
            raise ValueError(f"vit: patches of {self.patch} x {self.patch} pixels must fill the image of {self.size}")
        if self.d_model % self.n_heads:
            raise ValueError(f"vit: {self.n_heads} heads must divide d_model {self.d_model}")


def init(key: Key, config: Config) -> Params:
    """{"patch": {"w", "b"}, "class": {"table"}, "positions": {"table"}, "layers": {...}, "norm", "output"}.

    >>> params = init(jax.random.key(0), Config(size=(8, 8), patch=2, d_model=8, d_hidden=16))
    >>> params["patch"]["w"].shape, params["positions"]["table"].shape
    ((4, 8), (17, 8))
    """
    patch_key, class_key, position_key, layers_key, out_key = jax.random.split(key, 5)
    d, p, draw = config.d_model, config.patch, normal(0.02)
    n_patches = config.size[0] // p * (config.size[1] // p)
    return {
        "patch": init_dense(patch_key, p * p * config.n_in, d),
        "class": {"table": draw(class_key, (1, d))},
        "positions": {"table": draw(position_key, (1 + n_patches, d))},
        "layers": init_stack(lambda k: init_transformer_block(k, d, config.d_hidden), layers_key, config.n_layers),
        "norm": init_layer_norm(d),
        "output": init_dense(out_key, d, config.n_out),
    }


def patches(x: Array, patch: int) -> Array:
    """Images [B, H, W, C] cut into squares, row by row, each flattened: [B, N, P P C].

    >>> patches(jnp.arange(16.0).reshape(1, 4, 4, 1), 2)[0, 1].tolist()
    [2.0, 3.0, 6.0, 7.0]
    """
    b, h, w, c = x.shape
    x = x.reshape(b, h // patch, patch, w // patch, patch, c).swapaxes(2, 3)  # [B, H/P, W/P, P, P, C]
    return x.reshape(b, -1, patch * patch * c)


def apply(params: Params, x: Array, config: Config, *, key: Key | None = None) -> Array:
    """Logits [B, K] of images x [B, H, W, C]; dropout only when a key is given.

    >>> config = Config(size=(8, 8), patch=2, d_model=8, d_hidden=16)
    >>> apply(init(jax.random.key(0), config), jnp.ones((3, 8, 8, 1)), config).shape
    (3, 10)
    """
    require_examples("vit", x, (*config.size, config.n_in))
    in_key, layers_key = split_key(key, 2)
    h = dense(params["patch"], patches(x, config.patch))  # [B, N, D]
    first = jnp.broadcast_to(params["class"]["table"].astype(h.dtype), (h.shape[0], 1, config.d_model))
    h = jnp.concatenate([first, h], axis=1) + params["positions"]["table"].astype(h.dtype)[None]
    h = dropout(h, config.dropout, key=in_key)

    def attend(params: Params, h: Array) -> tuple[Array, None]:
        return multi_head_attention(params, h, n_heads=config.n_heads), None

    def layer(params: Params, h: Array, *, key: Key | None = None) -> Array:
        return transformer_block(params, h, attend, activation=gelu, rate=config.dropout, key=key)[0]

    h = stack(layer, params["layers"], h, key=layers_key)
    return dense(params["output"], layer_norm(params["norm"], h[:, 0]))


def example(key: Key) -> tuple[Callable[[Params], Array], Params]:
    """A small loss of the parameters."""
    params_key, x_key = jax.random.split(key)
    config = Config(size=(4, 2), n_in=1, n_out=3, patch=2, d_model=4, n_heads=2, n_layers=2, d_hidden=3)
    x, y = jax.random.normal(x_key, (3, 4, 2, 1)), jnp.array([0, 1, 2])

    def loss(params: Params) -> Array:
        logits = apply(params, x.astype(params["output"]["w"].dtype), config)
        return sparse_categorical_cross_entropy(logits, y).mean()

    return loss, init(params_key, config)
