"""`jaxdl data`: the data sets, whether they are here, and where they come from; `fetch` brings them ahead of use."""

from jaxdl.cli.arguments import UsageError, positional
from jaxdl.cli.console import plain, print_table

HELP = """data [list]      the data sets: which are here, where the others come from
data fetch NAME ...
                 bring data sets here ahead of their use, or check the sha256 of those that are"""

_USAGE = "data [list | fetch NAME ...]"


def run(argv: list[str]) -> int:
    """Print the table, or fetch and say where; returns the exit code."""
    from jaxdl import data

    action, *names = positional(argv, _USAGE, least=0, most=len(argv)) or ["list"]
    if action == "fetch" and names:
        for name in names:
            row = data.fetch(name)
            print(plain(f"{row.name}: {row.where}"))
        return 0
    if action != "list" or names:
        raise UsageError(
            f"expected list, or fetch and names, got {' '.join([action, *names])!r}; usage: jaxdl {_USAGE}"
        )
    rows = [[e.name, "yes" if e.here else "no", e.contents, e.license, e.where] for e in data.catalogue()]
    print_table(["data set", "here", "contents", "license", "where"], rows)
    print("\nWhat is not here is fetched when it is loaded, or by jaxdl data fetch NAME, into the user cache;")
    print("$JAXDL_DATA names a folder to try first.")
    return 0
