"""Factorization of visits: what a user visited says where they are, and a softmax over all items what comes next.

    u = sum over visited j of y_j / sqrt(n),    logits_i = b_i + u . q_i,    P(next = i) = softmax over items not shown

with n visits of the user and two tables y, q of D factors. A user has no parameters: new users and new visits need no
training. Some visits of each training user are hidden, and the loss is the cross-entropy of these; what is shown is not
among the candidates. This is a linear denoising autoencoder of visits with a multinomial likelihood.

    contribution of the visit j to the score of i:  y_j . q_i / sqrt(n)

B users, I items, D factors. References: Paterek, "Improving regularized singular value decomposition for collaborative
filtering", 2007 (users as sums of items); Liang et al., "Variational autoencoders for collaborative filtering", 2018
(the multinomial likelihood; there the network is deeper).
"""

from collections.abc import Callable
from dataclasses import dataclass

import jax
import jax.numpy as jnp

from jaxdl import losses
from jaxdl.nn.initializers import normal
from jaxdl.nn.noise import dropout
from jaxdl.types import Array, Key, Params
from jaxdl.validation import require_positive, require_rate, require_types

_FAR_BELOW = -1e9  # a logit that gets no probability, and whose product with 0 is 0


@dataclass(frozen=True)
class Config:
    """Sizes, and what is hidden.

    Attributes:
        n_items: I.
        n_factors: D.
        dropout: rate on the user's factors, in [0, 1).
        hide_many: share of the training users of whom a random share of the visits is hidden; of the others, one visit.
    """

    n_items: int
    n_factors: int = 64
    dropout: float = 0.0
    hide_many: float = 0.0

    def __post_init__(self) -> None:
        require_types("softmax_factorization", self)
        require_positive("softmax_factorization", n_items=self.n_items, n_factors=self.n_factors)
        require_rate("softmax_factorization", dropout=self.dropout)
        if not 0 <= self.hide_many <= 1:
            raise ValueError(f"softmax_factorization: hide_many must be in [0, 1], got {self.hide_many}")


def init(key: Key, config: Config) -> Params:
    """{"y": [I, D], "q": [I, D], "b": [I]}.

    >>> init(jax.random.key(0), Config(n_items=5, n_factors=2))["y"].shape
    (5, 2)
    """
    y_key, q_key = jax.random.split(key)
    draw, shape = normal(0.1), (config.n_items, config.n_factors)
    return {"y": draw(y_key, shape), "q": draw(q_key, shape), "b": jnp.zeros(config.n_items)}


def apply(params: Params, x: Array, config: Config, *, key: Key | None = None) -> Array:
    """Logits [B, I] for users with the visits x [B, I] in {0, 1}; dropout only when a key is given.

    Raises: ValueError unless x is [B, I].

    >>> config = Config(n_items=5)
    >>> apply(init(jax.random.key(0), config), jnp.ones((2, 5)), config).shape
    (2, 5)
    """
    if x.ndim != 2 or x.shape[1] != config.n_items:
        raise ValueError(f"softmax_factorization: x must be [B, {config.n_items}] visits, got {x.shape}")
    x = x.astype(params["y"].dtype)
    u = (x / jnp.sqrt(jnp.maximum(x.sum(1, keepdims=True), 1))) @ params["y"]  # [B, D]
    logits = dropout(u, config.dropout, key=key) @ params["q"].T
    return logits + params["b"][None, :]


def contributions(params: Params, x: Array, item: int) -> Array:
    """What each item adds to one user's logit of `item`: [I], 0 where x [I] has no visit; the sum is logit - b.

    >>> params = {"y": jnp.array([[1.0], [3.0]]), "q": jnp.array([[2.0], [1.0]]), "b": jnp.zeros(2)}
    >>> contributions(params, jnp.array([1.0, 0.0]), 1).tolist()
    [1.0, 0.0]
    """
    return x / jnp.sqrt(jnp.maximum(x.sum(), 1)) * (params["y"] @ params["q"][item])


def hide(x: Array, config: Config, *, key: Key) -> Array:
    """The visits to be predicted: of each user one at random, and of some users (`hide_many`) a random share besides.

    >>> x = jnp.array([[1.0, 1.0, 0.0, 1.0]])
    >>> hidden = hide(x, Config(n_items=4), key=jax.random.key(0))
    >>> hidden.sum().item(), bool((hidden <= x).all())
    (1.0, True)
    """
    order_key, who_key, share_key = jax.random.split(key, 3)
    visited = x > 0
    order = jnp.where(visited, jax.random.uniform(order_key, x.shape), jnp.full(x.shape, 2.0))
    first = (order <= order.min(1, keepdims=True)) & visited
    many = jax.random.bernoulli(who_key, config.hide_many, (len(x), 1))
    share = jnp.where(many, jax.random.uniform(share_key, (len(x), 1)), jnp.zeros((len(x), 1)))
    return (first | ((order < share) & visited)).astype(x.dtype)


def cross_entropy(params: Params, x: Array, hidden: Array, config: Config, *, key: Key | None = None) -> Array:
    """-sum over hidden items of log P(item) / how many, one value a user: [B]; 0 where nothing is hidden.

    Args:
        x: [B, I] all visits.
        hidden: [B, I], those to be predicted from the others.
    """
    shown = x - hidden
    logits = apply(params, shown, config, key=key)
    logits = jnp.where(shown > 0, jnp.full_like(logits, _FAR_BELOW), logits)
    targets = hidden / jnp.maximum(hidden.sum(1, keepdims=True), 1)
    return losses.categorical_cross_entropy(logits, targets.astype(logits.dtype))


def example(key: Key) -> tuple[Callable[[Params], Array], Params]:
    """A small loss of the parameters: hidden visits of a few users, with dropout."""
    params_key, x_key, hide_key, dropout_key = jax.random.split(key, 4)
    config = Config(n_items=6, n_factors=3, dropout=0.2, hide_many=0.5)
    x = jax.random.bernoulli(x_key, 0.6, (8, 6)).astype(jnp.float32)
    hidden = hide(x, config, key=hide_key)

    def loss(params: Params) -> Array:
        dtype = params["y"].dtype
        return cross_entropy(params, x.astype(dtype), hidden.astype(dtype), config, key=dropout_key).mean()

    return loss, init(params_key, config)
