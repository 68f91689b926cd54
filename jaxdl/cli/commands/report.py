"""`jaxdl report`: one or more runs as one HTML file that opens from the disk, curves and pictures in it."""

from pathlib import Path

from jaxdl.cli.arguments import new_file, pop_options, positional
from jaxdl.cli.console import plain

HELP = """report RUN ... [--out FILE.html]
                 one page of runs that opens without network: curves to point at and zoom, pictures, options, speed"""

_USAGE = "report RUN ... [--out FILE.html]"


def run(argv: list[str]) -> int:
    """Write the page and say where; returns the exit code."""
    options, rest = pop_options(argv, "--out")
    folders = positional(rest, _USAGE, least=1, most=len(rest) + 1)
    value = options.get("--out")
    out = None if value is None else new_file("--out", value, "FILE.html", ".html", ".htm", any_case=True)
    from jaxdl.runs import reports

    print(plain(f"report: {reports.write([*map(Path, folders)], out)}"))
    return 0
