"""Recurrent layers: the Elman network, the LSTM and the GRU, as cells and scanned over time.

With x the input [B, D], h the hidden state [B, H], s the logistic sigmoid and * elementwise:

    rnn     h <- tanh(W_x x + W_h h + b)

    lstm    i, f, g, o = W_x x + W_h h + b          columns in this order: input, forget, candidate, output
            c <- s(f) * c + s(i) * tanh(g)          b starts at 1 in the forget columns, at 0 elsewhere
            h <- s(o) * tanh(c)

    gru     r, z = s(W_x x + W_h h + b)             columns in this order: reset, update, candidate
            n    = tanh(W_x x + b + r * (W_h h + b_h))
            h    <- (1 - z) * n + z * h

These are the orders and the GRU (reset after the product) of torch and cuDNN; torch keeps a second bias, which may be
added to the first wherever it is not multiplied by r.

References: Elman, "Finding structure in time", 1990. Hochreiter, Schmidhuber, "Long short-term memory", 1997, with the
forget gate of Gers et al., 2000, and its bias of Jozefowicz et al., 2015. Cho et al., "Learning phrase representations
using RNN encoder-decoder", 2014.

Dims: B batch, T time, D input features, H hidden features.
"""

from collections.abc import Callable
from typing import Literal, NamedTuple, TypeAlias

import chex
import jax
import jax.numpy as jnp
from jax import lax

from jaxdl import kernels
from jaxdl.nn.affine import dense, init_dense
from jaxdl.nn.initializers import orthogonal
from jaxdl.types import Array, DType, Key, Params, varying_as
from jaxdl.validation import require_floating, require_name

Carry: TypeAlias = tuple[Array, ...]  # what a cell remembers: (h,), or (h, c) of an LSTM; each [B, H]
CellName: TypeAlias = Literal["rnn", "lstm", "gru"]


def init_rnn(key: Key, n_in: int, n_hidden: int, *, dtype: DType = jnp.float32) -> Params:
    """Parameters of `rnn_cell`: {"x": {"w": [D, H], "b": [H]}, "h": {"w": [H, H]}}.

    >>> sorted(init_rnn(jax.random.key(0), 3, 4))
    ['h', 'x']
    """
    return _init(key, n_in, n_hidden, 1, dtype)


def rnn_cell(params: Params, carry: Carry, x: Array) -> tuple[Carry, Array]:
    """One step of the Elman network:  h <- tanh(W_x x + W_h h + b).

    Args:
        params: as from `init_rnn`.
        carry: (h,), h [B, H].
        x: [B, D].
    Returns: the new carry and the output h [B, H].

    >>> params = {"x": {"w": jnp.ones((1, 1)), "b": jnp.zeros(1)}, "h": {"w": jnp.ones((1, 1))}}
    >>> f"{rnn_cell(params, (jnp.zeros((1, 1)),), jnp.ones((1, 1)))[1].item():.4f}"
    '0.7616'
    """
    _check_cell("rnn", params)
    chex.assert_rank([x, *carry], 2)
    return _rnn_step(params, carry, dense(params["x"], x))


def init_lstm(key: Key, n_in: int, n_hidden: int, *, forget_bias: float = 1.0, dtype: DType = jnp.float32) -> Params:
    """Parameters of `lstm_cell`: {"x": {"w": [D, 4H], "b": [4H]}, "h": {"w": [H, 4H]}}.

    `forget_bias` is where the forget gate's bias starts: at 1 the cell remembers before it has learned to.

    >>> init_lstm(jax.random.key(0), 1, 1)["x"]["b"].tolist()
    [0.0, 1.0, 0.0, 0.0]
    """
    params = _init(key, n_in, n_hidden, 4, dtype)
    params["x"]["b"] = params["x"]["b"].at[n_hidden : 2 * n_hidden].set(forget_bias)
    return params


def lstm_cell(params: Params, carry: Carry, x: Array) -> tuple[Carry, Array]:
    """One step of the LSTM; equations and gate order stand at the top of this file.

    Args:
        params: as from `init_lstm`.
        carry: (h, c), each [B, H].
        x: [B, D].
    Returns: the new carry and the output h [B, H].

    >>> params, zero = init_lstm(jax.random.key(0), 3, 4), jnp.zeros((2, 4))
    >>> (h, c), y = lstm_cell(params, (zero, zero), jnp.ones((2, 3)))
    >>> y.shape, bool((h == y).all())
    ((2, 4), True)
    """
    _check_cell("lstm", params)
    chex.assert_rank([x, *carry], 2)
    return _lstm_step(params, carry, dense(params["x"], x))


