"""What a shell completes: commands, recipes and their options, claims, models, data sets and files, by shtab.

The words are those that the commands' own help lines show (`--out FILE`, `--to safetensors|jax`), and the fields of the
recipes' configurations with the names that each may have.
"""

import argparse
import re
import typing
from collections.abc import Callable
from typing import Any

import shtab

from jaxdl.cli import commands
from jaxdl.cli.arguments import UsageError, flags
from jaxdl.validation import did_you_mean

_OPTION = re.compile(r"(--[a-z][\w-]*)(?: ([\w|]+))?")
_EVERYWHERE = {"--help": None, "--device": ["cpu", "gpu"]}


def script(shell: str) -> str:
    """The completion script of `jaxdl` for one of shtab's shells.

    Raises: UsageError for another shell.

    >>> "digits_mlp" in script("bash")
    True
    """
    if shell not in shtab.SUPPORTED_SHELLS:
        known = shtab.SUPPORTED_SHELLS
        raise UsageError(f"no completion for {shell!r}{did_you_mean(shell, known)} One of: {', '.join(known)}")
    written = shtab.complete(_parser(), shell)
    return written.replace("complete -o bashdefault", "complete -o bashdefault -o default")  # else the names of files


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser("jaxdl", add_help=False)
    _add_options(parser, _EVERYWHERE | {"--version": None})
    chosen = parser.add_subparsers()
    for name in commands.names():
        lines = commands.load(name).HELP
        about = lines.splitlines()[1 if "\n" in lines else 0].strip()
        command = chosen.add_parser(name, help=about.replace("%", "%%"), add_help=False)
        options = _options(lines) | _EVERYWHERE
        if name in ("train", "search"):
            _add_recipes(command, options)
            continue
        _add_options(command, options)
        words = _WORDS[name]() if name in _WORDS else None
        action = command.add_argument("words", nargs="*", choices=words)
        if words is None:
            action.complete = shtab.FILE  # type: ignore[attr-defined]
    return parser


def _options(lines: str) -> dict[str, list[str] | None]:
    """The options that help lines show: with the words that may follow, [] for any other value, None for a switch.

    >>> _options("export RUN --to jax|torch [--out FILE] [--quick]")
    {'--to': ['jax', 'torch'], '--out': [], '--quick': None}
    """
    found: dict[str, list[str] | None] = {}
    for option, value in _OPTION.findall(lines):
        words = value.split("|") if "|" in value and value.islower() else []
        found.setdefault(option, words if value and (words or value.isupper()) else None)
    found.pop("--any", None)
    return found


def _fields(kind: type) -> dict[str, list[str] | None]:
    """An option for each field of a (nested) dataclass, with the names that a `Literal` allows.

    >>> from jaxdl.models import cnn
    >>> _fields(cnn.Config)["--padding"]
    ['VALID', 'SAME']
    """
    found: dict[str, list[str] | None] = {}
    for flag, hint in flags(kind).items():
        literals = [one for one in (hint, *typing.get_args(hint)) if typing.get_origin(one) is typing.Literal]
        found[flag] = [str(word) for one in literals for word in typing.get_args(one)]
    return found


def _add_options(parser: argparse.ArgumentParser, options: dict[str, list[str] | None]) -> None:
    for option, words in options.items():
        action: dict[str, Any] = {"action": "store_true"} if words is None else {"choices": words or None}
        parser.add_argument(option, **action)


def _add_recipes(command: argparse.ArgumentParser, options: dict[str, list[str] | None]) -> None:
    """Every recipe, with an option for each field; those of the default recipe serve where none is named."""
    from jaxdl import recipes

    _add_options(command, _fields(recipes.load(recipes.DEFAULT).Config) | options)
    chosen = command.add_subparsers()
    for name in recipes.names():
        about = recipes.describe(name).replace("%", "%%")
        _add_options(chosen.add_parser(name, help=about, add_help=False), _fields(recipes.load(name).Config) | options)


def _claims() -> list[str]:
    from jaxdl import claims

    return claims.names()


def _models() -> list[str]:
    from jaxdl import models

    return models.names()


def _data() -> list[str]:
    from jaxdl import data

    return ["list", "fetch", *(row.name for row in data.catalogue())]


_WORDS: dict[str, Callable[[], list[str]]] = {
    "check": _models,
    "claim": _claims,
    "completion": lambda: list(shtab.SUPPORTED_SHELLS),
    "data": _data,
    "list": list,
}
