"""Rows for the normalization layers."""

import functools

import jax
import jax.numpy as jnp
from cases import Case

from jaxdl.nn.norm import batch_norm, group_norm, layer_norm, rms_norm

ROUNDING = "two sums over the axis, in another order than the reference's"


def _arguments(key, shape, names=("scale", "bias"), state=False):
    keys = jax.random.split(key, 4)
    params = {name: jax.random.normal(k, shape[-1:]) for name, k in zip(names, keys[:2], strict=False)}
    x = 0.5 + 2.0 * jax.random.normal(keys[2], shape)
    if not state:
        return params, x
    return params, {"mean": jnp.ones(shape[-1:]), "var": jnp.full(shape[-1:], 2.0)}, x


def _flax(params, x, name, **options):
    import flax.linen

    return getattr(flax.linen, name)(**options).apply({"params": params}, x)


def _flax_batch_norm(params, state, x, train):
    import flax.linen

    layer = flax.linen.BatchNorm(use_running_average=not train, momentum=0.9, epsilon=1e-5)
    y, update = layer.apply({"params": params, "batch_stats": state}, x, mutable=["batch_stats"])
    return y, update["batch_stats"]


def _torch_batch_norm(params, state, x):
    import torch

    planes = x.permute(0, 3, 1, 2)
    y = torch.nn.functional.batch_norm(planes, state["mean"], state["var"], params["scale"], params["bias"], eps=1e-5)
    return y.permute(0, 2, 3, 1)


def _torch_group_norm(params, x):
    import torch

    y = torch.nn.functional.group_norm(x.permute(0, 3, 1, 2), 2, params["scale"], params["bias"])
    return y.permute(0, 2, 3, 1)


def _torch_layer_norm(params, x):
    import torch

    return torch.nn.functional.layer_norm(x, x.shape[-1:], params["scale"], params["bias"])


ROWS = jnp.array([True, False, True, True])
STEPS = jnp.array([[True] * 4, [True] * 2 + [False] * 2, [False, True, True, True]])[:, :, None]


def _flax_masked_layer_norm(params, x):
    import flax.linen

    layer = flax.linen.LayerNorm(epsilon=1e-5, reduction_axes=(1, 2), use_fast_variance=False)
    return layer.apply({"params": params}, jnp.where(STEPS, x, 0), mask=jnp.broadcast_to(STEPS, x.shape))


CASES = [
    Case(
        "nn.batch_norm/train",  # no gradient flows through the running state, so the gradient check sees y alone
        lambda params, state, x: batch_norm(params, state, x, train=True)[0],
        functools.partial(_arguments, shape=(4, 3, 2, 3), state=True),
        wrt=(0, 2),
        references={"flax": lambda params, state, x: _flax_batch_norm(params, state, x, train=True)[0]},
        tolerance=5e-6,
        why=ROUNDING,
    ),
    Case(
        "nn.batch_norm/train-plain",
        lambda params, state, x: batch_norm(params, state, x, train=True, method="plain"),
        functools.partial(_arguments, shape=(4, 3, 2, 3), state=True),
        wrt=(),
        references={"one pass": lambda params, state, x: batch_norm(params, state, x, train=True, method="one_pass")},
        tolerance=5e-6,
        why=ROUNDING,
    ),
    Case(
        "nn.batch_norm/where",
        lambda params, state, x: batch_norm(params, state, x, train=True, where=ROWS)[0],
        functools.partial(_arguments, shape=(4, 3, 2, 3), state=True),
        wrt=(0, 2),
    ),
    Case(
        "nn.layer_norm/axes-where",
        lambda params, x: layer_norm(params, x, axis=(1, 2), where=STEPS),
        functools.partial(_arguments, shape=(3, 4, 5)),
        wrt=(0, 1),
        batched=(),
        references={"flax": lambda params, x: _flax_masked_layer_norm(params, x)},
        tolerance=5e-6,
        why=ROUNDING,
    ),
    Case(
        "nn.batch_norm/train-state",
        lambda params, state, x: batch_norm(params, state, x, train=True)[1],
        functools.partial(_arguments, shape=(4, 3, 2, 3), state=True),
        wrt=(),
        references={"flax": lambda params, state, x: _flax_batch_norm(params, state, x, train=True)[1]},
        tolerance=5e-6,
        why=ROUNDING,
    ),
    Case(
        "nn.batch_norm/eval",
        lambda params, state, x: batch_norm(params, state, x, train=False)[0],
        functools.partial(_arguments, shape=(4, 3, 2, 3), state=True),
        wrt=(0, 1, 2),
        batched=(2,),
        references={
            "flax": lambda params, state, x: _flax_batch_norm(params, state, x, train=False)[0],
            "torch": _torch_batch_norm,
        },
        tolerance=5e-6,
        why=ROUNDING,
    ),
    Case(
        "nn.layer_norm",
        layer_norm,
        functools.partial(_arguments, shape=(3, 4, 5)),
        wrt=(0, 1),
        batched=(1,),
        references={
            "flax": functools.partial(_flax, name="LayerNorm", epsilon=1e-5),
            "torch": _torch_layer_norm,
        },
        tolerance=5e-6,
        why=ROUNDING,
    ),
    Case(
        "nn.rms_norm",
        rms_norm,
        functools.partial(_arguments, shape=(3, 4, 5), names=("scale",)),
        wrt=(0, 1),
        batched=(1,),
        references={"flax": functools.partial(_flax, name="RMSNorm", epsilon=1e-6)},
        tolerance=5e-6,
        why=ROUNDING,
    ),
    Case(
        "nn.group_norm",
        functools.partial(group_norm, groups=2),
        functools.partial(_arguments, shape=(3, 3, 2, 4)),
        wrt=(0, 1),
        batched=(1,),
        references={
            "flax": functools.partial(_flax, name="GroupNorm", num_groups=2, epsilon=1e-5),
            "torch": _torch_group_norm,
        },
        tolerance=5e-6,
        why=ROUNDING,
    ),
]
