"""Sizes, data and operation counts of the workloads."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from benchmarks.workloads import cases, flops

# The reference GAN draws new noise for the generator and so makes G(z) twice; ours makes it once, 0.9 GFLOP less.
REFERENCE = [("mlp", 0.41), ("cnn", 1.82), ("resnet", 10.2), ("gan", 10.37 - 0.93)]


@pytest.mark.parametrize(("name", "gflop"), REFERENCE)
def test_flops_are_those_of_the_reference_figures(name: str, gflop: float) -> None:
    assert cases.make(name).flops / 1e9 == pytest.approx(gflop, rel=0.01)


@pytest.mark.parametrize(("name", "share"), [("mlp", 0.06), ("cnn", 0.06), ("resnet", 0.15), ("autoencoder", 0.06)])
def test_flops_agree_with_the_compiler(name: str, share: float) -> None:
    """XLA leaves out the products with padding (residual network) and adds bias, ReLU and pooling."""
    linen = pytest.importorskip("benchmarks.peers.flax_linen_models", reason="flax is not installed")
    case = cases.make(name)
    side = case.shape[:1] if name == "resnet" else ()
    counted = case.batch * sum(getattr(flops, name)(case.config, *side))
    assert counted == pytest.approx(_compiler_flops(linen.model(case), (case.batch, *case.shape)), rel=share)


@pytest.mark.parametrize("player", ["generator", "discriminator"])
def test_flops_of_a_game_agree_with_the_compiler(player: str) -> None:
    linen = pytest.importorskip("benchmarks.peers.flax_linen_models", reason="flax is not installed")
    case = cases.make("gan")
    shape = (case.config.n_latent,) if player == "generator" else case.shape
    counted = case.batch * sum(getattr(flops, player)(case.config))
    assert counted == pytest.approx(_compiler_flops(linen.players(case)[player], (case.batch, *shape)), rel=0.15)


def _compiler_flops(module: Any, shape: tuple[int, ...]) -> float:
    x = jax.ShapeDtypeStruct(shape, jnp.float32)
    with jax.numpy_rank_promotion("allow"), jax.numpy_dtype_promotion("standard"):
        variables = jax.eval_shape(lambda x: module.init(jax.random.key(0), x), x)

        def forward_pass(v, x):
            return module.apply(v, x, mutable=["batch_stats"])[0]

        cost = jax.jit(forward_pass).lower(variables, x).compile().cost_analysis()
    return (cost or {})["flops"]


@pytest.mark.parametrize("name", cases.BUILDERS)
@pytest.mark.parametrize("small", [True, False])
def test_data_and_weights_are_numpy_and_repeatable(name: str, small: bool) -> None:
    case = cases.make(name, small=small)
    data, again = case.data(), case.data()
    other = {"classifier": {"y"}, "autoencoder": set(), "game": {"z"}}[case.kind]
    assert set(data) == {"x"} | other
    assert data["x"].shape == (case.n_examples, *case.shape)
    assert {len(values) for values in data.values()} == {case.n_examples}
    for part, values in data.items():
        assert values.dtype == (np.int32 if part == "y" else np.float32)
        np.testing.assert_array_equal(values, again[part])
    if "y" in data:
        assert set(np.unique(data["y"])) <= set(range(cases.N_CLASSES))
    else:
        assert 0 <= data["x"].min() < data["x"].max() <= 1
    for leaf, same in zip(jax.tree.leaves(case.weights()), jax.tree.leaves(case.weights()), strict=True):
        assert isinstance(leaf, np.ndarray)
        np.testing.assert_array_equal(leaf, same)


def test_batches_are_the_data_in_order() -> None:
    case = cases.make("cnn", small=True)
    batches = case.batches()
    assert len(batches) == case.steps
    for name, values in case.data().items():
        np.testing.assert_array_equal(np.concatenate([batch[name] for batch in batches]), values)


def test_an_unknown_workload_is_refused() -> None:
    with pytest.raises(ValueError, match="no workload 'vgg'; there are mlp, cnn, resnet, autoencoder, gan"):
        cases.make("vgg")
