"""Rows for dense, dropout, stack and the regularizers."""

import functools

import jax
import jax.numpy as jnp
from cases import Case

from jaxdl import nn
from jaxdl.losses import regularizers

DROP = jax.random.key(7)


def _dense(key):
    params_key, bias_key, x_key = jax.random.split(key, 3)
    params = nn.init_dense(params_key, 4, 3)
    return params | {"b": jax.random.normal(bias_key, (3,))}, jax.random.normal(x_key, (5, 4))


def _dense_sequence(key):
    params, _ = _dense(key)
    return params, jax.random.normal(key, (2, 3, 4))


def _flax_dense(params, x):
    import flax.linen

    return flax.linen.Dense(3).apply({"params": {"kernel": params["w"], "bias": params["b"]}}, x)


def _torch_dense(params, x):
    import torch

    return torch.nn.functional.linear(x, params["w"].T, params["b"])


def _stack(key):
    params_key, x_key = jax.random.split(key)
    params = nn.init_stack(lambda k: nn.init_dense(k, 4, 4), params_key, 3)
    return params, jax.random.normal(x_key, (5, 4))


def _layer(params, x):
    return jnp.tanh(nn.dense(params, x))


def _loop(params, x):
    for i in range(3):
        x = _layer(jax.tree.map(lambda leaf: leaf[i], params), x)  # noqa: B023
    return x


def _tree(key):
    params, _ = _dense(key)
    return (params,)


def _codes(key):
    return (jax.random.uniform(key, (6, 3), minval=0.05, maxval=0.6),)


def _torch_kl(a):
    """Sum over the units of the divergence of two Bernoulli distributions."""
    from torch.distributions import Bernoulli, kl_divergence

    mean = a.mean(0)
    return kl_divergence(Bernoulli(mean.new_tensor(0.1)), Bernoulli(mean, validate_args=False)).sum()


CASES = [
    Case(
        "nn.dense",
        nn.dense,
        _dense,
        wrt=(0, 1),
        batched=(1,),
        references={"flax": _flax_dense, "torch": _torch_dense},
    ),
    Case(
        "nn.dense/sequence",
        nn.dense,
        _dense_sequence,
        wrt=(0, 1),
        batched=(1,),
        references={"torch": _torch_dense},
    ),
    Case("nn.flatten", nn.flatten, lambda key: (jax.random.normal(key, (2, 3, 4)),), batched=(0,)),
    Case(
        "nn.dropout",
        functools.partial(nn.dropout, rate=0.4, key=DROP),
        lambda key: (jax.random.normal(key, (4, 5)),),
    ),
    Case(
        "nn.stack",
        functools.partial(nn.stack, _layer),
        _stack,
        wrt=(0, 1),
        batched=(1,),
        references={"loop": _loop},
    ),
    Case(
        "nn.stack/remat",
        functools.partial(nn.stack, _layer, remat=True),
        _stack,
        wrt=(0, 1),
        references={"loop": _loop},
    ),
    Case("regularizers.l1", regularizers.l1, _tree, dtypes=("float32", "float64")),
    Case("regularizers.l2", regularizers.l2, _tree, dtypes=("float32", "float64")),
    Case(
        "regularizers.elastic_net",
        functools.partial(regularizers.elastic_net, l1_rate=0.1, l2_rate=0.2),
        _tree,
        dtypes=("float32", "float64"),
        references={"formula": lambda p: 0.1 * jnp.abs(p["w"]).sum() + 0.2 * (p["w"] ** 2).sum()},
    ),
    Case(
        "regularizers.kl_sparsity",
        functools.partial(regularizers.kl_sparsity, rho=0.1),
        _codes,
        dtypes=("float32", "float64"),
        references={"torch": _torch_kl},
    ),
    Case(
        "regularizers.kl_sparsity/where",
        functools.partial(regularizers.kl_sparsity, rho=0.1, where=jnp.arange(6) < 4),
        _codes,
        dtypes=("float32", "float64"),
        references={"torch": lambda a: _torch_kl(a[:4])},
    ),
    Case(
        "regularizers.l1_sparsity",
        functools.partial(regularizers.l1_sparsity, where=jnp.arange(6) > 1),
        lambda key: (jax.random.normal(key, (6, 3)),),
        dtypes=("float32", "float64"),
        references={"formula": lambda a: jnp.abs(a[2:]).sum(1).mean()},
    ),
]
