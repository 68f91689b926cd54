"""Sequence tasks: a sequence model between two tokenizers, made into a `Task`.

    loss = mean over target tokens of cross-entropy(logits_t, y_t),    logits = apply(params, x, [BOS; y_1 .. y_{T-1}])

(teacher forcing; padding counts nowhere). Examples of like length share a batch, and a step computes with the smallest
of a few shapes that holds its batch, all of them in one compiled program. What is scored at the end is the text that
the model writes by itself.

Dims: B batch, S source length, T target length, V vocabulary.
"""

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from jaxdl import losses, metrics
from jaxdl.data.arrays import Arrays, count
from jaxdl.data.batches import n_steps
from jaxdl.data.padding import bucket_lengths, token_mask
from jaxdl.data.splits import Splits
from jaxdl.losses import regularizers
from jaxdl.models import seq2seq
from jaxdl.tasks import supervised, text_to_text
from jaxdl.tasks.building import build
from jaxdl.tasks.text_to_text import Translator
from jaxdl.training.step import TrainState
from jaxdl.training.task import Task
from jaxdl.types import Array, Batch, Key, Metrics, Params, State, at_least_float32
from jaxdl.validation import require_positive, require_rate

_SHAPES = 3  # of a training batch, each compiled; chosen so that the padding in all is the least
_ROWS = 64  # evaluated at a time: the logits of a large vocabulary fill the memory otherwise


@dataclasses.dataclass(frozen=True)
class Config(supervised.Config):
    """The options of a run on sequences; a recipe's Config adds the model's.

    Attributes:
        beam: beams of the search behind the scores; 1 is greedy.
        sampling_rate: scheduled sampling of a recurrent model: the probability, at the end of the run, with which its
            decoder reads a draw of its own instead of the right token; it rises from 0 in a straight line.
    """

    beam: int = 1
    sampling_rate: float = 0.0

    def __post_init__(self) -> None:
        super().__post_init__()
        require_positive("train", beam=self.beam)
        require_rate("train", sampling_rate=self.sampling_rate)


def task(
    system: Translator,
    config: Config,
    parts: Splits,
    *,
    monitor: tuple[str, str] = ("loss", "min"),
    **fields: Any,
) -> Task:
    """A sequence model: cross-entropy with label smoothing, token accuracy and exact match.

    With what the model writes by itself, scored and drawn: `jaxdl.applications.translation.task`.

    Args:
        system: the model and its tokenizers; a run keeps them.
        config: how to train it.
        parts: texts, {"x": [N], "references": [N] tuples} in each. Every reference of the training part is an example
            of its own; of the other parts the first one is, for the loss, and all are for the scores.
        monitor: the score of the validation part, "loss", "accuracy" or "exact_match", and whether "min" or "max".
        fields: further fields of `Task`.
    """
    data = Splits(
        examples(system, parts.train, every=True), examples(system, parts.validation), examples(system, parts.test)
    )
    n_examples, sampled = count(data.train), config.sampling_rate > 0
    if sampled and not isinstance(system.config, seq2seq.Config):
        raise ValueError("train: sampling_rate is for recurrent models, whose decoder reads one token after another")
    shapes = batch_shapes(data.train)
    forward = system.model.apply
    last_step = config.epochs * n_steps(n_examples, config.batch_size)

    def loss_fn(params: Params, state: State, batch: Batch, key: Key) -> tuple[Array, tuple[State, Metrics]]:
        options = {"sampling_rate": batch["sampling_rate"]} if sampled else {}
        logits = forward(params, batch["source"], batch["target"][:, :-1], system.config, key=key, **options)
        values = sequence_scores(at_least_float32(logits), batch, config.label_smoothing)
        penalty = regularizers.elastic_net(params, l1_rate=config.l1, l2_rate=config.l2)
        return metrics.value(values["loss"]) + penalty, (state, values)

    def step(train_state: TrainState, batch: Batch) -> tuple[TrainState, Metrics]:
        done = train_state.step.astype(jnp.float32) / last_step
        return built.step(train_state, batch | ({"sampling_rate": config.sampling_rate * done} if sampled else {}))

    def evaluate_batch(state: TrainState, batch: Batch) -> Metrics:
        def scores(rows: Batch) -> Metrics:
            logits = forward(state.params, rows["source"], rows["target"][:, :-1], system.config)
            return sequence_scores(logits, rows)

        return in_chunks(scores, batch)

    built = build(
        lambda key: (system.model.init(key, system.config), {}),
        loss_fn,
        evaluate_batch,
        data,
        config,
        monitor=monitor[0],
        mode=monitor[1],
        files={text_to_text.FILE: text_to_text.to_json(system)},
        groups=fitting_shape(data.train, shapes) if len(shapes) > 1 else None,
        **fields,
    )
    return built._replace(step=in_shapes(step, shapes))


