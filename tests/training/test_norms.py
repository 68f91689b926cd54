"""Norms by epoch: right whatever the optimizer keeps, and nothing of the run changes for them."""

import json

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from jax._src import monitoring
from small_tasks import assert_identical, line

from jaxdl import optim
from jaxdl.training import callbacks, fit, init_train_state, norms

PARAMS = {"a": {"w": jnp.array([3.0, 0.0]), "n": jnp.array([7])}, "b": {"w": jnp.array([4.0])}}
FLOATS = {"a": {"w": PARAMS["a"]["w"]}, "b": PARAMS["b"]}
GRADIENT = {"a": {"w": jnp.array([1.0, 2.0])}, "b": {"w": jnp.array([2.0])}}  # of norm 3


def after_a_step(optimizer):
    state = init_train_state(jax.random.key(0), FLOATS, optimizer)
    return state._replace(opt_state=optimizer.update(GRADIENT, state.opt_state, FLOATS)[1])


@pytest.mark.parametrize(
    ("optimizer", "kind", "norm"),
    [
        (optim.adam(0.1, 0.9), "mu", 0.3),
        (optax.trace(0.5), "trace", 3.0),
        (optax.chain(optax.clip_by_global_norm(1.0), optim.adamw(0.1)), "mu", 0.1),
        (optim.ewma_momentum(0.1, 0.75), "ema", 0.75),
        (optim.momentum(0.1), "trace", 3.0),
        (optim.rmsprop(0.1, 0.75), "nu", 1.5),
        (optim.rmsprop(0.1, 0.75, centered=True), "mu", 0.75),
        (optim.sgd(0.1), "", None),
        (optim.adagrad(0.1), "", None),
    ],
)
def test_what_the_optimizer_keeps_of_the_gradient(optimizer, kind, norm):
    state = after_a_step(optimizer)
    found = norms.norms(state)
    assert norms.gradient_kind(state) == kind
    assert found["parameters"] == {"": 5.0, "a": 3.0, "b": 4.0}
    assert found.get("gradient", {}).get("") == (None if norm is None else pytest.approx(norm, rel=1e-6))


def test_parts_of_two_players_and_integers_beside_floats():
    state = init_train_state(jax.random.key(0), FLOATS, optim.sgd(0.1))._replace(params=PARAMS)
    moved = {name: optim.adam(0.1).update(GRADIENT[name], optim.adam(0.1).init(FLOATS[name]))[1] for name in FLOATS}
    found = norms.norms(state._replace(opt_state=moved))
    assert found["parameters"] == {"": 5.0, "a": 3.0, "b": 4.0}
    assert found["gradient"] == pytest.approx({"": 0.3, "a": 0.05**0.5, "b": 0.2}, rel=1e-6)


@pytest.mark.parametrize("squared", [False, True])
def test_the_compiled_sums_are_those_in_place(squared):
    rng = np.random.default_rng(0)
    leaves = {"x": jnp.asarray(rng.random(100), jnp.float32), "h": jnp.asarray(rng.random(7), jnp.bfloat16)}
    leaves |= {} if squared else {"c": jnp.array([3j, 4.0])}
    compiled = {name: float(total) for name, total in norms._compiled(leaves, squared).items()}
    assert norms._in_place(leaves, squared) == pytest.approx(compiled, rel=1e-6)


def test_sharded_parameters_count_once():
    mesh = jax.make_mesh((4, 2), ("x", "y"), axis_types=(jax.sharding.AxisType.Auto,) * 2)
    sharding = jax.sharding.NamedSharding(mesh, jax.sharding.PartitionSpec("x"))  # two copies of each quarter
    leaf = jax.device_put(jnp.arange(8.0), sharding)
    assert norms._in_place({"w": leaf}, False) == {"w": 140.0}


def test_a_norm_that_is_not_finite_is_null():
    assert [norms._number(norms._root(x)) for x in (float("nan"), float("inf"), 4.0)] == [None, None, 2.0]


def rows(folder):
    return [json.loads(row) for row in (folder / "norms.jsonl").read_text().splitlines()]


def test_a_run_logs_them_goes_on_with_them_and_is_the_same_without(tmp_path):
    bare = fit(line(), epochs=3, batch_size=4)
    logged = fit(line(), epochs=3, batch_size=4, run_dir=tmp_path / "1")
    assert_identical(bare.state, logged.state)
    whole = rows(tmp_path / "1")
    assert [row["epoch"] for row in whole] == [1, 2, 3]
    assert whole[-1]["parameters"] == pytest.approx(norms.norms(logged.state)["parameters"], rel=1e-5)
    assert {row["average"] for row in whole} == {"mu"}
    fit(line(), epochs=2, batch_size=4, run_dir=tmp_path / "2")
    with (tmp_path / "2" / "norms.jsonl").open("a") as file:
        file.write('{"epoch": 3, "of an epoch": "that is done again"}\n{"epo')
    fit(line(), epochs=3, batch_size=4, run_dir=tmp_path / "2", resume=True)
    assert rows(tmp_path / "2") == whole


def test_the_time_of_compilation_is_noted_and_nobody_listens_on(tmp_path):
    before = len(monitoring.get_event_time_span_listeners())
    fit(line(), epochs=1, batch_size=4, run_dir=tmp_path / "1")
    noted = json.loads((tmp_path / "1" / "environment.json").read_text())["compilation"]
    assert noted["programs"] >= 1
    assert noted["trace_s"] > 0
    with pytest.raises(callbacks.NonFiniteError):
        fit(
            line(optimizer=optim.sgd(1e30)),
            epochs=9,
            batch_size=4,
            run_dir=tmp_path / "2",
            callbacks=[callbacks.nan_stop()],
        )
    assert len(monitoring.get_event_time_span_listeners()) == before
