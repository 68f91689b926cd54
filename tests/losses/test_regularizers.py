"""Penalties: which leaves, which values, which gradients."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxdl.losses import regularizers

PARAMS = {
    "layer_0": {"w": jnp.array([[1.0, -2.0], [0.0, 3.0]]), "b": jnp.array([10.0, 20.0])},
    "norm": {"scale": jnp.array([5.0])},
    "table": jnp.array([[[2.0]]]),
}


def test_values_leave_biases_and_scales_out():
    assert float(regularizers.l1(PARAMS)) == 6 + 2
    assert float(regularizers.l2(PARAMS)) == 14 + 4


@pytest.mark.parametrize(
    ("select", "expected"),
    [
        (regularizers.by_rank(1), 6 + 30 + 5 + 2),
        (regularizers.by_rank(3), 2),
        (regularizers.by_name("w"), 6),
        (regularizers.by_name("b", "table"), 32),
        (regularizers.by_name("layer_0"), 0),  # the last part of the path decides
        (lambda path, leaf: path.startswith("layer_0/"), 36),
    ],
)
def test_masks(select, expected):
    total = regularizers.l1(PARAMS, select=select)
    assert (float(total), total.dtype, total.shape) == (expected, jnp.float32, ())


def test_gradients():
    l1, l2 = jax.grad(regularizers.l1)(PARAMS), jax.grad(regularizers.l2)(PARAMS)
    np.testing.assert_array_equal(l1["layer_0"]["w"], [[1, -1], [0, 1]])  # 0 at 0: nothing pushes it away
    np.testing.assert_array_equal(l2["layer_0"]["w"], 2 * np.asarray(PARAMS["layer_0"]["w"]))
    for gradient in (l1, l2):
        assert not np.any(gradient["layer_0"]["b"])
        assert not np.any(gradient["norm"]["scale"])


@pytest.mark.parametrize(("l1_rate", "l2_rate"), [(0.0, 0.0), (0.5, 0.0), (0.0, 0.25), (0.5, 0.25)])
def test_elastic_net(l1_rate, l2_rate):
    total = regularizers.elastic_net(PARAMS, l1_rate=l1_rate, l2_rate=l2_rate)
    assert float(total) == l1_rate * 8 + l2_rate * 18
    assert total.dtype == jnp.float32


def test_a_rate_of_zero_costs_nothing():
    jaxpr = jax.make_jaxpr(lambda p: regularizers.elastic_net(p, l1_rate=0.0, l2_rate=0.0))(PARAMS)
    assert not jaxpr.eqns
    jaxpr = jax.make_jaxpr(lambda p: regularizers.elastic_net(p, l1_rate=0.0, l2_rate=1.0))(PARAMS)
    assert "sign" not in str(jaxpr)


def test_half_precision_is_summed_wide():
    total = regularizers.l2({"w": jnp.full((64, 64), 8.0, jnp.float16)})
    assert (total.dtype, float(total)) == (jnp.float32, 262144.0)