def init_gru(key: Key, n_in: int, n_hidden: int, *, dtype: DType = jnp.float32) -> Params:
    """Parameters of `gru_cell`: {"x": {"w": [D, 3H], "b": [3H]}, "h": {"w": [H, 3H]}, "candidate": {"b": [H]}}.

    >>> sorted(init_gru(jax.random.key(0), 3, 4))
    ['candidate', 'h', 'x']
    """
    return _init(key, n_in, n_hidden, 3, dtype) | {"candidate": {"b": jnp.zeros((n_hidden,), dtype)}}


def gru_cell(params: Params, carry: Carry, x: Array) -> tuple[Carry, Array]:
    """One step of the GRU; equations and gate order stand at the top of this file.

    Args:
        params: as from `init_gru`.
        carry: (h,), h [B, H].
        x: [B, D].
    Returns: the new carry and the output h [B, H].

    >>> gru_cell(init_gru(jax.random.key(0), 3, 4), (jnp.zeros((2, 4)),), jnp.ones((2, 3)))[1].shape
    (2, 4)
    """
    _check_cell("gru", params)
    chex.assert_rank([x, *carry], 2)
    return _gru_step(params, carry, dense(params["x"], x))


def _init(key: Key, n_in: int, n_hidden: int, n_gates: int, dtype: DType) -> Params:
    """Glorot's rule for each gate's input weights, an orthogonal matrix for each gate's recurrent weights.

    Gate by gate: two batches of QR factorizations in one jitted program may wait for each other forever on two cores
    (jaxlib 0.10.2: each holds one of the two threads that work on the batches).
    """
    x_key, h_key = jax.random.split(key)
    x = [init_dense(k, n_in, n_hidden, dtype=dtype)["w"] for k in jax.random.split(x_key, n_gates)]
    h = [orthogonal(k, (n_hidden, n_hidden), dtype) for k in jax.random.split(h_key, n_gates)]
    return {
        "x": {"w": jnp.concatenate(x, axis=1), "b": jnp.zeros((n_gates * n_hidden,), dtype)},
        "h": {"w": jnp.concatenate(h, axis=1)},
    }


def _rnn_step(params: Params, carry: Carry, z: Array) -> tuple[Carry, Array]:
    """The cells below take z = W_x x + b, so that the product may be done for all times at once."""
    (h,) = carry
    h = jnp.tanh(z + dense(params["h"], h))
    return (h,), h


def _lstm_step(params: Params, carry: Carry, z: Array) -> tuple[Carry, Array]:
    h, c = carry
    i, f, g, o = jnp.split(z + dense(params["h"], h), 4, axis=-1)
    c = jax.nn.sigmoid(f) * c + jax.nn.sigmoid(i) * jnp.tanh(g)
    h = jax.nn.sigmoid(o) * jnp.tanh(c)
    return (h, c), h


def _gru_step(params: Params, carry: Carry, z: Array) -> tuple[Carry, Array]:
    (h,) = carry
    x_r, x_z, x_n = jnp.split(z, 3, axis=-1)
    h_r, h_z, h_n = jnp.split(dense(params["h"], h), 3, axis=-1)
    reset, update = jax.nn.sigmoid(x_r + h_r), jax.nn.sigmoid(x_z + h_z)
    bias = params["candidate"]["b"].astype(h.dtype)
    candidate = jnp.tanh(x_n + reset * (h_n + bias[None]))
    h = candidate + update * (h - candidate)
    return (h,), h


class Cell(NamedTuple):
    """A kind of cell.

    Attributes:
        init: (key, n_in, n_hidden, dtype=...) -> params.
        cell: (params, carry, x) -> (carry, y).
        step: the same with the input product done: (params, carry, W_x x + b) -> (carry, y).
        n_carry: arrays [B, H] in the carry; the first is the output.
    """

    init: Callable[..., Params]
    cell: Callable[[Params, Carry, Array], tuple[Carry, Array]]
    step: Callable[[Params, Carry, Array], tuple[Carry, Array]]
    n_carry: int


CELLS: dict[str, Cell] = {
    "rnn": Cell(init_rnn, rnn_cell, _rnn_step, 1),
    "lstm": Cell(init_lstm, lstm_cell, _lstm_step, 2),
    "gru": Cell(init_gru, gru_cell, _gru_step, 1),
}


def zero_carry(cell: str, batch: int, n_hidden: int, dtype: DType = jnp.float32) -> Carry:
    """What a cell remembers before the first step: zeros [B, H], one array or (an LSTM) two.

    >>> len(zero_carry("lstm", 2, 3))
    2
    """
    require_name("recurrent", "cell", cell, CELLS)
    return tuple(jnp.zeros((batch, n_hidden), dtype) for _ in range(CELLS[cell].n_carry))


