"""What every task with one optimizer has in common."""

from collections.abc import Callable
from typing import Any

import jax

from jaxdl.data.arrays import count
from jaxdl.data.batches import batch_rows
from jaxdl.data.splits import Splits
from jaxdl.optim import averaged
from jaxdl.tasks.options import Config, make_optimizer
from jaxdl.tasks.precision import in_precision
from jaxdl.training.callbacks import reduce_on_plateau
from jaxdl.training.evaluation import has_rows
from jaxdl.training.memory import require_room
from jaxdl.training.step import LossFn, TrainState, init_train_state, make_train_step
from jaxdl.training.task import Task
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
    if config.accumulate > n_examples:
        raise ValueError(f"train: accumulate {config.accumulate} is more than the {n_examples} examples")
    optimizer = make_optimizer(config, n_examples)
    step = make_train_step(in_precision(loss_fn, config.precision), optimizer, accumulate=config.accumulate)

    def start(key: Key) -> TrainState:
        init_key, run_key = jax.random.split(key)
        params, state = init(init_key)
        return init_train_state(run_key, params, optimizer, state)

    shapes = jax.eval_shape(start, jax.random.key(0))
    require_room(shapes, shapes.params)
    judged = f"val_{monitor}" if has_rows(data.validation) else monitor
    if config.plateau is not None:
        halve = reduce_on_plateau(judged, mode=mode, patience=config.plateau)
        fields["callbacks"] = (*fields.get("callbacks", ()), halve)
    task = Task(start, step, evaluate, data, judged, mode, **fields)
    return task if config.ewma is None else _of_the_average(task, config.ewma)


def _of_the_average(task: Task, decay: float) -> Task:
    """The task whose average of the parameters is evaluated, drawn and handed back in place of the last ones."""

    def calm(state: TrainState) -> TrainState:
        return state._replace(params=averaged(state.params, state.opt_state, decay))

    evaluate, frame = task.evaluate, task.frame
    drawn = None if frame is None else lambda state: frame(calm(state))
    return task._replace(evaluate=lambda state, batch: evaluate(calm(state), batch), frame=drawn, finish=calm)
