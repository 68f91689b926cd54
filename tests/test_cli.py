"""The command line: what it prints, what it refuses (one line, exit code 2, nothing written), and its exit codes."""

import contextlib
import io
import json
import os
import re
import shutil
import subprocess
import sys

import jax
import jax.numpy as jnp
import pytest

from jaxdl import cli, commands
from jaxdl.models import perceptron

TINY = ["--model.widths", "8", "--epochs", "2", "--batch-size", "256"]


@pytest.fixture(autouse=True)
def own_caches(tmp_path_factory, monkeypatch):
    """Nothing of the user's is touched, and the variables that the command sets are taken back."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path_factory.getbasetemp() / "cache"))
    monkeypatch.setenv("JAX_COMPILATION_CACHE_DIR", str(tmp_path_factory.getbasetemp() / "cache" / "xla"))
    for name in ("MIN_COMPILE_TIME_SECS", "MIN_ENTRY_SIZE_BYTES"):
        monkeypatch.setenv(f"JAX_PERSISTENT_CACHE_{name}", "0")


@pytest.fixture
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


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


def refused(capsys, *words: str) -> str:
    """The one line of a refused command: exit code 2, nothing on standard output."""
    assert cli.main(list(words)) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith("jaxdl: ")
    assert err.count("\n") == 1, err
    assert "Traceback" not in err
    return err


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ("trian", "unknown command 'trian', did you mean 'train'? See: jaxdl --help"),
        ("train digits_mpl", "unknown recipe 'digits_mpl', did you mean 'digits_mlp'? See: jaxdl list"),
        ("train digits_mlp --epoch 3", "unknown option --epoch, did you mean '--epochs'?"),
        ("train digits_mlp --model.width 3", "unknown option --model.width, did you mean '--model.widths'?"),
        ("train digits_mlp --rundir x", "unknown option --rundir, did you mean '--run-dir'?"),
        ("train digits_mlp iris_mlp", "iris_mlp"),
        ("train --epochs many", "--epochs"),
        ("train --epochs 1.5", "--epochs"),
        ("train --epochs", "--epochs"),
        ("train --epochs 0", "epochs must be positive, got 0"),
        ("train --epochs -3", "epochs must be positive, got -3"),
        ("train --seed -1", "seed must be finite and at least 0, got -1"),
        ("train --seed 4294967296", "seed must be below 2**32"),
        ("train --batch-size 0", "batch_size must be positive, got 0"),
        ("train --batch-size 5000", "number of examples 1258, got 5000"),
        ("train --learning-rate -0.1", "learning_rate must be positive, got -0.1"),
        ("train --learning-rate nan", "learning_rate must be positive, got nan"),
        ("train --learning-rate inf", "learning_rate must be positive, got inf"),
        ("train --validation 1", "validation must be in [0, 1), got 1.0"),
        ("train --validation 0.9", "leave some examples for training"),
        ("train --model.dropout 1.5", "dropout must be in [0, 1), got 1.5"),
        ("train --model.n-in -4", "n_in must be positive, got -4"),
        ("train --model.widths 8 -8", "widths must be positive, got (8, -8)"),
        ("train --model.n-in 32", "ends in 64, but w (32, 256) takes 32 inputs"),
        ("train --model.n-out 7", "outputs (1, 7) for one example need 10 classes"),
        ("train --model.activation rellu", "unknown activation 'rellu', did you mean 'relu'?"),
        ("train --optimizer adan", "'adan', did you mean 'adam'?"),
        ("train study_hours_linear --optimizer adan", "'adan', did you mean 'adam'?"),
        ("train study_hours_linear --model.n-out 2", "(1, 2) for one example need the targets' shape: (1,)"),
        ("train --weight-decay 0.1", "weight_decay belongs to adamw, not to adam"),
        ("train --epochs 7 --warmup-epochs 7", "warmup_epochs 7 must be fewer than the 7 epochs"),
        ("train --patience 0", "patience must be positive"),
        ("train --label-smoothing 1", "label_smoothing must be in [0, 1)"),
        ("train --run-dir", "--run-dir needs a folder"),
        ("train --run-dir --epochs 3", "--run-dir needs a folder"),
        ("train --resume nowhere", "nowhere is not a run folder: it has no config.json"),
        ("train digits_mlp --resume nowhere", "name no recipe"),
        ("train --resume nowhere --seed 3", "--seed cannot change in a resumed run"),
        ("evaluate", "expected 1 argument(s), got 0; usage: jaxdl evaluate RUN"),
        ("evaluate nowhere", "nowhere is not a run folder"),
        ("evaluate a b", "expected 1 argument(s), got 2"),
        ("evaluate --fast a", "unknown option --fast"),
        ("check mpl", "unknown model 'mpl', did you mean 'mlp'?"),
        ("list all", "expected 0 argument(s), got 1"),
        ("data --all", "unknown option --all"),
    ],
)
def test_refusals(here, capsys, words, message):
    assert message in refused(capsys, *words.split())
    assert list(here.iterdir()) == [], "something was written"


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


@pytest.mark.parametrize("content", [None, "{", "[]", "{}"])
def test_resume_without_environment(trained, here, capsys, content):
    run = _copy(trained, here)
    (run / "environment.json").unlink()
    if content is not None:
        (run / "environment.json").write_text(content)
    assert "environment.json is missing or damaged" in refused(capsys, "train", "--resume", "run", "--epochs", "9")
    assert json.loads((run / "config.json").read_text())["config"]["epochs"] == 2, "a refusal changed the run"


def test_resume_without_checkpoints(trained, here, capsys):
    shutil.rmtree(_copy(trained, here) / "checkpoints")
    assert "no checkpoint" in refused(capsys, "train", "--resume", "run", "--epochs", "9")
    assert not (here / "run" / "checkpoints").exists()


def test_list_and_data(capsys):
    assert cli.main(["list"]) == 0
    listed = capsys.readouterr().out
    for recipe in ("digits_mlp", "iris_mlp", "xor_mlp", "diabetes_linear", "study_hours_linear"):
        assert recipe in listed
    assert cli.main(["data"]) == 0
    assert "ships with scikit-learn" in capsys.readouterr().out


def test_help_of_a_recipe_lists_every_option(capsys):
    with pytest.raises(SystemExit) as left:
        cli.main(["train", "digits_mlp", "--help"])
    assert left.value.code == 0
    out = capsys.readouterr().out
    for word in ("--run-dir", "--seed", "--epochs", "--model.widths", "--learning-rate", "network"):
        assert word in out


@pytest.mark.parametrize("words", [["evaluate", "--help"], ["check", "-h"], ["data", "--help"], ["list", "-h"]])
def test_help_of_a_command(capsys, words):
    with pytest.raises(SystemExit) as left:
        cli.main(words)
    assert left.value.code == 0
    assert capsys.readouterr().out.startswith("usage: jaxdl")


def test_version(capsys):
    assert cli.main(["--version"]) == 0
    assert re.fullmatch(r"jaxdl \d+\.\d+\.\d+\n", capsys.readouterr().out)


def test_check_passes_and_prints_every_leaf(capsys):
    assert cli.main(["check", "perceptron"]) == 0
    out = capsys.readouterr().out
    assert "worst relative error" in out
    assert out.splitlines()[-1] == "2 leaves of 1 model(s): every gradient is right"


def test_check_finds_a_wrong_gradient(monkeypatch, capsys):
    @jax.custom_vjp
    def wrong(x):
        return x * x

    wrong.defvjp(lambda x: (x * x, x), lambda x, dy: (2.001 * x * dy,))

    def example(key):
        del key
        return lambda params: wrong(params["w"]).sum() + params["b"] ** 2, {"w": jnp.ones(3), "b": jnp.ones(())}

    monkeypatch.setattr(perceptron, "example", example)
    assert cli.main(["check", "perceptron"]) == 1
    out = capsys.readouterr().out
    assert out.splitlines()[-1] == "2 leaves of 1 model(s): FAILED"
    assert "wrong" in out


@pytest.mark.parametrize(
    ("error", "code", "message"),
    [
        (FloatingPointError("loss is nan"), 1, "jaxdl: the run stopped: loss is nan"),
        (KeyboardInterrupt(), 130, "jaxdl: interrupted; a run goes on with: jaxdl train --resume RUN"),
        (PermissionError(13, "Permission denied", "/root/x"), 1, "jaxdl: Permission denied: /root/x"),
        (ValueError("two\nlines"), 2, "jaxdl: two lines"),
    ],
)
def test_exit_codes(monkeypatch, capsys, error, code, message):
    def fail(argv):
        raise error

    monkeypatch.setattr(commands.load("train"), "run", fail)
    assert cli.main(["train"]) == code
    assert capsys.readouterr().err == message + "\n"


def test_diverged_run_exits_with_1_in_one_line(here, capsys):
    words = ["train", "study_hours_linear", "--optimizer", "sgd", "--learning-rate", "1e30", "--epochs", "5"]
    assert cli.main(words) == 1
    last = capsys.readouterr().err.strip().splitlines()[-1]
    assert last.startswith("jaxdl: the run stopped: loss is ")
    assert "at step" in last


HELP = """
import sys
from jaxdl.cli import main
code = main([{word!r}])
heavy = sorted({{"jax", "numpy", "optax", "tyro", "rich", "sklearn"}} & sys.modules.keys())
raise SystemExit(f"imported {{heavy}}" if heavy else code)
"""


def test_help_imports_nothing_heavy():
    """In a process of its own: every import here would be paid for each time someone asks for help."""
    done = subprocess.run(
        [sys.executable, "-c", HELP.format(word="--help")], capture_output=True, text=True, timeout=120, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("usage: jaxdl COMMAND")


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
