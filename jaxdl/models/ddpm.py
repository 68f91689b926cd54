"""Denoising diffusion: noise is added to an example step by step, and a network learns to go one step back.

Times run from 1 to T; betas beta_t say how much noise a step adds, and

    alpha_t = 1 - beta_t,    abar_t = alpha_1 ... alpha_t,    abar_0 = 1

Forward, from an example x_0, in one step to any time (there is nothing to learn):

    q(x_t|x_{t-1}) = N(sqrt(alpha_t) x_{t-1}, beta_t I)
    q(x_t|x_0)     = N(sqrt(abar_t) x_0, (1 - abar_t) I),    x_t = sqrt(abar_t) x_0 + sqrt(1 - abar_t) e,    e ~ N(0, I)

Back: a network e(x_t, t) guesses the noise, with the simple loss

    J = E_{x_0, t, e} mean_d (e - e(x_t, t))_d^2,    t uniform in 1 .. T

and so says x_0 = (x_t - sqrt(1 - abar_t) e(x_t, t)) / sqrt(abar_t). From x_T ~ N(0, I) one draws x_{T-1}, ..., x_0 by

    q(x_{t-1}|x_t, x_0) = N(m, v I)
    m = (sqrt(abar_{t-1}) beta_t x_0 + sqrt(alpha_t) (1 - abar_{t-1}) x_t) / (1 - abar_t)
    v = beta_t (1 - abar_{t-1}) / (1 - abar_t)

All functions take the network as `predict(x_t, t) -> e`, with x_t [B, *shape] and t [B], so that any can stand there.

References: Ho, Jain, Abbeel, "Denoising diffusion probabilistic models", 2020 (equations 4, 6, 7, 11 and 14).
Sohl-Dickstein et al., "Deep unsupervised learning using nonequilibrium thermodynamics", 2015. Nichol, Dhariwal,
"Improved denoising diffusion probabilistic models", 2021 (the cosine schedule).
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, TypeAlias

import jax
import jax.numpy as jnp
import numpy as np

from jaxdl import metrics
from jaxdl.models._inputs import require_integers
from jaxdl.nn.affine import dense, flatten, init_dense
from jaxdl.types import Array, Key, Params, Shape
from jaxdl.validation import require_floating, require_not_negative, require_positive, require_same_shape, require_types

Predict: TypeAlias = Callable[[Array, Array], Array]
"""(x_t [B, *shape], t [B] integers in 1 .. T) -> the noise that is in x_t, [B, *shape]."""


@dataclass(frozen=True)
class Config:
    """The noise of every step.

    Attributes:
        steps: T.
        schedule: "linear" betas from `first` to `last`, or "cosine", where abar_t falls as a squared cosine.
        first: beta_1 of the linear schedule.
        last: beta_T of the linear schedule.
        variance: v of a step back: "posterior", which is right for a single x_0, or "beta" (v = beta_t), which is
            right for x_0 ~ N(0, I).
        clip: bound of |x_0| that a step back keeps to; 0 for data without bounds.
    """

    steps: int = 1000
    schedule: Literal["linear", "cosine"] = "linear"
    first: float = 1e-4
    last: float = 0.02
    variance: Literal["posterior", "beta"] = "posterior"
    clip: float = 1.0

    def __post_init__(self) -> None:
        require_types("ddpm", self)
        require_positive("ddpm", steps=self.steps, first=self.first, last=self.last)
        require_not_negative("ddpm", clip=self.clip)
        if not self.first <= self.last < 1:
            raise ValueError(f"ddpm: betas rise to less than 1, got first {self.first} and last {self.last}")


def betas(config: Config) -> np.ndarray:
    """[T + 1] in float64: beta_0 = 0 stands for no step at all, so that betas[t] is beta_t.

        linear    beta_t = first + (last - first) (t - 1) / (T - 1)
        cosine    beta_t = min(1 - f(t) / f(t - 1), 0.999),    f(t) = cos^2(pi / 2 (t / T + 0.008) / 1.008)

    >>> [f"{b:.4f}" for b in betas(Config(steps=3, first=0.1, last=0.3))]
    ['0.0000', '0.1000', '0.2000', '0.3000']
    """
    if config.schedule == "linear":
        return np.concatenate([[0.0], np.linspace(config.first, config.last, config.steps)])
    t = np.arange(config.steps + 1) / config.steps
    f = np.cos(0.5 * math.pi * (t + 0.008) / 1.008) ** 2
    return np.concatenate([[0.0], np.minimum(1 - f[1:] / f[:-1], 0.999)])


def alpha_bars(config: Config) -> np.ndarray:
    """abar_t = prod_{s <= t} (1 - beta_s), [T + 1] in float64, from abar_0 = 1 down: how much of x_t is still x_0.

    >>> [f"{a:.3f}" for a in alpha_bars(Config(steps=3, first=0.1, last=0.3))]
    ['1.000', '0.900', '0.720', '0.504']
    """
    return np.cumprod(1 - betas(config))


def diffuse(x: Array, t: Array, noise: Array, config: Config) -> Array:
    """x_t = sqrt(abar_t) x_0 + sqrt(1 - abar_t) e: a draw of q(x_t|x_0) from e ~ N(0, I).

    Args:
        x: x_0, [B, *shape].
        t: [B] integers in 0 .. T; 0 adds nothing. Others give NaN.
        noise: e, [B, *shape].
    Raises: ValueError for other shapes, and times that are no integers.

    >>> x_t = diffuse(jnp.ones((2, 1)), jnp.array([0, 3]), jnp.ones((2, 1)), Config(steps=3, first=0.1, last=0.3))
    >>> [f"{v:.3f}" for v in x_t[:, 0]]
    ['1.000', '1.414']
    """
    _check("diffuse", t, x=x, noise=noise)
    abar = alpha_bars(config)
    return _at(np.sqrt(abar), t, x) * x + _at(np.sqrt(1 - abar), t, x) * noise


def denoised(x_t: Array, t: Array, noise: Array, config: Config) -> Array:
    """x_0 = (x_t - sqrt(1 - abar_t) e) / sqrt(abar_t): what x_t says of its example if e is the noise in it.

    >>> config = Config(steps=3, first=0.1, last=0.3)
    >>> x, t, e = jnp.array([[0.5]]), jnp.array([2]), jnp.array([[-1.0]])
    >>> f"{denoised(diffuse(x, t, e, config), t, e, config).item():.3f}"
    '0.500'
    """
    _check("denoised", t, x_t=x_t, noise=noise)
    abar = alpha_bars(config)
    return _at(1 / np.sqrt(abar), t, x_t) * x_t - _at(np.sqrt(1 / abar - 1), t, x_t) * noise


def posterior(x: Array, x_t: Array, t: Array, config: Config) -> tuple[Array, Array]:
    """Mean m [B, *shape] and variance v [B] of q(x_{t-1}|x_t, x_0), a Gaussian by Bayes' rule.

        m = sqrt(abar_{t-1}) beta_t / (1 - abar_t) x_0 + sqrt(alpha_t) (1 - abar_{t-1}) / (1 - abar_t) x_t
        v = (1 - abar_{t-1}) / (1 - abar_t) beta_t

    Args:
        x: x_0, [B, *shape].
        x_t: [B, *shape].
        t: [B] integers in 1 .. T; at 1 the mean is x_0 and the variance 0. Others give NaN.

    >>> m, v = posterior(jnp.ones((1, 1)), jnp.zeros((1, 1)), jnp.array([1]), Config())
    >>> m.item(), v.item()
    (1.0, 0.0)
    """
    _check("posterior", t, x=x, x_t=x_t)
    of_x, of_x_t, variance = _posterior(config)
    return _at(of_x, t, x_t) * x + _at(of_x_t, t, x_t) * x_t, _at(variance, t, x_t).reshape(-1)


def _posterior(config: Config) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The three factors of `posterior`, [T + 1] each; NaN at t = 0, from where no step leads back."""
    beta, abar = betas(config)[1:], alpha_bars(config)
    before, after = abar[:-1], 1 - abar[1:]
    factors = np.sqrt(before) * beta / after, np.sqrt(1 - beta) * (1 - before) / after, beta * (1 - before) / after
    of_x, of_x_t, variance = (np.concatenate([[math.nan], factor]) for factor in factors)
    return of_x, of_x_t, variance


