"""Matrix factorization of ratings: every user and every item is a point, and near directions mean liking.

    r(u, i) = m + b_u + b_i + p_u . q_i

with p_u, q_i of D factors and the mean m of all ratings. Trained by gradient descent on the mean squared error over the
N known ratings and l2 (sum |p|^2 + sum |q|^2 + sum b^2). Its stationary point for one user, all items fixed, is a ridge
regression on f_i = (1, q_i), whose closed form `fold_in` places a new user, or an old one with new ratings:

    w = (F^T F + N l2 I)^-1 F^T (r - m - b),    r(u, i) - m - b_i = w . f_i = sum over rated j of c_ij (r_j - m - b_j)

so c_ij (r_j - m - b_j) is what the rating of j contributes: the reason that a recommendation gives.

References: Funk, "Netflix update: try this at home", 2006; Koren, Bell, Volinsky, "Matrix factorization techniques for
recommender systems", 2009; Hu, Koren, Volinsky, "Collaborative filtering for implicit feedback datasets", 2008 (for the
reasons).
"""

from collections.abc import Callable
from dataclasses import dataclass

import jax
import jax.numpy as jnp

from jaxdl.losses import regularizers
from jaxdl.models._inputs import require_integers
from jaxdl.nn.embeddings import embedding, init_embedding
from jaxdl.nn.initializers import normal, zeros
from jaxdl.types import Array, Key, Params, at_least_float32
from jaxdl.validation import require_positive, require_types


@dataclass(frozen=True)
class Config:
    """Sizes and the mean.

    Attributes:
        n_users: U.
        n_items: I.
        n_factors: D.
        mean: m, of the training ratings; it is not trained.
        stddev: of the factors at the start; biases start at 0.
    """

    n_users: int
    n_items: int
    n_factors: int = 8
    mean: float = 0.0
    stddev: float = 0.1

    def __post_init__(self) -> None:
        require_types("factorization", self)
        require_positive("factorization", n_users=self.n_users, n_items=self.n_items, n_factors=self.n_factors)
        require_positive("factorization", stddev=self.stddev)


def init(key: Key, config: Config) -> Params:
    """{"user": {"table": [U, D]}, "item": ..., "user_bias": {"table": [U, 1]}, "item_bias": ...}.

    >>> params = init(jax.random.key(0), Config(n_users=5, n_items=3))
    >>> params["user"]["table"].shape, params["item_bias"]["table"].shape
    ((5, 8), (3, 1))
    """
    user_key, item_key, user_bias_key, item_bias_key = jax.random.split(key, 4)
    draw, users, items, d = normal(config.stddev), config.n_users, config.n_items, config.n_factors
    return {
        "user": init_embedding(user_key, users, d, initializer=draw),
        "item": init_embedding(item_key, items, d, initializer=draw),
        "user_bias": init_embedding(user_bias_key, users, 1, initializer=zeros),
        "item_bias": init_embedding(item_bias_key, items, 1, initializer=zeros),
    }


def apply(params: Params, x: Array, config: Config, *, key: Key | None = None) -> Array:
    """Predicted ratings [B] of pairs x [B, 2] of a user's and an item's number.

    Raises: ValueError for another shape.

    >>> config = Config(n_users=5, n_items=3, mean=3.5)
    >>> apply(init(jax.random.key(0), config), jnp.array([[0, 2], [4, 1]]), config).shape
    (2,)
    """
    del key  # nothing is random
    require_integers("factorization", 2, x=x)
    if x.shape[1] != 2:
        raise ValueError(f"factorization: x must be [B, 2] pairs (user, item), got {x.shape}")
    user, item = x[:, 0], x[:, 1]
    products = (embedding(params["user"], user) * embedding(params["item"], item)).sum(-1)
    biases = embedding(params["user_bias"], user) + embedding(params["item_bias"], item)  # [B, 1]
    return config.mean + biases[:, 0] + products


def fold_in(params: Params, items: Array, ratings: Array, config: Config, *, ridge: float) -> tuple[Array, Array]:
    """Scores of all items for a user given by some ratings alone, and what each of these contributes.

    Args:
        items: [n] numbers of the rated items.
        ratings: [n].
        ridge: N l2 of the training; in these units a user with few ratings stays near the mean.
    Returns: (predicted ratings [I], contributions [I, n]): ratings = m + b_i + contributions.sum(1).

    >>> config = Config(n_users=1, n_items=2, n_factors=1, mean=3.0)
    >>> params = {"item": {"table": jnp.array([[1.0], [1.0]])}, "item_bias": {"table": jnp.zeros((2, 1))}}
    >>> scores, because = fold_in(params, jnp.array([0]), jnp.array([5.0]), config, ridge=0.5)
    >>> [f"{score:.2f}" for score in scores], f"{because[1, 0]:.2f}"
    (['4.60', '4.60'], '1.60')
    """
    q, b = at_least_float32(params["item"]["table"]), at_least_float32(params["item_bias"]["table"])[:, 0]
    features = jnp.concatenate([jnp.ones_like(q[:, :1]), q], axis=1)  # [I, 1 + D]
    rated = features[items]  # [n, 1 + D]
    normal_matrix = rated.T @ rated + ridge * jnp.eye(rated.shape[1], dtype=q.dtype)
    effect = features @ jnp.linalg.solve(normal_matrix, rated.T)  # [I, n]
    contributions = effect * (ratings - config.mean - b[items])[None, :]
    return config.mean + b + contributions.sum(1), contributions


def mean_loss(params: Params, x: Array, ratings: Array, config: Config, *, l2: float = 0.0) -> Array:
    """Mean squared error and the penalty: the function that `fold_in` minimizes for one user.

    >>> config = Config(n_users=2, n_items=2, mean=3.0)
    >>> params = jax.tree.map(jnp.zeros_like, init(jax.random.key(0), config))
    >>> mean_loss(params, jnp.array([[0, 1], [1, 0]]), jnp.array([5.0, 3.0]), config).item()
    2.0
    """
    error = apply(params, x, config) - ratings
    return (error * error).mean() + regularizers.elastic_net(params, l1_rate=0.0, l2_rate=l2).astype(error.dtype)


def example(key: Key) -> tuple[Callable[[Params], Array], Params]:
    """A small loss of the parameters: squared errors, biases and the penalty."""
    params_key, user_key, item_key, rating_key = jax.random.split(key, 4)
    config = Config(n_users=4, n_items=5, n_factors=3, mean=3.0, stddev=0.5)
    x = jnp.stack([jax.random.randint(user_key, (12,), 0, 4), jax.random.randint(item_key, (12,), 0, 5)], axis=1)
    ratings = 1 + 4 * jax.random.uniform(rating_key, (12,))

    def loss(params: Params) -> Array:
        return mean_loss(params, x, ratings.astype(params["user"]["table"].dtype), config, l2=0.1)

    return loss, init(params_key, config)
