"""Rows for jaxdl.losses."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import optax
from cases import Case

from jaxdl import losses
from jaxdl.nn.activations import log_softmax, softmax


def _regression(key):
    p_key, t_key = jax.random.split(key)
    return jax.random.normal(p_key, (6, 2)), jax.random.normal(t_key, (6, 2))


def _binary(key):
    x_key, t_key = jax.random.split(key)
    return 2 * jax.random.normal(x_key, (6,)), jax.random.uniform(t_key, (6,))


def _soft(key):
    x_key, t_key = jax.random.split(key)
    return 2 * jax.random.normal(x_key, (6, 4)), softmax(jax.random.normal(t_key, (6, 4)))


def _labels(key):
    x_key, t_key = jax.random.split(key)
    return 2 * jax.random.normal(x_key, (6, 4)), jax.random.randint(t_key, (6,), 0, 4)


def _tokens(key):
    x_key, t_key = jax.random.split(key)
    return jax.random.normal(x_key, (2, 3, 4)), jax.random.randint(t_key, (2, 3), 0, 4)


def _signs(key):
    s_key, t_key = jax.random.split(key)
    return 2 * jax.random.normal(s_key, (6,)), 2.0 * jax.random.bernoulli(t_key, shape=(6,)).astype(jnp.float32) - 1


def _divergence(key):
    x, t = _soft(key)
    return log_softmax(x), t


def _gaussian(key):
    m_key, v_key = jax.random.split(key)
    return jax.random.normal(m_key, (6, 4)), jax.random.normal(v_key, (6, 4))


def _torch_gaussian_kl(mean, log_variance):
    from torch import distributions

    q = distributions.Normal(mean, (log_variance / 2).exp())
    return distributions.kl_divergence(q, distributions.Normal(0.0, 1.0)).sum(-1)


WEIGHTS = jnp.array([0.5, 2.0, 1.0, 3.0])  # of the classes
EACH = jnp.stack([jnp.arange(6.0), jnp.ones(6)], axis=1)  # of every number; one counts nothing
MASK = jnp.array([True, True, False, True, False, True])


def _torch(name, adapt=lambda x, t: (x, t), **options):
    def reference(x, t):
        import torch

        return getattr(torch.nn.functional, name)(*adapt(x, t), **options)

    return reference


def _weighted(name, argument, **options):
    """torch's loss with WEIGHTS of the classes, in the dtype of the logits."""

    def reference(x, t):
        import torch

        weights = torch.tensor(WEIGHTS.tolist(), dtype=x.dtype)
        loss = getattr(torch.nn.functional, name)
        return loss(x, t, reduction="none", **{argument: weights}, **options)

    return reference


def _average(errors):
    return lambda p, t: np.average(errors(p - t), weights=np.asarray(EACH, p.dtype))


def _rows_of_four(key):
    x, t = _soft(key)
    return x, t / t.max(-1, keepdims=True)


def _smoothed(logits, labels):
    targets = optax.smooth_labels(jax.nn.one_hot(labels, 4, dtype=logits.dtype), 0.1)
    return optax.softmax_cross_entropy(logits, targets)


