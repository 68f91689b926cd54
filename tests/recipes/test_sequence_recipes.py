"""Every sequence recipe trains, scores what it writes, and translates from its run folder, on a few of its examples."""

import dataclasses
import os

import pytest

from jaxdl import data, recipes, runs
from jaxdl.applications import translation
from jaxdl.cli.commands.translate import load
from jaxdl.recipes import _dates, _g2p, g2p_seq2seq, multi30k_transformer

needs_data = pytest.mark.skipif(not os.environ.get("JAXDL_DATA"), reason="JAXDL_DATA is not set")

SMALL = {"d_model": 16, "n_heads": 2, "n_encoder_layers": 1, "n_decoder_layers": 2, "d_hidden": 16}
RECURRENT = {"d_embedding": 8, "n_hidden": 8}
ROWS = [
    ("dates_seq2seq", RECURRENT, {"examples": 64}, {"exact_match"}),
    ("dates_transformer", SMALL, {"examples": 64}, {"exact_match"}),
    ("g2p_seq2seq", RECURRENT | {"attention": "none"}, {}, {"word_error_rate", "phoneme_error_rate"}),
    ("g2p_transformer", SMALL, {"beam": 2}, {"word_error_rate", "phoneme_error_rate"}),
    ("multi30k_transformer", SMALL | {"n_source": 300, "n_target": 300}, {}, {"bleu"}),
    (
        "scitldr_transformer",
        SMALL | {"n_source": 300, "n_target": 300},
        {"source_length": 32, "target_length": 128},
        {f"{lead}{kind}" for lead in ("", "lead1_") for kind in ("rouge1", "rouge2", "rougeL")},
    ),
]


@pytest.fixture
def few_examples(monkeypatch):
    """The first rows of every data set, and few dates."""
    whole = data.load

    def load_few(name: str) -> data.Dataset:
        loaded = whole(name)
        parts = {part: getattr(loaded, part) for part in ("train", "validation", "test")}
        few = {part: {k: v[:64] for k, v in rows.items()} for part, rows in parts.items() if rows}
        return loaded._replace(**few)

    monkeypatch.setattr(data, "load", load_few)
    monkeypatch.setattr(_dates, "_HELD_OUT", 64)
    monkeypatch.setattr(_g2p, "_HELD_OUT", 16)


@needs_data
@pytest.mark.slow
@pytest.mark.usefixtures("compiled_lightly")
@pytest.mark.parametrize(("name", "model", "options", "scores"), ROWS, ids=[row[0] for row in ROWS])
def test_it_trains_scores_and_translates(name, model, options, scores, few_examples, tmp_path):
    default = recipes.load(name).Config()
    config = dataclasses.replace(
        default, model=dataclasses.replace(default.model, **model), epochs=3, warmup_epochs=1, batch_size=32, **options
    )
    run = runs.train(name, config, run_dir=tmp_path / "run")
    assert set(run.more_scores) == scores
    assert run.headline in scores
    assert (run.folder / "attention.png").exists() == (getattr(config.model, "attention", "") != "none")
    system, params = load(run.folder)
    assert isinstance(translation.translate(system, params, ["Hello"])[0], str)
    assert runs.evaluate_run(run.folder).more_scores == pytest.approx(run.more_scores)


def test_pronunciations_are_scored_as_the_field_does():
    scores = _g2p.measure(["AH B", "K AE"], [("AE B", "AH B"), ("K AE T",)])
    assert scores == {"word_error_rate": 0.5, "phoneme_error_rate": 1 / 5}
    assert g2p_seq2seq.Config().model.n_target == len(_g2p.PHONES.split()) + 4


def test_bleu_is_sacrebleus_and_signed():
    pytest.importorskip("sacrebleu", reason="BLEU needs the extra jaxdl[text]")
    scores = multi30k_transformer.measure(["Ein Hund läuft heim."], [("Ein Hund läuft heim.",)])
    assert scores == {"bleu": pytest.approx(100.0)}
    assert multi30k_transformer.signature().startswith("nrefs:1|case:mixed|eff:no|tok:13a|smooth:exp|version:")
