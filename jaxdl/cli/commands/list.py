"""`jaxdl list`: the recipes."""

from jaxdl.cli.arguments import positional
from jaxdl.cli.console import print_table

HELP = "list             the recipes"


def run(argv: list[str]) -> int:
    """Print the table; returns the exit code."""
    from jaxdl import recipes

    positional(argv, "list", least=0, most=0)
    print_table(["recipe", "what it trains"], [[name, recipes.describe(name)] for name in recipes.names()])
    return 0
