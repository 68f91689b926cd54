"""The command line: parse, call, print. No jax before a command needs it, so that --help answers at once.

An error of the user is one line on standard error and exit code 2; a run or a check that fails exits with 1.
"""

import os
import re
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from jaxdl.arguments import UsageError, parse, pop_paths, positional
from jaxdl.validation import did_you_mean

HELP = """usage: jaxdl COMMAND [...]

Deep learning's core ideas as pure functions in JAX: read them, trust them, run them fast.

commands:
  train [RECIPE] [--run-dir DIR] [--seed N] [--epochs N] [--any.config.field VALUE]
                   train a recipe (digits_mlp by default) and write a run folder;
                   jaxdl train RECIPE --help lists all options
  train --resume RUN [--epochs N]
                   go on with a run from its last checkpoint
  list             the recipes
  evaluate RUN     score the model of a run folder
  check [MODEL]    compare gradients with finite differences in float64
  data             the data sets: what is here, what can be fetched, from where

jaxdl --version prints the version."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command line; returns the exit code."""
    argv = list(sys.argv[1:] if arguments is None else arguments)
    if not argv or argv[0] in ("-h", "--help", "help"):
        print(HELP)
        return 0
    if argv[0] == "--version":
        import jaxdl

        print(f"jaxdl {jaxdl.__version__}")
        return 0
    commands: dict[str, Callable[[list[str]], int]] = {
        "train": _train,
        "list": _list,
        "evaluate": _evaluate,
        "check": _check,
        "data": _data,
    }
    try:
        if argv[0] not in commands:
            raise UsageError(f"unknown command {argv[0]!r}{did_you_mean(argv[0], commands)} See: jaxdl --help")
        return commands[argv[0]](argv[1:])
    except ValueError as error:
        return _fail(str(error), 2)
    except OSError as error:
        return _fail(f"{error.strerror or error}: {error.filename}" if error.filename else str(error), 1)
    except FloatingPointError as error:
        return _fail(f"the run stopped: {error}", 1)
    except KeyboardInterrupt:
        return _fail("interrupted; a run goes on with: jaxdl train --resume RUN", 130)


def _fail(message: str, code: int) -> int:
    print("jaxdl:", " ".join(message.split()), file=sys.stderr)
    return code


def _train(argv: list[str]) -> int:
    from jaxdl import recipes

    use_compilation_cache()
    named = bool(argv) and not argv[0].startswith("-")
    name, rest = (argv[0], argv[1:]) if named else (recipes.DEFAULT, argv)
    paths, rest = pop_paths(rest, "--run-dir", "--resume")
    folder = paths.get("--resume", paths.get("--run-dir"))
    about, default = "", None
    if resume := "--resume" in paths:
        if named or len(paths) == 2:
            raise UsageError("--resume RUN knows its recipe and folder: name no recipe and no --run-dir beside it")
        if fixed := [
            word for word in rest if word.startswith("--") and word.split("=")[0] not in ("--epochs", "--help")
        ]:
            raise UsageError(f"{fixed[0]} cannot change in a resumed run, only --epochs can")
        from jaxdl import runs

        name, default = runs.configuration(paths["--resume"])
    kind = recipes.load(name).Config
    about = f"{recipes.describe(name)}\n\n--run-dir DIR: the run's folder, new or empty (default: runs/{name}/<n>)"
    config = parse(kind, rest, command=f"train {name}", about=about, default=default)

    from jaxdl import runs
    from jaxdl.training import progress
    from jaxdl.tree import summary

    run = runs.train(name, config, run_dir=folder, resume=resume, more_callbacks=(progress(),))
    print(summary(run.state.params), end="\n\n")
    _print_scores(run)
    return 0


def _list(argv: list[str]) -> int:
    from jaxdl import recipes

    positional(argv, "list", least=0, most=0)
    _print_table(["recipe", "what it trains"], [[name, recipes.describe(name)] for name in recipes.names()])
    return 0


def _evaluate(argv: list[str]) -> int:
    (folder,) = positional(argv, "evaluate RUN", least=1, most=1)
    use_compilation_cache()
    from jaxdl import runs

    _print_scores(runs.evaluate_run(Path(folder)))
    return 0


def _check(argv: list[str]) -> int:
    wanted = positional(argv, "check [MODEL]", least=0, most=1)
    use_compilation_cache()
    from jaxdl import models

    reports = models.gradient_reports(wanted[0] if wanted else None)
    rows = [
        [model, "/".join(re.findall(r"'(\w+)'", leaf.path)), str(leaf.shape), f"{leaf.error:.1e}", leaf.verdict]
        for model, report in reports.items()
        for leaf in report.leaves
    ]
    _print_table(["model", "leaf", "shape", "worst relative error", "verdict"], rows)
    passed = all(report.ok for report in reports.values())
    print(f"{len(rows)} leaves of {len(reports)} model(s): " + ("every gradient is right" if passed else "FAILED"))
    return 0 if passed else 1


def _data(argv: list[str]) -> int:
    from jaxdl import data

    positional(argv, "data", least=0, most=0)
    rows = [[e.name, e.contents, e.license, e.where] for e in data.catalogue()]
    _print_table(["data set", "contents", "license", "where"], rows)
    print(
        "\nWhat is not here is fetched into the user cache when it is loaded; $JAXDL_DATA names a folder to try first."
    )
    return 0


def _print_scores(run: Any) -> None:
    names = list(next(iter(run.scores.values())))
    rows = [[part, *(f"{scores[name]:.4f}" for name in names)] for part, scores in run.scores.items()]
    _print_table(["part", *names], rows)
    part = list(run.scores)[-1]
    print(f"{part} {run.headline} {run.scores[part][run.headline]:.4f}  {run.folder}")


def _print_table(columns: list[str], rows: list[list[str]]) -> None:
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


def use_compilation_cache() -> None:
    """Keep compiled programs in the user's cache folder, the small ones too: the second run starts faster.

    jax reads these variables when it is imported, so this comes before anything that imports it.
    """
    from jaxdl.data.sources import cache_folder

    os.environ.setdefault("JAX_COMPILATION_CACHE_DIR", str(cache_folder() / "xla"))
    os.environ.setdefault("JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS", "0")
    os.environ.setdefault("JAX_PERSISTENT_CACHE_MIN_ENTRY_SIZE_BYTES", "0")
