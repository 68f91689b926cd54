"""Rows for embeddings, recurrent cells, attention and the pointer."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
from cases import Case

from jaxdl import nn
from jaxdl.nn.pointer import init_pointer, pointer

WIDE = ("float32", "float64")
ROUNDING = "long sums in another order than the reference's"
MASK = jnp.array([[True, True, True, True], [True, True, False, False]])


def _normal(key, tree):
    """The tree with every leaf drawn anew: no bias stays zero."""
    leaves, structure = jax.tree.flatten(tree)
    keys = jax.random.split(key, len(leaves))
    return structure.unflatten([0.5 * jax.random.normal(k, leaf.shape) for k, leaf in zip(keys, leaves, strict=True)])


def _table(key):
    return _normal(key, nn.init_embedding(key, 5, 3)), jnp.array([[4, 0, 4], [1, 2, 2]])


def _states(key):
    return _table(key)[0], jax.random.normal(key, (2, 4, 3))


def _torch_embedding(params, tokens):
    import torch

    return torch.nn.functional.embedding(tokens, params["table"])


def _sinusoids(positions):
    y = np.zeros((*positions.shape, 6))
    for i in range(3):
        angles = positions / 10_000 ** (2 * i / 6)
        y[..., 2 * i], y[..., 2 * i + 1] = np.sin(angles), np.cos(angles)
    return y


def _turned(x):
    """Rotary positions by complex numbers: (a + bi) e^(ip w)."""
    z = x[..., 0::2] + 1j * x[..., 1::2]
    w = 10_000.0 ** (-np.arange(2) / 2)
    z = z * np.exp(1j * np.arange(3)[:, None] * w)[None, :, None]
    return np.stack([z.real, z.imag], axis=-1).reshape(x.shape)


INIT = {"rnn": nn.init_rnn, "lstm": nn.init_lstm, "gru": nn.init_gru}


def _cell(key, name):
    keys = jax.random.split(key, 3)
    carry = tuple(jax.random.normal(k, (2, 3)) for k in jax.random.split(keys[2], 2 if name == "lstm" else 1))
    return _normal(keys[0], INIT[name](keys[0], 4, 3)), carry, jax.random.normal(keys[1], (2, 4))


def _sequence(key, name, both=False):
    keys = jax.random.split(key, 3)
    params = _normal(keys[0], INIT[name](keys[0], 3, 2))
    if both:
        params = {"forward": params, "backward": _normal(keys[1], params)}
    return params, jax.random.normal(keys[2], (2, 4, 3)), MASK


def _flax_rnn(params, carry, x):
    import flax.linen

    tree = {"i": {"kernel": params["x"]["w"], "bias": params["x"]["b"]}, "h": {"kernel": params["h"]["w"]}}
    h, y = jax.jit(flax.linen.SimpleCell(3).apply)({"params": tree}, carry[0], x)
    return (h,), y


def _flax_lstm(params, carry, x):
    import flax.linen

    tree = {}
    for gate, w_x, w_h, b in zip(
        "ifgo",
        jnp.split(params["x"]["w"], 4, axis=1),
        jnp.split(params["h"]["w"], 4, axis=1),
        jnp.split(params["x"]["b"], 4),
        strict=True,
    ):
        tree |= {f"i{gate}": {"kernel": w_x}, f"h{gate}": {"kernel": w_h, "bias": b}}
    (c, h), y = jax.jit(flax.linen.OptimizedLSTMCell(3).apply)({"params": tree}, carry[::-1], x)
    return (h, c), y


def _flax_gru(params, carry, x):
    import flax.linen

    w_x, w_h = (jnp.split(params[name]["w"], 3, axis=1) for name in ("x", "h"))
    biases = jnp.split(params["x"]["b"], 3)
    tree = {f"i{gate}": {"kernel": w, "bias": b} for gate, w, b in zip("rzn", w_x, biases, strict=True)}
    tree |= {f"h{gate}": {"kernel": w} for gate, w in zip("rzn", w_h, strict=True)}
    tree["hn"]["bias"] = params["candidate"]["b"]
    h, y = jax.jit(flax.linen.GRUCell(3).apply)({"params": tree}, carry[0], x)
    return (h,), y


def _torch_weights(params):
    """weight_ih, weight_hh, bias_ih, bias_hh."""
    import torch

    b = params["x"]["b"]
    b_h = torch.zeros_like(b)
    if "candidate" in params:
        b_h[2 * len(b) // 3 :] = params["candidate"]["b"]
    return params["x"]["w"].T, params["h"]["w"].T, b, b_h


def _torch_cell(params, carry, x, name):
    import torch

    module = {"rnn": torch.nn.RNNCell, "lstm": torch.nn.LSTMCell, "gru": torch.nn.GRUCell}[name](4, 3, dtype=x.dtype)
    names = ("weight_ih", "weight_hh", "bias_ih", "bias_hh")
    module.load_state_dict(dict(zip(names, _torch_weights(params), strict=True)))
    out = module(x, carry if name == "lstm" else carry[0])
    return (out, out[0]) if name == "lstm" else ((out,), out)


def _torch_sequence(params, x, mask, name, both=False):
    """Packed sequences, by torch's own layers."""
    import torch

    sides = {"": params["forward"], "_reverse": params["backward"]} if both else {"": params}
    layer = {"rnn": torch.nn.RNN, "lstm": torch.nn.LSTM, "gru": torch.nn.GRU}[name]
    module = layer(3, 2, batch_first=True, bidirectional=both, dtype=x.dtype)
    state = {}
    for suffix, side in sides.items():
        names = ("weight_ih", "weight_hh", "bias_ih", "bias_hh")
        state |= {f"{n}_l0{suffix}": w for n, w in zip(names, _torch_weights(side), strict=True)}
    module.load_state_dict(state)
    packed = torch.nn.utils.rnn.pack_padded_sequence(x, mask.sum(1), batch_first=True)
    ys, last = module(packed)
    ys, _ = torch.nn.utils.rnn.pad_packed_sequence(ys, batch_first=True, total_length=x.shape[1])
    last = last if isinstance(last, tuple) else (last,)
    carries = tuple(tuple(part[i] for part in last) for i in range(len(sides)))
    return (carries if both else carries[0]), ys


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


