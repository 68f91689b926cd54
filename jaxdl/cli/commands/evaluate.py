"""`jaxdl evaluate`: the scores of a run folder's model."""

from pathlib import Path

from jaxdl.cli.arguments import positional
from jaxdl.cli.compilation import use_compilation_cache
from jaxdl.cli.console import print_scores

HELP = "evaluate RUN     score the model of a run folder"


def run(argv: list[str]) -> int:
    """Score and print; returns the exit code."""
    (folder,) = positional(argv, "evaluate RUN", least=1, most=1)
    use_compilation_cache()
    from jaxdl import runs

    print_scores(runs.evaluate_run(Path(folder)))
    return 0
