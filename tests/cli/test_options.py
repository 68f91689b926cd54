"""Options from files, and the device: `--config run.toml`, a run's config.json, `--device`."""

import dataclasses
import os
import subprocess
import sys

import jax
import pytest
from refusal import refused

from jaxdl import cli, runs
from jaxdl.recipes import digits_mlp
from jaxdl.runs import config_files

TOML = 'recipe = "digits_mlp"\nepochs = 1\nbatch-size = 256\nmax_norm = "none"\n[model]\nwidths = [8]\n'


@pytest.mark.usefixtures("shared_programs")
def test_a_file_gives_options_and_the_command_line_changes_them(here, capsys):
    (here / "run.toml").write_text(TOML)
    assert cli.main(["train", "--config", "run.toml", "--seed", "7"]) == 0
    recipe, config = runs.configuration("runs/digits_mlp/1")
    assert recipe == "digits_mlp"
    assert (config.epochs, config.batch_size, config.max_norm, config.seed) == (1, 256, None, 7)
    assert config.model == dataclasses.replace(digits_mlp.Config().model, widths=(8,))
    assert cli.main(["train", "--config", "runs/digits_mlp/1/config.json", "--seed", "8"]) == 0
    assert runs.configuration("runs/digits_mlp/2") == (recipe, dataclasses.replace(config, seed=8))
    capsys.readouterr()
    with pytest.raises(SystemExit):
        cli.main(["train", "digits_mlp", "--config", "run.toml", "--help"])
    assert "default: 256" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("x.toml", "epochs = \n", "x.toml: Invalid value (at line 1"),
        ("x.toml", "epoks = 3\n", "x.toml: there is no option epoks, did you mean 'epochs'?"),
        ("x.toml", "[model]\nwidth = [3]\n", "there is no option model.width, did you mean 'widths'?"),
        ("x.toml", 'epochs = "many"\n', "x.toml: Config: epochs cannot be 'many'"),
        ("x.toml", "epochs = 0\n", "x.toml: train: epochs must be positive"),
        ("x.toml", "[model]\nwidths = [0]\n", "x.toml: mlp: widths must be positive"),
        ("x.toml", 'recipe = "iris_mlp"\n', "x.toml has options of iris_mlp, not of digits_mlp"),
        ("x.toml", "seed = 1\n[config]\nepochs = 1\n", "either at the top or all in a table called config"),
        ("x.json", "[1]", "x.json: options with their names are expected"),
        ("x.yaml", "epochs: 1", "options are read from a .toml or .json file"),
    ],
)
def test_a_wrong_file_is_one_line(here, capsys, name, content, message):
    (here / name).write_text(content)
    assert message in refused(capsys, "train", "digits_mlp", "--config", name)
    assert not (here / "runs").exists()


def test_a_config_beside_a_resumed_run_is_refused(here, capsys):
    assert "No such file" in refused(capsys, "train", "--config", "nowhere.toml")
    assert "--resume RUN knows" in refused(capsys, "train", "--resume", "runs/1", "--config", "x.toml")


def test_options_in_a_table_called_config(here):
    (here / "x.toml").write_text("[config]\nepochs = 3\n")
    assert config_files.read(here / "x.toml") == (None, {"epochs": 3})


def test_a_device_that_is_not_there_or_no_device(capsys):
    assert jax.default_backend() == "cpu"
    assert "--device needs one of cpu, gpu, got 'tpu'" in refused(capsys, "list", "--device", "tpu")
    assert "--device gpu: JAX sees none here" in refused(capsys, "list", "--device", "gpu")


def test_the_host_is_chosen_before_jax_begins(tmp_path):
    script = (
        "import sys, os; from jaxdl import cli; code = cli.main(['list', '--device=cpu']);"
        "import jax; print(code, os.environ['JAX_PLATFORMS'], jax.config.jax_compilation_cache_dir is not None)"
    )
    environment = {name: value for name, value in os.environ.items() if name != "JAX_PLATFORMS"}
    environment |= {"XDG_CACHE_HOME": str(tmp_path), "PYTHONPATH": os.pathsep.join(sys.path)}
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, env=environment, check=True)
    assert done.stdout.splitlines()[-1] == "0 cpu True"
