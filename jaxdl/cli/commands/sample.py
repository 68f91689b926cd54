"""`jaxdl sample`: examples drawn by the generator of a run, as one picture."""

import math
from pathlib import Path
from typing import Any

from jaxdl.cli.arguments import UsageError, pop_options, positional
from jaxdl.cli.compilation import use_compilation_cache
from jaxdl.cli.console import plain

HELP = """sample RUN --out FILE.png [--count N] [--label K] [--seed S] [--interpolate STEPS]
                 draw examples from the generator of a run (64 of them);
                 with --interpolate, N walks of some steps from one noise to another"""

_USAGE = "sample RUN --out FILE.png [--count N] [--label K] [--seed S] [--interpolate STEPS]"


def run(argv: list[str]) -> int:
    """Draw and write the picture; returns the exit code."""
    options, rest = pop_options(argv, "--out", "--count", "--label", "--seed", "--interpolate")
    (folder,) = positional(rest, _USAGE, least=1, most=1)
    out, numbers = _out(options), _numbers(options)
    use_compilation_cache()
    from jaxdl import recipes, runs

    name, _ = runs.configuration(Path(folder))
    recipe = recipes.load(name)
    if not hasattr(recipe, "sample"):
        having = [other for other in recipes.names() if hasattr(recipes.load(other), "sample")]
        raise UsageError(f"{folder} is a run of {name}, which draws no samples; these do: {', '.join(having)}")
    if "--interpolate" in numbers and not hasattr(recipe, "interpolate"):
        raise UsageError(f"{folder} is a run of {name}, which walks between no samples: leave --interpolate out")
    trained = runs.load(Path(folder))
    examples, columns = _draw(recipe, trained.config, trained.state, numbers)
    _write(examples, columns, out)
    print(plain(f"{len(examples)} examples of {folder}: {out}"))
    return 0


def _out(options: dict[str, str]) -> Path:
    out = Path(options.get("--out", ""))
    if out.suffix.lower() != ".png":
        raise UsageError(f"--out FILE.png says where the sheet of samples goes; usage: jaxdl {_USAGE}")
    if not out.parent.is_dir():
        raise UsageError(f"--out {out}: there is no folder {out.parent}")
    return out


def _numbers(options: dict[str, str]) -> dict[str, int]:
    least = {"--count": 1, "--label": 0, "--seed": 0, "--interpolate": 2}
    for name, value in options.items():
        if name in least and (not value.isdecimal() or not least[name] <= int(value) < 2**32):
            raise UsageError(f"{name} needs a whole number from {least[name]} on, got {value!r}")
    return {name: int(options[name]) for name in least if name in options}


def _draw(recipe: Any, config: Any, state: Any, numbers: dict[str, int]) -> tuple[Any, int]:
    """The examples, and how many stand in a row of the sheet."""
    import jax

    key, label, steps = jax.random.key(numbers.get("--seed", 0)), numbers.get("--label"), numbers.get("--interpolate")
    if steps is not None:
        count = numbers.get("--count", 8)
        return recipe.interpolate(config, state, key, count=count, steps=steps, label=label), steps
    count = numbers.get("--count", 64)
    in_turn = getattr(config.model, "n_classes", 0) if label is None else 0  # a column a class
    return recipe.sample(config, state, key, count=count, label=label), in_turn or math.isqrt(count - 1) + 1


def _write(examples: Any, columns: int, out: Path) -> None:
    from jaxdl.artifacts import pictures
    from jaxdl.artifacts.files import write

    if examples.ndim == 2:  # points of a plane
        figure = pictures.scatter(examples, [0] * len(examples), ("samples",))
        write(out, lambda path: figure.savefig(path, dpi=120))
    else:
        image = pictures.sheet(examples, columns=columns)
        write(out, lambda path: pictures.save_image(path, image))
