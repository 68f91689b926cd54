"""The MLP: backpropagation by hand equals autodiff, dropout only with a key, XOR."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxdl import optim
from jaxdl.models import mlp
from jaxdl.nn import activations


def _problem(widths, activation, n_in=5, n_out=4, batch=6):
    config = mlp.Config(n_in=n_in, n_out=n_out, widths=widths, activation=activation, initializer="glorot_uniform")
    params = mlp.init(jax.random.key(1), config)
    params = jax.tree.map(lambda leaf: leaf.astype(jnp.float64), params)
    keys = iter(jax.random.split(jax.random.key(2), 8))
    for layer in params.values():
        layer["b"] = 0.3 * jax.random.normal(next(keys), layer["b"].shape, jnp.float64)
    x = jax.random.normal(jax.random.key(3), (batch, n_in), jnp.float64)
    y = jax.random.randint(jax.random.key(4), (batch,), 0, n_out)
    return config, params, x, y


def _assert_equal_gradients(config, params, x, y):
    loss, by_hand = mlp.backpropagate(params, x, y, config)
    expected, by_autodiff = jax.value_and_grad(mlp.mean_loss)(params, x, y, config)
    assert float(loss) == pytest.approx(float(expected), rel=1e-14)
    assert jax.tree.structure(by_hand) == jax.tree.structure(by_autodiff)
    for ours, theirs in zip(jax.tree.leaves(by_hand), jax.tree.leaves(by_autodiff), strict=True):
        assert ours.dtype == theirs.dtype == jnp.float64
        np.testing.assert_allclose(ours, theirs, rtol=1e-12, atol=1e-12 * float(jnp.abs(theirs).max()) + 1e-18)


@pytest.mark.parametrize("activation", activations.DERIVATIVES)
def test_backpropagation_equals_autodiff_for_every_activation(x64, activation):
    _assert_equal_gradients(*_problem((7, 6), activation))


@pytest.mark.parametrize("widths", [(), (3,), (8, 2, 5, 7)])
def test_backpropagation_equals_autodiff_at_every_depth(x64, widths):
    _assert_equal_gradients(*_problem(widths, "tanh"))


def test_backpropagation_of_images_and_a_single_row(x64):
    config, params, x, y = _problem((4,), "relu", n_in=12)
    _assert_equal_gradients(config, params, x.reshape(6, 2, 3, 2), y)
    _assert_equal_gradients(config, params, x[:1], y[:1])


def test_backpropagation_where_units_sit_on_the_kink(x64):
    """A dead start (all zero) puts every pre-activation on the kink; the two conventions must be one."""
    for activation in ("relu", "leaky_relu", "elu", "softplus"):
        config, params, x, y = _problem((5, 5), activation)
        zero = jax.tree.map(jnp.zeros_like, params)
        _assert_equal_gradients(config, zero, x, y)


@pytest.mark.parametrize("seed", range(3))
def test_xor(seed):
    config = mlp.Config(n_in=2, n_out=2, widths=(8,), activation="tanh", initializer="glorot_uniform")
    x, y = jnp.array([[0.0, 0], [0, 1], [1, 0], [1, 1]]), jnp.array([0, 1, 1, 0])
    optimizer = optim.adam(0.05)

    @jax.jit
    def train(params):
        def body(_, carry):
            params, opt_state = carry
            grads = mlp.backpropagate(params, x, y, config)[1]
            updates, opt_state = optimizer.update(grads, opt_state, params)
            return jax.tree.map(jnp.add, params, updates), opt_state

        return jax.lax.fori_loop(0, 300, body, (params, optimizer.init(params)))[0]

    params = train(mlp.init(jax.random.key(seed), config))
    assert mlp.apply(params, x, config).argmax(-1).tolist() == y.tolist()
    assert float(mlp.mean_loss(params, x, y, config)) < 0.05


def test_dropout_needs_a_key_and_follows_it(key):
    config = mlp.Config(n_in=4, n_out=3, widths=(32, 32), dropout=0.5)
    params, x = mlp.init(key, config), jnp.ones((2, 4))
    quiet = mlp.apply(params, x, config)
    np.testing.assert_array_equal(quiet, mlp.apply(params, x, config))
    one, again, other = (mlp.apply(params, x, config, key=jax.random.key(seed)) for seed in (1, 1, 2))
    np.testing.assert_array_equal(one, again)
    assert not bool((one == other).any())
    assert not bool((one == quiet).any())


def test_layers_start_different_and_biases_at_zero(key):
    params = mlp.init(key, mlp.Config(n_in=8, n_out=8, widths=(8, 8)))
    weights = [layer["w"] for layer in params.values()]
    assert not bool((weights[0] == weights[1]).any())
    assert all(not np.any(layer["b"]) for layer in params.values())


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"n_in": -1}, "n_in must be positive, got -1"),
        ({"widths": (4, 0)}, r"widths must be positive, got \(4, 0\)"),
        ({"dropout": 1.0}, r"dropout must be in \[0, 1\), got 1.0"),
        ({"dropout": float("nan")}, "dropout must be in"),
        ({"activation": "rellu"}, "unknown activation 'rellu', did you mean 'relu'"),
        ({"activation": "softmax"}, "unknown activation 'softmax'"),
        ({"initializer": "he"}, "unknown initializer 'he'"),
    ],
)
def test_impossible_configuration(options, message):
    with pytest.raises(ValueError, match=f"mlp: {message}"):
        mlp.Config(**({"n_in": 4, "n_out": 3} | options))


def test_input_of_another_size_is_named(key):
    config = mlp.Config(n_in=4, n_out=3)
    with pytest.raises(ValueError, match=r"x \(2, 5\) has 5 numbers for each example, but n_in is 4"):
        mlp.apply(mlp.init(key, config), jnp.ones((2, 5)), config)