def _additive(key):
    keys = jax.random.split(key, 4)
    params = _normal(keys[0], nn.init_additive_attention(keys[0], 2, 3, 4))
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
    params = _normal(keys[0], nn.init_multi_head_attention(keys[0], 4))
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
    return _normal(keys[0], init_pointer(keys[0], 4)), *arrays


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
    Case("nn.embedding", nn.embedding, _table, batched=(1,), references={"torch": _torch_embedding}),
    Case(
        "nn.unembedding",
        nn.unembedding,
        _states,
        wrt=(0, 1),
        batched=(1,),
        dtypes=WIDE,
        references={"numpy": lambda params, x: x @ params["table"].T},
    ),
    Case(
        "nn.sinusoidal_positions",
        lambda positions: nn.sinusoidal_positions(positions, 6, dtype=jnp.zeros(()).dtype),
        lambda key: (jnp.arange(20),),
        wrt=(),
        batched=(0,),
        dtypes=(),
        references={"numpy": _sinusoids},
        tolerance=5e-6,
        why="sines of angles up to 19, rounded to float32",
    ),
    Case(
        "nn.rotary",
        lambda x: nn.rotary(x, jnp.arange(3)),
        lambda key: (jax.random.normal(key, (2, 3, 2, 4)),),
        batched=(0,),
        references={"numpy": _turned},
    ),
    *(
        Case(
            f"nn.{name}_cell",
            getattr(nn, f"{name}_cell"),
            functools.partial(_cell, name=name),
            wrt=(0, 1, 2),
            batched=(1, 2),
            references={"flax": flax, "torch": functools.partial(_torch_cell, name=name)},
        )
        for name, flax in (("rnn", _flax_rnn), ("lstm", _flax_lstm), ("gru", _flax_gru))
    ),
    Case(
        "nn.recurrent",
        lambda params, x, mask: nn.recurrent(params, x, cell="lstm", mask=mask),
        functools.partial(_sequence, name="lstm"),
        wrt=(0, 1),
        batched=(1, 2),
        references={"torch": functools.partial(_torch_sequence, name="lstm")},
    ),
    Case(
        "nn.bidirectional",
        jax.jit(lambda params, x, mask: nn.bidirectional(params, x, cell="gru", mask=mask)),
        functools.partial(_sequence, name="gru", both=True),
        wrt=(0, 1),
        batched=(1, 2),
        references={"torch": functools.partial(_torch_sequence, name="gru", both=True)},
    ),
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
