"""The optimizers by name: each is a chain of blocks that ends with the learning rate.

    updates, state = optimizer.update(grads, state, params)
    params = optax.apply_updates(params, updates)

A learning rate is a float, a schedule (a function of the step) or an array, which may be traced, so that a sweep of
rates is one `jax.vmap` and one compilation. Parameters keep their dtype; moments have at least float32.
"""

import optax

from jaxdl.optim.adaptive import scale_by_adagrad, scale_by_adam, scale_by_rms
from jaxdl.optim.constraints import Mask, add_decayed_weights
from jaxdl.optim.schedules import LearningRate
from jaxdl.optim.transforms import scale_by_ewma, scale_by_learning_rate, scale_by_momentum
from jaxdl.types import Array, DType


def sgd(learning_rate: LearningRate) -> optax.GradientTransformation:
    """Gradient descent: p = p - lr g. Batch, mini-batch and stochastic differ only in the batch that g comes from.

    Reference: Robbins, Monro, "A stochastic approximation method", 1951.

    >>> import jax.numpy as jnp
    >>> optimizer = sgd(0.1)
    >>> u, _ = optimizer.update(jnp.array([5.0]), optimizer.init(jnp.ones(1)))
    >>> u.tolist()
    [-0.5]
    """
    return scale_by_learning_rate(learning_rate)


def momentum(
    learning_rate: LearningRate, decay: float | Array = 0.9, *, nesterov: bool = False
) -> optax.GradientTransformation:
    """Gradient descent with heavy-ball or Nesterov momentum (see `scale_by_momentum`).

        v = decay v + g,    p = p - lr v    or, Nesterov,    p = p - lr (g + decay v)

    >>> import jax.numpy as jnp
    >>> optimizer = momentum(0.1, nesterov=True)
    >>> u, _ = optimizer.update(jnp.array([1.0]), optimizer.init(jnp.ones(1)))
    >>> f"{u[0]:.2f}"
    '-0.19'
    """
    return optax.chain(scale_by_momentum(decay, nesterov=nesterov), scale_by_learning_rate(learning_rate))


def ewma_momentum(
    learning_rate: LearningRate, decay: float | Array = 0.9, *, debias: bool = False
) -> optax.GradientTransformation:
    """Descend along the exponentially weighted moving average of the gradients (see `ewma`).

        m = decay m + (1 - decay) g,    p = p - lr m    or, with debias,    p = p - lr m / (1 - decay^t)

    Without debias it is `momentum` with a learning rate that is 1 - decay times as large.

    >>> import jax.numpy as jnp
    >>> optimizer = ewma_momentum(0.1)
    >>> u, _ = optimizer.update(jnp.array([1.0]), optimizer.init(jnp.ones(1)))
    >>> f"{u[0]:.2f}"
    '-0.01'
    """
    return optax.chain(scale_by_ewma(decay, debias=debias), scale_by_learning_rate(learning_rate))


def rmsprop(
    learning_rate: LearningRate,
    decay: float | Array = 0.9,
    *,
    eps: float | Array = 1e-8,
    eps_inside_root: bool = False,
    debias: bool = False,
    centered: bool = False,
) -> optax.GradientTransformation:
    """RMSProp: a step of about the learning rate in every coordinate (see `scale_by_rms`).

        s = decay s + (1 - decay) g^2,    p = p - lr g / (sqrt(s) + eps)

    eps is outside the root, as in torch; `eps_inside_root=True` gives sqrt(s + eps), as in TensorFlow and by default in
    optax. torch's decay is 0.99. `centered` divides by the standard deviation of the gradients, sqrt(s - m^2) + eps.

    >>> import jax.numpy as jnp
    >>> optimizer = rmsprop(0.1, 0.75)
    >>> u, _ = optimizer.update(jnp.array([3.0]), optimizer.init(jnp.ones(1)))
    >>> f"{u[0]:.2f}"
    '-0.20'
    """
    scale = scale_by_rms(decay, eps=eps, eps_inside_root=eps_inside_root, debias=debias, centered=centered)
    return optax.chain(scale, scale_by_learning_rate(learning_rate))


def adagrad(
    learning_rate: LearningRate,
    *,
    initial_accumulator: float | Array = 0.0,
    eps: float | Array = 1e-10,
    eps_inside_root: bool = False,
) -> optax.GradientTransformation:
    """AdaGrad: rates that fall with the squared gradients seen in each coordinate (see `scale_by_adagrad`).

        s = s + g^2,    p = p - lr g / (sqrt(s) + eps)

    >>> import jax.numpy as jnp
    >>> optimizer = adagrad(0.1)
    >>> u, _ = optimizer.update(jnp.array([3.0]), optimizer.init(jnp.ones(1)))
    >>> f"{u[0]:.2f}"
    '-0.10'
    """
    scale = scale_by_adagrad(initial_accumulator=initial_accumulator, eps=eps, eps_inside_root=eps_inside_root)
    return optax.chain(scale, scale_by_learning_rate(learning_rate))


def adam(
    learning_rate: LearningRate,
    b1: float | Array = 0.9,
    b2: float | Array = 0.999,
    *,
    eps: float | Array = 1e-8,
    debias: bool = True,
    nesterov: bool = False,
    amsgrad: bool = False,
    mu_dtype: DType | None = None,
) -> optax.GradientTransformation:
    """Adam, with or without bias correction; NAdam (`nesterov`) and AMSGrad (`amsgrad`): see `scale_by_adam`.

        p = p - lr m^ / (sqrt(s^) + eps),    m^ = m / (1 - b1^t),    s^ = s / (1 - b2^t)

    >>> import jax.numpy as jnp
    >>> optimizer = adam(0.1)
    >>> u, _ = optimizer.update(jnp.array([3.0]), optimizer.init(jnp.ones(1)))
    >>> f"{u[0]:.2f}"
    '-0.10'
    """
    scale = scale_by_adam(b1, b2, eps=eps, debias=debias, nesterov=nesterov, amsgrad=amsgrad, mu_dtype=mu_dtype)
    return optax.chain(scale, scale_by_learning_rate(learning_rate))


def adamw(
    learning_rate: LearningRate,
    b1: float | Array = 0.9,
    b2: float | Array = 0.999,
    *,
    eps: float | Array = 1e-8,
    weight_decay: float | Array = 1e-2,
    mask: Mask | None = None,
    nesterov: bool = False,
    amsgrad: bool = False,
    mu_dtype: DType | None = None,
) -> optax.GradientTransformation:
    """Adam with decoupled weight decay: the decay is not divided by the root of the squared gradients.

        p = p - lr (m^ / (sqrt(s^) + eps) + weight_decay p)

    The decay is scaled by the learning rate and its schedule, as in torch and optax; 1e-2 is torch's default (optax's
    is 1e-4). `mask=weights` spares biases and scales; the last three options are those of `scale_by_adam`.

    Reference: Loshchilov, Hutter, "Decoupled weight decay regularization", 2019.

    >>> import jax.numpy as jnp
    >>> optimizer, p = adamw(0.1, weight_decay=0.5), jnp.array([2.0])
    >>> u, _ = optimizer.update(jnp.array([3.0]), optimizer.init(p), p)
    >>> f"{u[0]:.2f}"
    '-0.20'
    """
    return optax.chain(
        scale_by_adam(b1, b2, eps=eps, nesterov=nesterov, amsgrad=amsgrad, mu_dtype=mu_dtype),
        add_decayed_weights(weight_decay, mask),
        scale_by_learning_rate(learning_rate),
    )
