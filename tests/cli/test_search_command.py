"""`jaxdl search` as a user types it."""

import pytest
from refusal import refused

from jaxdl.cli.dispatch import main

pytestmark = pytest.mark.usefixtures("here")


def test_a_search_prints_its_best_and_goes_on(capsys, tmp_path):
    words = ["search", "xor_mlp", "--space", "learning_rate=log:1e-3:1", "--space=model.activation=tanh,relu"]
    assert main([*words, "--trials", "4", "--epochs", "3"]) == 0
    out = capsys.readouterr().out
    assert "4 trials: searches/xor_mlp/1" in out
    assert "jaxdl train xor_mlp --epochs 3 --learning-rate" in out
    assert (tmp_path / "searches/xor_mlp/1/best/params.safetensors").is_file()
    assert main(["search", "--resume", "searches/xor_mlp/1"]) == 0
    assert "searches/xor_mlp/1/best-2" in capsys.readouterr().out


def test_the_rate_finder(capsys, tmp_path):
    assert main(["search", "digits_mlp", "--find-learning-rate", "rate.png", "--model.widths", "16"]) == 0
    assert "jaxdl train digits_mlp --learning-rate" in capsys.readouterr().out
    assert (tmp_path / "rate.png").stat().st_size > 5_000


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ("", "name a recipe"),
        ("digits_mpl --space l2=0:1", "did you mean 'digits_mlp'"),
        ("xor_mlp", "give at least one --space"),
        ("xor_mlp --space learning-rat=0:1", "did you mean 'learning_rate'"),
        ("xor_mlp --space l2=0:1 --trials none", "--trials needs a whole number"),
        ("xor_mlp --space l2=0:1 --method gird", "did you mean 'grid'"),
        ("xor_mlp --space l2=0:1 --find-learning-rate", "a run of its own"),
        ("xor_mlp --find-learning-rate rate.pdf", "writes a picture"),
        ("--resume nowhere", "not the folder of a search"),
        ("--resume nowhere --trials 3", "give nothing beside it"),
        ("xor_mlp --space l2=0:1 --epochs none", "not a whole number"),
        ("xor_mlp --space batch_size=8,16", "batch_size"),
    ],
)
def test_mistakes_are_one_line(words, message, capsys):
    assert message in refused(capsys, "search", *words.split())
