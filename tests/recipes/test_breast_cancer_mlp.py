"""A rare class: what is thinned, and what class weights do for its recall."""

import dataclasses

import numpy as np
import pytest

from jaxdl import data
from jaxdl.recipes import breast_cancer_mlp
from jaxdl.training import fit


def scores(config) -> dict[str, float]:
    task = breast_cancer_mlp.task(config)
    state, _ = fit(task, epochs=config.epochs, batch_size=config.batch_size, seed=config.seed)
    assert task.scores is not None
    return dict(task.scores(state, task.data))


def test_the_training_part_alone_is_thinned():
    task = breast_cancer_mlp.task(breast_cancer_mlp.Config(positives=7))
    malignant = data.load("breast_cancer").class_names.index("malignant")
    assert int((task.data.train["y"] == malignant).sum()) == 7
    assert np.mean(task.data.test["y"] == malignant) == pytest.approx(0.37, abs=0.01)
    assert abs(task.data.train["x"].mean()) < 1e-5  # scaled by what is left


def test_class_weights_find_more_of_the_rare_class():
    config = breast_cancer_mlp.Config()
    weighted, plain = scores(config), scores(dataclasses.replace(config, balanced=False))
    assert weighted["recall"] > plain["recall"] + 0.03
    assert weighted["F1"] > max(plain["F1"], 0.95)


def test_no_positives_are_refused():
    with pytest.raises(ValueError, match="positives"):
        breast_cancer_mlp.Config(positives=0)
