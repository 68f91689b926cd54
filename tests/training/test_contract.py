"""First-hour mistakes in a script end in one line that says what to write."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxdl import data, losses, metrics, optim
from jaxdl.data import Splits
from jaxdl.models import mlp
from jaxdl.training import Task, evaluate, fit, init_train_state, make_train_step
from jaxdl.training.memory import require_memory
from tests.small_tasks import line

CONFIG = mlp.Config(n_in=4, n_out=3, widths=(5,))
OPTIMIZER = optim.sgd(0.1)


def arrays(n: int = 12) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(0)
    return {"x": rng.normal(size=(n, 4)).astype(np.float32), "y": rng.integers(0, 3, n).astype(np.int32)}


def right(params, state, batch, key):
    each = losses.sparse_categorical_cross_entropy(mlp.apply(params, batch["x"], CONFIG), batch["y"])
    scores = {"loss": metrics.mean(each, where=batch["mask"])}
    return metrics.value(scores["loss"]), (state, scores)


def script(loss_fn: Any = right, splits: Any = None, **options: Any) -> Any:
    """The script of README, with one thing changed."""
    task = Task(
        init=lambda key: init_train_state(key, mlp.init(key, CONFIG), OPTIMIZER),
        step=make_train_step(loss_fn, OPTIMIZER),
        evaluate=lambda state, batch: loss_fn(state.params, {}, batch, None)[1][1],
        data=Splits(arrays(), {}, {}) if splits is None else splits,
        monitor="loss",
    )
    arguments: dict[str, Any] = {"epochs": 1, "batch_size": 4} | options
    return fit(task, **arguments)


def test_the_right_script_runs():
    assert script().history.epoch == [1]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            lambda loss, state, scores: loss,
            r"loss_fn must return \(loss, \(state, metrics\)\), got an array of shape \(\)",
        ),
        (
            lambda loss, state, scores: (loss, scores),
            r"got a dict of \['loss'\] after the loss: write `return loss, \(st",
        ),
        (lambda loss, state, scores: (loss[None], (state, scores)), r"the loss has shape \(1,\): take its mean"),
        (lambda loss, state, scores: (loss > 0, (state, scores)), r"the loss is bool: it must be floating"),
        (
            lambda loss, state, scores: (loss, (scores, state)),
            r"its state came as \{\} and left as a dict of \['loss'\]",
        ),
        (
            lambda loss, state, scores: (loss, (state, {"accuracy": loss})),
            r"loss_fn: metric 'accuracy' is an array of shape \(\), not a \(sum, count\) pair: write metrics.mean",
        ),
        (lambda loss, state, scores: (loss, (state, loss)), r"loss_fn: metrics must be a dict of \(sum, count\) pairs"),
    ],
)
def test_a_loss_function_of_another_form_is_told_what_to_return(change, message):
    def loss_fn(*args):
        loss, (state, scores) = right(*args)
        return change(loss, state, scores)

    with pytest.raises(ValueError, match=message):
        script(loss_fn)


@pytest.mark.parametrize(
    ("splits", "message"),
    [
        (arrays(), r"task.data must be Splits\(train, validation, test\), got a dict: write data.split\(arrays\)"),
        (Splits((1, 2), {}, {}), 'train: a data set is a dict of arrays, got a tuple: write {"x": x, "y": y}'),  # pyright: ignore
        (Splits({"x": [[1.0]]}, {}, {}), r"train: x is a list, not an array: write np.asarray\(x\)"),  # pyright: ignore
        (
            Splits(arrays() | {"y": np.array(list("abc" * 4))}, {}, {}),
            r"train\['y'\] holds <U1, not numbers.*np.unique\(y",
        ),
    ],
)
def test_data_of_another_form_are_refused_before_anything_is_traced(splits, message):
    with pytest.raises(ValueError, match=message):
        script(splits=splits)


class Column(list):
    def to_numpy(self):
        raise AssertionError


def test_split_takes_a_dict_of_arrays():
    x, y = arrays().values()
    with pytest.raises(ValueError, match=r'got a tuple: write {"x": x, "y": y}'):
        data.split((x, y))  # pyright: ignore
    with pytest.raises(ValueError, match=r"x is a list, not an array: write np.asarray\(x\)"):
        data.split({"x": [[1.0], [2.0]]})  # pyright: ignore
    with pytest.raises(ValueError, match=r"y is a Column, not an array: write y.to_numpy\(\)"):
        data.split({"x": x, "y": Column()})  # pyright: ignore


def test_a_table_is_told_from_a_dict_of_arrays():
    pandas = pytest.importorskip("pandas")
    with pytest.raises(ValueError, match=r"got a DataFrame: write .*to_numpy"):
        data.split(pandas.DataFrame({"x": [1.0]}))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"epochs": 2.5}, "fit: epochs must be a whole number, at least 1, got 2.5"),
        ({"epochs": 0}, "fit: epochs must be a whole number, at least 1, got 0"),
        ({"batch_size": 4.0}, "fit: batch_size must be a whole number or None, got 4.0"),
        ({"seed": -1}, "fit: seed must be a whole number from 0 to"),
        ({"seed": 2**40}, "fit: seed must be a whole number from 0 to"),
    ],
)
def test_arguments_of_fit_are_named(options, message):
    with pytest.raises(ValueError, match=message):
        script(**options)


def test_fit_takes_a_task_whose_init_gives_a_train_state():
    with pytest.raises(ValueError, match=r"fit takes a Task.*, but a dict has no init"):
        fit({}, epochs=1)  # pyright: ignore
    with pytest.raises(
        ValueError, match=r"task.init\(key\) must return a TrainState, got a dict: write init_train_state"
    ):
        fit(line()._replace(init=lambda key: {"w": jnp.zeros(3)}), epochs=1)  # pyright: ignore


def test_an_evaluation_with_plain_scalars_is_refused():
    with pytest.raises(ValueError, match="evaluate: metric 'loss' is an array of shape"):
        evaluate(lambda state, batch: {"loss": batch["x"].mean()}, None, {"x": np.ones((4, 1), np.float32)})


def test_a_step_by_hand_is_checked_too():
    with pytest.raises(ValueError, match=r"task\.step: metric 'loss' is an array of shape"):
        fit(line()._replace(step=lambda state, batch: (state, {"loss": batch["y"].mean()})), epochs=1, batch_size=5)


def test_bytes_in_place_of_floats_are_refused():
    """README's script on MNIST's bytes once trained to 0.098 without a word."""
    images = Splits({"x": np.full((12, 2, 2), 200, np.uint8), "y": arrays()["y"]}, {}, {})
    with pytest.raises(ValueError, match=r"mlp: x must be floating, got uint8; .*astype\(\"float32\"\) / 255"):
        script(splits=images)


def test_a_model_larger_than_the_machine_is_refused_before_it_is_allocated():
    huge = mlp.Config(n_in=4, n_out=3, widths=(10**8, 10**8))
    init = lambda key: init_train_state(key, mlp.init(key, huge), OPTIMIZER)  # noqa: E731
    with pytest.raises(ValueError, match=r"10,000,000,\d{3},\d{3},\d{3} parameters .* take .* GB, .*smaller"):
        fit(line()._replace(init=init), epochs=1)


def test_what_fits_passes():
    require_memory("two numbers", 8, "", available=8)
    with pytest.raises(ValueError, match="two numbers take"):
        require_memory("two numbers", 9, "", available=8)
    assert jax.eval_shape(lambda: jnp.zeros(3)).shape == (3,)