def recurrent(
    params: Params,
    x: Array,
    *,
    cell: str = "lstm",
    mask: Array | None = None,
    carry: Carry | None = None,
    reverse: bool = False,
) -> tuple[Carry, Array]:
    """Run a cell over time, as one `lax.scan`.

    The input products are one large product in front of the scan, but on a CPU every step makes its own: there the
    large one's result goes through memory once more than it needs (`hoists_input_product`). Where the mask is False the
    carry stays as it was and the output is zero: what torch calls a packed sequence, with padding at either end or
    between. In reverse the cell starts at the end, and padding there leaves the first carry untouched.

    Args:
        params: of the cell.
        x: [B, T, D].
        cell: a name in `CELLS`.
        mask: bool [B, T]; None means that every step counts.
        carry: where to start; None is zeros.
        reverse: from the last step to the first.
    Returns: the carry after the last step and the outputs [B, T, H], in the order of `x` either way.
    Raises: ValueError for an unknown cell, or a mask that is not [B, T].

    >>> (h, c), y = recurrent(init_lstm(jax.random.key(0), 3, 4), jnp.ones((2, 5, 3)))
    >>> y.shape, bool((h == y[:, -1]).all())
    ((2, 5, 4), True)
    """
    require_name("recurrent", "cell", cell, CELLS)
    require_floating("recurrent", x=x)
    chex.assert_rank(x, 3)
    _check_cell(cell, params)
    if mask is not None:
        if mask.shape != x.shape[:2] or mask.dtype != bool:
            raise ValueError(f"recurrent: mask {mask.shape} must be [B, T] of x {x.shape} and bool, got {mask.dtype}")
        x = jnp.where(mask[:, :, None], x, 0)  # a padding of NaN would come back in the gradient, as 0 times NaN
    hoists = hoists_input_product(kernels.backend())
    step = CELLS[cell].step if hoists else CELLS[cell].cell
    if carry is None:
        carry = zero_carry(cell, x.shape[0], params["h"]["w"].shape[0], x.dtype)

    def body(carry: Carry, inputs: tuple[Array, Array | None]) -> tuple[Carry, Array]:
        now, keep = inputs
        new, y = step(params, carry, now)
        if keep is None:
            return new, y
        keep = keep[:, None]
        return jax.tree.map(lambda a, b: jnp.where(keep, a, b), new, carry), jnp.where(keep, y, 0)

    times = jnp.swapaxes(x, 0, 1)  # [T, B, D]
    inputs = dense(params["x"], times) if hoists else times  # [T, B, gates H or D]
    start: Carry = jax.tree.map(lambda leaf: varying_as(leaf, params, x, carry, mask), carry)
    carry, ys = lax.scan(body, start, (inputs, None if mask is None else mask.T), reverse=reverse)
    return carry, jnp.swapaxes(ys, 0, 1)


def _check_cell(cell: str, params: Params) -> None:
    """Raise ValueError for the parameters of another kind of cell."""
    n_hidden = params["h"]["w"].shape[0]
    kinds = {1: "rnn", 4: "lstm", 3: "gru"}
    kind = kinds.get(params["h"]["w"].shape[1] // max(n_hidden, 1))
    if kind != cell:
        raise ValueError(
            f'recurrent: h/w {params["h"]["w"].shape} is of a cell "{kind}", not "{cell}": pass cell="{kind}"'
        )


def hoists_input_product(backend: str) -> bool:
    """Whether `recurrent` multiplies all inputs before its loop: everywhere but on a CPU.

    Step of an LSTM encoder-decoder (256 features, 20 steps, batch 128) on two cores, jax 0.10.2: 152 ms with one
    product before the loop, 139 in the loop, 148 with inputs and state side by side in one product a step.
    """
    return backend != "cpu"


def bidirectional(
    params: Params, x: Array, *, cell: str = "lstm", mask: Array | None = None
) -> tuple[tuple[Carry, Carry], Array]:
    """Two cells, one from the first step to the last and one back, their outputs side by side.

    Args:
        params: {"forward": ..., "backward": ...}, each of the cell.
        x, mask: as in `recurrent`.
    Returns: ((last carry forward, last carry backward), outputs [B, T, 2H]).
    Reference: Schuster, Paliwal, "Bidirectional recurrent neural networks", 1997.

    >>> keys = jax.random.split(jax.random.key(0))
    >>> params = {"forward": init_gru(keys[0], 3, 4), "backward": init_gru(keys[1], 3, 4)}
    >>> bidirectional(params, jnp.ones((2, 5, 3)), cell="gru")[1].shape
    (2, 5, 8)
    """
    forward, ys = recurrent(params["forward"], x, cell=cell, mask=mask)
    backward, zs = recurrent(params["backward"], x, cell=cell, mask=mask, reverse=True)
    return (forward, backward), jnp.concatenate([ys, zs], axis=-1)
