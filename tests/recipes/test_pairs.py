"""Pairs of a user's own texts: read, trained by both networks, translated and predicted from the folder alone."""

import pytest
from refusal import refused

import jaxdl
from jaxdl import cli, runs
from jaxdl.data.pair_files import parse_pairs, read_pairs
from jaxdl.recipes import pairs

pytestmark = pytest.mark.usefixtures("own_caches", "shared_programs")

TINY = ["--width", "16", "--n-layers", "1", "--n-heads", "2", "--epochs", "2", "--batch-size", "16"]


def letters(n: int) -> str:
    """Words of a few letters and the same letters with spaces between them."""
    return "".join(f"{'abc'[i % 3] * (1 + i % 2)}{i}\t{' '.join(str(i))}\n" for i in range(n))


@pytest.mark.parametrize("network", ["transformer", "seq2seq"])
def test_a_run_translates_from_its_folder_alone(here, capsys, network):
    (here / "x.tsv").write_text(letters(60))
    words = ["--data", "x.tsv", "--network", network, "--target-tokens", "words", *TINY]
    assert cli.main(["train", "pairs", *words]) == 0
    printed = capsys.readouterr()
    assert "x.tsv: 60 sources with their targets; 13 characters to 10 words" in printed.err
    scores = runs.evaluate_run("runs/pairs/1")
    (here / "x.tsv").rename(here / "y.tsv")
    assert cli.main(["translate", "runs/pairs/1", "a0", "b1"]) == 0
    translated = capsys.readouterr().out.splitlines()
    assert jaxdl.load("runs/pairs/1").predict(["a0", "b1"]).values.tolist() == translated
    assert set(runs.evaluate_run("runs/pairs/1", here / "y.tsv").scores["test"]) == set(scores.scores["test"])
    assert "No such file" in refused(capsys, "evaluate", "runs/pairs/1")


def test_no_source_is_in_two_parts_and_tokens_come_from_the_training_part(here):
    (here / "x.tsv").write_text(letters(50) + letters(50) + "zz\t€\n")
    task = pairs.task(pairs.Config(data=str(here / "x.tsv")))
    assert sum(len(part["source"]) for part in task.data) == 51
    shares = [len(part["source"]) for part in task.data]
    assert shares == [41, 5, 5]


def test_several_right_answers_are_several_examples(here):
    (here / "x.tsv").write_text("".join(f"a{i}\t{i}\t{i + 1}\na{i}\t{i}\n" for i in range(20)))
    task = pairs.task(pairs.Config(data=str(here / "x.tsv")))
    assert [len(part["source"]) for part in task.data] == [32, 2, 2]


def test_long_texts_are_cut_and_said(here):
    (here / "x.tsv").write_text(letters(40) + "a" * 50 + "\t1\nb\t" + "2" * 50 + "\n")
    task = pairs.task(pairs.Config(data=str(here / "x.tsv"), longest=20, seed=1))
    assert task.notes[-1] == "longest 20: 1 sources are cut off, 1 pairs with longer targets are left out of 42"


@pytest.mark.slow
def test_the_example_is_learned_a_little(tmp_path):
    config = pairs.Config(epochs=2, warmup_epochs=0, learning_rate=3e-3)
    done = runs.train("pairs", config, run_dir=tmp_path / "1")
    assert done.scores["test"]["accuracy"] > 0.5
    assert read_pairs(tmp_path / "1" / "example.tsv")["x"].size == 4000


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("a\tb\nc d\n", "x.tsv, line 2: a source, a tab and its target are expected, got 'c d'"),
        ("a\tb\n\tb\n", "x.tsv, line 2: a source"),
        ("a\tb\n\na\t\n", "x.tsv, line 3: a source"),
        ("a\tb\n", "of 1 examples is none"),
    ],
)
def test_bad_files_are_one_line(here, capsys, content, message):
    (here / "x.tsv").write_text(content)
    assert message in refused(capsys, "train", "pairs", "--data", "x.tsv")
    assert not (here / "runs").exists()


def test_options_that_cannot_be(here, capsys):
    assert "n_heads 5 must divide" in refused(capsys, "train", "pairs", "--n-heads", "5")
    assert "test must be positive" in refused(capsys, "train", "pairs", "--test", "0")
    assert "No such file" in refused(capsys, "train", "pairs", "--data", "nowhere.tsv")


def test_blank_lines_and_line_ends():
    assert parse_pairs("a\tb\r\n\r\nc\td", "x")["x"].tolist() == ["a", "c"]
