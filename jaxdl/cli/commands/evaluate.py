"""`jaxdl evaluate`: the scores of a run folder's model."""

from pathlib import Path

from jaxdl.cli.arguments import positional
from jaxdl.cli.compilation import use_compilation_cache
from jaxdl.cli.console import print_scores

HELP = """evaluate RUN [FILE]
                 score the model of a run folder, or what it says of the rows of another table"""


def run(argv: list[str]) -> int:
    """Score and print; returns the exit code."""
    folder, *file = positional(argv, "evaluate RUN [FILE]", least=1, most=2)
    use_compilation_cache()
    from jaxdl import runs

    print_scores(runs.evaluate_run(Path(folder), *map(Path, file)))
    return 0