CASES = [
    Case(
        "losses.mean_squared_error",
        losses.mean_squared_error,
        _regression,
        wrt=(0, 1),
        references={"optax": lambda p, t: optax.squared_error(p, t).mean(), "torch": _torch("mse_loss")},
    ),
    Case(
        "losses.mean_squared_error/where",
        functools.partial(losses.mean_squared_error, where=jnp.stack([MASK, ~MASK], axis=1)),
        _regression,
        references={"mean": lambda p, t: ((p - t) ** 2)[jnp.stack([MASK, ~MASK], axis=1)].mean()},
    ),
    Case(
        "losses.root_mean_squared_error",
        losses.root_mean_squared_error,
        _regression,
        wrt=(0, 1),
        references={"optax": lambda p, t: jnp.sqrt(optax.squared_error(p, t).mean())},
    ),
    Case(
        "losses.mean_absolute_error",
        losses.mean_absolute_error,
        _regression,
        wrt=(0, 1),
        references={"torch": _torch("l1_loss")},
    ),
    Case(
        "losses.huber",
        functools.partial(losses.huber, delta=0.7),
        _regression,
        wrt=(0, 1),
        batched=(0, 1),
        references={
            "optax": functools.partial(optax.huber_loss, delta=0.7),
            "torch": _torch("huber_loss", reduction="none", delta=0.7),
        },
    ),
    Case(
        "losses.binary_cross_entropy",
        losses.binary_cross_entropy,
        _binary,
        wrt=(0, 1),
        batched=(0, 1),
        references={
            "optax": optax.sigmoid_binary_cross_entropy,
            "torch": _torch("binary_cross_entropy_with_logits", reduction="none"),
        },
    ),
    Case(
        "losses.binary_cross_entropy/where",
        functools.partial(losses.binary_cross_entropy, where=MASK),
        _binary,
        references={"optax": lambda x, t: optax.sigmoid_binary_cross_entropy(x, t) * MASK},
    ),
    Case(
        "losses.categorical_cross_entropy",
        losses.categorical_cross_entropy,
        _soft,
        wrt=(0, 1),
        batched=(0, 1),
        references={
            "optax": optax.softmax_cross_entropy,
            "torch": _torch("cross_entropy", reduction="none"),
        },
    ),
    Case(
        "losses.sparse_categorical_cross_entropy",
        losses.sparse_categorical_cross_entropy,
        _labels,
        batched=(0, 1),
        references={
            "optax": optax.softmax_cross_entropy_with_integer_labels,
            "torch": _torch("cross_entropy", adapt=lambda x, t: (x, t.long()), reduction="none"),
        },
    ),
    Case(
        "losses.sparse_categorical_cross_entropy/tokens",
        losses.sparse_categorical_cross_entropy,
        _tokens,
        batched=(0, 1),
        references={"optax": optax.softmax_cross_entropy_with_integer_labels},
    ),
    Case(
        "losses.sparse_categorical_cross_entropy/label-smoothing",
        functools.partial(losses.sparse_categorical_cross_entropy, label_smoothing=0.1),
        _labels,
        batched=(0, 1),
        references={
            "optax": _smoothed,
            "torch": _torch("cross_entropy", lambda x, t: (x, t.long()), reduction="none", label_smoothing=0.1),
        },
    ),
    Case(
        "losses.sparse_categorical_cross_entropy/where",
        functools.partial(losses.sparse_categorical_cross_entropy, where=MASK),
        _labels,
        references={"optax": lambda x, y: optax.softmax_cross_entropy_with_integer_labels(x, y) * MASK},
    ),
    Case(
        "losses.mean_squared_error/weights",
        lambda p, t: losses.mean_squared_error(p, t, weights=EACH),
        _regression,
        wrt=(0, 1),
        references={"numpy": _average(np.square)},
    ),
    Case(
        "losses.root_mean_squared_error/weights",
        lambda p, t: losses.root_mean_squared_error(p, t, weights=EACH),
        _regression,
        wrt=(0, 1),
        references={"numpy": lambda p, t: np.sqrt(_average(np.square)(p, t))},
    ),
    Case(
        "losses.mean_absolute_error/weights",
        lambda p, t: losses.mean_absolute_error(p, t, weights=EACH),
        _regression,
        wrt=(0, 1),
        references={"numpy": _average(np.abs)},
    ),
    Case(
        "losses.binary_cross_entropy/pos-weight",
        lambda x, t: losses.binary_cross_entropy(x, t, pos_weight=WEIGHTS),
        _rows_of_four,
        wrt=(0, 1),
        batched=(0, 1),
        references={"torch": _weighted("binary_cross_entropy_with_logits", "pos_weight")},
    ),
    Case(
        "losses.categorical_cross_entropy/class-weights",
        lambda x, t: losses.categorical_cross_entropy(x, t, class_weights=WEIGHTS),
        _soft,
        wrt=(0, 1),
        batched=(0, 1),
        references={"torch": _weighted("cross_entropy", "weight")},
    ),
    Case(
        "losses.sparse_categorical_cross_entropy/class-weights-smoothed",
        lambda x, y: losses.sparse_categorical_cross_entropy(x, y, class_weights=WEIGHTS, label_smoothing=0.1),
        _labels,
        batched=(0, 1),
        references={"torch": _weighted("cross_entropy", "weight", label_smoothing=0.1)},
    ),
    Case(
        "losses.sparse_categorical_cross_entropy/ignore-index",
        functools.partial(losses.sparse_categorical_cross_entropy, ignore_index=1),
        _labels,
        batched=(0, 1),
        references={"torch": _torch("cross_entropy", reduction="none", ignore_index=1)},
    ),
    Case("losses.hinge", losses.hinge, _signs, batched=(0, 1), references={"optax": optax.hinge_loss}),
    Case(
        "losses.kl_divergence",
        losses.kl_divergence,
        _divergence,
        wrt=(0, 1),
        batched=(0, 1),
        references={
            "optax": optax.kl_divergence,
            "torch": lambda q, t: _torch("kl_div", reduction="none")(q, t).sum(-1),
        },
    ),
    Case(
        "losses.kl_divergence/log-targets",
        functools.partial(losses.kl_divergence, log_targets=True),
        lambda key: tuple(map(log_softmax, jax.random.normal(key, (2, 6, 4)))),
        wrt=(0, 1),
        batched=(0, 1),
        references={"torch": lambda q, t: _torch("kl_div", reduction="none", log_target=True)(q, t).sum(-1)},
    ),
    Case(
        "losses.gaussian_kl",
        losses.gaussian_kl,
        _gaussian,
        wrt=(0, 1),
        batched=(0, 1),
        references={"torch": _torch_gaussian_kl},
    ),
    Case(
        "losses.smooth_labels",
        functools.partial(losses.smooth_labels, smoothing=0.1),
        lambda key: (_soft(key)[1],),
        batched=(0,),
        references={"optax": functools.partial(optax.smooth_labels, alpha=0.1)},
    ),
]
