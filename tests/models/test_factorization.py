"""Factorizations: equations by hand, the closed form against descent, and that they learn what made the data."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from sklearn.linear_model import Ridge

from jaxdl import data, losses, metrics, optim
from jaxdl.data.ratings import generate, split_ratings
from jaxdl.models import factorization, softmax_factorization
from jaxdl.recipes import ratings_factorization
from jaxdl.tasks import factorization as factorization_tasks
from jaxdl.tasks import supervised
from jaxdl.training import evaluate, fit


def test_rating_is_mean_biases_and_product(key):
    config = factorization.Config(n_users=3, n_items=4, n_factors=2, mean=3.5)
    params = jax.tree.map(lambda leaf: leaf + 0.1, factorization.init(key, config))
    p, q = (np.asarray(params[name]["table"]) for name in ("user", "item"))
    expected = 3.5 + 0.2 + p[2] @ q[1]
    assert float(factorization.apply(params, jnp.array([[2, 1]]), config)[0]) == pytest.approx(expected, rel=1e-6)
    with pytest.raises(ValueError, match=r"must be \[B, 2\]"):
        factorization.apply(params, jnp.zeros((2, 3), jnp.int32), config)
    with pytest.raises(ValueError, match="n_factors"):
        factorization.Config(n_users=3, n_items=4, n_factors=0)


def test_fold_in_is_a_ridge_regression(key):
    config = factorization.Config(n_users=3, n_items=8, n_factors=2, mean=3.0, stddev=1.0)
    params = factorization.init(key, config)
    items, ratings = jnp.array([1, 4, 6, 7]), jnp.array([5.0, 1.0, 4.0, 3.5])
    scores, parts = factorization.fold_in(params, items, ratings, config, ridge=0.7)
    features = np.concatenate([np.ones((8, 1)), params["item"]["table"]], axis=1)
    ridge = Ridge(alpha=0.7, fit_intercept=False, solver="cholesky").fit(features[np.asarray(items)], ratings - 3.0)
    np.testing.assert_allclose(scores, 3 + features @ ridge.coef_, atol=2e-5)
    np.testing.assert_allclose(parts.sum(1) + 3, scores, atol=2e-5)


def test_fold_in_is_where_descent_ends(key, x64):
    """Users by gradient descent with the items fixed: the closed form with ridge = N l2 puts them at the same place."""
    config, l2 = factorization.Config(n_users=2, n_items=5, n_factors=2, mean=3.0, stddev=1.0), 0.05
    start = jax.tree.map(lambda leaf: leaf.astype(jnp.float64), factorization.init(key, config))
    x = jnp.array([[0, 0], [0, 2], [0, 4], [1, 1], [1, 3]])
    y = jnp.array([5.0, 2.0, 4.0, 1.0, 3.0], jnp.float64)
    ours = {name: start[name] for name in ("user", "user_bias")}

    @jax.jit
    def descend(ours):
        loss = lambda ours: factorization.mean_loss(start | ours, x, y, config, l2=l2)  # noqa: E731
        return jax.lax.fori_loop(
            0, 3000, lambda _, p: jax.tree.map(lambda a, g: a - 0.3 * g, p, jax.grad(loss)(p)), ours
        )

    trained = start | descend(ours)
    every = jnp.array([[0, item] for item in range(5)])
    folded, _ = factorization.fold_in(start, x[:3, 1], y[:3], config, ridge=5 * l2)
    np.testing.assert_allclose(factorization.apply(trained, every, config), folded, atol=1e-9)


def test_softmax_factorization_is_its_equation(key):
    config = softmax_factorization.Config(n_items=4, n_factors=3)
    params = softmax_factorization.init(key, config) | {"b": jnp.array([0.1, 0.2, 0.3, 0.4])}
    x = jnp.array([[1.0, 1.0, 0.0, 1.0]])
    y, q = np.asarray(params["y"]), np.asarray(params["q"])
    logits = softmax_factorization.apply(params, x, config)[0]
    np.testing.assert_allclose(logits, q @ (y[0] + y[1] + y[3]) / np.sqrt(3) + params["b"], rtol=1e-5)
    parts = softmax_factorization.contributions(params, x[0], 2)
    assert parts[2] == 0
    np.testing.assert_allclose(parts.sum() + 0.3, logits[2], rtol=1e-5)
    with pytest.raises(ValueError, match=r"\[B, 4\] visits, got \(1, 5\)"):
        softmax_factorization.apply(params, jnp.ones((1, 5)), config)


def test_what_is_shown_is_no_candidate(key):
    config = softmax_factorization.Config(n_items=4, n_factors=3)
    params = softmax_factorization.init(key, config)
    x, hidden = jnp.array([[1.0, 1.0, 0.0, 0.0]]), jnp.array([[0.0, 1.0, 0.0, 0.0]])
    logits = softmax_factorization.apply(params, x - hidden, config)[:, 1:]
    expected = losses.sparse_categorical_cross_entropy(logits, jnp.array([0]))
    np.testing.assert_allclose(softmax_factorization.cross_entropy(params, x, hidden, config), expected, rtol=1e-6)
    nothing = softmax_factorization.cross_entropy(params, x, jnp.zeros_like(x), config)
    assert nothing.tolist() == [0.0]


@pytest.mark.parametrize(("many", "most"), [(0.0, 1), (1.0, 6)])
def test_hidden_visits(many, most):
    config = softmax_factorization.Config(n_items=6, hide_many=many)
    x = jnp.concatenate([jnp.ones((300, 6)), jnp.zeros((1, 6))])
    hidden = np.asarray(softmax_factorization.hide(x, config, key=jax.random.key(1)))
    n = hidden[:-1].sum(1)
    assert (n.min(), n.max()) == (1, most)
    assert hidden[-1].sum() == 0  # who visited nothing hides nothing
    assert (hidden[:-1].sum(0) > 20).all()
    with pytest.raises(ValueError, match="hide_many"):
        softmax_factorization.Config(n_items=6, hide_many=1.5)


def test_softmax_factorization_overfits_one_batch(key):
    """Two kinds of users; after the training, a visit of one kind leads to the others of that kind."""
    config = softmax_factorization.Config(n_items=8, n_factors=4)
    x = jnp.repeat(jnp.eye(2, dtype=jnp.float32), 4, axis=1).repeat(8, axis=0)  # [16, 8]
    optimizer = optim.adam(0.05)
    params = softmax_factorization.init(key, config)

    def loss(params, key):
        hidden = softmax_factorization.hide(x, config, key=key)
        return softmax_factorization.cross_entropy(params, x, hidden, config).mean()

    @jax.jit
    def run(params):
        def body(i, carry):
            params, state = carry
            updates, state = optimizer.update(jax.grad(loss)(params, jax.random.fold_in(key, i)), state, params)
            return jax.tree.map(jnp.add, params, updates), state

        return jax.lax.fori_loop(0, 200, body, (params, optimizer.init(params)))[0]

    assert loss(run(params), key) < 0.05 < loss(params, key)


def test_ratings_recipe_finds_what_made_the_ratings():
    """Below the films' means by far, and nearer to the truth than the noise is to it."""
    config = ratings_factorization.Config(epochs=12)
    task = ratings_factorization.task(config)
    state = fit(task, epochs=config.epochs, batch_size=config.batch_size).state
    assert task.scores is not None
    scores = task.scores(state, task.data)
    assert scores["rmse"] < 0.65 * scores["item_mean_rmse"]
    assert scores["true_rmse"] < 0.4
    assert scores["rmse"] > 0.4  # no better than the noise


