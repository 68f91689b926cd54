"""Language models of a user's own text: windows of tokens, bits per character, made into a `Task`.

    loss = mean over tokens of cross-entropy(logits_t, y_t),    logits = apply(params, None, [BOS; y_1 .. y_{T-1}])
    bits per character = -sum of log2 p(y_t | what came before) / number of characters

The parts follow each other in the text: what is held out is its end. A window of the training part begins where the
last one ended; those that are scored overlap by half, so that every token is judged with T / 2 tokens before it.

Dims: B batch, N windows, T tokens of a window, V vocabulary.
"""

import json
import math
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from jaxdl import losses, metrics
from jaxdl.artifacts import files
from jaxdl.data import text
from jaxdl.data.arrays import Arrays
from jaxdl.data.splits import Splits
from jaxdl.data.text import BOS, PAD, Tokenizer
from jaxdl.losses import regularizers
from jaxdl.models import transformer
from jaxdl.tasks import sequences, supervised
from jaxdl.tasks.building import build
from jaxdl.tasks.options import without_batches
from jaxdl.training.evaluation import evaluate
from jaxdl.training.prediction import Input, Network, Predictions, Predictor
from jaxdl.training.step import TrainState
from jaxdl.training.task import Task
from jaxdl.types import Array, Batch, Key, Metrics, Params, State, at_least_float32

FILE = "tokenizer.json"


class Language(NamedTuple):
    """A decoder-only Transformer and its tokenizer.

    Attributes:
        config: of `jaxdl.models.transformer`, without an encoder.
        tokenizer: of the texts.
        length: T.
    """

    config: transformer.Config
    tokenizer: Tokenizer
    length: int


def split(whole: str, validation: float, test: float) -> tuple[str, str, str]:
    """The start of a text, what follows, and its end.

    >>> split("abcdefghij", 0.2, 0.1)
    ('abcdefg', 'hi', 'j')
    """
    n = len(whole)
    last, middle = n - round(n * test), n - round(n * test) - round(n * validation)
    return whole[:middle], whole[middle:last], whole[last:]


def windows(language: Language, part: str, *, overlap: bool) -> Arrays:
    """Arrays of a text: {"tokens": [N, T + 1], "counted": [N, T], "characters": [N] of each token, on average}.

    Every token of the text is counted once.

    Raises: ValueError for a text without a token.

    >>> tokenizer = text.character_tokenizer(["abc"])
    >>> language = Language(transformer.Config(7, 7, n_encoder_layers=0), tokenizer, 4)
    >>> arrays = windows(language, "abcabc", overlap=True)
    >>> arrays["tokens"].tolist(), arrays["counted"].astype(int).tolist()
    ([[1, 4, 5, 6, 4], [1, 6, 4, 5, 6]], [[1, 1, 1, 1], [0, 0, 1, 1]])
    """
    ids, t = text.encode(language.tokenizer, part), language.length
    if not ids:
        raise ValueError("there is no token in the text")
    stride = max(t // 2, 1) if overlap else t
    starts = range(0, max(len(ids) - t + stride, 1), stride)
    tokens = np.full((len(starts), t + 1), PAD, np.int32)
    counted = np.zeros((len(starts), t), bool)
    tokens[:, 0] = BOS
    done = 0
    for i, start in enumerate(starts):
        some = ids[start : start + t]
        tokens[i, 1 : len(some) + 1] = some
        counted[i, done - start : len(some)] = True
        done = start + len(some)
    each = np.full(len(starts), len(part) / len(ids), np.float32)
    return {"tokens": tokens, "counted": counted, "characters": each}


def task(language: Language, config: supervised.Config, parts: Sequence[str], **fields: Any) -> Task:
    """A language model of the three parts of a text; an empty one is left out."""
    arrays = (windows(language, part, overlap=i > 0) if part else {} for i, part in enumerate(parts))
    return _task(language, config, Splits(*arrays), scores=_baseline(parts), **fields)


def restored(model_of: Callable[[Tokenizer], Language], config: supervised.Config, folder: Path) -> Task:
    """The `task` of a finished run from its folder alone, its text left out."""
    language = load(model_of, folder)
    one = {
        "tokens": np.zeros((1, language.length + 1), np.int32),
        "counted": np.zeros((1, language.length), bool),
        "characters": np.ones(1, np.float32),
    }
    built = _task(language, without_batches(config), Splits(one, {}, {}))
    return built._replace(data=Splits({}, {}, {}))


def load(model_of: Callable[[Tokenizer], Language], folder: Path) -> Language:
    """The `Language` of a run folder. Raises ValueError if damaged."""
    return files.read(folder / FILE, lambda stored: model_of(text.from_json(json.loads(stored))))


def _task(language: Language, config: supervised.Config, data: Splits, **fields: Any) -> Task:
    def loss_fn(params: Params, state: State, batch: Batch, key: Key) -> tuple[Array, tuple[State, Metrics]]:
        values = _scores(params, language.config, batch, key)
        penalty = regularizers.elastic_net(params, l1_rate=config.l1, l2_rate=config.l2)
        return metrics.value(values["loss"]) + penalty, (state, values)

    def evaluate_batch(state: TrainState, batch: Batch) -> Metrics:
        return sequences.in_chunks(lambda rows: _scores(state.params, language.config, rows, None), batch)

    def predict(state: TrainState, texts: Sequence[str]) -> Predictions:
        """Bits per character of each text."""
        found = [
            metrics.scalars(evaluate(evaluate_batch, state, windows(language, one, overlap=True))) for one in texts
        ]
        return Predictions(np.array([values["bits_per_character"] for values in found]))

    def examples(path: Path) -> Arrays:
        return windows(language, path.read_text(encoding="utf-8-sig"), overlap=True)

    kept = {FILE: text.dumps(text.to_json(language.tokenizer)), **fields.pop("files", {})}
    return build(
        lambda key: (transformer.init(key, language.config), {}),
        loss_fn,
        evaluate_batch,
        data,
        config,
        monitor="bits_per_character",
        files=kept,
        predictor=Predictor(predict, examples=examples, network=_network(language)),
        **fields,
    )


def _network(language: Language) -> Network:
    """Tokens [B, T], the start token first, to the logits of what follows each."""
    length = language.length if language.config.positions == "learned" else "t"
    return Network(
        lambda params, state, tokens: transformer.apply(params, None, tokens, language.config),
        (Input("tokens", (length,), np.int32),),
        language.config,
    )


def _scores(params: Params, config: transformer.Config, batch: Batch, key: Key | None) -> Metrics:
    logits = at_least_float32(transformer.apply(params, None, batch["tokens"][:, :-1], config, key=key))
    targets, where = batch["tokens"][:, 1:], batch["counted"] & batch["mask"][:, None]
    each = losses.sparse_categorical_cross_entropy(logits, targets, where=where)
    nats, n = metrics.mean(each, where=where)
    characters = (where.sum(1).astype(nats.dtype) * batch["characters"].astype(nats.dtype)).sum()
    return {
        "loss": (nats, n),
        "bits_per_character": (nats / math.log(2), characters),
        "accuracy": metrics.accuracy(logits, targets, where=where),
    }


def _baseline(parts: Sequence[str]) -> Callable[[TrainState, Splits], dict[str, float]]:
    """What a model would need that knows how often each character comes and nothing else."""
    train, held_out = parts[0], parts[2] or parts[0]
    counts = Counter(train)
    n = len(train) + len(set(train) | set(held_out))
    bits = -sum(math.log2((counts[character] + 1) / n) for character in held_out) / max(len(held_out), 1)
    return lambda state, data: {"bits per character by frequencies alone": bits}
