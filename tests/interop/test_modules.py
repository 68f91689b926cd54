"""Networks in PyTorch and flax: the modules that are written give our outputs with our weights, and they come back."""

import functools
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxdl import interop, models
from jaxdl.interop import networks
from jaxdl.models import cnn, linear, mlp, resnet, rnn, seq2seq, transformer

SOURCE = jnp.array([[5, 3, 8, 1, 2], [4, 4, 7, 0, 0]])
TARGET = jnp.array([[1, 3, 5, 2], [1, 8, 8, 4]])
T = transformer.Config
CONFIGS: dict[str, Any] = {
    "linear": linear.Config(n_in=5, n_out=1),
    "mlp": mlp.Config(n_in=5, n_out=3, widths=(7, 6), activation="gelu", dropout=0.5),
    "cnn": cnn.Config((9, 7), 2, 3, (4, 5), padding="SAME", widths=(6,), normalization="batch", dropout=0.3),
    "valid": cnn.Config((10, 8), 1, 3, (4,), border=1, pool="avg", activation="elu"),
    "even": cnn.Config((8, 8), 1, 3, (4,), window=4, padding="SAME", activation="silu"),
    "rnn": rnn.Config(n_in=3, n_out=2, n_hidden=4, cell="rnn"),
    "lstm": rnn.Config(n_in=3, n_out=2, n_hidden=4, n_layers=2, cell="lstm"),
    "gru": rnn.Config(n_in=3, n_hidden=4, n_layers=2, cell="gru", residual=True),
    "pre-norm": T(9, 9, 8, 2, 2, 2, 12),
    "post-norm": T(9, 11, 8, 2, 1, 2, 12, norm="post", tied="none", activation="gelu"),
    "decoder": T(9, 9, 8, 2, 0, 2, 12, positions="learned", max_length=7, activation="gelu_tanh"),
    "encoder": T(9, 9, 8, 2, 2, 0, 12, tied="all", pad=None),
}


@functools.cache
def network(name: str, dtype: Any = jnp.float32) -> tuple[Any, ...]:
    """(config, params, state, inputs, our outputs), every leaf drawn."""
    config = CONFIGS[name]
    module = networks.model_of(config)
    model, key = models.bind(module, config), jax.random.key(0)
    params, state = networks.empty(config)
    params = jax.tree.map(lambda leaf: 0.5 * jax.random.normal(jax.random.key(leaf.size), leaf.shape, dtype), params)
    state = jax.tree.map(lambda leaf: jnp.asarray(leaf + 0.5, dtype), state)
    if isinstance(config, transformer.Config):
        inputs = [x for x, n in ((SOURCE, config.n_encoder_layers), (TARGET, config.n_decoder_layers)) if n]
        given = (None, *inputs) if name == "decoder" else inputs
        compute: Any = transformer.encode if name == "encoder" else transformer.apply
        return config, params, state, inputs, jax.jit(lambda p: compute(p, *given, config))(params)
    shape = (*config.size, config.n_in) if module is cnn else (6, config.n_in) if module is rnn else (config.n_in,)
    x = jax.random.normal(key, (4, *shape), dtype)
    return config, params, state, [x], jax.jit(lambda p: model.apply(p, state, x, train=False)[0])(params)


def module(code: str) -> Any:
    space: dict = {}
    exec(code, space)
    return space["model"]


def torch_outputs(model, arrays, inputs):
    torch = pytest.importorskip("torch")
    tensors = {name: torch.from_numpy(np.array(array)) for name, array in arrays.items()}
    model.to(next(iter(tensors.values())).dtype).load_state_dict(tensors)
    inputs = [np.array(x) for x in inputs]
    with torch.no_grad():
        return model(*(torch.from_numpy(np.moveaxis(x, -1, 1).copy() if x.ndim == 4 else x) for x in inputs)).numpy()


@pytest.mark.parametrize("name", CONFIGS)
def test_the_module_of_pytorch_gives_the_same_and_its_state_dict_comes_back(name):
    pytest.importorskip("torch")
    config, params, state, inputs, ours = network(name)
    model = module(interop.torch_module(config))
    theirs = torch_outputs(model, interop.to_torch(config, params, state), inputs)
    np.testing.assert_allclose(theirs, ours, rtol=2e-4, atol=2e-4)
    jax.tree.map(np.testing.assert_array_equal, interop.from_torch(config, model.state_dict()), (params, state))


