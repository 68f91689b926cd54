"""Rosenblatt's rule: AND and OR are learned within Novikoff's bound, XOR never."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxdl.models import perceptron

TABLE = jnp.array([[0.0, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 1.0]])
GATES = {"AND": [0.0, 0.0, 0.0, 1.0], "OR": [0.0, 1.0, 1.0, 1.0], "NAND": [1.0, 1.0, 1.0, 0.0]}
XOR = jnp.array([0.0, 1.0, 1.0, 0.0])


@pytest.mark.parametrize("gate", GATES)
@pytest.mark.parametrize(("stddev", "learning_rate"), [(0.0, 1.0), (0.0, 0.1), (1.0, 1.0)])
def test_learns_what_a_line_separates(key, gate, stddev, learning_rate):
    config = perceptron.Config(stddev=stddev)
    targets = jnp.array(GATES[gate])
    params, mistakes, epochs = perceptron.fit(
        perceptron.init(key, config), TABLE, targets, learning_rate=learning_rate, max_epochs=200
    )
    assert int(mistakes) == 0
    assert int(epochs) < 200
    np.testing.assert_array_equal(perceptron.apply(params, TABLE, config), targets)


@pytest.mark.parametrize("seed", range(5))
def test_never_learns_xor(seed):
    """From five starts, after 1,000 epochs each, it still errs."""
    start = perceptron.init(jax.random.key(seed), perceptron.Config(stddev=2.0))
    _, mistakes, epochs = perceptron.fit(start, TABLE, XOR, max_epochs=1000)
    assert int(mistakes) > 0
    assert int(epochs) == 1000


def test_no_weights_at_all_give_xor():
    """XOR needs b < 0, w1 + b >= 0, w2 + b >= 0 and w1 + w2 + b < 0; adding the middle two contradicts the sum of the
    others. A fine grid of weights agrees: at best three rows of four are right, and for AND all four can be."""
    grid = np.linspace(-2, 2, 21, dtype=np.float32)
    w1, w2, b = (jnp.asarray(a.reshape(-1)) for a in np.meshgrid(grid, grid, grid))
    units = {"w": jnp.stack([w1, w2], 1), "b": b}
    outputs = jax.vmap(lambda params: perceptron.apply(params, TABLE, perceptron.Config()))(units)  # [units, 4]
    right = lambda targets: int((outputs == jnp.asarray(targets)[None, :]).sum(1).max())  # noqa: E731
    assert right(XOR) == 3
    assert right(GATES["AND"]) == 4


@pytest.mark.parametrize("seed", range(3))
def test_updates_stay_within_novikoffs_bound(seed):
    """At most (R / margin)^2 updates from zero weights, with R and the margin of the rows (x, 1)."""
    rng = np.random.default_rng(seed)
    w, b = rng.normal(size=3), 0.3
    x = rng.normal(size=(60, 3)).astype(np.float32)
    x = x[np.abs(x @ w + b) > 0.4]
    targets = (x @ w + b > 0).astype(np.float32)
    rows = np.concatenate([x, np.ones((len(x), 1))], 1)
    separator = np.append(w, b) / np.linalg.norm(np.append(w, b))
    bound = (np.linalg.norm(rows, axis=1).max() / np.abs(rows @ separator).min()) ** 2

    params, updates, mistakes = perceptron.init(jax.random.key(0), perceptron.Config(n_in=3)), 0, -1
    one_epoch = jax.jit(lambda params: perceptron.fit(params, x, targets, max_epochs=1))
    for _ in range(int(bound) + 2):
        params, mistakes, _ = one_epoch(params)
        updates += int(mistakes)
        if mistakes == 0:
            break
    assert 0 < updates <= bound
    assert int(mistakes) == 0


def test_rule_moves_only_on_a_mistake():
    params = {"w": jnp.array([1.0, -1.0]), "b": jnp.array(0.5)}
    x = jnp.array([2.0, 1.0])  # score 1.5: says 1
    right, wrong = (perceptron.learn(params, x, jnp.array(t), learning_rate=0.5) for t in (1.0, 0.0))
    assert (right["w"].tolist(), float(right["b"])) == ([1.0, -1.0], 0.5)
    assert (wrong["w"].tolist(), float(wrong["b"])) == ([0.0, -1.5], 0.0)


def test_sigmoid_neuron_is_smooth_and_agrees_with_the_step():
    params = {"w": jnp.array([2.0, 1.0]), "b": jnp.array(-1.5)}
    smooth = perceptron.apply(params, TABLE, perceptron.Config(activation="sigmoid"))
    np.testing.assert_array_equal(smooth >= 0.5, perceptron.apply(params, TABLE, perceptron.Config()) == 1)
    slope = jax.grad(lambda p: perceptron.apply(p, TABLE, perceptron.Config(activation="sigmoid")).sum())(params)
    assert np.all(np.asarray(slope["w"]) > 0)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"n_in": 0}, "n_in must be positive"),
        ({"activation": "sigmod"}, "did you mean 'sigmoid'"),
        ({"stddev": -1.0}, ""),
    ],
)
def test_impossible_configuration(options, message):
    with pytest.raises(ValueError, match=f"perceptron: .*{message}"):
        perceptron.Config(**options)