def examples(system: Translator, part: Arrays, *, every: bool = False) -> Arrays:
    """Arrays of token numbers for a part's texts: an example for every reference, or for the first alone.

    Raises: ValueError if every target is too long.
    """
    rows = [
        (x, y) for x, right in zip(part["x"], part["references"], strict=True) for y in (right if every else right[:1])
    ]
    arrays = text_to_text.encode_pairs(system, [x for x, _ in rows], [y for _, y in rows])
    if rows and not len(arrays["source"]):
        raise ValueError(f"none of {len(rows)} targets fits into {system.target_length} tokens: give a longer target")
    return arrays


def batch_shapes(data: Mapping[str, Any]) -> tuple[tuple[int, int], ...]:
    """A few shapes (S_k, T_k), growing in both, of which the last holds every example.

    >>> batch_shapes({"source": np.ones((4, 8), np.int32), "target": np.ones((4, 5), np.int32)})
    ((8, 4),)
    """
    source, target = (np.asarray(token_mask(data[side])).sum(1) for side in ("source", "target"))
    source_lengths, target_lengths = bucket_lengths(source, _SHAPES), bucket_lengths(target - 1, _SHAPES)
    n = max(len(source_lengths), len(target_lengths))
    widths = (data["source"].shape[1], data["target"].shape[1] - 1)
    padded = [
        (*lengths[:1] * (n - len(lengths)), *lengths[:-1], width)
        for lengths, width in zip((source_lengths, target_lengths), widths, strict=True)
    ]
    return tuple(dict.fromkeys((min(s, widths[0]), min(t, widths[1])) for s, t in zip(*padded, strict=True)))


def fitting_shape(batch: Mapping[str, Any], shapes: Sequence[tuple[int, int]]) -> Array:
    """[N] int32: the number of the first shape that holds each example."""
    source, target = (token_mask(batch[side]).sum(1) for side in ("source", "target"))
    too_long = [(source > s) | (target - 1 > t) for s, t in shapes[:-1]]
    return sum((exceeds.astype(jnp.int32) for exceeds in too_long), jnp.zeros(source.shape, jnp.int32))


def in_shapes(
    step: Callable[[TrainState, Batch], tuple[TrainState, Metrics]], shapes: Sequence[tuple[int, int]]
) -> Callable[[TrainState, Batch], tuple[TrainState, Metrics]]:
    """The same step, computed with the first of some shapes (S, T) that holds the whole batch: less padding."""

    def at(s: int, t: int) -> Callable[[TrainState, Batch], tuple[TrainState, Metrics]]:
        return lambda state, batch: step(
            state, batch | {"source": batch["source"][:, :s], "target": batch["target"][:, : t + 1]}
        )

    def stepped(state: TrainState, batch: Batch) -> tuple[TrainState, Metrics]:
        return jax.lax.switch(fitting_shape(batch, shapes).max(), [at(s, t) for s, t in shapes], state, batch)

    return stepped if len(shapes) > 1 else step


def sequence_scores(logits: Array, batch: Batch, label_smoothing: float = 0.0) -> Metrics:
    """Loss and accuracy by token, and the share of sequences with every token right, of logits [B, T, V].

    That share is the exact match of greedy decoding: given the right tokens so far, or its own that were all right,
    the decoder sees the same. So it costs no decoding.

    Args:
        logits: of what follows each of batch["target"][:, :-1].
        batch: {"target": [B, T + 1], "mask": [B]}.
    """
    target = batch["target"][:, 1:]
    where = token_mask(target) & batch["mask"][:, None]
    each = losses.sparse_categorical_cross_entropy(logits, target, label_smoothing=label_smoothing, where=where)
    right = (logits.argmax(-1) == target) | ~token_mask(target)
    return {
        "loss": metrics.mean(each, where=where),
        "accuracy": metrics.accuracy(logits, target, where=where),
        "exact_match": metrics.mean(right.all(-1).astype(jnp.float32), where=batch["mask"]),
    }


def in_chunks(scores: Callable[[Batch], Metrics], batch: Batch) -> Metrics:
    """Sum the metrics of a batch over chunks of its rows; what fills up the last chunk is masked."""
    n = batch["mask"].shape[0]
    size = min(n, _ROWS)
    chunks = -(-n // size)

    def cut(x: Array) -> Array:
        filled = jnp.pad(x, [(0, chunks * size - n)] + [(0, 0)] * (x.ndim - 1))
        return filled.reshape(chunks, size, *x.shape[1:])

    return jax.tree.map(lambda x: x.sum(0), jax.lax.map(scores, jax.tree.map(cut, batch)))
