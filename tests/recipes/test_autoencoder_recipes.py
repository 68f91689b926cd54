"""The recipes of autoencoders: their stages, their scores, their data."""

import dataclasses
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from sklearn.decomposition import PCA
from small_tasks import assert_identical, line

from jaxdl import data, metrics
from jaxdl.models import autoencoder
from jaxdl.recipes import digits_autoencoder, mnist_basic_stacked_denoising
from jaxdl.tasks import autoencoding, stacking, supervised
from jaxdl.training import evaluate, fit


def test_a_warm_start_happens_once_and_not_on_resume(tmp_path):
    calls = []

    def warm_start(state):
        calls.append(int(state.step))
        return state._replace(params=jax.tree.map(lambda leaf: leaf + 1.0, state.params))

    task = line(noise=0.1)._replace(warm_start=warm_start)
    options = {"batch_size": 4, "run_dir": tmp_path}
    cold, _ = fit(line(noise=0.1), epochs=1, batch_size=4)
    warm, _ = fit(task, epochs=1, **options)
    assert calls == [0]
    assert float(jnp.abs(warm.params["w"] - cold.params["w"]).min()) > 0.1
    resumed, _ = fit(task, epochs=3, resume=True, **options)
    assert calls == [0]
    assert_identical(resumed, fit(task, epochs=3, batch_size=4).state)


@pytest.fixture(scope="module")
def digits():
    images = data.load("digits")
    splits = data.split({name: rows[:600] for name, rows in images.train.items()}, stratify="y")
    return splits, images.class_names


def explained(reconstruction: np.ndarray, test: np.ndarray, mean: np.ndarray) -> float:
    return 1 - ((reconstruction - test) ** 2).mean() / ((test - mean) ** 2).mean()


def test_stacked_recipe_pretrains_then_fine_tunes(digits, capsys):
    splits, names = digits
    small = autoencoder.Config((8, 8, 1), n_code=16, widths=(24,), activation="sigmoid", code_activation="sigmoid")
    rates: dict[str, Any] = {"pretrain_learning_rate": 2e-2, "learning_rate": 1e-2}
    config = stacking.Config(model=small, pretrain_epochs=4, unroll_epochs=1, **rates)
    task = stacking.task(config, splits, names)
    shapes = jax.eval_shape(task.init, jax.random.key(0))  # what `jaxdl evaluate` does: nothing is trained
    assert capsys.readouterr().err == ""
    state, _ = fit(task, epochs=4, batch_size=16)
    said = capsys.readouterr().err
    for stage in ("layer 1 of 2, 64 to 24", "layer 2 of 2, 24 to 16", "all layers, unrolled", "softmax on the code"):
        assert stage in said
    assert jax.tree.map(jnp.shape, state.state) == jax.tree.map(jnp.shape, shapes.state)
    assert task.scores is not None
    before = task.scores(state, splits)["test accuracy before fine-tuning"]
    after = metrics.scalars(evaluate(task.evaluate, state, splits.test))["accuracy"]
    assert 0.2 < before < after


def test_autoencoder_task_scores_what_it_says(digits):
    splits, names = digits
    model = autoencoder.Config(shape=(8, 8, 1), n_code=4, corruption="gaussian", corruption_level=0.2)
    model = dataclasses.replace(model, sparsity="l1", sparsity_rate=0.1)
    task = autoencoding.task(model, supervised.Config(batch_size=None), splits)
    state = task.init(jax.random.key(0))
    scores = metrics.scalars(evaluate(task.evaluate, state, splits.test))
    x = jnp.asarray(splits.test["x"])
    loss, parts = autoencoder.objective(state.params, x, model, key=jax.random.key(0))
    noisy = autoencoder.corrupted(x, model, key=jax.random.key(0))
    expected = {"loss": loss, "mse": ((parts.reconstruction - x) ** 2).mean(), "activity": parts.code.mean()}
    expected["noisy_mse"] = ((noisy - x) ** 2).mean()
    assert scores == pytest.approx({name: float(value) for name, value in expected.items()}, rel=1e-4)
    train, test = (part["x"].reshape(-1, 64) for part in (splits.train, splits.test))
    pca = PCA(4).fit(train)
    ours = explained(np.asarray(parts.reconstruction).reshape(-1, 64), test, train.mean(0))
    linear = explained(pca.inverse_transform(pca.transform(test)), test, train.mean(0))
    shares = autoencoding.explained_variance(task, 4, state)
    assert list(shares.values()) == pytest.approx([ours, linear], rel=1e-3)
    with pytest.raises(ValueError, match=r"the examples have shape \(8, 8, 1\), the model takes \(64,\)"):
        autoencoding.task(dataclasses.replace(model, shape=(64,)), supervised.Config(), splits)
    assert autoencoding.probe_accuracy(lambda x: x.reshape(len(x), -1), splits, names) > 0.7


def test_mnist_basic_has_the_sizes_of_the_paper():
    try:
        data.load("mnist", download=False)
    except data.DataNotFound:
        pytest.skip("MNIST is not here: jaxdl data fetches it")
    splits, _ = mnist_basic_stacked_denoising.load(0)
    assert [len(part["y"]) for part in splits] == [10_000, 2_000, 50_000]
    shares = [np.bincount(part["y"]) / len(part["y"]) for part in splits]
    np.testing.assert_allclose(shares[0], shares[2], atol=1e-3)
    rows = {part["x"][i].tobytes() for part in splits[:2] for i in range(len(part["y"]))}
    assert not any(image.tobytes() in rows for image in splits.test["x"])  # MNIST holds no image twice


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(2))
def test_two_numbers_explain_more_than_two_principal_components(seed):
    config = digits_autoencoder.Config(seed=seed)
    task = digits_autoencoder.task(config)
    state, _ = fit(task, epochs=config.epochs, batch_size=config.batch_size, seed=seed)
    assert task.scores is not None
    scores = task.scores(state, task.data)
    assert scores["explained variance"] > 0.48 > 0.33 > scores["explained variance of PCA"]