def test_visits_task_learns_and_scores_only_who_is_asked():
    taste = np.arange(40) % 2
    x = np.random.default_rng(0).random((40, 10)) < np.where(taste[:, None] == np.arange(10)[None, :] % 2, 0.7, 0.02)
    x = x.astype(np.uint8)
    part = factorization_tasks.asked(x)
    one = {"x": np.eye(10, dtype=np.uint8)[:3], "shown": np.eye(10, dtype=np.uint8)[:3]}  # nothing withheld
    model = softmax_factorization.Config(n_items=10, n_factors=4)
    settings = supervised.Config(epochs=40, batch_size=20, learning_rate=0.03)
    task = factorization_tasks.visits_task(model, settings, data.Splits({"x": x, "shown": x}, part, {}))
    result = fit(task, epochs=40, batch_size=20)
    found = result.history.history["val_ranked_score"]
    assert found[-1] > 0.7 > found[0]
    padded = {name: np.concatenate([part[name], one[name]]) for name in part}
    scores = [metrics.scalars(evaluate(task.evaluate, result.state, some))["ranked_score"] for some in (part, padded)]
    assert scores[0] == pytest.approx(scores[1], rel=1e-6)


def test_pairs_of_ratings():
    made = generate(10, 6).ratings
    train, _, test = split_ratings(made, validation=0.0, test=0.3)
    assert factorization_tasks.pairs(train)["x"].shape == (len(train.values), 2)
    assert len(train.values) + len(test.values) == len(made.values)
