"""Rows for embeddings and recurrent cells."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
from cases import Case

from jaxdl import nn

WIDE = ("float32", "float64")
ROUNDING = "long sums in another order than the reference's"
MASK = jnp.array([[True, True, True, True], [True, True, False, False]])


def normal(key, tree):
    """The tree with every leaf drawn anew: no bias stays zero."""
    leaves, structure = jax.tree.flatten(tree)
    keys = jax.random.split(key, len(leaves))
    return structure.unflatten([0.5 * jax.random.normal(k, leaf.shape) for k, leaf in zip(keys, leaves, strict=True)])


def _table(key):
    return normal(key, nn.init_embedding(key, 5, 3)), jnp.array([[4, 0, 4], [1, 2, 2]])


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
    return normal(keys[0], INIT[name](keys[0], 4, 3)), carry, jax.random.normal(keys[1], (2, 4))


def _sequence(key, name, both=False):
    keys = jax.random.split(key, 3)
    params = normal(keys[0], INIT[name](keys[0], 3, 2))
    if both:
        params = {"forward": params, "backward": normal(keys[1], params)}
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
]
