"""The command line of `jaxdl bench`."""

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import NoReturn

from benchmarks import peers
from benchmarks.measuring import devices
from benchmarks.workloads import precision
from jaxdl.cli.arguments import UsageError
from jaxdl.validation import did_you_mean

ROUNDS, QUICK_ROUNDS = 15, 3
QUICK_PEERS = "flax,torch"
QUICK_ROWS_LEFT_OUT = (
    "jaxdl-step",
    "jaxdl-recipe",
    "jaxdl-no-jit",
    "jaxdl-uncached",
    "torch-channels-last",
    "torch-uncached",
)
QUICK_WORKLOADS_LEFT_OUT = ("resnet", "gru", "transformer-8k", "gan-sweep", "growth")  # unless they are named


class Parser(argparse.ArgumentParser):
    """Errors are `UsageError`s, in one line."""

    def error(self, message: str) -> NoReturn:
        """Raise."""
        raise UsageError(f"bench: {message}; see: jaxdl bench --help")


def parse(arguments: Sequence[str], workloads: Sequence[str], about: str) -> argparse.Namespace:
    """The command line with lists in place of names joined by commas.

    Raises: UsageError, in one line that names what is right.
    """
    parser = Parser(
        "jaxdl bench", description=about, allow_abbrev=False, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("workloads", nargs="*", metavar="WORKLOAD", help=f"of {', '.join(workloads)}; none means all")
    parser.add_argument("--against", metavar="NAMES", help=f"peers, by comma (all: {','.join(peers.MODULES)})")
    parser.add_argument("--devices", metavar="NAMES", help="of cpu, gpu, tpu, by comma (what JAX chooses)")
    parser.add_argument("--precision", default="f32", metavar="NAMES", help="of f32, bf16, by comma (default f32)")
    parser.add_argument(
        "--quick", action="store_true", help="three minutes, two cores: few rounds and steps, our main row, flax, torch"
    )
    parser.add_argument("--rounds", type=int, help=f"epochs timed of each ({ROUNDS}, quick {QUICK_ROUNDS})")
    parser.add_argument("--memory", action="store_true", help="peak memory, each in a process of its own")
    parser.add_argument("--start", action="store_true", help="from a process's start to its first epoch, cold and warm")
    parser.add_argument("--allocators", action="store_true", help="rows with huge pages and jemalloc, if installed")
    parser.add_argument("--profile", type=Path, metavar="DIR", help="trace our step instead, and list its operations")
    parser.add_argument("--json", type=Path, metavar="FILE", help="one file for all records, not one a workload")
    parser.add_argument("--part", type=Path, help=argparse.SUPPRESS)  # where a process of `devices.apart` writes
    chosen = parser.parse_args(arguments)
    chosen.against = chosen.against if chosen.against is not None else QUICK_PEERS if chosen.quick else _all_peers()
    chosen.left_out = [] if chosen.workloads or not chosen.quick else list(QUICK_WORKLOADS_LEFT_OUT)
    chosen.workloads = chosen.workloads or [name for name in workloads if name not in chosen.left_out]
    for field, known, what in (
        ("workloads", workloads, "workload"),
        ("against", peers.MODULES, "peer"),
        ("devices", devices.DEVICES, "device"),
        ("precision", precision.PRECISIONS, "precision"),
    ):
        setattr(chosen, field, _names(parser, getattr(chosen, field), list(known), what))
    chosen.rounds = chosen.rounds if chosen.rounds is not None else QUICK_ROUNDS if chosen.quick else ROUNDS
    if chosen.rounds < 2:
        parser.error(f"--rounds must be at least 2 for quartiles, got {chosen.rounds}")
    return chosen


def _all_peers() -> str:
    return ",".join(peers.MODULES)


def _names(parser: Parser, given: str | Sequence[str] | None, known: Sequence[str], what: str) -> list[str]:
    """The names given, in any case, each once; an unknown one ends the command."""
    words = given.split(",") if isinstance(given, str) else given or []
    names = list(dict.fromkeys(word.lower() for word in words if word))
    for name in names:
        if name not in known:
            parser.error(f"no {what} {name!r}{did_you_mean(name, known)} There are {', '.join(known)}")
    return names


def without(arguments: Sequence[str], *flags: str) -> list[str]:
    """A command line without some options and their values.

    >>> without(["mlp", "--devices", "cpu,gpu", "--json=x.json", "--quick"], "--devices", "--json")
    ['mlp', '--quick']
    """
    kept, words = [], iter(arguments)
    for word in words:
        flag, equals, _ = word.partition("=")
        if flag not in flags:
            kept.append(word)
        elif not equals:
            next(words, None)
    return kept