def objective(
    predict: Predict, x: Array, config: Config, *, key: Key, where: Array | None = None
) -> tuple[Array, Array]:
    """J = mean_b mean_d (e_b - e(x_t, t_b))_d^2 with one draw of t and e for each example, and the error of each [B].

    Every t counts the same: the simple loss, which leaves out the weights of the bound on the likelihood.

    Args:
        predict: e(x_t, t).
        x: x_0, [B, *shape], floating; within [-clip, clip].
        key: of the draws.
        where: [B] bool, the rows that count.
    Reference: Ho, Jain, Abbeel, "Denoising diffusion probabilistic models", 2020, equation 14.

    >>> value, error = objective(lambda x, t: jnp.zeros_like(x), jnp.ones((2000, 4)), Config(), key=jax.random.key(0))
    >>> f"{value:.1f}", error.shape  # the variance of the noise
    ('1.0', (2000,))
    """
    require_floating("ddpm: objective", x=x)
    t_key, noise_key = jax.random.split(key)
    t = jax.random.randint(t_key, x.shape[:1], 1, config.steps + 1)
    noise = jax.random.normal(noise_key, x.shape, x.dtype)
    guess = predict(diffuse(x, t, noise, config), t)
    require_same_shape("ddpm: objective", x=x, predicted=guess)
    error = flatten((noise - guess) ** 2).mean(1)
    return metrics.value(metrics.mean(error, where=where)), error


