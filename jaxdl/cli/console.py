"""What the commands print: tables, scores, messages."""

import contextlib
import sys
import unicodedata
from collections.abc import Callable, Iterator, Sequence
from typing import Any


def print_table(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """A table without a frame; a pipe or a file gets whole lines."""
    from rich.box import SIMPLE_HEAD
    from rich.console import Console
    from rich.table import Table

    table = Table(*columns, box=SIMPLE_HEAD, show_edge=False, pad_edge=False)
    for row in rows:
        table.add_row(*map(plain, row))
    console = Console(markup=False, highlight=False)
    if not console.is_terminal:  # a file or a pipe has no width: 80 columns would cut the lines up
        console = Console(markup=False, highlight=False, width=200)
    console.print(table)


def print_scores(run: Any) -> None:
    """The scores of a `runs.Outcome`: a row a part of the data, a row a further score, and the headline."""
    names = list(next(iter(run.scores.values())))
    rows = [[part, *(f"{scores[name]:.4f}" for name in names)] for part, scores in run.scores.items()]
    print_table(["part", *names], rows)
    if run.more_scores:
        print()
        print_table(["score", "value"], [[name, f"{value:.4f}"] for name, value in run.more_scores.items()])
    print(plain(f"{run.headline} {run.score:.4f}  {run.folder}"))


def plain(text: str) -> str:
    """Text from a file as a terminal may show it: control characters, which could command it, as their codes.

    >>> print(plain("red: " + chr(27) + "[31m"))
    red: \\x1b[31m
    """
    return "".join(c if c in "\n\t" or unicodedata.category(c) != "Cc" else f"\\x{ord(c):02x}" for c in text)


_LONGEST = 1000  # letters of a message


def notify(message: str) -> None:
    """One line on standard error: no control characters, and of a very long message its beginning and its end."""
    line = " ".join(plain(message).split())
    if len(line) > _LONGEST:
        line = f"{line[: _LONGEST - 300]} ... {line[-300:]}"
    with contextlib.suppress(OSError, ValueError):  # a terminal that is gone hears nothing
        print("jaxdl:", line, file=sys.stderr)


@contextlib.contextmanager
def stages(name: str) -> Iterator[Callable[[str], None]]:
    """A line on the terminal that says what is being done and for how long; nothing in a pipe."""
    from rich.console import Console
    from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

    columns = (
        SpinnerColumn(),
        TextColumn("{task.fields[name]}: {task.description}", markup=False),
        TimeElapsedColumn(),
    )
    console = Console(file=sys.stderr)
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as progress:
        task = progress.add_task("starting", name=name, total=None)
        yield lambda text: progress.update(task, description=text)
