"""`jaxdl report`: one or more runs as one HTML file that opens from the disk, curves and pictures in it."""

from pathlib import Path

from jaxdl.cli.arguments import UsageError, pop_options, positional
from jaxdl.cli.console import plain

HELP = """report RUN ... [--out FILE.html]
                 one page of runs that opens without network: curves to point at and zoom, pictures, options, speed"""

_USAGE = "report RUN ... [--out FILE.html]"


def run(argv: list[str]) -> int:
    """Write the page and say where; returns the exit code."""
    options, rest = pop_options(argv, "--out")
    folders = positional(rest, _USAGE, least=1, most=len(rest) + 1)
    out = Path(options["--out"]) if "--out" in options else None
    if out is not None and (out.suffix.lower() not in (".html", ".htm") or not out.parent.is_dir()):
        raise UsageError(f"--out needs FILE.html in a folder that exists, got {options['--out']!r}")
    from jaxdl.runs import reports

    print(plain(f"report: {reports.write([*map(Path, folders)], out)}"))
    return 0
