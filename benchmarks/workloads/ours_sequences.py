"""jaxdl's own rows of the workloads on sequences.

Training has the rows of `ours`; here are the loss and the recipe's task. Decoding has

    jaxdl            `decoding.greedy` with the keys and values of all tokens before in a cache
    jaxdl-uncached   the same loop, but every step runs the decoder on all tokens so far
"""

import functools
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from benchmarks.workloads.case import Case
from benchmarks.workloads.sequence_cases import NO_TOKEN, checksum
from benchmarks.workloads.trainer import Rows, Trainer
from jaxdl import decoding, losses, metrics
from jaxdl.data import text
from jaxdl.data.splits import Splits
from jaxdl.data.text import BOS, N_SPECIAL, Tokenizer
from jaxdl.models import transformer
from jaxdl.tasks import sequences
from jaxdl.tasks.text_to_text import translator
from jaxdl.training import TrainState
from jaxdl.types import Array, Batch, Key, Metrics, Params, Tree

FIRST_CHARACTER = 0x4E00  # 20,992 characters follow: enough for any of the vocabularies


def loss_fn(case: Case) -> Callable[..., tuple[Array, Any]]:
    """(params, state, batch, key) -> (mean cross-entropy over the tokens, (state, metrics))."""

    def loss_of(params: Params, state: Any, batch: Batch, key: Key) -> tuple[Array, tuple[Any, Metrics]]:
        del key  # no dropout
        logits = case.model.apply(params, *case.inputs(batch), case.config)
        loss = metrics.mean(losses.sparse_categorical_cross_entropy(logits, case.expected(batch)))
        return metrics.value(loss), (state, {"loss": loss})

    return loss_of


def recipe_step(case: Case) -> Callable[[TrainState, Batch], tuple[TrainState, Metrics]]:
    """The step of `tasks.sequences.task`: it looks for padding, and counts right tokens and sequences."""
    characters = tuple(chr(FIRST_CHARACTER + i) for i in range(case.config.n_source - N_SPECIAL))
    tokenizer = Tokenizer("characters", characters)
    config = type(case.config)(**vars(case.config) | {"pad": text.PAD})
    system = translator(config, tokenizer, tokenizer, *2 * case.shape)
    pairs = {name: [text.decode(tokenizer, row) for row in rows] for name, rows in case.data().items()}
    texts = {
        "x": np.array(pairs["source"], object),
        "references": np.fromiter(((y,) for y in pairs["target"]), object, case.n_examples),
    }
    parts = Splits(texts, *({name: values[:0] for name, values in texts.items()} for _ in range(2)))
    options = sequences.Config(batch_size=case.batch, learning_rate=case.learning_rate)
    return sequences.task(system, options, parts).step


def decoding_rows(case: Case) -> Rows:
    """Our rows of the workload `decoding`."""
    return {
        "jaxdl": functools.partial(_decoder, case, cached=True),
        "jaxdl-uncached": functools.partial(_decoder, case, cached=False),
    }


def _decoder(case: Case, *, cached: bool) -> Trainer:
    params = jax.tree.map(jnp.array, case.weights())
    sources = [jnp.array(batch["source"]) for batch in case.batches()]
    (length,) = case.shape

    def with_cache(params: Params, source: Array) -> Array:
        options = {"bos": BOS, "eos": NO_TOKEN, "max_length": length}
        return decoding.generate(transformer, params, source, case.config, decoding.greedy, **options).tokens

    def without_cache(params: Params, source: Array) -> Array:
        start = {
            "memory": transformer.encode(params, source, case.config),
            "tokens": jnp.zeros((case.batch, length), jnp.int32),
            "position": jnp.zeros((), jnp.int32),
        }

        def all_again(params: Params, cache: Tree, token: Array) -> tuple[Tree, Array]:
            tokens = jax.lax.dynamic_update_index_in_dim(cache["tokens"], token, cache["position"], axis=1)
            logits = transformer.decode(params, cache["memory"], source, tokens, case.config)
            last = jax.lax.dynamic_index_in_dim(logits, cache["position"], axis=1, keepdims=False)
            return cache | {"tokens": tokens, "position": cache["position"] + 1}, last

        return decoding.greedy(all_again, params, start, bos=BOS, eos=NO_TOKEN, max_length=length).tokens

    write = jax.jit(with_cache if cached else without_cache)
    notes = "one program: encoder and loop" + ("" if cached else ", all positions decoded again at every step")
    return decoding_trainer(case, lambda i: write(params, sources[i]), notes)


def decoding_trainer(case: Case, write: Callable[[int], Any], notes: str) -> Trainer:
    """A trainer of `write(i)`, which gives the tokens for the sources of batch i.

    Its "loss" is a checksum, so that the machinery that compares losses compares tokens.
    """

    def step(i: int) -> float:
        return checksum(write(i % case.steps))

    return Trainer(step, lambda: [write(i) for i in range(case.steps)], lambda: notes)
