"""What reaches a terminal from a file's content."""

import pytest

from jaxdl import cli
from jaxdl.cli.arguments import pop_options, positional
from jaxdl.cli.console import plain


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


def test_two_dashes_end_the_options():
    options, rest = pop_options(["run", "--beam", "4", "--", "-5", "--beam", "x"], "--beam")
    assert options == {"--beam": "4"}
    assert positional(rest, "translate RUN [TEXT ...]", least=1, most=9) == ["run", "-5", "--beam", "x"]
