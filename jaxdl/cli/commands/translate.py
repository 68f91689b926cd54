"""`jaxdl translate`: texts through the sequence model of a run."""

import functools
import sys
from pathlib import Path
from typing import Any

from jaxdl.cli.arguments import UsageError, new_file, pop_options, positional
from jaxdl.cli.compilation import use_compilation_cache
from jaxdl.cli.console import plain

HELP = """translate RUN [TEXT ...] [--beam N] [--attention FILE.png]
                 what a run's sequence model makes of texts, or of the lines of standard input;
                 --attention draws where it looks while it writes the first one"""

_USAGE = 'translate RUN ["TEXT" ...] [--beam N] [--attention FILE.png] [-- "-TEXT" ...]'


def run(argv: list[str]) -> int:
    """Print one line a text; returns the exit code."""
    options, rest = pop_options(argv, "--beam", "--attention")
    folder, *sources = positional(rest, _USAGE, least=1, most=len(rest) + 1)
    beam, value = _beam(options.get("--beam", "1")), options.get("--attention")
    picture = None if value is None else new_file("--attention", value, "FILE.png", ".png", any_case=True)
    use_compilation_cache()
    from jaxdl.applications import translation

    system, params = load(Path(folder))
    if picture is not None and getattr(system.config, "attention", "") == "none":
        raise UsageError(f"{folder} has one context vector and no attention to draw")
    sources = sources or [line.rstrip("\n") for line in sys.stdin]
    if not sources:
        raise UsageError(f"nothing to translate: no text given, standard input is empty; usage: jaxdl {_USAGE}")
    for output in translation.translate(system, params, sources, beam=beam):
        print(plain(" ".join(output.split("\n"))))
    if picture is not None:
        _draw(*translation.attention(system, params, sources[0], beam=beam), picture)
    return 0


def load(folder: Path) -> tuple[Any, Any]:
    """The `Translator` of a run folder and its parameters; reads nothing but the folder, no data set.

    Raises: ValueError if the run has no translator, did not finish or is damaged.
    """
    import jax

    from jaxdl import recipes, runs
    from jaxdl.tasks import text_to_text
    from jaxdl.training import TrainState
    from jaxdl.training.parameters import read_params

    recipe, config = runs.configuration(folder)
    path = folder / text_to_text.FILE
    if not path.is_file():
        raise UsageError(f"{folder} is a run of {recipe}, which does not translate: it has no {text_to_text.FILE}")
    module = recipes.load(recipe)
    model = functools.partial(module.model, config) if hasattr(module, "model") else config.model
    try:
        system = text_to_text.from_json(path.read_text(encoding="utf-8"), model)
    except ValueError as error:
        raise ValueError(f"{path} is damaged: {error}") from None

    def init(key: Any) -> TrainState:
        return TrainState(system.model.init(key, system.config), {}, (), key, key)

    return system, read_params(folder, jax.eval_shape(init, jax.random.key(0))).params


def _beam(value: str) -> int:
    if not value.isdecimal() or not 1 <= int(value) <= 64:
        raise UsageError(f"--beam needs a whole number from 1 to 64, got {value!r}")
    return int(value)


def _draw(weights: Any, written: list[str], read: list[str], path: Path) -> None:
    from jaxdl.artifacts import files, pictures

    n_layers, n_heads = weights.shape[:2]
    panels = [(weights[layer, head], written, read) for layer in range(n_layers) for head in range(n_heads)]
    titles = [f"head {head + 1}" for head in range(n_heads)] if n_heads > 1 else []
    figure = pictures.attention_maps(panels, titles=titles, columns=n_heads)
    files.write(path, lambda temporary: pictures.save(figure, temporary))
