"""The variational autoencoder: a code with a distribution, so that codes drawn at random decode into new examples.

    q(z|x)  = N(m, diag v),    (m, log v) = f(x)         the encoder, [B, Z] each
    z       = m + sqrt(v) e,   e ~ N(0, I)               reparameterization: the noise is an input, z has a gradient
    p(x|z)  from the outputs y = g(z) [B, *shape]        the decoder
    ELBO(x) = E_q log p(x|z) - KL(q(z|x) || N(0, I))  <=  log p(x)
    J       = mean_b (-log p(x_b|z_b) + beta KL_b)       one draw of z for each example; beta = 1 is the ELBO

    Bernoulli   -log p(x|z) = sum_d softplus(y_d) - x_d y_d                      for x in [0, 1]
    Gaussian    -log p(x|z) = sum_d (y_d - x_d)^2 / (2 s^2) + log(2 pi s^2) / 2

Dense layers; the decoder mirrors the encoder.

References: Kingma, Welling, "Auto-encoding variational Bayes", 2014. Rezende, Mohamed, Wierstra, "Stochastic
backpropagation and approximate inference in deep generative models", 2014. Higgins et al., "beta-VAE", 2017. Burda,
Grosse, Salakhutdinov, "Importance weighted autoencoders", 2016.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, NamedTuple

import jax
import jax.numpy as jnp

from jaxdl import losses, metrics
from jaxdl.models._inputs import require_examples, require_features
from jaxdl.nn import activations, initializers
from jaxdl.nn.affine import dense, flatten, init_dense
from jaxdl.types import Array, Key, Params
from jaxdl.validation import require_name, require_not_negative, require_positive, require_types


@dataclass(frozen=True)
class Config:
    """Encoder, decoder and objective.

    Attributes:
        shape: of one example: (D,), or (H, W, C).
        n_latent: Z, numbers of a code.
        widths: units of the encoder's hidden layers; the decoder has them in reverse.
        activation: of the hidden layers, a name in `nn.activations.DERIVATIVES`.
        initializer: of the weights, a name in `nn.initializers.BY_NAME`.
        likelihood: p(x|z): "bernoulli" wants x in [0, 1], "gaussian" takes any real numbers.
        deviation: s of the Gaussian.
        beta: weight of the KL term in the objective.
    """

    shape: tuple[int, ...]
    n_latent: int
    widths: tuple[int, ...] = (256,)
    activation: str = "relu"
    initializer: str = "glorot_uniform"
    likelihood: Literal["bernoulli", "gaussian"] = "bernoulli"
    deviation: float = 1.0
    beta: float = 1.0

    def __post_init__(self) -> None:
        require_types("vae", self)
        require_positive("vae", shape=self.shape, n_latent=self.n_latent, widths=self.widths, deviation=self.deviation)
        require_name("vae", "activation", self.activation, activations.DERIVATIVES)
        require_name("vae", "initializer", self.initializer, initializers.BY_NAME)
        require_not_negative("vae", beta=self.beta)


def init(key: Key, config: Config) -> Params:
    """{"encoder": {"layer_0": {"w", "b"}, ...}, "decoder": {...}}; the encoder's last layer gives m and log v.

    >>> params = init(jax.random.key(0), Config(shape=(8, 8, 1), n_latent=3, widths=(16,)))
    >>> {part: [layer["w"].shape for layer in layers.values()] for part, layers in params.items()}
    {'encoder': [(64, 16), (16, 6)], 'decoder': [(3, 16), (16, 64)]}
    """
    n, z, draw = math.prod(config.shape), config.n_latent, initializers.BY_NAME[config.initializer]
    sizes = {"encoder": (n, *config.widths, 2 * z), "decoder": (z, *config.widths[::-1], n)}
    params: Params = {}
    for (part, of_part), part_key in zip(sizes.items(), jax.random.split(key), strict=True):
        keys = jax.random.split(part_key, len(of_part) - 1)
        params[part] = {
            f"layer_{i}": init_dense(k, of_part[i], of_part[i + 1], initializer=draw) for i, k in enumerate(keys)
        }
    return params


def encode(params: Params, x: Array, config: Config) -> tuple[Array, Array]:
    """(m, log v), each [B, Z]: mean and logarithm of the variance of q(z|x), for x [B, *shape].

    >>> config = Config(shape=(6,), n_latent=2)
    >>> [part.shape for part in encode(init(jax.random.key(0), config), jnp.ones((5, 6)), config)]
    [(5, 2), (5, 2)]
    """
    require_examples("vae", x, config.shape)
    mean, log_variance = jnp.split(_layers(params["encoder"], flatten(x), config), 2, axis=-1)
    return mean, log_variance


def reparameterize(mean: Array, log_variance: Array, *, key: Key | None = None) -> Array:
    """z = m + sqrt(v) e, e ~ N(0, I): a draw of q(z|x) [B, Z] that is differentiable in m and v; m without a key."""
    if key is None:
        return mean
    return mean + jnp.exp(0.5 * log_variance) * jax.random.normal(key, mean.shape, mean.dtype)


def decode(params: Params, z: Array, config: Config) -> Array:
    """y = g(z): outputs [B, *shape] of codes z [B, Z]; `reconstruction` puts them into the units of x."""
    require_features("vae: the code", z, config.n_latent)
    return _layers(params["decoder"], z, config).reshape(-1, *config.shape)


def apply(params: Params, x: Array, config: Config, *, key: Key | None = None) -> Array:
    """y = g(z) [B, *shape], z drawn from q(z|x), or its mean without a key.

    >>> config = Config(shape=(6,), n_latent=2)
    >>> apply(init(jax.random.key(0), config), jnp.ones((5, 6)), config).shape
    (5, 6)
    """
    return decode(params, reparameterize(*encode(params, x, config), key=key), config)


def reconstruction(y: Array, config: Config) -> Array:
    """Outputs [B, *shape] in the units of x, the mean of p(x|z): s(y) for the Bernoulli, y itself for the Gaussian."""
    return activations.sigmoid(y) if config.likelihood == "bernoulli" else y


class Parts(NamedTuple):
    """What the objective is made of.

    Attributes:
        error: -log p(x|z) of each example, [B].
        kl: KL(q(z|x) || N(0, I)) of each example, [B]; the ELBO is -error - kl.
        reconstruction: in the units of x, [B, *shape].
    """

    error: Array
    kl: Array
    reconstruction: Array


def objective(
    params: Params, x: Array, config: Config, *, key: Key | None = None, where: Array | None = None
) -> tuple[Array, Parts]:
    """J = mean_b (-log p(x_b|z_b) + beta KL_b), and its parts.

    Args:
        x: [B, *shape], floating; in [0, 1] for the Bernoulli.
        key: of the draw of z; without one z is the mean of q(z|x).
        where: [B] bool, the rows that count.
    Raises: ValueError for an `x` of another shape.

    >>> config = Config(shape=(6,), n_latent=2)
    >>> value, parts = objective(init(jax.random.key(0), config), jnp.zeros((5, 6)), config)
    >>> f"{value:.4f}", parts.kl.shape  # 6 log 2
    ('4.1589', (5,))
    """
    mean, log_variance = encode(params, x, config)
    y = decode(params, reparameterize(mean, log_variance, key=key), config)
    parts = Parts(_error(y, x, config), losses.gaussian_kl(mean, log_variance), reconstruction(y, config))
    return metrics.value(metrics.mean(parts.error + config.beta * parts.kl, where=where)), parts


def log_likelihood(params: Params, x: Array, config: Config, *, key: Key, n_draws: int = 100) -> Array:
    """A bound on log p(x) [B] that rises to it with the number K of draws; the ELBO is the mean of one with K = 1.

        log 1/K sum_k p(x|z_k) N(z_k; 0, I) / q(z_k|x),    z_k ~ q(z|x)

    >>> config = Config(shape=(6,), n_latent=2)
    >>> log_likelihood(init(jax.random.key(0), config), jnp.zeros((5, 6)), config, key=jax.random.key(1)).shape
    (5,)
    """
    mean, log_variance = encode(params, x, config)

    def log_weight(draw_key: Key) -> Array:
        e = jax.random.normal(draw_key, mean.shape, mean.dtype)
        z = mean + jnp.exp(0.5 * log_variance) * e
        log_prior_over_q = 0.5 * (e * e + log_variance - z * z).sum(-1)
        return log_prior_over_q - _error(decode(params, z, config), x, config)

    weights = jax.lax.map(log_weight, jax.random.split(key, n_draws))  # [K, B]
    return jax.nn.logsumexp(weights, axis=0) - math.log(n_draws)


def sample(params: Params, config: Config, *, key: Key, count: int) -> Array:
    """New examples [count, *shape] in the units of x: the means of p(x|z) at codes z ~ N(0, I).

    >>> config = Config(shape=(8, 8, 1), n_latent=2)
    >>> sample(init(jax.random.key(0), config), config, key=jax.random.key(1), count=5).shape
    (5, 8, 8, 1)
    """
    z = jax.random.normal(key, (count, config.n_latent))
    return reconstruction(decode(params, z, config), config)


def _layers(layers: Params, h: Array, config: Config) -> Array:
    f = activations.BY_NAME[config.activation]
    for i in range(len(layers) - 1):
        h = f(dense(layers[f"layer_{i}"], h))  # [B, width]
    return dense(layers[f"layer_{len(layers) - 1}"], h)


def _error(y: Array, x: Array, config: Config) -> Array:
    """-log p(x|z) of each example, [B]."""
    if config.likelihood == "bernoulli":
        return flatten(losses.binary_cross_entropy(y, x)).sum(1)
    variance = config.deviation**2
    return flatten((y - x) ** 2 / (2 * variance) + 0.5 * math.log(2 * math.pi * variance)).sum(1)


def example(key: Key) -> tuple[Callable[[Params], Array], Params]:
    """A small loss of the parameters: both likelihoods share the rest, so the Bernoulli stands for both."""
    params_key, x_key, noise_key = jax.random.split(key, 3)
    config = Config(shape=(3, 2), n_latent=2, widths=(5,), activation="gelu", beta=0.5)
    x = jax.random.uniform(x_key, (4, *config.shape))

    def loss(params: Params) -> Array:
        dtype = params["encoder"]["layer_0"]["w"].dtype
        return objective(params, x.astype(dtype), config, key=noise_key)[0]

    return loss, init(params_key, config)
