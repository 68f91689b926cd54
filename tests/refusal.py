"""What a refused command prints."""

from jaxdl import cli


def refused(capsys, *words: str) -> str:
    """The one line of a refused command: exit code 2, nothing on standard output."""
    assert cli.main(list(words)) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith("jaxdl: ")
    assert err.count("\n") == 1, err
    assert "Traceback" not in err
    return err
