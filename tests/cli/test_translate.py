"""`jaxdl translate`: from a run folder alone, to standard output and pictures; what it refuses."""

import io
import json
import shutil
import sys

import jax
import pytest
from PIL import Image
from refusal import refused

from jaxdl import cli
from jaxdl.applications import translation
from jaxdl.data import dates, text
from jaxdl.models import seq2seq
from jaxdl.recipes import dates_seq2seq, digits_mlp
from jaxdl.runs import run_folder
from jaxdl.tasks import text_to_text
from jaxdl.training import TrainState
from jaxdl.training.parameters import write_params

MODEL = seq2seq.Config(n_source=256, n_target=16, d_embedding=4, n_hidden=4, cell="gru")
SOURCES = ["2026년 11월 21일", "Nov 21, 2026", "", "?" * 99]


def write_run(folder, model: seq2seq.Config):
    folder.mkdir()
    run_folder.write_config(folder, "dates_seq2seq", dates_seq2seq.Config(model=model))
    key = jax.random.key(0)
    params = seq2seq.init(key, model)
    write_params(folder, TrainState(params, {}, (), key, key))
    letters = text.character_tokenizer(["0123456789- ,.년월일Nov"])
    digits = text.character_tokenizer(["0123456789-"])
    system = text_to_text.translator(model, letters, digits, 16, 11)
    (folder / text_to_text.FILE).write_text(text_to_text.to_json(system), encoding="utf-8")
    return system, params


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    folder = tmp_path_factory.mktemp("translate") / "run"
    return folder, *write_run(folder, MODEL)


def test_it_reads_nothing_but_the_folder(run, capsys, monkeypatch):
    folder, system, params = run
    monkeypatch.delenv("JAXDL_DATA", raising=False)
    monkeypatch.setattr(dates, "draw_dates", None)
    assert cli.main(["translate", str(folder), *SOURCES]) == 0
    assert capsys.readouterr().out.splitlines() == translation.translate(system, params, SOURCES)


def test_lines_of_standard_input(run, capsys, monkeypatch):
    folder, system, params = run
    monkeypatch.setattr(sys, "stdin", io.StringIO("\n".join(SOURCES) + "\n"))
    assert cli.main(["translate", str(folder), "--beam", "3"]) == 0
    assert capsys.readouterr().out.splitlines() == translation.translate(system, params, SOURCES, beam=3)


def test_a_text_may_begin_with_a_hyphen(run, capsys):
    folder, system, params = run
    assert cli.main(["translate", str(folder), "--", "-5", "--beam"]) == 0
    assert capsys.readouterr().out.splitlines() == translation.translate(system, params, ["-5", "--beam"])
    line = refused(capsys, "translate", str(folder), "-5")
    assert "unknown option -5; usage: " in line
    assert '[-- "-TEXT" ...]' in line


def test_the_picture_shows_every_script(run, capsys, tmp_path):
    """Letters without a font are no warning, which would be an error here."""
    folder, system, params = run
    picture = tmp_path / "attention.png"
    assert cli.main(["translate", str(folder), SOURCES[0], f"--attention={picture}"]) == 0
    assert capsys.readouterr().out.splitlines() == translation.translate(system, params, SOURCES[:1])
    with Image.open(picture) as image:
        assert min(image.size) > 50
    assert [path.name for path in tmp_path.iterdir()] == ["attention.png"]


def test_what_cannot_be_understood_is_refused(run, capsys, tmp_path, monkeypatch):
    folder = str(run[0])
    assert "usage: jaxdl translate RUN" in refused(capsys, "translate")
    assert "is not a run folder" in refused(capsys, "translate", str(tmp_path / "none"), "a")
    assert "whole number from 1 to 64, got 'x'" in refused(capsys, "translate", folder, "a", "--beam", "x")
    assert "whole number from 1 to 64, got '0'" in refused(capsys, "translate", folder, "a", "--beam=0")
    assert "needs FILE.png in a folder that exists" in refused(capsys, "translate", folder, "a", "--attention", "a.txt")
    assert "needs FILE.png in a folder that exists" in refused(capsys, "translate", folder, "a", "--attention")
    assert "unknown option --bean" in refused(capsys, "translate", folder, "a", "--bean", "3")
    monkeypatch.setattr(sys, "stdin", io.StringIO(""))
    assert "nothing to translate" in refused(capsys, "translate", folder)


def test_a_run_that_does_not_translate_is_refused(capsys, tmp_path):
    run_folder.write_config(tmp_path, "digits_mlp", digits_mlp.Config())
    assert "is a run of digits_mlp, which does not translate" in refused(capsys, "translate", str(tmp_path), "a")


def test_a_damaged_run_is_named(run, capsys, tmp_path):
    folder = tmp_path / "run"
    shutil.copytree(run[0], folder)
    path = folder / text_to_text.FILE
    stored = json.loads(path.read_text())
    path.write_text(json.dumps(stored | {"target": {"kind": "bytes", "tokens": []}}))
    assert "n_target is 16, but the vocabulary has 260" in refused(capsys, "translate", str(folder), "a")
    path.write_text('{"source":')
    assert f"{path} is damaged" in refused(capsys, "translate", str(folder), "a")
    shutil.copy(run[0] / text_to_text.FILE, path)
    (folder / "params.safetensors").unlink()
    assert "did not finish" in refused(capsys, "translate", str(folder), "a")


def test_one_context_vector_has_no_attention_to_draw(capsys, tmp_path):
    write_run(tmp_path / "run", seq2seq.Config(256, 16, d_embedding=4, n_hidden=4, attention="none"))
    picture = tmp_path / "a.png"
    words = [str(tmp_path / "run"), "a", "--attention", str(picture)]
    assert "no attention to draw" in refused(capsys, "translate", *words)
    assert not picture.exists()
