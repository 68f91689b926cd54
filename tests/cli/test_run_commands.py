"""The commands around a run folder: train, evaluate, resume, and what they say of a damaged one."""

import contextlib
import io
import json
import os
import re
import shutil
import subprocess
import sys

import pytest
from refusal import refused
from small_tasks import files_of

from jaxdl import cli

TINY = ["--model.widths", "8", "--epochs", "2", "--batch-size", "256"]


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """One small run that the tests below share: (folder that holds runs/, what was printed, exit code)."""
    folder = tmp_path_factory.mktemp("trained")
    before = os.getcwd()
    os.chdir(folder)
    try:
        with contextlib.redirect_stdout(io.StringIO()) as printed:
            code = cli.main(["train", "digits_mlp", *TINY, "--seed", "3"])
    finally:
        os.chdir(before)
    return folder, printed.getvalue(), code


def test_occupied_run_folder(here, capsys):
    (here / "full").mkdir()
    (here / "full" / "notes.txt").write_text("mine")
    (here / "file").write_text("mine")
    for name in ("full", "file"):
        line = refused(capsys, "train", "digits_mlp", *TINY, "--run-dir", name)
        assert f"{name} is not an empty folder" in line
    assert sorted(path.name for path in here.rglob("*")) == ["file", "full", "notes.txt"]


def test_nearest_run_is_named(trained, monkeypatch, capsys):
    monkeypatch.chdir(trained[0])
    assert "did you mean 'runs/digits_mlp/1'?" in refused(capsys, "evaluate", "runs/digits/1")


def test_train_prints_summary_scores_and_a_last_line(trained):
    _, printed, code = trained
    assert code == 0
    lines = printed.splitlines()
    assert lines[0].split() == ["path", "rank", "shape", "dtype", "parameters", "bytes"]
    assert re.fullmatch(r"test accuracy 0\.\d{4}  runs/digits_mlp/1", lines[-1])
    assert [line.split()[0] for line in lines[-4:-1]] == ["train", "validation", "test"]


def test_evaluate_gives_the_same_score(trained, monkeypatch, capsys):
    folder, printed, _ = trained
    monkeypatch.chdir(folder)
    assert cli.main(["evaluate", "runs/digits_mlp/1"]) == 0
    out, err = capsys.readouterr()
    assert err == ""
    assert out.splitlines()[-5:] == printed.splitlines()[-5:]


def test_resume_adds_epochs(trained, tmp_path, monkeypatch, capsys):
    shutil.copytree(trained[0] / "runs", tmp_path / "runs")
    monkeypatch.chdir(tmp_path)
    assert cli.main(["train", "--resume", "runs/digits_mlp/1", "--epochs", "3"]) == 0
    assert re.fullmatch(r"test accuracy 0\.\d{4}  runs/digits_mlp/1", capsys.readouterr().out.splitlines()[-1])
    rows = (tmp_path / "runs/digits_mlp/1/metrics.jsonl").read_text().splitlines()
    assert [json.loads(row)["epoch"] for row in rows] == [1, 2, 3]
    assert json.loads((tmp_path / "runs/digits_mlp/1/config.json").read_text())["config"]["epochs"] == 3


def _copy(trained, tmp_path):
    return shutil.copytree(trained[0] / "runs" / "digits_mlp" / "1", tmp_path / "run")


def _edit(path, change):
    stored = json.loads(path.read_text())
    change(stored)
    path.write_text(json.dumps(stored))


DAMAGES = {
    "config cut off": lambda run: (run / "config.json").write_text('{"recipe": "digi'),
    "config binary": lambda run: (run / "config.json").write_bytes(b"\xff\xfe\x00"),
    "config a list": lambda run: (run / "config.json").write_text("[1]"),
    "config without config": lambda run: (run / "config.json").write_text('{"recipe": "digits_mlp"}'),
    "recipe a number": lambda run: _edit(run / "config.json", lambda c: c.update(recipe=5)),
    "recipe unknown": lambda run: _edit(run / "config.json", lambda c: c.update(recipe="../evil")),
    "options null": lambda run: _edit(run / "config.json", lambda c: c.update(config=None)),
    "epochs a word": lambda run: _edit(run / "config.json", lambda c: c["config"].update(epochs="many")),
    "epochs broken": lambda run: _edit(run / "config.json", lambda c: c["config"].update(epochs=2.5)),
    "optimizer unknown": lambda run: _edit(run / "config.json", lambda c: c["config"].update(optimizer="adan")),
    "unknown field": lambda run: _edit(run / "config.json", lambda c: c["config"].update(epoch=3)),
    "model a number": lambda run: _edit(run / "config.json", lambda c: c["config"].update(model=3)),
    "config of 100,000 brackets": lambda run: (run / "config.json").write_text("[" * 100_000),
    "widths of words": lambda run: _edit(run / "config.json", lambda c: c["config"]["model"].update(widths=["a"])),
    "widths nested": lambda run: _edit(run / "config.json", lambda c: c["config"]["model"].update(widths=[[8]])),
    "widths a word": lambda run: _edit(run / "config.json", lambda c: c["config"]["model"].update(widths="8")),
}
DAMAGED_PARAMS = {
    "no params": lambda run: (run / "params.safetensors").unlink(),
    "params cut off": lambda run: (run / "params.safetensors").write_bytes(
        (run / "params.safetensors").read_bytes()[:-9]
    ),
    "params empty": lambda run: (run / "params.safetensors").write_bytes(b""),
    "params garbage": lambda run: (run / "params.safetensors").write_bytes(b"\x80\x04" * 64),
    "params of another model": lambda run: _edit(
        run / "config.json", lambda c: c["config"]["model"].update(widths=[9])
    ),
}


