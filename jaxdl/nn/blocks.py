"""One layer of a Transformer, of an encoder or a decoder: attention, and a feed-forward network, each with a residual.

    pre-norm     x <- x + dropout(f(norm(x)))          for f = attention to itself,
    post-norm    x <- norm(x + dropout(f(x)))          attention to a memory (in a decoder), W_2 g(W_1 x + b_1) + b_2

Where the attention reads from (the whole sequence, a mask, a cache) is the caller's: the block takes it as a function.

References: Vaswani et al., "Attention is all you need", 2017 (post-norm). Xiong et al., "On layer normalization in the
Transformer architecture", 2020 (pre-norm).

Dims: B batch, T time, D model, F features inside the feed-forward network.
"""

from collections.abc import Callable
from typing import Any, TypeAlias

import chex
import jax
import jax.numpy as jnp

from jaxdl.nn.activations import relu
from jaxdl.nn.affine import dense, init_dense
from jaxdl.nn.attention import init_multi_head_attention
from jaxdl.nn.noise import dropout, split_key
from jaxdl.nn.norm import init_layer_norm, layer_norm
from jaxdl.types import Activation, Array, DType, Key, Params
from jaxdl.validation import require_floating

Attend: TypeAlias = Callable[[Params, Array], tuple[Array, Any]]
"""(parameters of a multi-head attention, x [B, T, D]) -> (y [B, T, D], anything to hand on: a cache, weights)."""


def init_transformer_block(
    key: Key, d_model: int, d_hidden: int, *, cross: bool = False, dtype: DType = jnp.float32
) -> Params:
    """{"self", "self_norm", "hidden", "out", "out_norm"}, and {"cross", "cross_norm"} for attention to a memory.

    >>> sorted(init_transformer_block(jax.random.key(0), 4, 8, cross=True))
    ['cross', 'cross_norm', 'hidden', 'out', 'out_norm', 'self', 'self_norm']
    """
    self_key, cross_key, in_key, out_key = jax.random.split(key, 4)
    params = {
        "self": init_multi_head_attention(self_key, d_model, dtype=dtype),
        "self_norm": init_layer_norm(d_model, dtype=dtype),
        "hidden": init_dense(in_key, d_model, d_hidden, dtype=dtype),
        "out": init_dense(out_key, d_hidden, d_model, dtype=dtype),
        "out_norm": init_layer_norm(d_model, dtype=dtype),
    }
    if cross:
        params["cross"] = init_multi_head_attention(cross_key, d_model, dtype=dtype)
        params["cross_norm"] = init_layer_norm(d_model, dtype=dtype)
    return params


def transformer_block(
    params: Params,
    x: Array,
    attend: Attend,
    attend_memory: Attend | None = None,
    *,
    pre_norm: bool = True,
    activation: Activation = relu,
    rate: float = 0.0,
    key: Key | None = None,
) -> tuple[Array, tuple[Any, Any]]:
    """One layer; the equations stand at the top of this file.

    Args:
        params: as from `init_transformer_block`.
        x: [B, T, D].
        attend: how x reads from itself, called with params["self"].
        attend_memory: how x reads from a memory, called with params["cross"]; None leaves that out.
        pre_norm: where the norm stands.
        activation: g.
        rate: of dropout after each sublayer.
        key: for dropout; None drops nothing.
    Returns: y [B, T, D], and what the two attentions handed on (None for one that is not there).

    >>> from jaxdl.nn.attention import multi_head_attention
    >>> params = init_transformer_block(jax.random.key(0), 4, 8)
    >>> attend = lambda params, x: (multi_head_attention(params, x, n_heads=2), None)
    >>> transformer_block(params, jnp.ones((2, 3, 4)), attend)[0].shape
    (2, 3, 4)
    """
    require_floating("transformer_block", x=x)
    chex.assert_rank(x, 3)
    keys = split_key(key, 3)

    def sublayer(name: str, x: Array, function: Callable[[Array], tuple[Array, Any]], key: Key | None):
        norm = params[f"{name}_norm"]
        y, aside = function(layer_norm(norm, x) if pre_norm else x)
        x = x + dropout(y, rate, key=key)
        return (x if pre_norm else layer_norm(norm, x)), aside

    def feed_forward(h: Array) -> tuple[Array, None]:
        return dense(params["out"], activation(dense(params["hidden"], h))), None

    x, from_self = sublayer("self", x, lambda h: attend(params["self"], h), keys[0])
    from_memory = None
    if attend_memory is not None:
        x, from_memory = sublayer("cross", x, lambda h: attend_memory(params["cross"], h), keys[1])
    x, _ = sublayer("out", x, feed_forward, keys[2])
    return x, (from_self, from_memory)
