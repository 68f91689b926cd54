"""Networks as ONNX models: onnxruntime gives our outputs, for batches and lengths of any size."""

from collections.abc import Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.extend.core import jaxpr_as_fun

from jaxdl import models
from jaxdl.interop.native import native
from jaxdl.interop.onnx_form import to_onnx
from jaxdl.models import cnn, mlp, resnet, rnn, seq2seq, text_cnn, transformer, vit

T = transformer.Config
MODELS: dict[str, tuple[Any, Any, list[tuple[Any, ...]]]] = {
    "mlp": (mlp, mlp.Config(5, 3, (7,), activation="gelu"), [(5,)]),
    "max": (cnn, cnn.Config((9, 7), 2, 3, (4, 5), padding="SAME", normalization="batch"), [(9, 7, 2)]),
    "avg": (cnn, cnn.Config((10, 8), 1, 3, (4,), border=1, pool="avg", activation="elu"), [(10, 8, 1)]),
    "gru": (rnn, rnn.Config(n_in=3, n_hidden=4, n_layers=2, cell="gru", residual=True), [(6, 3)]),
    "lstm": (rnn, rnn.Config(n_in=3, n_out=2, n_hidden=4, cell="lstm"), [(6, 3)]),
    "text": (text_cnn, text_cnn.Config(9, 3, d_embedding=4, windows=(2, 3), n_maps=4), [(5,)]),
    "decoder": (transformer, T(9, 9, 8, 2, 0, 1, 12, positions="rotary"), [("t",)]),
    "transformer": (transformer, T(9, 9, 8, 2, 2, 2, 12), [("s",), ("t",)]),
    "vit": (vit, vit.Config(size=(8, 8), patch=4, d_model=8, d_hidden=16, n_layers=2), [(8, 8, 1)]),
    "resnet": (resnet, resnet.Config(channels=(4, 8), blocks=1), [(8, 8, 3)]),
}
SLOW = ("transformer", "vit", "resnet")


def program(module: Any, config: Any, shapes: Sequence[tuple[Any, ...]]) -> tuple[Any, list[Any], list[np.ndarray]]:
    """A drawn network as a function, its symbolic arguments, and inputs."""
    model = models.bind(module, config)
    params, state = jax.tree.map(lambda leaf: 0.3 + leaf, jax.jit(model.init)(jax.random.key(0)))
    tokens = hasattr(config, "n_target") or hasattr(config, "n_tokens")
    letters = ["b", *(n for shape in shapes for n in shape if isinstance(n, str))]
    sizes = dict(zip(letters, jax.export.symbolic_shape(", ".join(letters)), strict=True))
    symbolic: Any = [tuple(sizes.get(n, n) for n in ("b", *shape)) for shape in shapes]
    arguments = [jax.ShapeDtypeStruct(shape, jnp.int32 if tokens else jnp.float32) for shape in symbolic]
    given: Any = [tuple({"b": 3, "s": 5, "t": 4}.get(n, n) for n in ("b", *shape)) for shape in shapes]
    rng = np.random.default_rng(0)
    inputs = [rng.integers(1, 9, n).astype(np.int32) if tokens else rng.normal(size=n).astype("f") for n in given]
    alone = module is transformer and not config.n_encoder_layers

    def function(*x: Any) -> Any:
        return model.apply(params, state, (None, *x) if alone else x if len(inputs) > 1 else x[0], train=False)[0]

    return function, arguments, inputs


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", [pytest.param(n, marks=pytest.mark.slow if n in SLOW else ()) for n in MODELS])
def test_onnxruntime_gives_the_same(name):
    onnxruntime = pytest.importorskip("onnxruntime", reason="the extra jaxdl[onnx] is not installed")
    pytest.importorskip("jax2onnx", reason="the extra jaxdl[onnx] is not installed")
    function, arguments, inputs = program(*MODELS[name])
    names = ["first", "second"][: len(inputs)]
    with jax.numpy_dtype_promotion("standard"), jax.numpy_rank_promotion("allow"):  # jax2onnx has its own functions
        session = onnxruntime.InferenceSession(to_onnx(function, arguments, names))
    for n in (3, 1):
        lengths = [slice(n) if isinstance(shape[0], str) else slice(None) for shape in MODELS[name][2]]
        rows = [x[:n, length] for x, length in zip(inputs, lengths, strict=True)]
        (theirs,) = session.run(["y"], dict(zip(names, rows, strict=True)))
        np.testing.assert_allclose(theirs, jax.jit(function)(*map(jnp.asarray, rows)), rtol=1e-4, atol=1e-5)


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize(
    ("module", "config", "message"),
    [
        (transformer, T(9, 9, 8, 2, 1, 1, 12, copy=True), "jax2onnx cannot write this network: .*scatter"),
        (seq2seq, seq2seq.Config(9, 9, 4, 4, bidirectional=True), "jax2onnx cannot write this network: Reverse scan"),
    ],
)
def test_an_operation_that_is_not_known_is_named_in_a_line(module, config, message):
    pytest.importorskip("jax2onnx", reason="the extra jaxdl[onnx] is not installed")
    function, arguments, _ = program(module, config, [("s",), ("t",)])
    with (
        jax.numpy_dtype_promotion("standard"),
        jax.numpy_rank_promotion("allow"),
        pytest.raises(ValueError, match=message) as told,
    ):
        to_onnx(function, arguments, ["source", "target"])
    assert "\n" not in str(told.value)


def test_a_native_program_has_no_operation_of_ours_and_the_same_values(key):
    function, _, (x,) = program(*MODELS["max"])
    found = native(function, x)
    names = {operation.primitive.name for operation in found.jaxpr.eqns}
    assert names.isdisjoint({"convolution", "cond", "platform_index", "jit", "custom_jvp_call"})
    (y,) = jax.jit(jaxpr_as_fun(found))(x)
    np.testing.assert_allclose(y, jax.jit(function)(x), rtol=1e-5, atol=1e-5)
