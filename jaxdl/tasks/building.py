"""What every task with one optimizer has in common."""

from collections.abc import Callable
from typing import Any

import jax

from jaxdl.data.arrays import count
from jaxdl.data.batches import batch_rows
from jaxdl.data.splits import Splits
from jaxdl.tasks.options import Config, make_optimizer
from jaxdl.training.evaluation import has_rows
from jaxdl.training.fitting import Task
from jaxdl.training.memory import require_room
from jaxdl.training.step import LossFn, TrainState, init_train_state, make_train_step
from jaxdl.types import Batch, Key, Metrics, Params, State


def build(
    init: Callable[[Key], tuple[Params, State]],
    loss_fn: LossFn,
    evaluate: Callable[[TrainState, Batch], Metrics],
    data: Splits,
    config: Config,
    *,
    monitor: str = "loss",
    mode: str = "min",
    classifier: bool = False,
    **fields: Any,
) -> Task:
    """The `Task` of a model, a loss and data, with the optimizer that the options make.

    Args:
        init: key -> (params, state), as `jaxdl.models.bind` gives it.
        loss_fn: see `jaxdl.training.step.LossFn`.
        evaluate: (state, batch) -> metrics, deterministic.
        data: the parts; the epoch is judged on the validation part, or on the training part where there is none.
        config: how to train.
        monitor: the score by which one epoch is better than another.
        mode: whether its "max" or its "min" is best.
        classifier: whether the options that are for classifiers alone are heeded.
        fields: further fields of `Task`.
    Raises: ValueError for options of classifiers where there are no classes, and for a batch size that the data do not
        allow or a model larger than the machine's memory, before anything is compiled or written.
    """
    for name in ("class_weights", "balanced", "ignore_index"):
        value = getattr(config, name)
        if not classifier and value != getattr(Config, name):
            raise ValueError(f"train: {name} {value} is for classifiers; this task has no classes: leave it out")
    n_examples = count(data.train)
    batch_rows(n_examples, config.batch_size)
    optimizer = make_optimizer(config, n_examples)

    def start(key: Key) -> TrainState:
        init_key, run_key = jax.random.split(key)
        params, state = init(init_key)
        return init_train_state(run_key, params, optimizer, state)

    shapes = jax.eval_shape(start, jax.random.key(0))
    require_room(shapes, shapes.params)
    judged = f"val_{monitor}" if has_rows(data.validation) else monitor
    return Task(start, make_train_step(loss_fn, optimizer), evaluate, data, judged, mode, **fields)
