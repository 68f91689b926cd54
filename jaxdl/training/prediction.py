"""What a trained model says of new inputs: part of a `Task`, since the task knows what its numbers mean."""

import math
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from jaxdl.data.arrays import Arrays
from jaxdl.training.step import TrainState
from jaxdl.types import Array, Params, State

_ROWS = 1024  # examples in one compiled call


class Predictions(NamedTuple):
    """Of N inputs.

    Attributes:
        values: [N]: names of classes, numbers, or texts.
        probabilities: [N, K], of a classifier; None else.
        classes: K names, of a classifier.
    """

    values: np.ndarray
    probabilities: np.ndarray | None = None
    classes: tuple[str, ...] = ()


class Input(NamedTuple):
    """One array that a network takes, [B, *shape].

    Attributes:
        name: of the array.
        shape: of one example; a letter is a length that may differ from call to call.
        dtype: of the array.
    """

    name: str
    shape: tuple[int | str, ...]
    dtype: Any


class Network(NamedTuple):
    """What computes predictions from arrays, for other libraries.

    Attributes:
        apply: (params, state, *inputs) -> logits [B, K] of a classifier, [B, T, V] of a language model, or values [B];
            inputs raw as the data are.
        inputs: what it takes.
        config: of its model in `jaxdl.models`; None for another.
        prepared: whether examples are changed before the model sees them (scaled, say): then they are here.
    """

    apply: Callable[..., Array]
    inputs: tuple[Input, ...]
    config: Any = None
    prepared: bool = False


class Predictor(NamedTuple):
    """How a task predicts.

    Attributes:
        predict: (state, inputs) -> Predictions.
        shape: of one input, where inputs are numbers [N, *shape]; None where they are texts.
        read: file -> inputs, of a task with files of its own kind (tables with named columns); None for numbers or
            lines of text.
        examples: file -> inputs with what is right of them, {"x", "y"} as in the task's data, to score another file.
        network: what computes them, where it is one program of arrays.
    """

    predict: Callable[[TrainState, Any], Predictions]
    shape: tuple[int, ...] | None = None
    read: Callable[[Path], Any] | None = None
    examples: Callable[[Path], Arrays] | None = None
    network: Network | None = None


def array_predictor(
    outputs: Callable[[Params, State, Array], Array],
    shape: tuple[int, ...],
    *,
    classes: Sequence[str] = (),
    prepare: Callable[[Any], Any] | None = None,
    dtype: Any = np.float32,
    config: Any = None,
) -> Predictor:
    """The `Predictor` of a model from arrays to logits or numbers.

    Args:
        outputs: (params, state, x [B, *shape]) -> logits [B, K] of a classifier, or values [B].
        shape: of one example.
        classes: K names, of a classifier: its probabilities are softmax(logits).
        prepare: what raw examples undergo before the model sees them (the training part's scaling, say).
        dtype: of raw examples.
        config: the model's.
    """
    program = jax.jit(outputs)

    def predict(state: TrainState, inputs: Any) -> Predictions:
        x = _checked(inputs, shape)
        x = x if prepare is None else np.asarray(prepare(x))
        n = len(x)
        rows = min(_ROWS, 1 << (n - 1).bit_length())  # a power of two: inputs of like numbers share a program
        parts = []
        for start in range(0, n, rows):
            part = x[start : start + rows]
            filled = np.concatenate([part, np.zeros((rows - len(part), *part.shape[1:]), part.dtype)])
            parts.append(np.asarray(program(state.params, state.state, jnp.asarray(filled)))[: len(part)])
        values = np.concatenate(parts)
        if not classes:
            return Predictions(values)
        probabilities = np.asarray(jax.nn.softmax(jnp.asarray(values), axis=-1))
        return Predictions(np.array(classes)[probabilities.argmax(1)], probabilities, tuple(classes))

    def whole(params: Params, state: State, x: Array) -> Array:
        return outputs(params, state, x if prepare is None else prepare(x))

    network = Network(whole, (Input("x", shape, dtype),), config, prepare is not None)
    return Predictor(predict, shape, network=network)


def _checked(inputs: Any, shape: tuple[int, ...]) -> np.ndarray:
    """Raw examples as floats or bytes [N, *shape]; they may come flat, and without axes of one."""
    x = np.asarray(inputs)
    if x.dtype.kind not in "fiub":
        raise ValueError(f"predict: the inputs must be numbers, got {x.dtype}")
    if x.shape == shape:
        raise ValueError(f"predict: a single example {x.shape} is a batch of one: x[None]")
    given, wanted = (tuple(n for n in sizes if n != 1) for sizes in (x.shape[1:], shape))
    if x.ndim < 1 or not len(x) or given not in (wanted, (math.prod(shape),)):
        raise ValueError(f"predict: the inputs {x.shape} must be [N, {', '.join(map(str, shape))}], N at least 1")
    x = x.reshape(len(x), *shape)
    x = x if x.dtype == np.uint8 or x.dtype.kind == "f" else x.astype(np.float32)
    if x.dtype.kind == "f" and not np.isfinite(x).all():
        row = int(np.flatnonzero(~np.isfinite(x).reshape(len(x), -1).all(1))[0])
        raise ValueError(f"predict: input {row} holds a value that is not finite")
    return x.astype(np.float32) if x.dtype == np.float64 else x
