"""`jaxdl compare`: runs beside each other: what differs in their options, their scores, their curves."""

from pathlib import Path
from typing import Any

from jaxdl.cli.arguments import UsageError, new_file, pop_options, positional
from jaxdl.cli.console import plain, print_table

HELP = """compare RUN RUN ... [--out FILE.png]
                 runs beside each other: the options that differ, all scores; --out draws their curves together"""

_USAGE = "compare RUN RUN ... [--out FILE.png]"


def run(argv: list[str]) -> int:
    """Print the tables, draw the curves; returns the exit code."""
    options, rest = pop_options(argv, "--out")
    folders = positional(rest, _USAGE, least=2, most=len(rest) + 2)
    value = options.get("--out")
    out = None if value is None else new_file("--out", value, "FILE.png", ".png", any_case=True)
    from jaxdl.runs import records

    runs = [records.read(folder) for folder in folders]
    names = [plain(str(run.folder)) + ("" if run.finished else " (not finished)") for run in runs]
    differing = records.differences(runs)
    if differing:
        print_table(["option", *names], [[name, *map(_shown, values)] for name, values in differing.items()])
    else:
        print("these runs have the same options")
    print()
    print_table(["score", *names], [[name, *map(_shown, values)] for name, values in records.scores(runs).items()])
    if out is not None:
        _draw(records.panels(runs), out)
    return 0


def _shown(value: Any) -> str:
    if isinstance(value, float) and not value.is_integer():
        return f"{value:.4f}" if abs(value) >= 1e-3 else f"{value:.3g}"
    return "" if value is None else plain(str(value))


def _draw(panels: Any, out: Path) -> None:
    from jaxdl.artifacts import files, pictures
    from jaxdl.artifacts.overlays import overlay

    if not panels:
        raise UsageError(f"--out {out}: these runs have no score in common to draw")
    figure = overlay(panels)
    files.write(out, lambda path: pictures.save(figure, path))
    print(f"\ncurves: {out}")
