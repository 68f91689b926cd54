"""Command lines into configurations: tyro's parser, its framed messages folded into one line with the nearest name."""

import contextlib
import dataclasses
import functools
import importlib
import io
import os
import re
import typing
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from jaxdl.cli.guesses import meant
from jaxdl.validation import did_you_mean

_BESIDE = (
    "--run-dir",
    "--resume",
    "--save-every",
    "--mesh",
    "--coordinator",
    "--num-processes",
    "--process-id",
    "--tensorboard",
    "--wandb",
)
_KINDS = {"INT": "a whole number", "FLOAT": "a number", "STR": "a word", "PATH": "a file"}


class UsageError(ValueError):
    """A command line that cannot be understood."""


def parse(kind: type, argv: Sequence[str], *, command: str, about: str, default: Any = None) -> Any:
    """An instance of the dataclass `kind` from `--field value` words; `--help` prints all fields and exits.

    Args:
        kind: a (nested) dataclass; checks in `__post_init__` raise ValueError.
        argv: the words.
        command: what the user typed before them.
        about: the text above the options in `--help`.
        default: values of the fields that are not given; the dataclass's own by default.
    Raises: UsageError, in one line.
    """
    import tyro

    options: dict[str, Any] = {"args": list(argv), "prog": f"jaxdl {command}", "description": about}
    if default is not None:
        options["default"] = default
    if "-h" in argv or "--help" in argv:
        with _choices_in_docstrings(kind):
            return tyro.cli(kind, **options)
    captured = io.StringIO()
    try:
        with _wide_terminal(), _choices_in_docstrings(kind), contextlib.redirect_stderr(captured):
            return tyro.cli(kind, **options)
    except SystemExit:
        raise UsageError(_message(captured.getvalue(), kind, command)) from None


@contextlib.contextmanager
def _choices_in_docstrings(kind: type) -> Iterator[None]:
    """For `--help`: the names themselves where a docstring says in which table of the package they stand.

    tyro remembers what it read, so this stands around every parse.
    """
    nested = [type(f.default) for f in dataclasses.fields(kind) if dataclasses.is_dataclass(f.default)]
    before = {each: each.__doc__ for each in (kind, *kind.__mro__[1:-1], *nested)}
    for each, text in before.items():
        each.__doc__ = re.sub(r"a name in `([\w.]+)`", _names, text or "")
    try:
        yield
    finally:
        for each, text in before.items():
            each.__doc__ = text


def _names(mention: re.Match[str]) -> str:
    """ "one of relu, tanh, ..." for a table's dotted name, below `jaxdl` or whole; the mention itself for no table."""
    path = mention[1].removeprefix("jaxdl.")
    try:
        table: Any = functools.reduce(
            getattr, path.split(".")[1:], importlib.import_module(f"jaxdl.{path.split('.')[0]}")
        )
        return f"one of {', '.join(table)}"
    except (ImportError, AttributeError, TypeError):
        return mention[0]


@contextlib.contextmanager
def _wide_terminal() -> Iterator[None]:
    """tyro folds its messages at the terminal's width; one line needs them whole."""
    before = os.environ.get("COLUMNS")
    os.environ["COLUMNS"] = "10000"
    try:
        yield
    finally:
        del os.environ["COLUMNS"]
        if before is not None:
            os.environ["COLUMNS"] = before


def _message(framed: str, kind: type, command: str) -> str:
    plain = re.sub(r"\x1b\[[0-9;]*m", "", framed)
    framed_lines = [line.strip() for line in plain.splitlines() if line.strip()]
    lines = [line.strip("│ ") for line in framed_lines if line.startswith("│") and line.strip("│─ ")]
    if not lines:  # where the terminal has no UTF-8: a title, a rule of hyphens, the message
        lines = [line for line in framed_lines if line.strip("-")][1:]
    if not lines:
        return f"these options cannot be read; see: jaxdl {command} --help"
    if lines[0].startswith("Unrecognized options:"):
        words = lines[0].removeprefix("Unrecognized options:").replace(",", " ").split()
        flag = next((word for word in words if word.startswith("-")), words[0])
        beside = _BESIDE if command.startswith("train") else ()
        names = [*flags(kind), *beside]
        return f"unknown option {flag}{meant(flag, names)} See: jaxdl {command} --help"
    message = lines[0].removeprefix("Error parsing ").removeprefix("Config: ")
    if choice := re.match(r"invalid choice '(.*)' for argument '(.*)'\. Expected one of \((.*)\)", message):
        value, flag, names = choice[1], choice[2], [name.strip("' ") for name in choice[3].split(",")]
        return f"{flag}: unknown value {value!r}{did_you_mean(value, names)} One of: {', '.join(names)}"
    if wrong := re.match(r"(.*): no type matching \{None\}\|(\w+) could be instantiated from \['(.*)'\]", message):
        return f"{wrong[1]}: {wrong[3]!r} is neither None nor {_KINDS.get(wrong[2], wrong[2].lower())}"
    if wrong := re.match(r"(.*): Could not find valid parse for arguments: \[(.*)\]", message):
        return f"{wrong[1]} cannot be {wrong[2]}; see: jaxdl {command} --help"
    message = re.sub(r"could not convert string to float: (.*)", r"\1 is not a number", message)
    return re.sub(r"invalid literal for int\(\) with base 10: (.*)", r"\1 is not a whole number", message)


