"""Eight forced host devices: the same run as on one, whatever is cut."""

import dataclasses
import functools
import json
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.sharding import PartitionSpec as P
from small_tasks import line, plain, without_seconds

from jaxdl import models
from jaxdl.cli import main
from jaxdl.data import Splits
from jaxdl.data.text import character_tokenizer, vocabulary_size
from jaxdl.models import cnn, mlp, transformer
from jaxdl.nn import conv2d, init_conv2d
from jaxdl.optim import sgd
from jaxdl.recipes import digits_cnn
from jaxdl.tasks import language
from jaxdl.tasks.supervised import Config, classification
from jaxdl.training import data_mesh, fit, fitting, init_train_state, loop, make_mesh, make_train_step
from jaxdl.training.sharding import shardings
from jaxdl.tree import named_leaves

pytestmark = pytest.mark.skipif(len(jax.devices()) < 8, reason="needs eight devices")


@pytest.mark.parametrize(("batch_size", "n_devices"), [(16, 8), (None, 8), (16, 2)])
def test_many_devices_do_what_one_does(batch_size, n_devices):
    task = line(n=40, optimizer=sgd(0.05))
    one = fit(task, epochs=2, batch_size=batch_size)
    many = fit(task, epochs=2, batch_size=batch_size, mesh=data_mesh(n_devices))
    for a, b in zip(plain(one.state), plain(many.state), strict=True):
        np.testing.assert_allclose(b, a, rtol=1e-5, atol=1e-6)
    for name, values in without_seconds(one.history).items():
        np.testing.assert_allclose(many.history.history[name], values, rtol=1e-5)
    assert many.state.params["w"].sharding.is_fully_replicated
    assert len(many.state.params["w"].devices()) == n_devices


@pytest.mark.parametrize("method", ["lax", "auto"])
def test_many_devices_choose_a_program_for_convolutions(method):
    """The programs with and without a loop are measured on a copy of the state, which lies on all devices too."""

    def loss_fn(params, state, batch, key):
        loss = (conv2d(params, batch["x"], method=method) ** 2).mean()
        return loss, (state, {"loss": (loss, jnp.float32(1))})

    def init(key):
        return init_train_state(key, init_conv2d(key, 16, 16, (3, 3)), sgd(0.05))

    x: Any = np.random.default_rng(0).standard_normal((32, 5, 5, 16), np.float32)
    splits = Splits({"x": x}, *({"x": x[:0]} for _ in range(2)))
    step: Any = make_train_step(loss_fn, sgd(0.05))
    task = line()._replace(init=init, step=step, data=splits)
    one = fit(task, epochs=2, batch_size=16)
    many = fit(task, epochs=2, batch_size=16, mesh=data_mesh())
    for a, b in zip(plain(one.state), plain(many.state), strict=True):
        np.testing.assert_allclose(b, a, rtol=1e-4, atol=1e-5)


def trained(optimizer: str, *, mesh: Any = None, factor: float = 1.0) -> list[np.ndarray]:
    """The parameters of digits_cnn after an epoch; the first ones are multiplied by a factor."""
    config = dataclasses.replace(digits_cnn.Config(), optimizer=optimizer, batch_size=64)
    task = digits_cnn.task(config)

    def init(key):
        state = task.init(key)
        return state._replace(params=jax.tree.map(lambda p: p * jnp.float32(factor), state.params))

    result = fit(task._replace(init=init), epochs=1, batch_size=64, mesh=mesh)
    return [np.asarray(leaf) for leaf in jax.tree.leaves(result.state.params)]


def farthest(a: list[np.ndarray], b: list[np.ndarray]) -> float:
    return max(float(np.abs(x - y).max()) for x, y in zip(a, b, strict=True))


@pytest.mark.slow
def test_many_devices_differ_by_rounding_alone():
    """Adam makes much of it: as much as where one device's first weights differ in their last digit."""
    assert farthest(trained("sgd"), trained("sgd", mesh=data_mesh())) < 2e-6
    one = trained("adam")
    assert farthest(one, trained("adam", mesh=data_mesh())) < 4 * farthest(one, trained("adam", factor=1 + 1.2e-7))


def test_the_batch_is_really_cut():
    """A step that asks: each device holds its slice of the batch, not all of it."""
    seen = []

    def look(array):
        seen.append(array.shape)

    task = line(n=40)

    def step(state, batch):
        jax.debug.inspect_array_sharding(batch["x"], callback=lambda s: look(np.empty(s.shard_shape(batch["x"].shape))))
        return task.step(state, batch)

    fit(task._replace(step=step), epochs=1, batch_size=16, mesh=data_mesh())
    assert set(seen) == {(2, 3)}


@pytest.mark.parametrize("batch_size", [12, None])
def test_batches_that_do_not_divide_are_padded_and_masked(batch_size):
    """12 rows, or all 10, on 8 devices: every row counts once, as on one device."""
    task = line(n=10 if batch_size is None else 40, optimizer=sgd(0.05))
    one = fit(task, epochs=2, batch_size=batch_size)
    many = fit(task, epochs=2, batch_size=batch_size, mesh="data=8")
    for a, b in zip(plain(one.state), plain(many.state), strict=True):
        np.testing.assert_allclose(b, a, rtol=1e-5, atol=1e-6)


def _dense(config):
    part = {"x": np.random.default_rng(0).normal(size=(40, 5)).astype(np.float32), "y": np.arange(40) % 4}
    model = models.bind(mlp, mlp.Config(n_in=5, n_out=4, widths=(16, 8), dropout=0.2))
    return classification(model, config, Splits(part, part, {}), tuple("abcd"))


