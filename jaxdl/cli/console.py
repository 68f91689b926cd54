"""What the commands print: tables and scores."""

import unicodedata
from collections.abc import Sequence
from typing import Any


def print_table(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """A table without a frame; a pipe or a file gets whole lines."""
    from rich.box import SIMPLE_HEAD
    from rich.console import Console
    from rich.table import Table

    table = Table(*columns, box=SIMPLE_HEAD, show_edge=False, pad_edge=False)
    for row in rows:
        table.add_row(*row)
    console = Console(markup=False, highlight=False)
    if not console.is_terminal:  # a file or a pipe has no width: 80 columns would cut the lines up
        console = Console(markup=False, highlight=False, width=200)
    console.print(table)


def print_scores(run: Any) -> None:
    """The scores of a `runs.Run`: a row a part of the data, a row a further score, and the headline."""
    names = list(next(iter(run.scores.values())))
    rows = [[part, *(f"{scores[name]:.4f}" for name in names)] for part, scores in run.scores.items()]
    print_table(["part", *names], rows)
    if run.more_scores:
        print()
        print_table(["score", "value"], [[name, f"{value:.4f}"] for name, value in run.more_scores.items()])
    print(f"{run.headline} {run.score:.4f}  {run.folder}")


def plain(text: str) -> str:
    """Text from a file as a terminal may show it: control characters, which could command it, as their codes.

    >>> print(plain("red: " + chr(27) + "[31m"))
    red: \\x1b[31m
    """
    return "".join(c if c in "\n\t" or unicodedata.category(c) != "Cc" else f"\\x{ord(c):02x}" for c in text)
