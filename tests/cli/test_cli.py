"""The command line: what it prints, what it refuses (one line, exit code 2, nothing written), and its exit codes."""

import re
import signal
import subprocess
import sys

import jax
import jax.numpy as jnp
import pytest
from refusal import refused

from jaxdl import cli
from jaxdl.cli import commands
from jaxdl.models import perceptron
from jaxdl.runs import Interrupted


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
        ("train --seed -1", "seed must be a whole number from 0 to 2**32 - 1, got -1"),
        ("train --seed 4294967296", "seed must be a whole number from 0 to 2**32 - 1"),
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
        ("train --model.n-in 32", "(1, 8, 8, 1) has 64 numbers for each example, but n_in is 32"),
        ("train --model.widths 100000000 100000000", "parameters with their gradient and the optimizer's state take"),
        ("train --class-weights 1 2", "class_weights (1.0, 2.0) must be 10, one for each class"),
        ("train study_hours_linear --balanced", "balanced True is for classifiers"),
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
        ("train --save-every often", "--save-every needs a number of seconds, at least 0, got 'often'"),
        ("train --save-every -1", "at least 0, got '-1'"),
        ("train --lr 0.1", "unknown option --lr, did you mean '--learning-rate'?"),
        ("train --bs 8", "unknown option --bs, did you mean '--batch-size'?"),
        ("train --checkpoint c", "unknown option --checkpoint, did you mean '--resume'?"),
        ("train --widths 8", "unknown option --widths, did you mean '--model.widths'?"),
        ("tune", "unknown command 'tune', did you mean 'search'?"),
        ("eval runs/1", "unknown command 'eval', did you mean 'evaluate'?"),
        ("train --batch-size many", "--batch-size: 'many' is neither None nor a whole number"),
        ("train --max-norm x", "--max-norm: 'x' is neither None nor a number"),
        ("train --model.widths x", "--model.widths cannot be 'x'; see: jaxdl train digits_mlp --help"),
        ("train --learning-rate fast", "--learning-rate: 'fast' is not a number"),
        ("evaluate", "expected 1 argument(s), got 0; usage: jaxdl evaluate RUN"),
        ("evaluate nowhere", "nowhere is not a run folder"),
        ("evaluate a b c", "expected 2 argument(s), got 3"),
        ("evaluate --fast a", "unknown option --fast"),
        ("check mpl", "unknown model 'mpl', did you mean 'mlp'?"),
        ("list all", "expected 0 argument(s), got 1"),
        ("data --all", "unknown option --all"),
    ],
)
def test_refusals(here, capsys, words, message):
    assert message in refused(capsys, *words.split())
    assert list(here.iterdir()) == [], "something was written"


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
    for word in ("--run-dir", "--save-every", "--epochs", "--model.widths", "--learning-rate", "network"):
        assert word in out
    assert "BY_NAME" not in out
    assert "DERIVATIVES" not in out
    assert re.search(r"one of .*leaky_relu.*tanh", re.sub(r"[\s│]+", " ", out))


def test_a_reader_that_has_read_enough_is_no_error():
    """Python itself complains of a broken pipe when it ends: in a process of its own."""
    command = f"set -o pipefail; {sys.executable} -m jaxdl train digits_mlp --help | head -c 10 > /dev/null"
    done = subprocess.run(["bash", "-c", command], capture_output=True, text=True, timeout=120, check=False)
    assert (done.returncode, done.stderr) in [(128 + signal.SIGPIPE, ""), (0, "")]


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
        (KeyboardInterrupt(), 130, "jaxdl: interrupted"),
        (Interrupted(15, "interrupted; go on with: x"), 143, "jaxdl: interrupted; go on with: x"),
        (PermissionError(13, "Permission denied", "/root/x"), 2, "jaxdl: Permission denied: /root/x"),
        (OSError(28, "No space left on device", "x"), 1, "jaxdl: No space left on device: x"),
        (RecursionError("deep"), 2, "jaxdl: the input is nested too deeply"),
        (ValueError("two\nlines"), 2, "jaxdl: two lines"),
    ],
)
def test_exit_codes(monkeypatch, capsys, error, code, message):
    def fail(argv):
        raise error

    monkeypatch.setattr(commands.load("train"), "run", fail)
    assert cli.main(["train"]) == code
    assert capsys.readouterr().err == message + "\n"


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