def sample(predict: Predict, shape: Shape, config: Config, *, key: Key) -> Array:
    """New examples [B, *shape] by going from noise back to t = 0 in one `lax.scan` (ancestral sampling).

        x_T ~ N(0, I),    x_{t-1} = m(x_0(x_t), x_t) + sqrt(v_t) z,    z ~ N(0, I),    t = T .. 1

    x_0 is what the network says, clipped; m is the posterior's mean, and the last step adds no noise.

    Args:
        predict: e(x_t, t).
        shape: (B, *shape).
        key: of all noise.

    >>> config = Config(steps=4, first=0.1, last=0.5)
    >>> def all_examples_are_half(x, t):  # so that the noise in x_t is known
    ...     abar = jnp.asarray(alpha_bars(config), x.dtype)[t][:, None]
    ...     return (x - jnp.sqrt(abar) * 0.5) / jnp.sqrt(1 - abar)
    >>> [f"{v:.4f}" for v in sample(all_examples_are_half, (3, 1), config, key=jax.random.key(0))[:, 0]]
    ['0.5000', '0.5000', '0.5000']
    """
    start, step = _way_back(predict, shape, config, key)
    return jax.lax.scan(lambda x_t, i: (step(x_t, i), None), start, _times(config))[0]


def trajectory(predict: Predict, shape: Shape, config: Config, *, key: Key) -> Array:
    """[T + 1, B, *shape]: every x_t on the way of the same `sample`, from the noise x_T to the example x_0.

    >>> trajectory(lambda x, t: jnp.zeros_like(x), (3, 2), Config(steps=4), key=jax.random.key(0)).shape
    (5, 3, 2)
    """
    start, step = _way_back(predict, shape, config, key)

    def step_and_show(x_t: Array, i: Array) -> tuple[Array, Array]:
        x_before = step(x_t, i)
        return x_before, x_before

    return jnp.concatenate([start[None], jax.lax.scan(step_and_show, start, _times(config))[1]])


def _times(config: Config) -> Array:
    """T, ..., 1."""
    return jnp.arange(config.steps, 0, -1, dtype=jnp.int32)


def _way_back(
    predict: Predict, shape: Shape, config: Config, key: Key
) -> tuple[Array, Callable[[Array, Array], Array]]:
    """x_T, and the step (x_t, t) -> x_{t-1}."""
    start_key, steps_key = jax.random.split(key)

    def step(x_t: Array, i: Array) -> Array:
        t = jnp.full(shape[:1], i)
        x = denoised(x_t, t, predict(x_t, t), config)
        x = jnp.clip(x, -config.clip, config.clip) if config.clip else x
        mean, variance = posterior(x, x_t, t, config)
        if config.variance == "beta":
            variance = jnp.where(t > 1, _at(betas(config), t, variance), 0)
        z = jax.random.normal(jax.random.fold_in(steps_key, i), shape)
        return mean + jnp.sqrt(variance).reshape(-1, *(1,) * (len(shape) - 1)) * z

    return jax.random.normal(start_key, shape), step


def _at(table: np.ndarray, t: Array, x: Array) -> Array:
    """table[t] as [B, 1, ..., 1] beside x; NaN for a time outside of the table."""
    values = jnp.asarray(table, x.dtype).at[t].get(mode="fill", fill_value=math.nan, wrap_negative_indices=False)
    return values.reshape(-1, *(1,) * (x.ndim - 1))


def _check(name: str, t: Array, **arrays: Array) -> None:
    require_floating(f"ddpm: {name}", **arrays)
    require_same_shape(f"ddpm: {name}", **arrays)
    require_integers(f"ddpm: {name}", 1, t=t)
    n = len(next(iter(arrays.values())))
    if t.shape != (n,):
        raise ValueError(f"ddpm: {name}: t {t.shape} needs one time for each of the {n} examples")


def example(key: Key) -> tuple[Callable[[Params], Array], Params]:
    """A small loss of the parameters of a linear network that guesses the noise."""
    params_key, x_key, noise_key = jax.random.split(key, 3)
    config, x = Config(steps=5, first=0.1, last=0.5), jax.random.uniform(x_key, (6, 3))

    def loss(params: Params) -> Array:
        def predict(x_t: Array, t: Array) -> Array:
            return dense(params, jnp.concatenate([x_t, t[:, None].astype(x_t.dtype)], axis=1))

        return objective(predict, x.astype(params["w"].dtype), config, key=noise_key)[0]

    return loss, init_dense(params_key, 4, 3)
