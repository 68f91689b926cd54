"""A run in other libraries' forms: the same outputs from PyTorch's module, from jax.export's program, and back."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from refusal import refused
from safetensors.numpy import load_file

import jaxdl
from jaxdl import cli, interop, runs
from jaxdl.models import transformer
from jaxdl.recipes import images, iris_mlp, table, text, xor_mlp
from jaxdl.runs import exports

pytestmark = pytest.mark.usefixtures("own_caches", "shared_programs")


@pytest.fixture(scope="module")
def iris(tmp_path_factory):
    config = iris_mlp.Config(epochs=2)
    return runs.train("iris_mlp", config, run_dir=tmp_path_factory.mktemp("iris") / "1").folder


@pytest.fixture(scope="module")
def pictures(tmp_path_factory):
    config = images.Config(epochs=1, channels=(4,), widths=(8,))
    return runs.train("images", config, run_dir=tmp_path_factory.mktemp("images") / "1").folder


def known(run, x) -> np.ndarray:
    probabilities = run.predict(x).probabilities
    assert probabilities is not None
    return probabilities


def torch_outputs(module, x):
    torch = pytest.importorskip("torch")
    x = np.array(x)
    with torch.no_grad():
        return module(torch.from_numpy(np.moveaxis(x, -1, 1).copy() if x.ndim == 4 else x)).numpy()


def test_a_program_takes_batches_of_any_size_and_scales_them_itself(iris):
    run = jaxdl.load(iris)
    exported = exports.program(run)
    assert exported.in_avals[0].shape[1:] == (4,)
    for n in (1, 7):
        x = np.random.default_rng(n).uniform(0, 8, (n, 4)).astype(np.float32)
        probabilities = jax.nn.softmax(exported.call(x), axis=-1)
        np.testing.assert_allclose(probabilities, known(run, x), rtol=1e-4, atol=1e-6)


def test_a_program_of_images_takes_bytes(pictures):
    run = jaxdl.load(pictures)
    x = np.random.default_rng(0).integers(0, 256, (2, 24, 24, 1)).astype(np.uint8)
    probabilities = jax.nn.softmax(exports.program(run).call(x), axis=-1)
    np.testing.assert_allclose(probabilities, known(run, x), rtol=1e-4, atol=1e-6)


def test_the_command_writes_a_file_that_jax_reads(iris, capsys):
    pytest.importorskip("flatbuffers")
    assert cli.main(["export", str(iris), "--to", "jax"]) == 0
    assert "x float32[b, 4] -> float32[b,3]" in capsys.readouterr().out
    exported = jax.export.deserialize(bytearray((iris / "model.jaxexport").read_bytes()))
    x = np.ones((5, 4), np.float32)
    np.testing.assert_allclose(exported.call(x), exports.program(jaxdl.load(iris)).call(x), rtol=1e-5)


def test_the_command_writes_a_state_dict_and_its_module(pictures, tmp_path, capsys):
    torch = pytest.importorskip("torch")
    assert cli.main(["export", str(pictures), "--to", "torch", "--out", str(tmp_path / "x.pt")]) == 0
    assert "in [0, 1]" in capsys.readouterr().out
    space: dict = {}
    exec((tmp_path / "x_torch.py").read_text(), space)
    space["model"].load_state_dict(torch.load(tmp_path / "x.pt"))
    x = np.random.default_rng(0).integers(0, 256, (2, 24, 24, 1)).astype(np.uint8)
    ours = exports.program(jaxdl.load(pictures)).call(x)
    np.testing.assert_allclose(torch_outputs(space["model"], x.astype(np.float32) / 255), ours, rtol=1e-4, atol=1e-5)


def test_the_command_copies_the_parameters(iris, tmp_path):
    assert cli.main(["export", str(iris), "--to", "safetensors", "--out", str(tmp_path / "x.safetensors")]) == 0
    stored = load_file(tmp_path / "x.safetensors")
    np.testing.assert_array_equal(stored["layer_0/w"], jaxdl.load(iris).params["layer_0"]["w"])


def test_a_table_exports_the_network_behind_its_columns(tmp_path):
    folder = runs.train("table", table.Config(epochs=1), run_dir=tmp_path / "1").folder
    exported = exports.program(jaxdl.load(folder))
    assert exported.call(np.zeros((2, exported.in_avals[0].shape[1]), np.float32)).shape == (2, 2)


def test_mistakes_are_told_in_a_line(iris, tmp_path, capsys):
    export = functools.partial(refused, capsys, "export")
    assert "--to needs one of safetensors, jax, onnx, torch, flax, got 'keras'" in export(str(iris), "--to", "keras")
    assert "--to needs one of" in export(str(iris))
    assert "--out needs FILE.pt" in export(str(iris), "--to", "torch", "--out", "x.bin")
    text = runs.train("xor_mlp", xor_mlp.Config(epochs=1), run_dir=tmp_path / "x").folder
    (text / "params.safetensors").unlink()
    assert "did not finish" in export(str(text), "--to", "safetensors")


@pytest.mark.filterwarnings("ignore")
def test_the_command_writes_an_onnx_model(iris, tmp_path, capsys):
    onnxruntime = pytest.importorskip("onnxruntime", reason="the extra jaxdl[onnx] is not installed")
    pytest.importorskip("jax2onnx", reason="the extra jaxdl[onnx] is not installed")
    path = tmp_path / "x.onnx"
    with jax.numpy_dtype_promotion("standard"), jax.numpy_rank_promotion("allow"):
        assert cli.main(["export", str(iris), "--to", "onnx", "--out", str(path)]) == 0
    assert "x float32[b, 4] -> y" in capsys.readouterr().out
    x = np.random.default_rng(0).uniform(0, 8, (5, 4)).astype(np.float32)
    (logits,) = onnxruntime.InferenceSession(path).run(None, {"x": x})
    np.testing.assert_allclose(jax.nn.softmax(logits, axis=-1), known(jaxdl.load(iris), x), rtol=1e-4, atol=1e-6)


def test_the_command_writes_a_parameter_tree_and_its_module(pictures, tmp_path, capsys):
    serialization = pytest.importorskip("flax.serialization")
    path = tmp_path / "x.msgpack"
    assert cli.main(["export", str(pictures), "--to", "flax", "--out", str(path)]) == 0
    assert "it takes images [B, H, W, C], bytes in [0, 1]" in capsys.readouterr().out
    space: dict = {}
    exec((tmp_path / "x_flax.py").read_text(), space)
    variables = serialization.msgpack_restore(path.read_bytes())
    x = np.random.default_rng(0).integers(0, 256, (2, 24, 24, 1)).astype(np.uint8)
    with jax.numpy_dtype_promotion("standard"), jax.numpy_rank_promotion("allow"):
        theirs = space["model"].apply(variables, x.astype(np.float32) / 255)
    np.testing.assert_allclose(theirs, exports.program(jaxdl.load(pictures)).call(x), rtol=1e-4, atol=1e-5)


def test_a_transformer_exports_as_a_program_of_tokens_of_any_length(tmp_path, key):
    sizes: dict = {"length": 8, "d_model": 8, "n_heads": 2, "n_layers": 1, "d_hidden": 8, "positions": "sinusoidal"}
    config = text.Config(**sizes)
    task = text.task(config)
    run = runs.Run(tmp_path, "text", config, task, jax.jit(task.init)(key))
    tokens = np.array([[1, 5, 6, 7, 4], [1, 8, 8, 9, 4]], np.int32)
    assert run.predictor.network is not None
    model = run.predictor.network.config
    ours = jax.jit(transformer.apply, static_argnums=3)(run.params, None, jnp.asarray(tokens), model)
    np.testing.assert_allclose(exports.program(run).call(tokens), ours, rtol=1e-4, atol=1e-4)
    assert interop.to_flax(model, run.params)["params"]["decoder_0"]["self"]["query"]["kernel"].shape == (8, 2, 4)
