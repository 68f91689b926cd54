"""What reaches a terminal from a file's content."""

import logging

import pytest

from jaxdl import cli
from jaxdl.cli import dispatch
from jaxdl.cli.arguments import pop_options, positional
from jaxdl.cli.console import plain, print_table


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("a\x1b[31mb", "a\\x1b[31mb"),
        ("title\x1b]0;evil\x07", "title\\x1b]0;evil\\x07"),
        ("\x9b2J", "\\x9b2J"),
        ("tab\tand\nline, 한글, é", "tab\tand\nline, 한글, é"),
    ],
)
def test_control_characters_are_shown_as_codes(text, shown):
    assert plain(text) == shown


def test_a_summary_commands_no_terminal(here, capsys):
    (here / "text.txt").write_text("The cat sat on the mat \x1b[31m today. The dog ran after the cat. Birds sing.")
    assert cli.main(["summarize", "text.txt", "--sentences", "3", "--method", "lead"]) == 0
    out = capsys.readouterr().out
    assert "\x1b" not in out
    assert "\\x1b[31m" in out


def test_messages_are_short_lines_that_command_no_terminal(here, capsys):
    """An exit code of 2 with a file's bytes, or a whole book, in the message."""
    assert cli.main(["evaluate", "run\x1b[31m\n" + "x" * 5000 + " the end"]) == 2
    err = capsys.readouterr().err
    assert err.startswith("jaxdl: File name too long: run\\x1b[31m x")
    assert "\x1b" not in err
    assert err.count("\n") == 1
    assert len(err) < 1050
    assert err.endswith("x the end/config.json\n")
    logging.getLogger("jaxdl.runs").warning("silent outside of a command")
    with dispatch._notices():
        logging.getLogger("jaxdl.runs").warning("run\x1b[31m: %s", "starts again")
    assert capsys.readouterr().err == "jaxdl: run\\x1b[31m: starts again\n"


def test_tables_command_no_terminal(capsys):
    print_table(["input"], [["a\x1b[31m"]])
    assert capsys.readouterr().out.splitlines()[-1].strip() == "a\\x1b[31m"


def test_two_dashes_end_the_options():
    options, rest = pop_options(["run", "--beam", "4", "--", "-5", "--beam", "x"], "--beam")
    assert options == {"--beam": "4"}
    assert positional(rest, "translate RUN [TEXT ...]", least=1, most=9) == ["run", "-5", "--beam", "x"]
