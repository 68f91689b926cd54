"""`jaxdl train text` and `jaxdl write`: from a file to a text, by characters and by subwords."""

import re

import pytest
from refusal import refused

import jaxdl
from jaxdl import cli, runs

SMALL = ["--d-model", "16", "--n-heads", "2", "--n-layers", "1", "--d-hidden", "32", "--length", "16", "--epochs", "2"]
LINES = "".join(f"{i} birds sat on a wire, {i + 1} birds flew.\n" for i in range(300))


@pytest.fixture
def trained(here, capsys, shared_programs):
    (here / "birds.txt").write_text(LINES)
    assert cli.main(["train", "text", "--data", "birds.txt", *SMALL]) == 0
    printed = capsys.readouterr()
    assert re.search(r"birds.txt: [\d,]+ characters, 27 different characters", printed.err)
    assert "test bits_per_character" in printed.out
    return here / "runs/text/1"


def test_a_run_writes_and_judges_from_its_folder_alone(trained, here, capsys):
    scores = runs.evaluate_run(trained).scores["test"]
    (here / "birds.txt").unlink()
    assert cli.main(["write", str(trained), "7 birds", "--length", "40", "--temperature", "0"]) == 0
    written = capsys.readouterr().out
    assert written.startswith("7 birds")
    assert len(written) == len("7 birds") + 40 + 1
    assert cli.main(["write", str(trained), "--length", "9", "--seed", "4", "--top-k", "3"]) == 0
    assert len(capsys.readouterr().out) == 10
    (here / "end.txt").write_text(LINES[-round(len(LINES) * 0.05) :])
    assert runs.evaluate_run(trained, here / "end.txt").scores["test"] == pytest.approx(scores)
    likely, strange = jaxdl.load(trained).predict([LINES[:80], "wwwwww,,,,,,"]).values
    assert likely < strange


def test_subwords(here, capsys, shared_programs):
    pytest.importorskip("tokenizers")
    (here / "birds.txt").write_text(LINES)
    words = ["--data", "birds.txt", "--tokens", "subwords", "--vocabulary", "280", *SMALL]
    assert cli.main(["train", "text", *words]) == 0
    assert "276 different subwords" in capsys.readouterr().err
    assert cli.main(["write", "runs/text/1", "7 birds", "--length", "5"]) == 0
    assert capsys.readouterr().out.startswith("7 birds")


def test_mistakes_are_told_in_a_line(trained, here, capsys):
    (here / "short.txt").write_text("too short")
    assert "short.txt is too short" in refused(capsys, "train", "text", "--data", "short.txt")
    assert "cannot read" in refused(capsys, "train", "text", "--data", "nowhere.txt")
    assert "n_heads 3 must divide d_model" in refused(capsys, "train", "text", "--n-heads", "3")
    assert "--temperature needs a number" in refused(capsys, "write", str(trained), "--temperature", "hot")
    assert "--top-p needs" in refused(capsys, "write", str(trained), "--top-p", "2")
    assert "--length needs" in refused(capsys, "write", str(trained), "--length", "0")
    assert "no config.json" in refused(capsys, "write", "nowhere")
    (trained / "tokenizer.json").write_text("{}")
    assert "tokenizer.json is missing or damaged" in refused(capsys, "write", str(trained), "x")


def test_a_run_of_another_recipe_writes_nothing(here, capsys, shared_programs):
    assert cli.main(["train", "xor_mlp", "--epochs", "1"]) == 0
    capsys.readouterr()
    assert "which writes no texts" in refused(capsys, "write", "runs/xor_mlp/1", "x")
