"""`jaxdl claim`: the list, one claim, its files, a constant changed, and mistakes in one line."""

import pytest
from refusal import refused

from jaxdl import cli

NAME = "learning_rate_threshold"


def test_the_list_names_every_claim(capsys):
    from jaxdl import claims

    assert cli.main(["claim"]) == 0
    printed = capsys.readouterr().out
    assert all(name in printed for name in claims.names())


def test_one_claim(capsys, tmp_path):
    assert cli.main(["claim", NAME, "--seeds", "3", "--out", str(tmp_path)]) == 0
    printed = capsys.readouterr().out
    assert "Verdict: HOLDS" in printed
    assert "share that descends at 0.99 x 2 / L" in printed
    assert sorted(path.name for path in tmp_path.iterdir()) == [f"{NAME}.json", f"{NAME}.png"]


def test_a_changed_constant_changes_what_is_measured(capsys, tmp_path):
    assert cli.main(["claim", NAME, "--seeds", "3", "--set", "STEPS=30", "--out", str(tmp_path)]) == 0
    assert "Verdict: HOLDS IN PART" in capsys.readouterr().out  # 30 steps are too few for the small rate


def test_korean(capsys, tmp_path):
    assert cli.main(["claim", NAME, "--budget", "1s", "--lang", "ko", "--out", str(tmp_path)]) == 0
    assert "판정: 성립" in capsys.readouterr().out
    assert (tmp_path / f"{NAME}.ko.png").is_file()


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["learning_rate_treshold"], "did you mean 'learning_rate_threshold'?"),
        ([NAME, "--set", "STEP=3"], "has no constant STEP; it has DIMENSIONS, STEPS"),
        ([NAME, "--set", "STEPS"], "--set needs CONSTANT=VALUE"),
        ([NAME, "--seeds", "2"], "--seeds needs a whole number from 3 on, got '2'"),
        ([NAME, "--budget", "five"], "--budget needs a time such as 90s, 5m or 1h, got 'five'"),
        ([NAME, "--lang", "fr"], "--lang: unknown language 'fr'; one of: en, ko"),
        ([NAME, "--fast"], "unknown option --fast"),
        (["--all", NAME], "--all runs every claim as it stands"),
    ],
)
def test_mistakes_are_one_line(words, message, capsys):
    assert message in refused(capsys, "claim", *words)