@pytest.mark.parametrize("damage", DAMAGES | DAMAGED_PARAMS)
def test_evaluate_a_damaged_run(trained, here, capsys, damage):
    run = _copy(trained, here)
    (DAMAGES | DAMAGED_PARAMS)[damage](run)
    before = sorted(here.rglob("*"))
    line = refused(capsys, "evaluate", "run")
    assert "run/config.json" in line or "run/params.safetensors" in line or "run has no params.safetensors" in line
    assert sorted(here.rglob("*")) == before


@pytest.mark.parametrize("damage", DAMAGES)
def test_resume_a_damaged_run(trained, here, capsys, damage):
    run = _copy(trained, here)
    DAMAGES[damage](run)
    assert "config.json" in refused(capsys, "train", "--resume", "run")


@pytest.mark.parametrize("content", [None, "{", "[]", "[" * 100_000])
def test_resume_needs_no_environment(trained, here, content):
    run = _copy(trained, here)
    (run / "environment.json").unlink()
    if content is not None:
        (run / "environment.json").write_text(content)
    assert cli.main(["train", "--resume", "run", "--epochs", "3"]) == 0
    assert json.loads((run / "environment.json").read_text())["resumed"] == [{"step": 10, "epochs": [2, 3]}]


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ("--epochs 1", "epochs must be at least 2, as many as are begun, got 1"),
        ("--seed 4", "seed cannot change in a resumed run: it is 3, not 4; these can: epochs, patience, save-every"),
        ("--learning-rate 1", "learning_rate cannot change in a resumed run: it is 0.002, not 1.0"),
        ("--batch-size 100", "batch_size cannot change in a resumed run: it is 256, not 100"),
        ("--model.widths 9", "model.widths cannot change in a resumed run: it is (8,), not (9,)"),
    ],
)
def test_a_refused_resume_changes_nothing(trained, here, capsys, words, message):
    run = _copy(trained, here)
    before = files_of(run)
    assert message in refused(capsys, "train", "--resume", "run", *words.split())
    assert files_of(run) == before


def test_the_same_options_may_be_said_again(trained, here):
    _copy(trained, here)
    assert cli.main(["train", "--resume", "run", "--seed", "3", "--batch-size", "256", "--save-every", "5"]) == 0


def test_a_cosine_that_jumps_is_told(trained, here, capsys):
    _copy(trained, here)
    assert cli.main(["train", "--resume", "run", "--epochs", "4"]) == 0
    told = "after epoch 2 of 4 instead of 2 it goes on from 0.001 instead of 0"
    assert told in capsys.readouterr().err


def test_a_run_killed_before_its_first_checkpoint_starts_again(trained, here, capsys):
    run = _copy(trained, here)
    for path in sorted(run.iterdir()):
        if path.name != "config.json":
            shutil.rmtree(path) if path.is_dir() else path.unlink()
    assert cli.main(["train", "--resume", "run"]) == 0
    out, err = capsys.readouterr()
    assert err.strip() == "jaxdl: run ended before its first checkpoint: it starts again"
    assert out.splitlines()[-5:-1] == trained[1].splitlines()[-5:-1]


def test_resume_without_checkpoints(trained, here, capsys):
    run = _copy(trained, here)
    shutil.rmtree(run / "checkpoints")
    before = files_of(run)
    assert "no checkpoint" in refused(capsys, "train", "--resume", "run", "--epochs", "9")
    assert files_of(run) == before


def test_a_run_in_use_is_refused(trained, here, capsys):
    run = _copy(trained, here)
    (run / ".lock").write_text("7 elsewhere\n")
    before = files_of(run)
    assert "run is in use by process 7 on elsewhere" in refused(capsys, "train", "--resume", "run", "--epochs", "9")
    assert files_of(run) == before


def test_diverged_run_exits_with_1_in_one_line(here, capsys):
    words = ["train", "study_hours_linear", "--optimizer", "sgd", "--learning-rate", "1e30", "--epochs", "5"]
    assert cli.main(words) == 1
    last = capsys.readouterr().err.strip().splitlines()[-1]
    assert last.startswith("jaxdl: the run stopped: loss is ")
    assert "at step" in last


def test_a_run_fills_the_compilation_cache(tmp_path):
    """In a process of its own, since jax reads where the cache lies when it is imported; resuming imports it early."""
    variables = {name: value for name, value in os.environ.items() if not name.startswith(("JAX_", "XLA_"))}
    variables |= {"XDG_CACHE_HOME": str(tmp_path / "cache"), "JAX_PLATFORMS": "cpu"}
    for words in (["xor_mlp", "--epochs", "2", "--run-dir", "run"], ["--resume", "run", "--epochs", "3"]):
        if (cache := tmp_path / "cache" / "jaxdl" / "xla").exists():
            for program in cache.iterdir():
                program.unlink()
        command = [sys.executable, "-m", "jaxdl", "train", *words]
        done = subprocess.run(
            command, cwd=tmp_path, env=variables, capture_output=True, text=True, timeout=300, check=False
        )
        assert done.returncode == 0, done.stderr
        assert any(cache.iterdir()), f"nothing was cached by {words}"
        assert re.search(r"^train accuracy \d\.\d{4}  run$", done.stdout, re.M)
