"""Rows for attention and the pointer."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
from cases import Case

from case_rows.sequences import MASK, ROUNDING, WIDE, normal
from jaxdl import nn
from jaxdl.nn.copying import init_pointer, pointer


def _qkv(key, n_keys=5):
    keys = jax.random.split(key, 3)
    lengths = (3, n_keys, n_keys)
    return tuple(2 * jax.random.normal(k, (2, n, 2, 4)) for k, n in zip(keys, lengths, strict=True))


KEYS = jnp.array([[True, True, True, True, True], [False, True, True, False, False]])[:, None, None]


def _torch_attention(q, k, v):
    import torch

    heads_first = (x.transpose(1, 2) for x in (q, k, v))
    mask = torch.from_numpy(np.array(KEYS))
    return torch.nn.functional.scaled_dot_product_attention(*heads_first, attn_mask=mask).transpose(1, 2)


def _grouped(key):
    """Four heads of queries on two of keys, values of five features, and a bias of every score."""
    keys = jax.random.split(key, 4)
    shapes = ((2, 3, 4, 4), (2, 5, 2, 4), (2, 5, 2, 5), (1, 4, 3, 5))
    return tuple(jax.random.normal(k, shape) for k, shape in zip(keys, shapes, strict=True))


def _torch_grouped(q, k, v, bias):
    import torch

    q, k, v = (x.transpose(1, 2) for x in (q, k, v))
    bias = bias.expand(2, -1, -1, -1).masked_fill(~torch.from_numpy(np.array(KEYS)), -torch.inf)
    return torch.nn.functional.scaled_dot_product_attention(q, k, v, attn_mask=bias, enable_gqa=True).transpose(1, 2)


def _additive(key):
    keys = jax.random.split(key, 4)
    params = normal(keys[0], nn.init_additive_attention(keys[0], 2, 3, 4))
    shapes = ((2, 3, 2), (2, 4, 4), (2, 4, 5))
    return params, *(jax.random.normal(k, shape) for k, shape in zip(keys[1:], shapes, strict=True)), MASK


def _additive_by_loops(params, q, keys, values, mask):
    y, a = np.zeros((2, 3, 5)), np.zeros((2, 3, 4))
    for b in range(2):
        for t in range(3):
            hidden = np.tanh(q[b, t] @ params["query"]["w"] + keys[b])
            scores = np.exp((hidden @ params["score"]["w"])[:, 0]) * mask[b]
            a[b, t] = scores / scores.sum()
            y[b, t] = a[b, t] @ values[b]
    return y, a


def _heads(key):
    keys = jax.random.split(key, 3)
    params = normal(keys[0], nn.init_multi_head_attention(keys[0], 4))
    return params, jax.random.normal(keys[1], (2, 3, 4)), jax.random.normal(keys[2], (2, 4, 4)), MASK


@jax.jit
def _cross(params, x, memory, mask):
    return nn.multi_head_attention(params, x, memory, n_heads=2, mask=mask[:, None, None])


def _flax_heads(params, x):
    import flax.linen

    w, b = (
        jnp.split(params["qkv"]["w"], 3, axis=1),
        (params["q"]["b"], jnp.zeros_like(params["q"]["b"]), params["v"]["b"]),
    )
    tree = {
        name: {"kernel": wi.reshape(4, 2, 2), "bias": bi.reshape(2, 2)}
        for name, wi, bi in zip(("query", "key", "value"), w, b, strict=True)
    }
    tree["out"] = {"kernel": params["out"]["w"].reshape(2, 2, 4), "bias": params["out"]["b"]}
    module = flax.linen.MultiHeadDotProductAttention(num_heads=2)
    return jax.jit(module.apply)({"params": tree}, x, mask=jnp.tril(jnp.ones((3, 3), bool))[None, None])


def _torch_heads(params, x, memory=None, mask=None):
    import torch

    module = torch.nn.MultiheadAttention(4, 2, batch_first=True, dtype=x.dtype)
    module.load_state_dict(
        {
            "in_proj_weight": params["qkv"]["w"].T,
            "in_proj_bias": torch.cat([params["q"]["b"], 0 * params["q"]["b"], params["v"]["b"]]),
            "out_proj.weight": params["out"]["w"].T,
            "out_proj.bias": params["out"]["b"],
        }
    )
    if memory is None or mask is None:
        return module(x, x, x, attn_mask=torch.triu(torch.ones(3, 3, dtype=torch.bool), 1))[0]
    return module(x, memory, memory, key_padding_mask=~mask)[0]


SOURCE = jnp.array([[1, 3, 1, 4], [2, 2, 0, 0]])


def _pointer(key):
    keys = jax.random.split(key, 4)
    shapes = ((2, 3, 4), (2, 4, 4), (2, 3, 5))
    arrays = [jax.random.normal(k, shape) for k, shape in zip(keys[1:], shapes, strict=True)]
    return normal(keys[0], init_pointer(keys[0], 4)), *arrays


@jax.jit  # as are the longer rows below: operation by operation they take seconds to compile
def _copy(params, x, memory, logits):
    gate, weights = pointer(params, x, memory, mask=MASK)
    return nn.mix_copies(logits, gate, weights, SOURCE)


def _copy_by_loops(params, x, memory, logits):
    mask, source = np.array(MASK), np.array(SOURCE)

    def softmax(z):
        return np.exp(z) / np.exp(z).sum(-1, keepdims=True)

    log_p = np.zeros(logits.shape)
    for b in range(2):
        n = int(mask[b].sum())
        q, k = x[b] @ params["query"]["w"] + params["query"]["b"], memory[b, :n] @ params["key"]["w"]
        a = softmax(q @ k.T / 2)
        gate = np.concatenate([x[b], a @ memory[b, :n]], axis=1) @ params["gate"]["w"] + params["gate"]["b"]
        g = 1 / (1 + np.exp(-gate))
        p = g * softmax(logits[b])
        for s in range(n):
            p[:, source[b, s]] += (1 - g[:, 0]) * a[:, s]
        log_p[b] = np.log(p)
    return log_p


CASES = [
    Case(
        "nn.dot_product_attention",
        functools.partial(nn.dot_product_attention, mask=KEYS),
        _qkv,
        wrt=(0, 1, 2),
        references={"torch": _torch_attention},
        tolerance=2e-6,
        why=ROUNDING,
    ),
    Case(
        "nn.chunked_attention",
        jax.jit(functools.partial(nn.chunked_attention, mask=KEYS[:, :, :, :3], causal=True, chunk=2)),
        functools.partial(_qkv, n_keys=3),
        wrt=(0, 1, 2),
        references={"plain": functools.partial(nn.dot_product_attention, mask=KEYS[:, :, :, :3], causal=True)},
        tolerance=2e-6,
        why=ROUNDING,
    ),
    *(
        Case(
            f"nn.{name}/grouped-bias",
            jax.jit(lambda q, k, v, bias, f=f, options=options: f(q, k, v, bias=bias, mask=KEYS, **options)),
            _grouped,
            wrt=(0, 1, 2, 3),
            references={"torch": _torch_grouped},
            tolerance=2e-6,
            why=ROUNDING,
        )
        for name, f, options in (
            ("dot_product_attention", nn.dot_product_attention, {}),
            ("chunked_attention", nn.chunked_attention, {"chunk": 2}),
        )
    ),
    Case(
        "nn.multi_head_attention/grouped",
        jax.jit(lambda params, x: nn.multi_head_attention(params, x, n_heads=4, positions=jnp.arange(3), causal=True)),
        lambda key: (
            normal(key, nn.init_multi_head_attention(key, 8, queries_per_key=2)),
            jax.random.normal(key, (2, 3, 8)),
        ),
        wrt=(0, 1),
        batched=(1,),
    ),
    Case(
        "nn.dot_product_attention/dropout",
        functools.partial(nn.dot_product_attention, rate=0.4, key=jax.random.key(3)),
        _qkv,
        wrt=(0, 1, 2),
    ),
    Case(
        "nn.additive_attention",
        jax.jit(lambda params, q, k, v, mask: nn.additive_attention(params, q, k, v, mask=mask)),
        _additive,
        wrt=(0, 1, 2, 3),
        batched=(1, 2, 3, 4),
        dtypes=WIDE,
        references={"numpy": _additive_by_loops},
    ),
    Case(
        "nn.multi_head_attention/self",
        jax.jit(lambda params, x: nn.multi_head_attention(params, x, n_heads=2, causal=True)),
        lambda key: _heads(key)[:2],
        wrt=(0, 1),
        batched=(1,),
        references={"flax": _flax_heads, "torch": _torch_heads},
        tolerance=2e-6,
        why=ROUNDING,
    ),
    Case(
        "nn.multi_head_attention/memory",
        _cross,
        _heads,
        wrt=(0, 1, 2),
        batched=(1, 2, 3),
        references={"torch": _torch_heads},
        tolerance=2e-6,
        why=ROUNDING,
    ),
    Case(
        "nn.mix_copies",
        _copy,
        _pointer,
        wrt=(0, 1, 2, 3),
        dtypes=WIDE,
        references={"numpy": _copy_by_loops},
        tolerance=2e-6,
        why=ROUNDING,
    ),
]
