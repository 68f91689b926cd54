"""A recipe of the user's own: written by `jaxdl new`, trained, evaluated, resumed, moved, changed and broken."""

import json

import pytest
from refusal import refused

from jaxdl import cli, runs

TINY = ["--epochs", "1", "--model.widths", "8", "--batch-size", "256"]


@pytest.fixture
def mine(here, capsys):
    assert cli.main(["new", "mine"]) == 0
    assert capsys.readouterr().out.endswith("jaxdl train ./mine.py\n")
    return here / "mine.py"


def test_it_is_trained_evaluated_and_resumed_as_a_shipped_one(mine, capsys, monkeypatch, tmp_path_factory):
    assert cli.main(["train", "./mine.py", *TINY]) == 0
    assert "runs/mine/1" in capsys.readouterr().out
    stored = json.loads((mine.parent / "runs/mine/1/config.json").read_text())
    assert stored["recipe"] == str(mine)
    folder = mine.parent / "runs" / "mine" / "1"
    monkeypatch.chdir(tmp_path_factory.mktemp("elsewhere"))
    mine.write_text(mine.read_text() + "\n")
    assert cli.main(["evaluate", str(folder)]) == 0
    assert f"{mine} has changed since {folder} was begun" in capsys.readouterr().err
    assert cli.main(["train", "--resume", str(folder), "--epochs", "2"]) == 0
    recipe, config = runs.configuration(folder)
    assert (recipe, config.epochs) == (str(mine), 2)
    capsys.readouterr()
    mine.unlink()
    assert f"there is no recipe {mine}" in refused(capsys, "evaluate", str(folder))


def test_a_module_and_a_function_name_it_too(mine, capsys):
    mine.write_text(mine.read_text() + "\n\ndef other(config):\n    raise ValueError('the other one')\n")
    assert "the other one" in refused(capsys, "train", "mine:other")
    assert "has no nothing" in refused(capsys, "train", "./mine.py:nothing")
    with pytest.raises(SystemExit):
        cli.main(["train", "./mine.py", "--help"])
    printed = capsys.readouterr().out
    assert "a recipe to start from" in printed
    assert "runs/mine/<n>" in printed


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("import math\nx = 1 / 0\n", "line 2: ZeroDivisionError"),
        ("def (", "line 1: "),
        ("x = 1\n", "has no Config and no task"),
        ("class Config: pass\ndef task(config): pass\n", "Config has no field epochs"),
    ],
)
def test_what_is_wrong_with_it_is_said_in_a_line(here, capsys, content, message):
    path = here / f"broken_{abs(hash(content))}.py"
    path.write_text(content)
    line = refused(capsys, "train", f"./{path.name}")
    assert str(path) in line
    assert message in line


def test_names_that_lead_nowhere(mine, capsys):
    assert "did you mean './mine.py'?" in refused(capsys, "train", "mine")
    assert "no such Python file" in refused(capsys, "train", "./nowhere.py")
    assert "no such module" in refused(capsys, "train", "no.where")
    assert "exists already" in refused(capsys, "new", "mine")
    assert "cannot name a Python file" in refused(capsys, "new", "3x")
    assert "there is no folder" in refused(capsys, "new", "there/mine")