def flags(kind: type, prefix: str = "--") -> dict[str, Any]:
    """Every option of a (nested) dataclass with its annotated type.

    >>> from jaxdl.models import mlp
    >>> list(flags(mlp.Config))[:3]
    ['--n-in', '--n-out', '--widths']
    """
    found: dict[str, Any] = {}
    hints = typing.get_type_hints(kind)
    for field in dataclasses.fields(kind):
        flag = prefix + field.name.replace("_", "-")
        nested = dataclasses.is_dataclass(field.default)
        found |= flags(type(field.default), f"{flag}.") if nested else {flag: hints[field.name]}
    return found


def pop_options(argv: Sequence[str], *names: str) -> tuple[dict[str, str], list[str]]:
    """Take `--name VALUE` and `--name=VALUE` out of a command line, up to "--": ({name: value}, the other words).

    A name at the end of the line, without its value, has the value "".

    >>> pop_options(["runs/1", "--beam", "4", "text"], "--beam")
    ({'--beam': '4'}, ['runs/1', 'text'])
    """
    found: dict[str, str] = {}
    before, dashes, after = _partition(argv)
    rest, words = [], iter(before)
    for word in words:
        flag, equals, value = word.partition("=")
        if flag in names:
            found[flag] = value if equals else next(words, "")
        else:
            rest.append(word)
    return found, [*rest, *dashes, *after]


def pop_switches(argv: Sequence[str], *names: str) -> tuple[list[str], list[str]]:
    """Take `--name` words without a value out of a command line, up to "--": (those that were there, the other words).

    >>> pop_switches(["--wandb", "--epochs", "3"], "--tensorboard", "--wandb")
    (['--wandb'], ['--epochs', '3'])
    """
    before, dashes, after = _partition(argv)
    return [name for name in names if name in before], [*(w for w in before if w not in names), *dashes, *after]


def pop_paths(argv: Sequence[str], *names: str) -> tuple[dict[str, Path], list[str]]:
    """`pop_options` for folders.

    >>> pop_paths(["--epochs", "3", "--run-dir", "there"], "--run-dir")
    ({'--run-dir': PosixPath('there')}, ['--epochs', '3'])
    """
    found, rest = pop_options(argv, *names)
    if missing := next((flag for flag, value in found.items() if not value or value.startswith("--")), None):
        raise UsageError(f"{missing} needs a folder")
    return {flag: Path(value) for flag, value in found.items()}, rest


def new_file(flag: str, value: str, kinds: str, *suffixes: str, any_case: bool = False) -> Path:
    """The file that an option wants written. Raises UsageError unless its name ends so and its folder exists.

    >>> new_file("--out", "curves.PNG", "FILE.png", ".png", any_case=True)
    PosixPath('curves.PNG')
    """
    path = Path(value)
    suffix = path.suffix.lower() if any_case else path.suffix
    if suffix not in suffixes or not path.parent.is_dir():
        raise UsageError(f"{flag} needs {kinds} in a folder that exists, got {value!r}")
    return path


def whole(flag: str, text: str, *, least: int) -> int:
    """The whole number of an option. Raises UsageError unless it is one, from `least` on.

    >>> whole("--trials", "32", least=1)
    32
    """
    if not text.isdecimal() or int(text) < least:
        raise UsageError(f"{flag} needs a whole number, at least {least}, got {text!r}")
    return int(text)


def positional(argv: Sequence[str], usage: str, *, least: int, most: int) -> list[str]:
    """The words of a command without options; `--help` prints its usage and exits. After "--" every word is one.

    Raises: UsageError for an option, too few words or too many.
    """
    if {"-h", "--help"} & set(_partition(argv)[0]):
        print(f"usage: jaxdl {usage}")
        raise SystemExit(0)
    before, _, after = _partition(argv)
    if option := next((word for word in before if word.startswith("-")), None):
        raise UsageError(f"unknown option {option}; usage: jaxdl {usage}")
    words = [*before, *after]
    if not least <= len(words) <= most:
        raise UsageError(
            f"expected {least if len(words) < least else most} argument(s), got {len(words)}; usage: jaxdl {usage}"
        )
    return words


def _partition(argv: Sequence[str]) -> tuple[list[str], list[str], list[str]]:
    """The words before "--", which ends the options, the "--" itself, and those after it."""
    at = list(argv).index("--") if "--" in argv else len(argv)
    return list(argv[:at]), list(argv[at : at + 1]), list(argv[at + 1 :])
