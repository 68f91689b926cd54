"""Runs that train together equal those that `fit` trains one by one."""

import numpy as np
import pytest
from small_tasks import line

from jaxdl.recipes import digits_cnn, digits_mlp, mixture_gan, xor_mlp
from jaxdl.training import fit
from jaxdl.training.spaces import replaced
from jaxdl.training.together import fit_many

RECIPES = {
    "xor_mlp": (xor_mlp, {}),
    "mixture_gan": (mixture_gan, {"batch_size": None}),  # one step: a game makes much of every rounding
}


def assert_equal_to_fit(task, batch_size, *, seeds=(0, 5), epochs=2, tolerance=2e-5):
    many = fit_many(task, seeds=seeds, epochs=epochs, batch_size=batch_size)
    for k, seed in enumerate(seeds):
        alone = fit(task, epochs=epochs, batch_size=batch_size, seed=seed)
        for score, values in many.history.items():
            wanted = alone.history.history[score]
            np.testing.assert_allclose(values[:, k], wanted, rtol=tolerance, atol=tolerance, err_msg=score)
    return many


@pytest.mark.parametrize("batch_size", [None, 1, 3])
def test_batches_orders_and_keys_are_those_of_fit(batch_size):
    many = assert_equal_to_fit(line(noise=0.1), batch_size, seeds=(0, 5, 9), epochs=3)
    assert (np.asarray(many.states.state["seen"]) == 3).all()


def test_a_task_without_a_validation_part():
    assert set(assert_equal_to_fit(line(n_validation=0), 4).history) == {"loss"}


@pytest.mark.parametrize("name", RECIPES)
def test_recipes(name):
    recipe, changes = RECIPES[name]
    config = replaced(recipe.Config(), changes)
    assert_equal_to_fit(recipe.task(config), config.batch_size, epochs=1, tolerance=2e-4)


@pytest.mark.slow
@pytest.mark.parametrize("recipe", [digits_mlp, digits_cnn])
def test_larger_recipes(recipe):
    assert_equal_to_fit(recipe.task(recipe.Config()), 256, epochs=1)  # few steps: each makes more of every rounding


def test_the_best_epoch_is_each_runs_own():
    many = fit_many(line(), seeds=range(4), epochs=6, batch_size=4)
    losses = many.history["val_loss"]
    assert many.best_epochs.tolist() == (losses.argmin(0) + 1).tolist()


def test_a_run_that_diverges_ends_alone():
    from jaxdl.optim import sgd

    task = line(optimizer=sgd(1e6))
    many = fit_many(task, seeds=[0, 1], epochs=9, batch_size=4)
    assert not np.isfinite(many.history["loss"][-1]).any()
    assert np.isfinite(np.asarray(many.best.params["w"])).all()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"seeds": []}, "a seed of its own"),
        ({"seeds": [1, 1]}, "a seed of its own"),
        ({"seeds": [-1]}, "seed must be a whole number"),
        ({"epochs": 0}, "epochs must be positive"),
        ({"batch_size": 11}, "batch_size"),
    ],
)
def test_what_cannot_be(options, message):
    with pytest.raises(ValueError, match=message):
        fit_many(line(), **{"seeds": [0], "epochs": 1, "batch_size": 2} | options)


def test_pre_training_is_refused():
    with pytest.raises(ValueError, match="warm start"):
        fit_many(line(warm_start=lambda state: state), seeds=[0], epochs=1)
