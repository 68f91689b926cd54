"""One compilation a run, counted and enforced."""

import logging

import chex
import jax
import jax.numpy as jnp
import pytest
from small_tasks import line

from jaxdl import optim
from jaxdl.data.batches import in_order
from jaxdl.nn import conv2d, init_conv2d
from jaxdl.training import RetraceError, choice, data_mesh, fit, init_train_state, make_train_step, program
from jaxdl.training.choice import compile_steps, trace
from jaxdl.training.compiled import CompiledOnce
from jaxdl.training.feeding import Resident
from jaxdl.training.program import make_many_steps


def compilations(caplog, run) -> int:
    """How often XLA compiled the program of the steps while `run` ran."""
    with caplog.at_level(logging.DEBUG, logger="jax"), jax.log_compiles():
        run()
    return sum("Compiling jit(traced)" in record.getMessage() for record in caplog.records)


@pytest.mark.parametrize("steps_per_call", [1, 2, "auto"])
def test_a_run_compiles_its_steps_once(caplog, steps_per_call):
    def run():
        fit(line(), epochs=3, batch_size=4, steps_per_call=steps_per_call)

    assert compilations(caplog, run) == 1


@pytest.mark.parametrize("steps_per_call", [1, "auto"])
def test_a_run_on_many_devices_compiles_its_steps_once(caplog, steps_per_call):
    def run():
        fit(line(n=40), epochs=3, batch_size=16, steps_per_call=steps_per_call, mesh=data_mesh())

    assert compilations(caplog, run) == 1


@pytest.mark.parametrize("steps_per_call", [1, "auto"])
def test_second_trace_raises_and_names_the_argument(steps_per_call):
    def narrow(event):
        if event.kind == "epoch":
            return event.state._replace(params=event.state.params | {"w": event.state.params["w"].astype(jnp.bfloat16)})
        return None

    with pytest.raises(RetraceError, match=r"params/w: float32\[3\], but called again with .*params/w: bfloat16\[3\]"):
        fit(line(), epochs=2, batch_size=4, callbacks=[narrow], steps_per_call=steps_per_call)


@pytest.mark.parametrize(
    ("first", "second", "message"),
    [
        ({"a": jnp.zeros(2)}, {"a": jnp.zeros(3)}, r"0/a: float32\[2\], .* 0/a: float32\[3\]"),
        ({"a": jnp.zeros(2)}, {"a": jnp.zeros(2, jnp.int32)}, r"0/a: int32\[2\]"),
        ({"a": jnp.zeros(2)}, {"a": jnp.zeros(2), "b": jnp.zeros(1)}, r"0/b: None, .* 0/b: float32\[1\]"),
        ({"a": jnp.float32(1)}, {"a": 1.0}, r"0/a: float32\[\] weak"),
    ],
)
def test_every_kind_of_difference_is_named(first, second, message):
    program = CompiledOnce(lambda tree: tree)
    program(first)
    with pytest.raises(RetraceError, match=message):
        program(second)
    program(first)  # the first program still works
    assert program.traces == 1


def test_changed_setting_is_a_second_trace():
    program = CompiledOnce(lambda x: x + 1)
    program(jnp.zeros(2))
    with jax.enable_x64(True), pytest.raises(RetraceError, match="a jax setting changed"):
        program(jnp.zeros(2, jnp.float32))


@pytest.mark.parametrize(
    ("method", "channels", "chosen_native"),
    [
        ("lax", 2, (False, True)),
        ("auto", 2, (False, False)),
        ("winograd", 16, (False, False)),
        pytest.param("auto", 16, (True, True), id="auto-16"),
    ],
)
def test_convolutions_that_loops_slow_down_are_recognized(method, channels, chosen_native):
    params = init_conv2d(jax.random.key(0), channels, channels, (3, 3))
    x = jnp.ones((2, 5, 5, channels))

    def step(params, x):
        return jax.grad(lambda p: conv2d(p, x, method=method).sum())(params), {}

    assert trace(step, params, x).in_loops == chosen_native


def test_a_long_step_whose_convolutions_are_better_outside_loops_compiles_no_loop(monkeypatch):
    """Either program may be the faster one at this size; that a call of its own costs nothing is assumed instead."""
    params, x = init_conv2d(jax.random.key(0), 16, 16, (3, 3)), jnp.ones((4, 5, 5, 16))
    state = init_train_state(jax.random.key(0), params, optim.sgd(0.1))

    def loss_fn(params, state, batch, key):
        loss = conv2d(params, batch["x"]).mean()
        return loss, (state, {"loss": (loss, jnp.float32(1))})

    built = []
    monkeypatch.setattr(program, "make_many_steps", lambda *args, loop: _built(built, loop, *args))
    monkeypatch.setattr(choice, "_LONG_STEP", 0.0)
    step = make_train_step(loss_fn, optim.sgd(0.1))
    stepper = program.Stepper(step, state, Resident({"x": x}, lambda epoch: in_order(4, 4), 4), "auto")
    assert stepper.steps_per_call == 1
    assert built == [False]


def _built(built, loop, *args):
    def traced(*inputs):
        built.append(loop)
        return make_many_steps(*args, loop=loop)(*inputs)

    return traced


def test_only_a_program_without_a_loop_takes_the_convolution_for_single_calls():
    """The text of both programs of a step with 16 channels: a native weight gradient in one of them."""
    params, x = init_conv2d(jax.random.key(0), 16, 16, (3, 3)), jnp.ones((4, 5, 5, 16))
    state = init_train_state(jax.random.key(0), params, optim.sgd(0.1))

    def loss_fn(params, state, batch, key):
        loss = conv2d(params, batch["x"]).mean()
        return loss, (state, {"loss": (loss, jnp.float32(1))})

    step = make_train_step(loss_fn, optim.sgd(0.1))
    args = (state, {"loss": (jnp.float32(0), jnp.float32(0))}, ({"x": x}, in_order(4, 2)), jnp.int32(1))
    feed = Resident(*args[2][:1], lambda epoch: in_order(4, 2), 4)
    for loop in (True, False):
        text = compile_steps(make_many_steps(step, feed.batch, loop=loop), loop=loop).text(*args)
        assert (" convolution(" in text) != loop


@pytest.mark.parametrize("steps_per_call", [1, 2, "auto"])
def test_python_runs_through_a_step_once(steps_per_call):
    calls = []
    task = line()

    def counted(state, batch):
        calls.append(1)
        return task.step(state, batch)

    same = fit(task._replace(step=counted), epochs=2, batch_size=4, steps_per_call=steps_per_call)
    assert len(calls) == 1
    chex.assert_trees_all_equal(same.state, fit(task, epochs=2, batch_size=4, steps_per_call=steps_per_call).state)


def test_a_trace_counts_what_it_closes_over_and_keeps_keys():
    weights = jnp.arange(3.0)

    def step(state, batch):
        return {"key": jax.random.split(state["key"])[0], "w": state["w"] + weights * batch["x"]}, {
            "n": batch["x"].sum()
        }

    state, batch = {"key": jax.random.key(3), "w": jnp.ones(3)}, {"x": jnp.full(3, 2.0)}
    shape = jax.ShapeDtypeStruct((3,), jnp.float32)
    new, metrics = jax.jit(trace(step, state, {"x": shape}).step)(state, batch)
    assert jax.random.key_data(new["key"]).tolist() == jax.random.key_data(jax.random.split(state["key"])[0]).tolist()
    assert (new["w"].tolist(), float(metrics["n"])) == ([1.0, 3.0, 5.0], 6.0)
