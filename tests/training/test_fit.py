"""`fit`: batches, epochs, events, reproducibility, and that the way the steps are called changes nothing."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from small_tasks import assert_identical, line, plain, predict, rows, without_seconds

from jaxdl.data.batches import epoch_order
from jaxdl.optim import sgd
from jaxdl.training import STOP, NonFiniteError, fit, nan_stop
from jaxdl.training.callbacks import record
from jaxdl.training.step import order_key


@pytest.mark.parametrize(("batch_size", "steps"), [(None, 1), (1, 10), (4, 3), (10, 1)])
def test_every_example_once_an_epoch(batch_size, steps):
    state, history = fit(line(), epochs=3, batch_size=batch_size)
    assert state.state["seen"].tolist() == [3] * 10
    assert int(state.step) == 3 * steps
    facts = {"epochs": 3, "steps": steps, "batch_size": batch_size, "examples": 10, "seed": 0, "mesh": None}
    assert history.params == facts | {"steps_per_call": "auto", "metrics": ["loss", "seconds", "val_loss"]}


def _by_hand(task, n: int, batch_size: int, epochs: int, rate: float):
    """Descent in numpy float64 on real rows only, in the order of the run: (w, b, mean loss of the last epoch)."""
    state = task.init(jax.random.key(0))
    x, y = (task.data.train[name].astype(np.float64) for name in "xy")
    w, b, total = np.asarray(state.params["w"], np.float64), 0.0, 0.0
    for epoch in range(epochs):
        order = np.asarray(epoch_order(order_key(state), epoch, n, batch_size)).reshape(-1)[:n]
        total = 0.0
        for start in range(0, n, batch_size):
            batch = order[start : start + batch_size]
            error = x[batch] @ w + b - y[batch]
            total += (error**2).sum()
            w, b = w - rate * 2 * x[batch].T @ error / len(batch), b - rate * 2 * error.mean()
    return w, b, total / n


@pytest.mark.parametrize("batch_size", [1, 7])
def test_incomplete_last_batch_is_masked_exactly(batch_size):
    task = line(optimizer=sgd(0.05))
    state, history = fit(task, epochs=2, batch_size=batch_size)
    w, b, loss = _by_hand(task, 10, batch_size, 2, 0.05)
    np.testing.assert_allclose(state.params["w"], w, rtol=2e-6, atol=1e-6)
    np.testing.assert_allclose(state.params["b"], b, rtol=2e-6, atol=1e-6)
    assert history.history["loss"][-1] == pytest.approx(loss, rel=2e-6)


def test_batch_gradient_descent_does_not_depend_on_the_order():
    one, other = (fit(line(optimizer=sgd(0.1)), epochs=1, batch_size=b).state.params["w"] for b in (None, 10))
    np.testing.assert_array_equal(one, other)


@pytest.fixture(scope="module")
def in_calls_of_two():
    return fit(line(noise=0.1), epochs=3, batch_size=3, steps_per_call=2)


@pytest.mark.parametrize("steps_per_call", [7, "auto"])
def test_length_of_the_calls_changes_no_bit(in_calls_of_two, steps_per_call):
    state, history = fit(line(noise=0.1), epochs=3, batch_size=3, steps_per_call=steps_per_call)
    assert_identical(state, in_calls_of_two.state)
    assert without_seconds(history) == without_seconds(in_calls_of_two.history)


def test_single_steps_equal_the_loop_up_to_rounding(in_calls_of_two):
    state, history = fit(line(noise=0.1), epochs=3, batch_size=3, steps_per_call=1)
    for ours, loop in zip(plain(state), plain(in_calls_of_two.state), strict=True):
        np.testing.assert_allclose(ours, loop, rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(history.history["loss"], in_calls_of_two.history.history["loss"], rtol=1e-5)


def test_seed_decides_everything(in_calls_of_two):
    assert_identical(fit(line(noise=0.1), epochs=3, batch_size=3).state, in_calls_of_two.state)
    other = fit(line(noise=0.1), epochs=3, batch_size=3, seed=1).state
    assert not np.allclose(other.params["w"], in_calls_of_two.state.params["w"])


def test_epochs_differ_in_order():
    seen = []
    fit(line(), epochs=3, batch_size=5, callbacks=[lambda e: seen.append(e.rows) if e.kind == "epoch" else None])
    assert len({tuple(batch.tolist()) for batch in seen}) > 1


def test_events_in_their_order():
    events = []
    fit(line(), epochs=2, batch_size=4, steps_per_call=2, callbacks=[record(events)])
    first = [("begin", 1, 0), ("step", 1, 2), ("step", 1, 3), ("epoch", 1, 3)]
    assert events == [("compile", 1, 0), *first, ("step", 2, 5), ("step", 2, 6), ("epoch", 2, 6), ("end", 2, 6)]


def test_what_an_event_holds():
    events = []
    result = fit(line(), epochs=1, batch_size=4, steps_per_call=1, callbacks=[lambda e: events.append(e)])
    compiling, begin, *steps, epoch, end = events
    assert compiling.kind == "compile"
    assert begin.metrics == {}
    assert begin.rows is None
    assert set(epoch.metrics) == {"loss", "val_loss", "seconds"}
    assert [len(event.rows) for event in steps] == [4, 4, 2], "padding is no training row"
    assert sorted(np.concatenate([event.rows for event in steps]).tolist()) == list(range(10))
    assert end.metrics == epoch.metrics == result.history.last()


def test_step_metrics_are_means_so_far_in_the_epoch():
    losses = []
    fit(line(), epochs=1, batch_size=4, steps_per_call=1, callbacks=[lambda e: losses.append((e.kind, e.metrics))])
    by_step = [metrics["loss"] for kind, metrics in losses if kind == "step"]
    assert by_step[-1] == next(metrics["loss"] for kind, metrics in losses if kind == "epoch")
    assert by_step[0] != by_step[-1]


def test_history_is_what_keras_users_expect():
    history = fit(line(), epochs=4, batch_size=5).history
    assert history.epoch == [1, 2, 3, 4]
    assert set(history.history) == {"loss", "val_loss", "seconds"}
    assert all(len(values) == 4 and all(type(v) is float for v in values) for values in history.history.values())
    assert history.history["loss"][-1] < history.history["loss"][0]
    assert history.rows()[1] == {"epoch": 2} | {name: values[1] for name, values in history.history.items()}


def test_validation_loss_is_of_the_weights_behind_the_epoch():
    task = line()
    state, history = fit(task, epochs=1, batch_size=4)
    x, y = task.data.validation["x"], task.data.validation["y"]
    assert history.history["val_loss"][0] == pytest.approx(
        float(((predict(state.params, x) - y) ** 2).mean()), rel=1e-6
    )


def test_without_validation_there_are_no_such_scores():
    assert set(fit(line(n_validation=0), epochs=1, batch_size=4).history.history) == {"loss", "seconds"}


@pytest.mark.parametrize(
    ("kind", "last_step", "epochs_done"), [("begin", 0, 0), ("step", 3, 1), ("epoch", 3, 1), ("end", 9, 3)]
)
def test_stop_ends_the_run_after_its_epoch(kind, last_step, epochs_done):
    events = []
    stop = lambda event: STOP if event.kind == kind else None  # noqa: E731
    state, history = fit(line(), epochs=3, batch_size=4, steps_per_call=2, callbacks=[stop, record(events)])
    assert int(state.step) == last_step
    assert len(history.epoch) == epochs_done
    assert events[-1][0] == "end"


def test_returned_state_replaces_the_current_one():
    def zero(event):
        if event.kind == "epoch":
            return event.state._replace(params=jax.tree.map(jnp.zeros_like, event.state.params))
        return None

    params = fit(line(), epochs=2, batch_size=4, callbacks=[zero]).state.params
    assert params["w"].tolist() == [0.0] * 3


def test_donation_deletes_the_old_state_and_leaves_copies_alone():
    kept, copied = [], []

    def keep(event):
        if event.kind == "epoch":
            kept.append(event.state.params["w"])
            copied.append(np.array(event.state.params["w"]))

    copies = []
    copy = lambda e: copies.append(jnp.copy(e.state.params["w"])) if e.kind == "epoch" else None  # noqa: E731
    state, _ = fit(line(), epochs=3, batch_size=4, callbacks=[keep, copy])
    assert [leaf.is_deleted() for leaf in kept] == [True, True, False]
    assert [leaf.is_deleted() for leaf in copies] == [False] * 3
    for copy, value in zip(copies, copied, strict=True):
        np.testing.assert_array_equal(copy, value)
    np.testing.assert_array_equal(state.params["w"], copied[-1])
    assert not np.array_equal(copied[0], copied[1])


def _with_nan(row: int):
    data = rows(10)
    data["x"][row, 1] = np.nan
    return line(data=data)


@pytest.mark.parametrize("steps_per_call", [1, "auto"])
def test_nan_stop_names_step_rows_and_leaf(steps_per_call):
    task = _with_nan(7)
    order = epoch_order(order_key(task.init(jax.random.key(0))), 0, 10, 2)
    bad_step = int(np.argwhere(np.asarray(order) == 7)[0, 0])
    batch = ", ".join(map(str, order[bad_step].tolist()))
    with pytest.raises(NonFiniteError) as caught:
        fit(task, epochs=2, batch_size=2, steps_per_call=steps_per_call, callbacks=[nan_stop()])
    message = str(caught.value)
    assert f"loss is nan at step {bad_step + 1} (epoch 1, training rows {batch})" in message
    assert "first leaf that is not finite: params/b" in message


@pytest.mark.parametrize("steps_per_call", [1, "auto"])
def test_nan_without_nan_stop_goes_on_to_the_end(steps_per_call):
    state, history = fit(_with_nan(7), epochs=2, batch_size=2, steps_per_call=steps_per_call)
    assert int(state.step) == 10
    assert np.isnan(history.history["loss"]).all()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"epochs": 0}, "epochs must be a whole number, at least 1, got 0"),
        ({"batch_size": 0}, "batch_size must be between 1 and the number of examples 10, got 0"),
        ({"batch_size": 11}, "got 11"),
        ({"steps_per_call": 0}, 'steps_per_call must be "auto" or at least 1, got 0'),
        ({"steps_per_call": "fast"}, "got 'fast'"),
        ({"resume": True}, "no checkpoint to resume from"),
        ({"save_every": -1}, "save_every must be seconds, at least 0, or None, got -1"),
    ],
)
def test_impossible_arguments(options, message):
    with pytest.raises(ValueError, match=message.replace("(", r"\(")):
        fit(line(), **({"epochs": 1, "batch_size": 4} | options))


def test_arrays_of_unequal_length_are_refused():
    data = rows(10)
    data["y"] = data["y"][:9]
    with pytest.raises(ValueError, match="same number of rows"):
        fit(line(data=data), epochs=1, batch_size=4)
