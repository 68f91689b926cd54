"""Linear models: the closed form against numpy and scikit-learn, and gradient descent that arrives at it."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from sklearn.linear_model import LinearRegression, LogisticRegression, Ridge

from jaxdl.losses import binary_cross_entropy
from jaxdl.models import linear
from jaxdl.optim import sgd
from jaxdl.recipes import study_hours_linear
from jaxdl.training import fit


def _rows(n: int = 40, d: int = 5, n_out: int | None = None):
    rng = np.random.default_rng(0)
    x = rng.normal(size=(n, d)) * [1, 10, 0.1, 3, 1][:d] + 2
    y = x @ rng.normal(size=(d, n_out or 1)) + rng.normal(size=(n, n_out or 1)) + 7
    return x, y if n_out else y[:, 0]


@pytest.mark.parametrize("n_out", [None, 1, 3])
def test_least_squares_equal_numpy_and_sklearn(x64, n_out):
    x, y = _rows(n_out=n_out)
    params = linear.solve(jnp.asarray(x), jnp.asarray(y))
    numpy = np.linalg.lstsq(np.c_[x, np.ones(len(x))], y.reshape(len(x), -1), rcond=None)[0]
    np.testing.assert_allclose(params["w"], numpy[:-1], rtol=1e-9)
    np.testing.assert_allclose(params["b"], numpy[-1], rtol=1e-9)
    sklearn = LinearRegression().fit(x, y)
    config = linear.Config(n_in=5, n_out=n_out or 1)
    predictions = linear.apply(params, jnp.asarray(x), config)
    np.testing.assert_allclose(predictions, sklearn.predict(x).reshape(predictions.shape), rtol=1e-9)


@pytest.mark.parametrize("l2", [1e-3, 0.1, 10.0])
def test_ridge_equals_sklearn_with_alpha_l2_times_n(x64, l2):
    """Ours is the mean of the squared errors + l2 |W|^2; scikit-learn's is their sum + alpha |W|^2: alpha = l2 N."""
    x, y = _rows()
    params = linear.solve(jnp.asarray(x), jnp.asarray(y), l2=l2)
    ridge = Ridge(alpha=l2 * len(x)).fit(x, y)
    np.testing.assert_allclose(params["w"][:, 0], ridge.coef_, rtol=1e-8)
    np.testing.assert_allclose(params["b"][0], ridge.intercept_, rtol=1e-8)

    def objective(params):
        return ((linear.apply(params, jnp.asarray(x), linear.Config(5)) - y) ** 2).mean() + l2 * (
            params["w"] ** 2
        ).sum()

    for leaf in jax.tree.leaves(jax.grad(objective)(params)):
        np.testing.assert_allclose(leaf, np.zeros_like(leaf), atol=1e-9)


def test_dependent_columns_give_the_smallest_solution(x64):
    x, y = _rows()
    x = np.c_[x, x[:, 0]]
    params = linear.solve(jnp.asarray(x), jnp.asarray(y))
    np.testing.assert_allclose(params["w"][0], params["w"][-1], rtol=1e-8)
    np.testing.assert_allclose(params["w"][:, 0], LinearRegression().fit(x, y).coef_, rtol=1e-8)


@pytest.mark.parametrize("l2", [0.0, 0.5])
def test_more_columns_than_rows_and_constant_columns(x64, l2):
    x, y = _rows(n=4)
    x[:, 2] = 3.0
    params = linear.solve(jnp.asarray(x), jnp.asarray(y), l2=l2)
    assert bool(jnp.isfinite(params["w"]).all())
    assert float(params["w"][2, 0]) == pytest.approx(0, abs=1e-9)
    nothing = linear.solve(jnp.ones((4, 2)), jnp.asarray(y), l2=l2)
    assert (nothing["w"].tolist(), float(nothing["b"][0])) == ([[0.0], [0.0]], pytest.approx(y.mean()))


def test_ill_conditioned_columns_in_float32():
    """X^T X has condition 1e8 here, beyond float32; the singular values of X are not."""
    x, y = _rows(d=2)
    x = np.c_[x[:, 0], x[:, 0] + 1e-3 * x[:, 1]].astype(np.float32)
    params = linear.solve(jnp.asarray(x), jnp.asarray(y, jnp.float32))
    exact = LinearRegression().fit(x.astype(np.float64), y.astype(np.float32))
    np.testing.assert_allclose(params["w"][:, 0], exact.coef_, rtol=0.02)


@pytest.fixture(scope="module")
def study_hours():
    task = study_hours_linear.task(study_hours_linear.Config())
    return task, fit(task, epochs=300, batch_size=None)


def test_study_hours_recipe_arrives_at_the_closed_form(study_hours):
    task, (state, history) = study_hours
    exact = linear.solve(jnp.asarray(task.data.train["x"]), jnp.asarray(task.data.train["y"]))
    np.testing.assert_allclose(state.params["w"], exact["w"], rtol=1e-3)
    np.testing.assert_allclose(state.params["b"], exact["b"], rtol=1e-3)
    x, y = task.data.train["x"], task.data.train["y"]
    assert history.history["r2"][-1] == pytest.approx(LinearRegression().fit(x, y).score(x, y), abs=1e-4)


def test_logistic_regression_by_descent_equals_sklearn():
    rng = np.random.default_rng(0)
    x = jnp.asarray(rng.normal(size=(200, 2)), jnp.float32)
    y = jnp.asarray(x @ jnp.array([1.0, -2.0]) + rng.normal(size=200).astype(np.float32) > 0.3, jnp.float32)
    config, optimizer = linear.Config(n_in=2), sgd(1.0)
    params = linear.init(jax.random.key(0), config)
    loss = lambda params: binary_cross_entropy(linear.apply(params, x, config), y).mean()  # noqa: E731

    @jax.jit
    def descend(params):
        return jax.lax.fori_loop(
            0,
            1500,
            lambda _, p: jax.tree.map(jnp.add, p, optimizer.update(jax.grad(loss)(p), optimizer.init(p))[0]),
            params,
        )

    params = descend(params)
    theirs = LogisticRegression(C=1e8, tol=1e-8).fit(x, y)
    np.testing.assert_allclose(params["w"][:, 0], theirs.coef_[0], rtol=5e-3)
    ours = linear.probabilities(linear.apply(params, x, config))
    np.testing.assert_allclose(ours, theirs.predict_proba(x)[:, 1], atol=2e-3)


def test_probabilities_sum_to_one():
    logits = jnp.array([[1.0, 2.0, 3.0], [1e4, 0.0, -1e4]])
    np.testing.assert_allclose(linear.probabilities(logits).sum(-1), [1.0, 1.0], rtol=1e-6)


@pytest.mark.parametrize("options", [{"n_in": 0}, {"n_in": -1}, {"n_in": 2, "n_out": 0}])
def test_impossible_configuration(options):
    with pytest.raises(ValueError, match=r"linear: n_(in|out) must be positive"):
        linear.Config(**options)
