"""Does it learn? Each model overfits one batch; each embedded recipe reaches its score."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from sklearn.linear_model import LinearRegression

from jaxdl import data, models, optim
from jaxdl.metrics import scalars
from jaxdl.models import linear, mlp, perceptron
from jaxdl.recipes import diabetes_linear, digits_mlp, iris_mlp, xor_mlp
from jaxdl.tasks import supervised
from jaxdl.training import evaluate, fit


def _descend(loss, params, optimizer, steps: int) -> tuple[float, float]:
    """The loss before and after."""

    @jax.jit
    def run(params):
        def body(_, carry):
            params, opt_state = carry
            updates, opt_state = optimizer.update(jax.grad(loss)(params), opt_state, params)
            return jax.tree.map(jnp.add, params, updates), opt_state

        return jax.lax.fori_loop(0, steps, body, (params, optimizer.init(params)))[0]

    return float(loss(params)), float(loss(run(params)))


def test_mlp_overfits_one_batch(key):
    config = mlp.Config(n_in=10, n_out=5, widths=(64,))
    x, y = jax.random.normal(key, (16, 10)), jax.random.randint(jax.random.key(1), (16,), 0, 5)
    before, after = _descend(lambda p: mlp.mean_loss(p, x, y, config), mlp.init(key, config), optim.adam(1e-2), 200)
    assert after < 1e-2 < before


def test_linear_overfits_as_many_rows_as_it_has_inputs(key):
    config = linear.Config(n_in=16)
    x, y = jax.random.normal(key, (8, 16)), jax.random.normal(jax.random.key(1), (8,))
    loss = lambda p: ((linear.apply(p, x, config) - y) ** 2).mean()  # noqa: E731
    before, after = _descend(loss, linear.init(key, config), optim.sgd(0.1), 500)
    assert after < 1e-4 < before


def test_sigmoid_neuron_overfits_separable_rows(key):
    config = perceptron.Config(n_in=3, activation="sigmoid", stddev=0.1)
    x = jax.random.normal(key, (8, 3))
    y = (x @ jnp.array([1.0, -1.0, 0.5]) > 0).astype(jnp.float32)
    loss = lambda p: ((perceptron.apply(p, x, config) - y) ** 2).mean()  # noqa: E731
    before, after = _descend(loss, perceptron.init(key, config), optim.adam(0.1), 500)
    assert after < 1e-2 < before


def score(recipe, config, part: str = "test") -> dict[str, float]:
    task = recipe.task(config)
    state, _ = fit(task, epochs=config.epochs, batch_size=config.batch_size, seed=config.seed)
    return scalars(evaluate(task.evaluate, state, getattr(task.data, part)))


def test_xor_is_learned():
    assert score(xor_mlp, xor_mlp.Config(), "train")["accuracy"] == 1.0


def test_digits_reach_their_score():
    assert score(digits_mlp, digits_mlp.Config())["accuracy"] >= 0.97


@pytest.mark.slow
@pytest.mark.usefixtures("compiled_lightly", "shared_programs")
@pytest.mark.parametrize("seed", range(1, 5))
def test_digits_reach_their_score_from_every_seed(seed):
    assert score(digits_mlp, digits_mlp.Config(seed=seed))["accuracy"] >= 0.97


def test_iris_reaches_its_score():
    assert np.mean([score(iris_mlp, iris_mlp.Config(seed=seed))["accuracy"] for seed in range(2)]) >= 0.9


@pytest.mark.slow
@pytest.mark.usefixtures("compiled_lightly", "shared_programs")
def test_iris_reaches_its_score_over_twenty_splits():
    assert np.mean([score(iris_mlp, iris_mlp.Config(seed=seed))["accuracy"] for seed in range(20)]) >= 0.95


def test_diabetes_equals_scikit_learn():
    """The least-squares line by descent on whitened data: R2 within 1e-4 of LinearRegression's on the raw data."""
    config = diabetes_linear.Config()
    raw = data.split(data.load("diabetes").train, validation=0.0, test=0.2, seed=config.seed)
    theirs = LinearRegression().fit(raw.train["x"], raw.train["y"])
    for part in ("train", "test"):
        expected = theirs.score(getattr(raw, part)["x"], getattr(raw, part)["y"])
        assert score(diabetes_linear, config, part)["r2"] == pytest.approx(expected, abs=1e-4)


@pytest.mark.parametrize("batch_size", [None, 1, 4])
def test_all_three_kinds_of_descent_learn(batch_size):
    """Batch, stochastic and mini-batch: a line with little noise, whose R2 ends near 1."""
    rng = np.random.default_rng(0)
    x = rng.normal(size=(24, 2)).astype(np.float32)
    y = (x @ [2.0, -1.0] + 0.5 + 0.01 * rng.normal(size=24)).astype(np.float32)
    config = supervised.Config(optimizer="sgd", learning_rate=0.05, epochs=60, batch_size=batch_size)
    model = models.bind(linear, linear.Config(n_in=2))
    task = supervised.regression(model, config, data.Splits({"x": x, "y": y}, {}, {}))
    history = fit(task, epochs=config.epochs, batch_size=batch_size).history.history
    assert history["r2"][-1] > 0.98
    assert history["loss"][-1] < 0.05 * history["loss"][0]


def test_a_regression_refuses_label_smoothing():
    parts = data.Splits({"x": np.ones((4, 2), np.float32), "y": np.ones(4, np.float32)}, {}, {})
    model = models.bind(linear, linear.Config(n_in=2))
    with pytest.raises(ValueError, match=r"label_smoothing 0.1 is for classifiers"):
        supervised.regression(model, supervised.Config(label_smoothing=0.1), parts)
