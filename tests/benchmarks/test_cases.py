"""Sizes, data and operation counts of the workloads."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from benchmarks import cases


@pytest.mark.parametrize(("name", "gflop"), [("mlp", 0.41), ("cnn", 1.82), ("resnet", 10.2)])
def test_flops_are_those_of_the_reference_figures(name: str, gflop: float) -> None:
    assert cases.make(name).flops / 1e9 == pytest.approx(gflop, rel=0.01)


@pytest.mark.parametrize(("name", "share"), [("mlp", 0.01), ("cnn", 0.01), ("resnet", 0.1)])
def test_flops_agree_with_the_compiler(name: str, share: float) -> None:
    """XLA leaves out the products with padding (residual network) and adds bias, ReLU and pooling."""
    linen = pytest.importorskip("benchmarks.peers.flax_linen", reason="flax is not installed")
    case = cases.make(name)
    module, x = linen.model(case), jnp.zeros((case.batch, *case.shape))
    with jax.numpy_rank_promotion("allow"), jax.numpy_dtype_promotion("standard"):
        variables = jax.eval_shape(lambda x: module.init(jax.random.key(0), x), x)

        def forward_pass(v, x):
            return module.apply(v, x, mutable=["batch_stats"])[0]

        cost = jax.jit(forward_pass).lower(variables, x).compile().cost_analysis()
    forward = {"mlp": cases._mlp_flops, "cnn": cases._cnn_flops}
    counted = forward[name](case.config) if name in forward else cases._resnet_flops(case.config, case.shape[0])
    assert case.batch * sum(counted) == pytest.approx((cost or {})["flops"], rel=share + 0.05)


@pytest.mark.parametrize("name", cases.NAMES)
@pytest.mark.parametrize("small", [True, False])
def test_data_and_weights_are_numpy_and_repeatable(name: str, small: bool) -> None:
    case = cases.make(name, small=small)
    (x, y), (again, _) = case.data(), case.data()
    assert x.shape == (case.n_examples, *case.shape)
    assert y.shape == (case.n_examples,)
    assert (x.dtype, y.dtype) == (np.float32, np.int32)
    assert set(np.unique(y)) <= set(range(cases.N_CLASSES))
    np.testing.assert_array_equal(x, again)
    for leaf, same in zip(jax.tree.leaves(case.weights()), jax.tree.leaves(case.weights()), strict=True):
        assert isinstance(leaf, np.ndarray)
        np.testing.assert_array_equal(leaf, same)


def test_batches_are_the_data_in_order() -> None:
    case = cases.make("cnn", small=True)
    batches = case.batches()
    assert len(batches) == case.steps
    np.testing.assert_array_equal(np.concatenate([x for x, _ in batches]), case.data()[0])
    np.testing.assert_array_equal(np.concatenate([y for _, y in batches]), case.data()[1])


def test_an_unknown_workload_is_refused() -> None:
    with pytest.raises(ValueError, match="no workload 'vgg'; there are mlp, cnn, resnet"):
        cases.make("vgg")
