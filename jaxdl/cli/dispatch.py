"""The command line: find the command, call it, turn errors into one line. The commands lie in `jaxdl/cli/commands`.

An error of the user is one line on standard error and exit code 2; a run or a check that fails exits with 1.
"""

import sys
import textwrap
from collections.abc import Sequence

from jaxdl.cli import commands
from jaxdl.cli.arguments import UsageError
from jaxdl.validation import did_you_mean

_HEAD = """usage: jaxdl COMMAND [...]

Deep learning's core ideas as pure functions in JAX: read them, trust them, run them fast.

commands:
"""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command line; returns the exit code."""
    argv = list(sys.argv[1:] if arguments is None else arguments)
    if not argv or argv[0] in ("-h", "--help", "help"):
        print(usage())
        return 0
    if argv[0] == "--version":
        import jaxdl

        print(f"jaxdl {jaxdl.__version__}")
        return 0
    try:
        if argv[0] not in commands.names():
            raise UsageError(f"unknown command {argv[0]!r}{did_you_mean(argv[0], commands.names())} See: jaxdl --help")
        return commands.load(argv[0]).run(argv[1:])
    except ValueError as error:
        return _fail(str(error), 2)
    except OSError as error:
        return _fail(f"{error.strerror or error}: {error.filename}" if error.filename else str(error), 1)
    except FloatingPointError as error:
        return _fail(f"the run stopped: {error}", 1)
    except KeyboardInterrupt:
        return _fail("interrupted; a run goes on with: jaxdl train --resume RUN", 130)


def usage() -> str:
    """The text of `jaxdl --help`: every command's own lines."""
    lines = "\n".join(commands.load(name).HELP for name in commands.names())
    return f"{_HEAD}{textwrap.indent(lines, '  ')}\n\njaxdl --version prints the version."


def _fail(message: str, code: int) -> int:
    print("jaxdl:", " ".join(message.split()), file=sys.stderr)
    return code
