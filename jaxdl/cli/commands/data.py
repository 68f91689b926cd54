"""`jaxdl data`: the data sets, whether they are here, and where they come from."""

from jaxdl.cli.arguments import positional
from jaxdl.cli.console import print_table

HELP = "data             the data sets: what is here, what can be fetched, from where"


def run(argv: list[str]) -> int:
    """Print the table; returns the exit code."""
    from jaxdl import data

    positional(argv, "data", least=0, most=0)
    rows = [[e.name, e.contents, e.license, e.where] for e in data.catalogue()]
    print_table(["data set", "contents", "license", "where"], rows)
    print(
        "\nWhat is not here is fetched into the user cache when it is loaded; $JAXDL_DATA names a folder to try first."
    )
    return 0
