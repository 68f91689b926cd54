"""The command line: find the command, call it, turn errors into one line. The commands lie in `jaxdl/cli/commands`.

An error of the user, a path that cannot be written among them, is one line on standard error and exit code 2; a run or
a check that fails and a full disk exit with 1, a signal with 128 and its number.
"""

import contextlib
import errno
import logging
import os
import signal
import sys
import textwrap
from collections.abc import Iterator, Sequence

from jaxdl.cli import commands, device, processes
from jaxdl.cli.arguments import UsageError, pop_options
from jaxdl.cli.console import notify
from jaxdl.cli.guesses import meant

_NOT_THE_USERS = (errno.ENOSPC, errno.EDQUOT, errno.EIO, errno.ECONNABORTED)
_HEAD = """usage: jaxdl COMMAND [...]

Deep learning's core ideas as pure functions in JAX: read them, trust them, run them fast.

commands:
"""
_TAIL = "--device cpu|gpu says for any command where it computes; jaxdl --version prints the version."


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command line; returns the exit code."""
    argv = list(sys.argv[1:] if arguments is None else arguments)
    with _notices():
        try:
            code = _run(argv)
            sys.stdout.flush()  # here, where a reader that has gone away can still be told from a failure
            return code
        except BrokenPipeError:
            return _pipe_is_broken()
        except ValueError as error:
            return _fail(str(error), 2)
        except OSError as error:
            said = f"{error.strerror or error}: {error.filename}" if error.filename else str(error.strerror or error)
            return _fail(said, 1 if error.errno in _NOT_THE_USERS else 2)
        except FloatingPointError as error:
            return _fail(f"the run stopped: {error}", 1)
        except RecursionError:
            return _fail("the input is nested too deeply", 2)
        except BaseException as error:
            number = signal.SIGINT if isinstance(error, KeyboardInterrupt) else getattr(error, "signal", None)
            if number is None:
                raise
            return _fail(str(error) or "interrupted", 128 + number)


def _run(argv: list[str]) -> int:
    if argv[:1] != ["bench"]:  # its commands choose devices by themselves
        options, argv = pop_options(argv, "--device")
        if options:
            device.choose(options["--device"])
    if not argv or argv[0] in ("-h", "--help", "help"):
        print(usage())
        return 0
    if argv[0] == "--version":
        import jaxdl

        print(f"jaxdl {jaxdl.__version__}")
        return 0
    if argv[0] not in commands.names():
        raise UsageError(f"unknown command {argv[0]!r}{meant(argv[0], commands.names())} See: jaxdl --help")
    return commands.load(argv[0]).run(argv[1:])


@contextlib.contextmanager
def _notices() -> Iterator[None]:
    """What the package logs, as the command line's lines on standard error."""
    handler = logging.Handler(logging.INFO)
    handler.emit = lambda record: notify(record.getMessage())
    logger = logging.getLogger("jaxdl")
    level, propagate = logger.level, logger.propagate
    logger.addHandler(handler)
    logger.setLevel(logging.INFO)
    logger.propagate = False  # absl, which orbax imports, gives the root logger a handler: each line would come twice
    try:
        yield
    finally:
        logger.removeHandler(handler)
        logger.setLevel(level)
        logger.propagate = propagate


def _pipe_is_broken() -> int:
    """`| head` has read enough: no message, and nothing left that Python would try to write at its end."""
    with contextlib.suppress(OSError, ValueError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return 128 + signal.SIGPIPE if hasattr(signal, "SIGPIPE") else 1


def usage() -> str:
    """The text of `jaxdl --help`: every command's own lines."""
    lines = "\n".join(commands.load(name).HELP for name in commands.names())
    return f"{_HEAD}{textwrap.indent(lines, '  ')}\n\n{_TAIL}"


def _fail(message: str, code: int) -> int:
    notify(message)
    processes.note(code)
    return code
