"""`models.bind`: one form for every model of one player; exported with any batch, and wrong inputs are refused."""

from typing import Any

import jax
import jax.export
import jax.numpy as jnp
import numpy as np
import pytest

from jaxdl import models
from jaxdl.models import (
    autoencoder,
    cnn,
    factorization,
    gan,
    linear,
    mlp,
    perceptron,
    ranker,
    resnet,
    seq2seq,
    softmax_factorization,
    textrank,
    transformer,
)

TOKENS = ((5,), jnp.int32), ((4,), jnp.int32)
ROWS: dict[Any, Any] = {  # module -> Config, shapes of x without the batch axis
    mlp: (mlp.Config(n_in=4, n_out=3, widths=(5,), dropout=0.5), (((4,), jnp.float32),)),
    linear: (linear.Config(n_in=4), (((4,), jnp.float32),)),
    perceptron: (perceptron.Config(n_in=3), (((3,), jnp.float32),)),
    autoencoder: (autoencoder.Config(shape=(4, 4, 1), n_code=2, channels=(2,)), (((4, 4, 1), jnp.float32),)),
    cnn: (cnn.Config(size=(8, 8), channels=(2,), normalization="batch"), (((8, 8, 1), jnp.float32),)),
    resnet: (resnet.Config(channels=(2, 4), blocks=1, n_in=1), (((8, 8, 1), jnp.float32),)),
    factorization: (factorization.Config(n_users=3, n_items=4), (((2,), jnp.int32),)),
    softmax_factorization: (softmax_factorization.Config(n_items=4), (((4,), jnp.float32),)),
    seq2seq: (seq2seq.Config(6, 6, d_embedding=3, n_hidden=4), TOKENS),
    transformer: (transformer.Config(6, 6, 4, 2, 1, 1, 6), TOKENS),
}
NAMES = [module.__name__.rpartition(".")[2] for module in ROWS]


def inputs(shapes: Any, n: int) -> Any:
    arrays: Any = tuple(jnp.ones((n, *shape), dtype) for shape, dtype in shapes)
    return arrays if len(arrays) > 1 else arrays[0]


@pytest.mark.parametrize("module", ROWS, ids=NAMES)
def test_a_bound_model_is_the_module_and_takes_any_batch(module):
    """Exported with a symbolic batch, as it is served; no weights are drawn."""
    config, shapes = ROWS[module]
    model = models.bind(module, config)
    params, state = jax.eval_shape(model.init, jax.random.key(0))
    assert bool(state) == (module in (cnn, resnet))
    outputs, new = jax.eval_shape(lambda p, s, x: model.apply(p, s, x, train=False), params, state, inputs(shapes, 3))
    assert outputs.shape[0] == 3
    assert jax.tree.structure(new) == jax.tree.structure(state)
    (n,) = jax.export.symbolic_shape("n")
    symbolic: Any = tuple(jax.ShapeDtypeStruct((n, *shape), dtype) for shape, dtype in shapes)
    x = symbolic if len(symbolic) > 1 else symbolic[0]
    exported: Any = jax.export.export(jax.jit(lambda p, s, x: model.apply(p, s, x, train=False)[0]))(params, state, x)
    assert exported.out_avals[0].shape[0] == n


def test_training_is_told_by_train_and_randomness_by_key():
    model = models.bind(mlp, ROWS[mlp][0])
    params, state = model.init(jax.random.key(0))
    x, key = inputs(ROWS[mlp][1], 3), jax.random.key(1)
    still, _ = model.apply(params, state, x, train=False, key=key)
    np.testing.assert_array_equal(still, mlp.apply(params, x, ROWS[mlp][0]))
    dropped, _ = model.apply(params, state, x, train=True, key=key)
    np.testing.assert_array_equal(dropped, mlp.apply(params, x, ROWS[mlp][0], key=key))


