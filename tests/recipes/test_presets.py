"""Named settings of recipes: offered by the command line, kept in the run's folder, refused where unknown."""

import dataclasses
from pathlib import Path

import pytest
from refusal import refused

from jaxdl import cli, recipes, runs
from jaxdl.cli import arguments
from jaxdl.recipes import digits_mlp
from jaxdl.training import fit

WHOLE_ON_A_GPU = (
    "fashion_cnn",
    "g2p_transformer",
    "mnist_cgan",
    "mnist_gan",
    "multi30k_transformer",
    "scitldr_transformer",
)


@pytest.mark.parametrize("name", WHOLE_ON_A_GPU)
def test_a_gpu_gets_a_longer_run_of_the_same_recipe(name: str):
    usual, whole = recipes.load(name).Config(), recipes.preset(name, "gpu")
    assert type(whole) is type(usual)
    assert whole.epochs > usual.epochs
    assert (whole.seed, whole.batch_size) == (usual.seed, usual.batch_size)


def test_options_of_the_command_line_change_a_preset():
    config = arguments.parse(
        recipes.load("mnist_gan").Config,
        ["--epochs", "2"],
        command="train mnist_gan",
        about="",
        default=recipes.preset("mnist_gan", "gpu"),
    )
    assert config == dataclasses.replace(recipes.preset("mnist_gan", "gpu"), epochs=2)
    assert config.model.generator == (128, 64)


@pytest.mark.usefixtures("own_caches")
def test_train_starts_from_a_preset(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    quick = digits_mlp.Config(epochs=1, seed=5)
    monkeypatch.setattr(digits_mlp, "PRESETS", {"quick": quick}, raising=False)
    folder = tmp_path / "run"
    assert cli.main(["train", "digits_mlp", "--preset", "quick", "--seed", "7", "--run-dir", str(folder)]) == 0
    assert runs.configuration(folder) == ("digits_mlp", dataclasses.replace(quick, seed=7))


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["train", "digits_mlp", "--preset", "gpu"], "digits_mlp has no preset 'gpu'; it has none"),
        (["train", "mnist_gan", "--preset", "tpu"], "mnist_gan has no preset 'tpu'; it has gpu"),
        (["train", "--resume", "runs/1", "--preset", "gpu"], "--resume"),
    ],
)
@pytest.mark.usefixtures("own_caches")
def test_an_unknown_preset_is_refused_in_a_line(words: list[str], says: str, capsys: pytest.CaptureFixture[str]):
    assert says in refused(capsys, *words)


@pytest.mark.usefixtures("own_caches")
def test_help_lists_the_presets(capsys: pytest.CaptureFixture[str]):
    with pytest.raises(SystemExit):
        cli.main(["train", "mnist_gan", "--help"])
    assert "--preset NAME" in capsys.readouterr().out


@pytest.mark.slow
def test_a_critic_with_a_gradient_penalty_finds_all_modes_of_the_mixture():
    config = recipes.preset("mixture_gan", "wasserstein")
    task = recipes.load("mixture_gan").task(config)
    state, _ = fit(task, epochs=config.epochs, batch_size=config.batch_size, seed=config.seed)
    assert task.scores is not None
    scores = task.scores(state, task.data)
    assert scores["modes"] == 8
    assert scores["high_quality"] > 0.75