def _cnn(config):
    part = {"x": np.random.default_rng(0).integers(0, 256, (40, 8, 8, 1)).astype(np.uint8), "y": np.arange(40) % 4}
    sizes = cnn.Config(size=(8, 8), n_out=4, channels=(8,), widths=(16,), normalization="batch")
    return classification(models.bind(cnn, sizes), config, Splits(part, part, {}), tuple("abcd"))


def _transformer(config):
    words = "to be or not to be that is the question " * 8
    tokenizer = character_tokenizer([words])
    n = 8 * -(-vocabulary_size(tokenizer) // 8)  # a table that can be cut
    sizes: Any = {"d_model": 16, "n_heads": 2, "d_hidden": 32, "dropout": 0.1}
    model = transformer.Config(n, n, n_encoder_layers=0, n_decoder_layers=2, **sizes)
    return language.task(language.Language(model, tokenizer, 8), config, (words, words[:40], ""))


TASKS = {"dense": _dense, "cnn": _cnn, "transformer": _transformer}
MESHES = ("data=8", "shard=8", "model=8", "model=2,data=2,shard=2")
SGD = Config(batch_size=16, optimizer="momentum", learning_rate=0.1)
OPTIONS: dict[str, Any] = {"epochs": 1, "batch_size": 16, "steps_per_call": 8}


FAST = {("cnn", MESHES[0]), ("transformer", MESHES[-1])}


@functools.cache
def on_one(name):
    return fit(TASKS[name](SGD), **OPTIONS)


@pytest.mark.parametrize(
    ("name", "mesh"),
    [
        pytest.param(name, mesh, marks=[] if (name, mesh) in FAST else pytest.mark.slow)
        for name in TASKS
        for mesh in MESHES
    ],
)
def test_models_on_every_mesh_equal_one_device(name, mesh):
    """Losses, parameters and running statistics after some steps; what is kept really lies in slices."""
    one, many = on_one(name), fit(TASKS[name](SGD), **OPTIONS, mesh=mesh)
    for a, b in zip(plain(one.state), plain(many.state), strict=True):
        np.testing.assert_allclose(b, a, rtol=1e-4, atol=1e-5)
    for score, values in without_seconds(one.history).items():
        np.testing.assert_allclose(many.history.history[score], values, rtol=1e-5)
    kept = jax.tree.leaves((many.state.params, many.state.opt_state))
    whole = sum(leaf.nbytes for leaf in kept)
    here = sum(leaf.addressable_shards[0].data.nbytes for leaf in kept)
    assert (here == whole) if mesh == "data=8" else (here < 0.5 * whole)


@pytest.mark.slow
def test_a_checkpoint_of_slices_loads_on_another_mesh(tmp_path):
    task = _dense(SGD)
    longer: dict[str, Any] = OPTIONS | {"epochs": 2}
    fit(task, **OPTIONS, run_dir=tmp_path, mesh="shard=8")
    resumed = fit(task, **longer, run_dir=tmp_path, mesh="data=2,model=4", resume=True)
    for a, b in zip(plain(fit(task, **longer).state), plain(resumed.state), strict=True):
        np.testing.assert_allclose(b, a, rtol=1e-4, atol=1e-5)


def test_the_command_line_takes_a_mesh(tmp_path, monkeypatch, capsys, own_caches):
    monkeypatch.chdir(tmp_path)
    words = ["train", "xor_mlp", "--epochs", "2", "--run-dir", "run"]
    assert main([*words, "--mesh", "data=9"]) == 2
    assert "mesh data=9 needs 9 devices, but here are 8" in capsys.readouterr().err
    assert not (tmp_path / "run").exists()
    assert main([*words, "--mesh", "data=4,model=2"]) == 0
    assert json.loads((tmp_path / "run/environment.json").read_text())["mesh"] == {"data": 4, "model": 2}
    assert main(["evaluate", "run"]) == 0
    assert main(["train", "xor_mlp", "--seeds", "2", "--mesh", "data=2"]) == 2


def test_the_rules_cut_what_they_say():
    state = jax.eval_shape(_transformer(SGD).init, jax.random.key(0))
    cuts: dict[str, Any] = named_leaves(shardings(state, make_mesh("shard=2,model=4")))
    spec = {path: cut.spec for path, cut in cuts.items()}
    layers = "params/decoder/layers"
    assert spec[f"{layers}/hidden/w"] == P(None, "shard", "model")
    assert spec[f"{layers}/out/w"] == P(None, "model", "shard")
    assert spec[f"{layers}/self/out/w"] == P(None, "model", "shard")
    assert spec["params/target/table"] == P("model", "shard")
    moments = {path: cut for path, cut in spec.items() if path.startswith("opt_state") and path.endswith("hidden/w")}
    assert set(moments.values()) == {P(None, "shard", "model")}
    assert spec["step"] == spec["key"] == P()


@pytest.mark.parametrize(
    ("mesh", "message"),
    [
        ("data=16", "mesh data=16 needs 16 devices, but here are 8 of kind cpu"),
        ("data=4,model=4", "needs 16 devices"),
        ("data=0", "a whole number, at least 1"),
        ("data=2,data=2", "each once"),
        ("8", "an axis is one of data, shard, model"),
        ("", "an axis is one of data, shard, model"),
        ("data=2;model=2", "an axis is one of"),
        ("model=7", "mesh axis model=7 cuts nothing: it divides no parameter's axis"),
        ("shard=7", "mesh axis shard=7 cuts nothing"),
    ],
)
def test_impossible_meshes_are_refused_before_anything_is_compiled(mesh, message, monkeypatch):
    monkeypatch.setattr(loop, "Stepper", None)
    monkeypatch.setattr(fitting, "initial_state", None)
    with pytest.raises(ValueError, match=message):
        fit(line(n=40), epochs=1, batch_size=16, mesh=mesh)