@pytest.mark.parametrize("module", [gan, textrank])
def test_what_is_no_model_of_one_player_says_so(module):
    with pytest.raises(ValueError, match="is not a model of one player"):
        models.bind(module, module.Config())


def test_the_config_of_another_model_is_refused():
    with pytest.raises(ValueError, match=r"mlp takes a mlp\.Config, got jaxdl\.models\.linear\.Config"):
        models.bind(mlp, linear.Config(n_in=4))


@pytest.mark.parametrize("module", [module for module in ROWS if module is not factorization], ids=str)
def test_inputs_of_another_dtype_are_refused(module):
    """Whole numbers where floats belong would round every weight; floats are no tokens."""
    config, shapes = ROWS[module]
    model = models.bind(module, config)
    params, state = jax.eval_shape(model.init, jax.random.key(0))
    swapped = [(shape, jnp.uint8 if dtype == jnp.float32 else jnp.float32) for shape, dtype in shapes]
    if module is softmax_factorization:
        pytest.skip("visits are zeros and ones of any dtype")
    with pytest.raises(ValueError, match=r"must be floating, got uint8|integers, got float32"):
        jax.eval_shape(lambda p, s, x: model.apply(p, s, x, train=False), params, state, inputs(swapped, 3))


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda x: mlp.apply({}, x((2, 5)), ROWS[mlp][0]), r"mlp: x \(2, 5\) has 5 numbers .*, but n_in is 4"),
        (lambda x: mlp.apply({}, x((4,)), ROWS[mlp][0]), r"mlp: x \(4,\) must be \[B, ...\]; write x\[None\]"),
        (lambda x: linear.apply({}, x((2, 5)), ROWS[linear][0]), r"linear: x \(2, 5\) has 5 numbers"),
        (
            lambda x: cnn.apply({}, {}, x((2, 8, 8)), ROWS[cnn][0], train=False),
            r"cnn: x \(2, 8, 8\) must be \[B, 8, 8, 1\]; write x\[..., None\]",
        ),
        (
            lambda x: resnet.apply({}, {}, x((2, 8, 8, 3)), ROWS[resnet][0], train=False),
            r"resnet: x \(2, 8, 8, 3\) must be \[B, any, any, 1\]",
        ),
        (
            lambda x: perceptron.score({"w": x((3,)), "b": x(())}, x((2, 4))),
            r"perceptron: x \(2, 4\) must end in the 3",
        ),
        (
            lambda x: gan.generate({}, {}, x((2, 7)), gan.Config(), train=False),
            r"gan: the noise: x \(2, 7\) must be \[B, 100\]",
        ),
        (
            lambda x: gan.discriminate({}, {}, x((2, 28, 28)), gan.Config(), train=False),
            r"gan: x \(2, 28, 28\) must be \[B, 28, 28, 1\]; write",
        ),
        (lambda x: autoencoder.decode({}, x((2, 3)), ROWS[autoencoder][0]), r"the code: x \(2, 3\) has 3 numbers"),
    ],
)
def test_inputs_of_another_shape_are_refused_with_both_shapes(call, message):
    with pytest.raises(ValueError, match=message):
        call(jnp.zeros)


def test_the_ranker_is_exported_with_any_batch():
    config = ranker.Config(n_sentences=3, n_grams=4, n_hash=8)
    params = jax.eval_shape(lambda key: ranker.init(key, config), jax.random.key(0))
    (n,) = jax.export.symbolic_shape("n")
    shapes = {"tokens": ((3, 4), jnp.int32), "features": ((3, ranker.N_FEATURES), jnp.float32), "present": ((3,), bool)}
    x = {name: jax.ShapeDtypeStruct((n, *shape), dtype) for name, (shape, dtype) in shapes.items()}
    exported: Any = jax.export.export(jax.jit(lambda p, x: ranker.apply(p, x, config)))(params, x)
    assert exported.out_avals[0].shape == (n, 3)
