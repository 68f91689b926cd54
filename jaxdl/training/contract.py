"""The contract of a task, checked once: before anything is traced, or while it is traced, never in the compiled step.

What a script gets wrong in its first hour ends in one line that says what to write instead.
"""

import functools
from collections.abc import Callable, Mapping
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from jaxdl.data.arrays import Arrays, require_arrays
from jaxdl.data.mapped import in_memory
from jaxdl.data.splits import Splits
from jaxdl.data.streams import as_stream
from jaxdl.training.memory import require_room
from jaxdl.types import Array, Batch, Key, Metrics, Params, State
from jaxdl.validation import fits, require_seed


def check_call(task: Any, *, epochs: Any, batch_size: Any, seed: Any) -> None:
    """What `fit` is given, before it compiles or allocates.

    Raises: ValueError that names the argument, its value and the fix.
    """
    if missing := [name for name in ("init", "step", "evaluate", "data") if not hasattr(task, name)]:
        raise ValueError(
            f"fit takes a Task(init, step, evaluate, data), but a {type(task).__name__} has no {missing[0]}"
        )
    if not fits(epochs, int) or epochs < 1:
        raise ValueError(f"fit: epochs must be a whole number, at least 1, got {epochs!r}")
    if not fits(batch_size, int | None):
        raise ValueError(f"fit: batch_size must be a whole number or None, got {batch_size!r}")
    require_seed("fit", seed)
    check_data(task.data)
    state = jax.eval_shape(task.init, jax.random.key(0))
    if not hasattr(state, "params"):
        raise ValueError(
            f"fit: task.init(key) must return a TrainState, got a {type(state).__name__}: "
            "write init_train_state(key, params, optimizer)"
        )
    require_room(state, state.params)


def check_data(data: Any) -> None:
    """Splits of arrays of numbers, or of what is streamed.

    >>> check_data({"x": np.zeros((3, 1))})
    Traceback (most recent call last):
        ...
    ValueError: fit: task.data must be Splits(train, validation, test), got a dict: write data.split(arrays), or \
Splits(arrays, {}, {}) to train on all
    """
    if not isinstance(data, Splits):
        raise ValueError(
            f"fit: task.data must be Splits(train, validation, test), got a {type(data).__name__}: "
            "write data.split(arrays), or Splits(arrays, {}, {}) to train on all"
        )
    for part, arrays in data._asdict().items():
        if as_stream(arrays) is not None:
            continue
        require_arrays(arrays, part)
        for name, values in arrays.items():
            if np.dtype(values.dtype).kind in "OUSMm":
                raise ValueError(
                    f"fit: {part}[{name!r}] holds {values.dtype}, not numbers; for words: "
                    f"names, {name} = np.unique({name}, return_inverse=True)"
                )


def resident(where: str, part: Any) -> Arrays:
    """A part as arrays in memory, read whole where it is mapped. Raises ValueError for what can only be streamed."""
    if as_stream(part) is not None:
        raise ValueError(f"{where}: batches and records are streamed, by fit alone; give a dict of arrays")
    return in_memory(part)


def checked_loss(loss_fn: Callable[..., Any]) -> Callable[..., Any]:
    """The same function, which checks what it returns while it is traced: (loss, (state, metrics)).

    >>> checked_loss(lambda params, state, batch, key: params.sum())(jnp.ones(2), {}, {}, None)
    Traceback (most recent call last):
        ...
    ValueError: loss_fn must return (loss, (state, metrics)), got an array of shape (): write \
`return loss, (state, {})`
    """

    @functools.wraps(loss_fn)
    def checked(params: Params, state: State, batch: Batch, key: Key) -> tuple[Array, tuple[State, Metrics]]:
        answer = loss_fn(params, state, batch, key)
        _require_answer(answer, state)
        return answer

    return checked


def checked_metrics(evaluate_batch: Callable[..., Metrics]) -> Callable[..., Metrics]:
    """The same function, which checks while it is traced that it returns metrics."""

    @functools.wraps(evaluate_batch)
    def checked(state: Any, batch: Batch) -> Metrics:
        values = evaluate_batch(state, batch)
        require_metrics("evaluate", values)
        return values

    return checked


def require_metrics(where: str, values: Any) -> None:
    """Raise ValueError unless `values` is a dict of (sum, count) pairs, or of dicts of them.

    >>> require_metrics("loss_fn", {"accuracy": jnp.float32(0.5)})
    Traceback (most recent call last):
        ...
    ValueError: loss_fn: metric 'accuracy' is an array of shape (), not a (sum, count) pair: write \
metrics.mean(value_per_example, where=batch["mask"])
    """
    if not isinstance(values, Mapping):
        raise ValueError(f"{where}: metrics must be a dict of (sum, count) pairs, got {_describe(values)}")
    for name, pair in values.items():
        if isinstance(pair, Mapping):
            require_metrics(f"{where}: {name}", pair)
        elif not isinstance(pair, tuple) or len(pair) != 2:
            raise ValueError(
                f"{where}: metric {name!r} is {_describe(pair)}, not a (sum, count) pair: "
                'write metrics.mean(value_per_example, where=batch["mask"])'
            )


def _require_answer(answer: Any, state: State) -> None:
    form = "loss_fn must return (loss, (state, metrics))"
    if not isinstance(answer, tuple) or len(answer) != 2:
        raise ValueError(f"{form}, got {_describe(answer)}: write `return loss, (state, {{}})`")
    loss, rest = answer
    if not isinstance(rest, tuple) or len(rest) != 2:
        raise ValueError(f"{form}, got {_describe(rest)} after the loss: write `return loss, (state, metrics)`")
    if jnp.shape(loss) != ():
        raise ValueError(
            f"{form}; the loss has shape {jnp.shape(loss)}: take its mean, "
            'metrics.value(metrics.mean(loss, where=batch["mask"]))'
        )
    if not jnp.issubdtype(jnp.result_type(loss), jnp.floating):
        raise ValueError(f"{form}; the loss is {jnp.result_type(loss)}: it must be floating to have a gradient")
    new, values = rest
    if jax.tree.structure(new) != jax.tree.structure(state):
        raise ValueError(
            f"{form}; its state came as {_describe(state)} and left as {_describe(new)}: "
            "hand on the state that the model returned, or the one that came"
        )
    require_metrics("loss_fn", values)


def _describe(value: Any) -> str:
    if isinstance(value, Mapping):
        return f"a dict of {sorted(value)}" if value else "{}"
    if hasattr(value, "shape"):
        return f"an array of shape {value.shape}"
    return f"a tuple of {len(value)}" if isinstance(value, tuple) else repr(value)
