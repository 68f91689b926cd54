"""The recipe of the trained summarizer: its arrays, its scores, and that it beats what is not trained."""

import dataclasses

import jax
import numpy as np
import pytest
from small_tasks import needs_papers

from jaxdl import data
from jaxdl.metrics import scalars, summaries
from jaxdl.models import ranker
from jaxdl.recipes import scitldr_ranker
from jaxdl.training import evaluate, fit

MODEL = ranker.Config(n_hash=32, n_embedding=2, n_grams=8, n_sentences=3, width=4)
SMALL = scitldr_ranker.Config(model=MODEL, batch_size=None)


@pytest.fixture
def papers(monkeypatch):
    """Four papers in each part; the last has its label after the sentences that the small model looks at."""
    texts = [("We try.", "It works."), ("Mice eat corn.", "We propose a cat.", "Dogs bark."), ("Only one.",)]
    texts.append(("A b.", "C d.", "E f.", "We win."))
    part = {name: np.empty(4, object) for name in ("x", "references")}
    part["x"][:] = texts
    part["references"][:] = [("It works well.", "Works."), ("A cat.",), ("Only.",), ("We win.",)]
    part["y"] = np.array([1, 1, 0, 3], np.int32)
    papers = data.Dataset("scitldr", part, part, (), (), "", "", "", validation=part)
    monkeypatch.setattr(scitldr_ranker.data, "load", lambda name: papers)
    return part


def test_scores_are_those_of_the_chosen_sentences(papers):
    task = scitldr_ranker.task(SMALL)
    state = task.init(jax.random.key(0))
    chosen = [int(ranker.rank(state.params, x[:3], SMALL.model).argmax()) for x in papers["x"]]
    found = scalars(evaluate(task.evaluate, state, task.data.test))
    each = [summaries.rouge(x[i], refs) for x, refs, i in zip(papers["x"], papers["references"], chosen, strict=True)]
    for kind in scitldr_ranker.KINDS:
        assert found[kind] == pytest.approx(np.mean([scores[kind].f for scores in each]), abs=1e-6)
    assert found["accuracy"] == pytest.approx(np.mean([i == y for i, y in zip(chosen, papers["y"], strict=True)]))
    assert 0 < found["loss"] < 3  # a label that cannot be chosen adds nothing


def test_smoothed_labels_are_refused():
    with pytest.raises(ValueError, match="label_smoothing would reward sentences"):
        dataclasses.replace(SMALL, label_smoothing=0.1)


@pytest.mark.slow
@needs_papers
def test_training_beats_textrank_on_the_validation_part():
    config = scitldr_ranker.Config()
    task = scitldr_ranker.task(config)
    history = fit(task, epochs=config.epochs, batch_size=config.batch_size, seed=config.seed).history.history
    part = task.data.validation
    central = part["features"][..., 9].argmax(1)  # the share in TextRank
    textrank = np.mean([gains[i, 0] for gains, i in zip(part["rouge"], central, strict=True)])
    assert history["val_rouge1"][-1] > textrank + 0.03
