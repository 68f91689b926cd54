"""The workloads on sequences: every source is written in reverse order (`Case.data`).

    lstm, gru        encoder and decoder of one layer each, embedding and hidden 256, the encoder's last state as the
                     only context, teacher forcing; vocabulary 60, length 20, batch 128
    transformer      d 256, 4 heads, 3 + 3 layers, 1,024 hidden, pre-norm, sinusoidal positions, output layer of its
                     own, no dropout; vocabulary 60, length 32, batch 64
    transformer-8k   the same with a vocabulary of 8,000
    decoding         greedy decoding by `transformer` with its initial weights, 32 tokens for each of 64 sources

No sequence is padded and the peers mask nothing but the future, so that here no padding is looked for either (`pad` is
None). The loss is the mean cross-entropy over the tokens. FLOPs of decoding are those that a cache leaves: every token
goes once through the encoder or the decoder. A decoder never stops early: there is no end token.

Learning rate: 1e-3 as for all, but 1e-4 for the Transformers, whose first steps without a warm-up magnify rounding.

>>> case = BUILDERS["lstm"](False)
>>> case.batch, case.tokens, f"{case.flops / 1e9:.2f} GFLOP"
(128, 2560, '16.34 GFLOP')
"""

import functools
from collections.abc import Callable
from typing import Any

import numpy as np

from benchmarks.workloads import flops as counts
from benchmarks.workloads.case import Case
from jaxdl.models import seq2seq, transformer
from jaxdl.nn.recurrence import CellName

NO_TOKEN = -1  # an end token that no argmax gives


def checksum(tokens: Any) -> float:
    """A number that tells arrays of tokens apart: each token times its place, from 1.

    >>> checksum([[3, 1], [0, 2]])
    13.0
    """
    values = np.asarray(tokens, np.int64).ravel()
    return float(values @ np.arange(1, values.size + 1))


def positions(length: int, n_features: int) -> np.ndarray:
    """The sinusoidal position vectors [T, D], sines in the even features and cosines in the odd ones.

    >>> [[f"{value:.2f}" for value in row] for row in positions(2, 2)]
    [['0.00', '1.00'], ['0.84', '0.54']]
    """
    angles = np.arange(length)[:, None] / 10_000 ** (np.arange(0, n_features, 2) / n_features)
    return np.stack([np.sin(angles), np.cos(angles)], axis=-1).reshape(length, n_features).astype(np.float32)


def _seq2seq(cell: CellName, small: bool) -> Case:
    n, length, vocabulary, batch = (8, 6, 12, 8) if small else (256, 20, 60, 128)
    config = seq2seq.Config(vocabulary, vocabulary, n, n, cell=cell, attention="none", pad=None)
    flops = counts.step(counts.seq2seq(config, length), batch)
    return Case(cell, "sequences", seq2seq, config, batch, 8, (length,), flops, tokens=batch * length)


def _config(vocabulary: int, small: bool) -> transformer.Config:
    sizes = (8, 2, 2, 2, 16) if small else (256, 4, 3, 3, 1024)
    return transformer.Config(vocabulary, vocabulary, *sizes, dropout=0.0, tied="none", pad=None)


def _transformer(name: str, vocabulary: int, small: bool) -> Case:
    vocabulary, length, batch = (12, 6, 8) if small else (vocabulary, 32, 64)
    config = _config(vocabulary, small)
    flops = counts.step(counts.transformer(config, length), batch)
    shape, tokens = (length,), batch * length
    return Case(name, "sequences", transformer, config, batch, 8, shape, flops, learning_rate=1e-4, tokens=tokens)


def _decoding(small: bool) -> Case:
    vocabulary, length, batch = (12, 6, 8) if small else (60, 32, 64)
    config = _config(vocabulary, small)
    flops = batch * sum(counts.transformer(config, length))
    return Case("decoding", "decoding", transformer, config, batch, 2, (length,), flops, tokens=batch * length)


BUILDERS: dict[str, Callable[[bool], Case]] = {
    "lstm": functools.partial(_seq2seq, "lstm"),
    "gru": functools.partial(_seq2seq, "gru"),
    "transformer": functools.partial(_transformer, "transformer", 60),
    "transformer-8k": functools.partial(_transformer, "transformer-8k", 8_000),
    "decoding": _decoding,
}
