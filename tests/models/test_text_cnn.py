"""The convolutional network over words: padding, places, order, and texts of a user's own."""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxdl import metrics
from jaxdl.models import text_cnn
from jaxdl.recipes import _reviews, reviews_cnn
from jaxdl.training import evaluate, fit

CONFIG = text_cnn.Config(n_tokens=12, n_classes=3, d_embedding=4, windows=(1, 2, 4), n_maps=5)


def test_padding_changes_nothing():
    params = text_cnn.init(jax.random.key(0), CONFIG)
    params = params | {
        name: layer | {"b": layer["b"] + 0.5} for name, layer in params.items() if name.startswith("window")
    }
    tokens = jax.random.randint(jax.random.key(1), (6, 5), 4, 12)
    padded = jnp.pad(tokens, ((0, 0), (0, 7)))
    short, long = text_cnn.apply(params, tokens, CONFIG), text_cnn.apply(params, padded, CONFIG)
    np.testing.assert_allclose(short, long, rtol=1e-6, atol=1e-6)


def test_a_window_of_one_knows_no_order_and_a_window_of_two_does():
    tokens = jax.random.randint(jax.random.key(1), (6, 5), 4, 12)
    for windows, same in (((1,), True), ((2,), False)):
        config = dataclasses.replace(CONFIG, windows=windows)
        params = text_cnn.init(jax.random.key(0), config)
        forward, backward = (text_cnn.apply(params, t, config) for t in (tokens, tokens[:, ::-1]))
        assert bool(jnp.allclose(forward, backward, atol=1e-6)) is same


@pytest.mark.parametrize("windows", [(), (2, 2)])
def test_windows_are_different_sizes(windows):
    with pytest.raises(ValueError, match="windows must be different sizes, at least one"):
        dataclasses.replace(CONFIG, windows=windows)


def test_reviews_are_told_apart_by_their_order_and_new_texts_are_read():
    config = reviews_cnn.Config(epochs=10, learning_rate=4e-3)
    task = reviews_cnn.task(config)
    state, _ = fit(task, epochs=config.epochs, batch_size=config.batch_size, seed=0)
    assert metrics.scalars(evaluate(task.evaluate, state, task.data.test))["accuracy"] > 0.9
    assert task.scores is not None
    assert task.scores(state, task.data)["accuracy of counted words"] < 0.75
    assert task.predictor is not None
    told = task.predictor.predict(state, ["Awful bed, but lovely view!", "lovely bed but awful view", "zzz", ""])
    assert told.values[:2].tolist() == ["positive", "negative"]
    np.testing.assert_allclose(told.probabilities.sum(1), 1, rtol=1e-5)  # type: ignore[union-attr]


def test_half_of_the_reviews_turn_at_a_but():
    texts, labels = _reviews.draw(400)
    assert 0.4 < np.mean([" but " in text for text in texts]) < 0.6
    assert 0.4 < labels.mean() < 0.6
    assert max(len(text.split()) for text in texts) <= reviews_cnn.LENGTH
