"""Weights of classes and examples, and labels left out: equal to what they mean, and to torch."""

import dataclasses
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxdl import losses, metrics, models
from jaxdl.data import Splits
from jaxdl.models import linear
from jaxdl.recipes import diabetes_linear, digits_mlp
from jaxdl.tasks import supervised, weighting
from jaxdl.training.step import step_key

MODEL = models.bind(linear, linear.Config(n_in=3, n_out=3))
CONFIG = supervised.Config(optimizer="sgd", learning_rate=1.0, batch_size=None)
RNG = np.random.default_rng(0)
X = RNG.normal(size=(9, 3)).astype(np.float32)
Y = np.array([0, 0, 0, 0, 0, 1, 1, 2, 2], np.int32)
WEIGHT = RNG.uniform(0.2, 3.0, 9).astype(np.float32)


def task(config=CONFIG, **arrays):
    return supervised.classification(MODEL, config, Splits({"x": X, "y": Y} | arrays, {}, {}), ("a", "b", "c"))


def stepped(built):
    """Parameters after one step of plain descent on all examples: minus the gradient, since they start at zero."""
    state = built.init(jax.random.key(0))
    assert step_key(state) is not None
    batch = built.data.train | {"mask": np.ones(len(built.data.train["y"]), bool)}
    state, scores = jax.jit(built.step)(state, batch)
    return state.params, scores


def written_out(weights: np.ndarray, keep: Any = slice(None)):
    """One step on sum(w L) / sum(w)."""

    def loss(params):
        each = losses.sparse_categorical_cross_entropy(X[keep] @ params["w"] + params["b"][None], jnp.asarray(Y[keep]))
        return (each * weights[keep]).sum() / weights[keep].sum()

    zero = {"w": jnp.zeros((3, 3)), "b": jnp.zeros(3)}
    return jax.tree.map(lambda g: -g, jax.grad(loss)(zero))


def assert_close(a, b):
    jax.tree.map(lambda x, y: np.testing.assert_allclose(x, y, rtol=1e-5, atol=1e-6), a, b)


@pytest.mark.parametrize(
    ("options", "of_class"),
    [({"class_weights": (0.5, 1.0, 4.0)}, [0.5, 1.0, 4.0]), ({"balanced": True}, [9 / 15, 9 / 6, 9 / 6])],
)
def test_class_weights_are_those_of_the_equation(options, of_class):
    params, _ = stepped(task(dataclasses.replace(CONFIG, **options)))
    assert_close(params, written_out(np.array(of_class, np.float32)[Y]))


def test_example_weights_multiply_those_of_the_class():
    params, scores = stepped(task(dataclasses.replace(CONFIG, class_weights=(1.0, 2.0, 3.0)), weight=WEIGHT))
    weights = WEIGHT * np.array([1.0, 2.0, 3.0], np.float32)[Y]
    assert_close(params, written_out(weights))
    assert metrics.value(scores["loss"]) == pytest.approx(np.log(3))


def test_an_ignored_label_counts_nowhere():
    labels = Y.copy()
    labels[[1, 6]] = -1
    built = task(dataclasses.replace(CONFIG, ignore_index=-1), y=labels)
    params, scores = stepped(built)
    keep = np.flatnonzero(labels >= 0)
    assert_close(params, written_out(np.ones(9, np.float32), keep))
    assert scores["accuracy"][1] == 7


def test_the_weighted_loss_is_torchs():
    torch = pytest.importorskip("torch")
    logits = RNG.normal(size=(9, 3)).astype(np.float32)
    weights = np.array([0.5, 1.0, 4.0], np.float32)
    each = losses.sparse_categorical_cross_entropy(jnp.asarray(logits), jnp.asarray(Y))
    batch = {"y": jnp.asarray(Y), "mask": jnp.ones(9, bool)}
    ours = metrics.value(weighting.weighted_mean(each, batch, weights))
    theirs = torch.nn.functional.cross_entropy(*map(torch.tensor, (logits, Y.astype(np.int64), weights)))
    assert float(ours) == pytest.approx(float(theirs), rel=1e-6)


def test_a_regression_takes_example_weights():
    model = models.bind(linear, linear.Config(n_in=3))
    y = X.sum(1)
    built = supervised.regression(model, CONFIG, Splits({"x": X, "y": y, "weight": WEIGHT}, {}, {}))
    params, _ = stepped(built)
    residual = 2 * WEIGHT * y / WEIGHT.sum()
    np.testing.assert_allclose(params["w"][:, 0], X.T @ residual, rtol=1e-5)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (
            lambda: dataclasses.replace(CONFIG, class_weights=(1.0, -1.0)),
            r"class_weights must be positive, got \(1.0, -1",
        ),
        (lambda: dataclasses.replace(CONFIG, class_weights=(1.0,), balanced=True), "give one of the two"),
        (
            lambda: task(dataclasses.replace(CONFIG, class_weights=(1.0, 2.0))),
            r"class_weights \(1.0, 2.0\) must be 3, one",
        ),
        (lambda: task(weight=-WEIGHT), r"weight \(9,\) must be one finite number, at least 0"),
        (lambda: task(weight=WEIGHT[:, None]), r"weight \(9, 1\) must be one finite number"),
        (
            lambda: task(dataclasses.replace(CONFIG, ignore_index=0), y=0 * Y),
            "every label of the train part is ignore_in",
        ),
        (lambda: diabetes_linear.task(diabetes_linear.Config(balanced=True)), "balanced True is for classifiers"),
    ],
)
def test_impossible_weights_are_refused(make, message):
    with pytest.raises(ValueError, match=message):
        make()


def test_recipes_of_classifiers_take_them_on_the_command_line():
    from jaxdl.cli.arguments import parse

    words = ["--class-weights", "1", "1", "1", "1", "1", "1", "1", "1", "1", "2", "--ignore-index", "7"]
    config = parse(digits_mlp.Config, words, command="train digits_mlp", about="")
    assert config.class_weights == (1.0,) * 9 + (2.0,)
    built = digits_mlp.task(config)
    assert 7 not in built.data.train["y"]
    assert 9 in built.data.train["y"]
