"""One compilation a run, counted and enforced."""

import logging

import jax
import jax.numpy as jnp
import pytest
from small_tasks import line

from jaxdl.nn import conv2d, init_conv2d
from jaxdl.training import RetraceError, data_mesh, fit
from jaxdl.training.program import CompiledOnce, _has_native_weight_gradient


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


@pytest.mark.parametrize(("method", "native"), [("lax", True), ("auto", False)])
def test_native_weight_gradients_are_recognized(method, native):
    params = init_conv2d(jax.random.key(0), 1, 2, (3, 3))
    x = jnp.ones((2, 5, 5, 1))

    def step(params, x):
        return jax.grad(lambda p: conv2d(p, x, method=method).sum())(params), {}

    assert _has_native_weight_gradient(step, params, x) == native
