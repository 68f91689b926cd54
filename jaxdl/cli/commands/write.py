"""`jaxdl write`: a text that the language model of a run goes on with."""

import math
from pathlib import Path
from typing import Any

from jaxdl.cli.arguments import UsageError, pop_options, positional
from jaxdl.cli.compilation import use_compilation_cache
from jaxdl.cli.console import plain

HELP = """write RUN ["TEXT"] [--length N] [--temperature T] [--top-k K] [--top-p P] [--seed S]
                 a text and what the language model of a run (jaxdl train text) writes after it;
                 temperature 0 takes the likeliest token every time"""

_USAGE = 'write RUN ["TEXT"] [--length N] [--temperature T] [--top-k K] [--top-p P] [--seed S]'
_RANGES = {  # option -> (its kind, the least and the largest value, words)
    "--length": (int, 1, 100_000, "a whole number from 1 to 100000"),
    "--temperature": (float, 0, 100, "a number from 0 to 100"),
    "--top-k": (int, 1, 2**31 - 1, "a whole number from 1 on"),
    "--top-p": (float, 1e-9, 1, "a number above 0, at most 1"),
    "--seed": (int, 0, 2**32 - 1, "a whole number from 0 on"),
}


def run(argv: list[str]) -> int:
    """Print the text; returns the exit code."""
    options, rest = pop_options(argv, *_RANGES)
    folder, *prompt = positional(rest, _USAGE, least=1, most=2)
    numbers = {name: _number(name, value) for name, value in options.items()}
    use_compilation_cache()
    import jax

    from jaxdl import recipes, runs

    name, _ = runs.configuration(Path(folder))
    recipe = recipes.load(name)
    if not hasattr(recipe, "write"):
        raise UsageError(f"{folder} is a run of {name}, which writes no texts; runs of text do: jaxdl train text")
    trained = runs.load(Path(folder))
    key = jax.random.key(int(numbers.pop("--seed", 0)))
    chosen = {name[2:].replace("-", "_"): value for name, value in numbers.items()}
    print(plain(recipe.write(trained.config, trained.folder, trained.params, *(prompt or [""]), key=key, **chosen)))
    return 0


def _number(name: str, text: str) -> Any:
    kind, least, most, words = _RANGES[name]
    try:
        value = kind(text)
    except ValueError:
        value = math.nan
    if not least <= value <= most:
        raise UsageError(f"{name} needs {words}, got {text!r}")
    return value
