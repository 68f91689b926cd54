"""From text to text with a trained sequence model: what `jaxdl translate` and the scores of sequence recipes run."""

import functools
from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeAlias

import jax
import jax.numpy as jnp
import numpy as np

from jaxdl import decoding
from jaxdl.artifacts import pictures
from jaxdl.data import text
from jaxdl.data.padding import bucket_batches, bucket_lengths, pad
from jaxdl.data.splits import Splits
from jaxdl.data.text import BOS, EOS, PAD
from jaxdl.tasks import sequences
from jaxdl.tasks.text_to_text import Translator, encode_source
from jaxdl.training.prediction import Input, Network, Predictions, Predictor
from jaxdl.training.step import TrainState
from jaxdl.training.task import Task
from jaxdl.types import Array, Params

Measure: TypeAlias = Callable[[list[str], list[tuple[str, ...]]], Mapping[str, float]]
"""(outputs, right answers of each) -> name -> score."""

_BUCKETS = 4  # shapes that sources are padded to, each compiled once


def task(
    system: Translator,
    config: sequences.Config,
    parts: Splits,
    *,
    measure: Measure,
    headline: str,
    monitor: tuple[str, str] = ("loss", "min"),
) -> Task:
    """`jaxdl.tasks.sequences.task` with the scores of what the model writes by itself, and where it looks as it does.

    Args:
        system, config, parts, monitor: as there.
        measure: scores of the outputs for the test part.
        headline: the score that the task is about.
    """

    def scores(state: TrainState, data: Splits) -> Mapping[str, float]:
        del data  # the texts themselves are what is translated
        outputs = translate(system, state.params, list(parts.test["x"]), beam=config.beam)
        return measure(outputs, list(parts.test["references"]))

    def predict(state: TrainState, texts: Sequence[str]) -> Predictions:
        return Predictions(np.array(translate(system, state.params, list(texts), beam=config.beam)))

    fields: dict[str, Any] = {
        "headline": headline,
        "scores": scores,
        "predictor": Predictor(predict, network=_network(system)),
    }
    fields["pictures"] = attention_pictures(system, list(parts.test["x"][:3]))
    return sequences.task(system, config, parts, monitor=monitor, **fields)


def _network(system: Translator) -> Network:
    """Tokens of the source [B, S] and of the target so far [B, T], the start token first, to logits [B, T, V]."""
    learned = getattr(system.config, "positions", "") == "learned"
    lengths = (system.source_length, system.target_length) if learned else ("s", "t")
    return Network(
        lambda params, state, source, target: system.model.apply(params, source, target, system.config),
        tuple(Input(name, (n,), np.int32) for name, n in zip(("source", "target"), lengths, strict=True)),
        system.config,
    )


def translate(
    system: Translator, params: Params, sources: Sequence[str], *, beam: int = 1, batch_size: int = 128
) -> list[str]:
    """The model's output for every text: greedy with one beam, else the best of a beam search.

    Args:
        system: model, tokenizers, lengths.
        params: the model's parameters.
        sources: N texts of any lengths; texts of like length share a batch.
        beam: K.
        batch_size: texts decoded together.
    Returns: N texts, in the order of the sources.
    """
    if not len(sources):
        return []
    run = _program(system.model, system.config, system.target_length, beam)
    ids = [encode_source(system, source) for source in sources]
    outputs = [""] * len(ids)
    lengths = bucket_lengths([len(one) for one in ids], _BUCKETS)
    for rows, batch in bucket_batches(ids, lengths, min(batch_size, len(ids))):
        tokens = jax.device_get(run(params, jnp.asarray(batch)))
        for row, written in zip(rows, tokens, strict=False):  # after the last row come only the batch's fillers
            outputs[row] = text.decode(system.target, written)
    return outputs


def attention(
    system: Translator, params: Params, source: str, *, beam: int = 1
) -> tuple[np.ndarray, list[str], list[str]]:
    """Where the model looks while it writes its output for one text.

    Returns: (weights [L, H, T, S], the T tokens written, the S tokens read): row t holds the weights with which the
        t-th written token read the source, in every layer and head.
    Raises: ValueError for a model without attention.
    """
    ids = encode_source(system, source)
    read = jnp.asarray(pad([ids], *bucket_lengths([len(ids)], 1)))
    tokens = jax.device_get(_program(system.model, system.config, system.target_length, beam)(params, read))[0]
    written = [int(token) for token in tokens if token != PAD]
    written += [EOS] * (len(written) < len(tokens))  # it stands there unless the output was cut off
    target_in = jnp.asarray(pad([[BOS, *written[:-1]]], system.target_length))
    maps = _maps_program(system.model, system.config)(params, read, target_in)
    weights = np.asarray(jax.device_get(maps))[0, :, :, : len(written), : len(ids)]
    return weights, text.pieces(system.target, written), text.pieces(system.source, ids)


def attention_pictures(system: Translator, sources: Sequence[str]) -> dict[str, Callable[[TrainState, Splits], Any]]:
    """The picture "attention" of some texts, a row each, a column a layer (the mean of its heads); none without."""
    if getattr(system.config, "attention", "") == "none":
        return {}

    def draw(state: TrainState, data: Splits) -> Any:
        del data
        shown = [attention(system, state.params, source) for source in sources]
        panels = [
            (weights.mean(1)[layer], rows, columns) for weights, rows, columns in shown for layer in range(len(weights))
        ]
        n_layers = len(shown[0][0])
        titles = [f"layer {i + 1}, mean of the heads" for i in range(n_layers)] if n_layers > 1 else []
        return pictures.attention_maps(panels, titles=titles, columns=n_layers)

    return {"attention": draw}


@functools.lru_cache(maxsize=16)
def _program(model: Any, config: Any, max_length: int, beam: int) -> Callable[[Params, Array], Array]:
    """One compiled call a shape: sources [B, S] to tokens [B, T]."""
    options: dict[str, Any] = {"bos": BOS, "eos": EOS, "pad": PAD, "max_length": max_length}

    def run(params: Params, source: Array) -> Array:
        if beam == 1:
            return decoding.generate(model, params, source, config, **options).tokens
        search = decoding.beam_search
        return decoding.generate(model, params, source, config, search, beam=beam, **options).tokens[:, 0]

    return jax.jit(run)


@functools.lru_cache(maxsize=16)
def _maps_program(model: Any, config: Any) -> Callable[[Params, Array, Array], Array]:
    return jax.jit(lambda params, source, target_in: model.attention_maps(params, source, target_in, config))