@pytest.mark.parametrize("name", CONFIGS)
def test_the_module_of_flax_gives_the_same_and_its_tree_comes_back(name):
    pytest.importorskip("flax")
    config, params, state, inputs, ours = network(name)
    model, variables = module(interop.flax_module(config)), interop.to_flax(config, params, state)
    with jax.numpy_rank_promotion("allow"), jax.numpy_dtype_promotion("standard"):
        theirs = jax.jit(model.apply)(variables, *inputs)
        drawn = jax.eval_shape(model.init, jax.random.key(0), *inputs)
    np.testing.assert_allclose(theirs, ours, rtol=2e-4, atol=2e-4)
    assert jax.tree.map(jnp.shape, drawn) == jax.tree.map(jnp.shape, variables)
    jax.tree.map(np.testing.assert_array_equal, interop.from_flax(config, variables), (params, state))


@pytest.mark.parametrize("name", ["lstm", "pre-norm", "post-norm"])
def test_pytorch_agrees_in_double_precision(name, x64):
    pytest.importorskip("torch")
    config, params, state, inputs, ours = network(name, jnp.float64)
    theirs = torch_outputs(module(interop.torch_module(config)), interop.to_torch(config, params, state), inputs)
    np.testing.assert_allclose(theirs, ours, rtol=1e-10, atol=1e-10)


def test_the_second_biases_of_pytorch_are_added_where_only_their_sum_counts():
    torch = pytest.importorskip("torch")
    for name in ("lstm", "gru", "rnn"):
        config, _, _, (x,), _ = network(name)
        model = module(interop.torch_module(config))  # with weights that torch has drawn: no bias is zero
        with torch.no_grad():
            theirs = model(torch.from_numpy(np.array(x))).numpy()
        params, _ = interop.from_torch(config, model.state_dict())
        np.testing.assert_allclose(rnn.apply(params, x, config), theirs, rtol=1e-5, atol=1e-6)


def test_a_module_of_ones_own_is_read_by_names():
    torch = pytest.importorskip("torch")
    config = mlp.Config(n_in=4, n_out=3, widths=(5,))
    model = torch.nn.Sequential(torch.nn.Linear(4, 5), torch.nn.ReLU(), torch.nn.Linear(5, 3)).bfloat16()
    params, _ = interop.from_torch(config, model.state_dict(), names={"layer_0": "0", "layer_1": "2"})
    np.testing.assert_array_equal(params["layer_1"]["w"], model[2].weight.detach().float().numpy().T)


def test_a_module_of_nnx_is_read_by_names():
    nnx: Any = pytest.importorskip("flax.nnx")
    config = mlp.Config(n_in=4, n_out=3, widths=(5,))
    model = nnx.List([nnx.Linear(4, 5, rngs=nnx.Rngs(0)), nnx.Linear(5, 3, rngs=nnx.Rngs(1))])
    tree = nnx.to_pure_dict(nnx.state(model, nnx.Param))
    params, _ = interop.from_flax(config, tree, names={"layer_0": "0", "layer_1": "1"})
    np.testing.assert_array_equal(params["layer_1"]["w"], model[1].kernel[...])


MISTAKES = [
    ({"layer_0.weight": None}, r"there is no 'layer_0.weight' among layer_0.bias, layer_1.bias, .*names="),
    ({"layer_0.bias": np.zeros(3)}, r"layer_0.bias is \(3,\), but the network has \(5,\)"),
    ({"layer_2.bias": np.zeros(3)}, r"'layer_2.bias' \(3,\) has no place in the network"),
]


@pytest.mark.parametrize(("change", "message"), MISTAKES)
def test_what_does_not_fit_is_told_in_a_line(change, message):
    config = mlp.Config(n_in=4, n_out=3, widths=(5,))
    arrays = interop.to_torch(config, *networks.empty(config)) | change
    with pytest.raises(ValueError, match=f"^from_torch: {message}") as told:
        interop.from_torch(config, {name: array for name, array in arrays.items() if array is not None})
    assert "\n" not in str(told.value)
    tree = {"params": {"layer_0": {"kernel": np.zeros((4, 5)), "bias": np.zeros(6)}}}
    with pytest.raises(ValueError, match=r"^from_flax: layer_0.bias is \(6,\), but the network has \(5,\)"):
        interop.from_flax(config, tree)


@pytest.mark.parametrize(
    ("config", "message"),
    [
        (seq2seq.Config(9, 9), "no form of seq2seq in other libraries"),
        (resnet.Config(), "no form of resnet in other libraries; there is one of linear, mlp, cnn, rnn, transformer"),
        (T(9, 9, 8, 2, positions="rotary"), 'neither PyTorch nor flax has layers with positions="rotary"'),
        (T(9, 9, 8, 2, copy=True), "neither PyTorch nor flax has a layer that copies"),
    ],
)
def test_what_has_no_form_is_said(config, message):
    for function in (interop.torch_module, interop.flax_module, lambda config: interop.from_torch(config, {})):
        with pytest.raises(ValueError, match=message):
            function(config)
