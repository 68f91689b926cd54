"""A small sequence-to-sequence model, trained and asked in a few lines. Tokens: 0 pads, 1 begins, 2 ends a sequence."""

from typing import Any

import jax.numpy as jnp
import optax

from jaxdl import decoding, losses, optim
from jaxdl.claims._descent import descend
from jaxdl.models import seq2seq
from jaxdl.types import Array, Key, Params

PAD, BOS, EOS = range(3)


def train_on(key: Key, batches: Any, config: seq2seq.Config, rate: float) -> Params:
    """Teacher forcing with Adam on batches (source [steps, B, S], target [steps, B, T]), a target ending with EOS."""

    def loss(params: Params, batch: tuple[Array, Array]) -> Array:
        source, target = batch
        logits = seq2seq.apply(params, source, jnp.pad(target, ((0, 0), (1, 0)), constant_values=BOS)[:, :-1], config)
        counts = target != PAD
        each = losses.sparse_categorical_cross_entropy(logits, target)
        return jnp.where(counts, each, 0.0).sum() / counts.sum(dtype=each.dtype)

    optimizer = optax.chain(optim.clip_by_global_norm(1.0), optim.adam(optim.cosine_schedule(rate, len(batches[0]))))
    return descend(loss, seq2seq.init(key, config), optimizer, batches)[0]


def written(params: Params, source: Array, config: seq2seq.Config, max_length: int) -> Array:
    """[B, max_length] what the model writes greedily for each source; PAD from the end token on."""
    return decoding.generate(seq2seq, params, source, config, bos=BOS, eos=EOS, max_length=max_length, pad=PAD).tokens


def without_end(target: Array) -> Array:
    """A target as `written` gives it: PAD in place of the end token.

    >>> without_end(jnp.array([[5, 4, EOS, PAD]])).tolist()
    [[5, 4, 0, 0]]
    """
    return jnp.where(target == EOS, PAD, target)
