"""Rows for jaxdl.nn.activations."""

import math

import jax
import jax.numpy as jnp
from cases import Case

from jaxdl.nn import activations


def _x(key):
    return (3 * jax.random.normal(key, (4, 5)),)


def _torch(name, **options):
    def reference(x):
        import torch

        return getattr(torch.nn.functional, name)(x, **options)

    return reference


CASES = [
    Case("activations.identity", activations.identity, _x, batched=(0,)),
    Case(
        "activations.step",
        activations.step,
        _x,
        batched=(0,),
        references={"jnp": lambda x: jnp.heaviside(x, 1)},
    ),
    Case(
        "activations.sigmoid",
        activations.sigmoid,
        _x,
        batched=(0,),
        references={"jax.nn": jax.nn.sigmoid, "torch": _torch("sigmoid")},
    ),
    Case("activations.tanh", activations.tanh, _x, batched=(0,), references={"torch": _torch("tanh")}),
    Case(
        "activations.relu",
        activations.relu,
        _x,
        batched=(0,),
        references={"jax.nn": jax.nn.relu, "torch": _torch("relu")},
    ),
    Case(
        "activations.leaky_relu",
        activations.leaky_relu,
        _x,
        batched=(0,),
        references={"jax.nn": jax.nn.leaky_relu, "torch": _torch("leaky_relu")},
    ),
    Case(
        "activations.elu",
        activations.elu,
        _x,
        batched=(0,),
        references={"jax.nn": jax.nn.elu, "torch": _torch("elu")},
    ),
    Case(
        "activations.gelu",
        activations.gelu,
        _x,
        batched=(0,),
        references={"jax.nn": lambda x: jax.nn.gelu(x, approximate=False), "torch": _torch("gelu")},
    ),
    Case(
        "activations.gelu_tanh",
        activations.gelu_tanh,
        _x,
        batched=(0,),
        references={"jax.nn": jax.nn.gelu, "torch": _torch("gelu", approximate="tanh")},
    ),
    Case(
        "activations.silu",
        activations.silu,
        _x,
        batched=(0,),
        references={"jax.nn": jax.nn.silu, "torch": _torch("silu")},
    ),
    Case(
        "activations.softplus",
        activations.softplus,
        _x,
        batched=(0,),
        references={"jax.nn": jax.nn.softplus, "torch": _torch("softplus", threshold=math.inf)},
    ),
    Case(
        "activations.softsign",
        activations.softsign,
        _x,
        batched=(0,),
        references={"jax.nn": jax.nn.soft_sign, "torch": _torch("softsign")},
    ),
    Case(
        "activations.softmax",
        activations.softmax,
        _x,
        batched=(0,),
        references={"jax.nn": jax.nn.softmax, "torch": _torch("softmax", dim=-1)},
    ),
    Case(
        "activations.log_softmax",
        activations.log_softmax,
        _x,
        batched=(0,),
        references={"jax.nn": jax.nn.log_softmax, "torch": _torch("log_softmax", dim=-1)},
    ),
]
