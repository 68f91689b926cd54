"""`jaxdl search`: hyper-parameters of a recipe, chosen by the validation part."""

from pathlib import Path
from typing import Any

from jaxdl.cli.arguments import UsageError, parse, pop_options, pop_paths, whole
from jaxdl.cli.compilation import use_compilation_cache
from jaxdl.cli.console import print_scores, print_table, stages

USAGE = "search RECIPE --space FIELD=VALUES [--space ...] [--trials N] [--method NAME] [--any.config.field VALUE]"
HELP = """search RECIPE --space learning_rate=log:1e-4:1e-1 [--space model.dropout=0:0.5 ...] [--trials N]
                 try points of a space, those of one shape at once; train the best one
search RECIPE --find-learning-rate [FILE.png]
                 one run with a rising rate: where the loss falls fastest"""
ABOUT = """Fields: FIELD=LOW:HIGH, FIELD=log:LOW:HIGH or FIELD=A,B,C (tuples: FIELD=64|128,128).

--trials N: how many points (default: 32)
--method NAME: random, grid, halving, hyperband or optuna (default: random)
--search-seed N: of the draws (default: 0)
--out DIR: the search's folder, new or empty (default: searches/RECIPE/<n>)
--resume DIR: go on with a search; its trials that have ended are kept
--find-learning-rate [FILE.png]: no search; where the loss falls fastest as the rate rises"""


def run(argv: list[str]) -> int:
    """Search and print; returns the exit code."""
    paths, rest = pop_paths(argv, "--out", "--resume")
    if "--resume" in paths:
        if rest or len(paths) > 1:
            raise UsageError("--resume DIR knows what was asked: give nothing beside it")
        return _resume(paths["--resume"])
    if not rest or rest[0].startswith("-"):
        if "-h" in rest or "--help" in rest:
            print(f"usage: jaxdl {USAGE}\n\n{ABOUT}")
            return 0
        raise UsageError(f"name a recipe; usage: jaxdl {USAGE}")
    name, rest = rest[0], rest[1:]
    picture, rest = _pop_finder(rest)
    spaces, rest = _pop_spaces(rest)
    options, rest = pop_options(rest, "--trials", "--method", "--search-seed")
    from jaxdl import recipes

    use_compilation_cache()
    kind = recipes.load(name).Config
    config = parse(kind, rest, command=f"search {name}", about=f"{recipes.describe(name)}\n\n{ABOUT}")
    if picture is not None:
        if spaces or options:
            raise UsageError("--find-learning-rate is a run of its own: no --space, --trials or --method goes with it")
        return _find_rate(name, config, picture)
    if not spaces:
        raise UsageError("give at least one --space FIELD=VALUES, such as --space learning_rate=log:1e-4:1e-1")
    from jaxdl.runs.searches import Asked

    asked = Asked(
        name,
        config,
        tuple(spaces),
        _method(options.get("--method", "random")),
        whole("--trials", options.get("--trials", "32"), least=1),
        whole("--search-seed", options.get("--search-seed", "0"), least=0),
    )
    return _search(asked, paths.get("--out"), resume=False)


def _resume(folder: Path) -> int:
    from jaxdl.runs.searches import read_search

    use_compilation_cache()
    return _search(read_search(folder), folder, resume=True)


def _search(asked: Any, folder: Path | None, *, resume: bool) -> int:
    from jaxdl.runs.searches import run_search

    with stages(asked.recipe) as stage:
        found = run_search(asked, folder, resume=resume, stage=stage)
    sign = -1 if _higher_is_better(found) else 1
    ranked = sorted(found.trials, key=lambda t: (t.score != t.score, sign * t.score))
    names = list(ranked[0].values)
    rows = [
        [str(t.number), *(_shown(t.values[n]) for n in names), f"{t.score:.4f}", str(t.epoch), str(t.epochs)]
        for t in ranked[:10]
    ]
    print_table(["trial", *names, found.monitor, "at epoch", "of"], rows)
    if failed := [t for t in found.trials if t.note]:
        print(f"{len(failed)} of {len(found.trials)} trials could not be built, the first: {failed[0].note}")
    print(f"\n{len(found.trials)} trials: {found.folder}\n\nthe best, trained once more:")
    print_scores(found.run)
    print(found.command)
    return 0


def _higher_is_better(found: Any) -> bool:
    """By the scores themselves: the best trial's is the largest or the least."""
    return found.best.score >= max(t.score for t in found.trials if t.score == t.score)


def _find_rate(name: str, config: Any, picture: str) -> int:
    from jaxdl import recipes
    from jaxdl.artifacts import files, pictures, search_pictures
    from jaxdl.training.rate_finder import find_learning_rate

    with stages(name) as stage:
        stage("a run with a rising rate")
        found = find_learning_rate(recipes.load(name).task, config)
    if picture:
        figure = search_pictures.rate_curve(*found)
        files.write(Path(picture), lambda path: pictures.save(figure, path))
    print(f"the loss falls fastest at a learning rate of {found.suggestion:.2g}; from {found.largest:.2g} on it rises")
    print(f"jaxdl train {name} --learning-rate {found.suggestion:.2g}" + (f"  ({picture})" if picture else ""))
    return 0


def _pop_finder(argv: list[str]) -> tuple[str | None, list[str]]:
    """The file after --find-learning-rate ("" for none; None without the option), and the other words."""
    flag = "--find-learning-rate"
    if flag not in argv:
        return None, argv
    at = argv.index(flag)
    follows = argv[at + 1 : at + 2]
    if follows and not follows[0].startswith("-"):
        if not follows[0].endswith(".png"):
            raise UsageError(f"{flag} writes a picture, FILE.png, got {follows[0]!r}")
        return follows[0], argv[:at] + argv[at + 2 :]
    return "", argv[:at] + argv[at + 1 :]


def _pop_spaces(argv: list[str]) -> tuple[list[str], list[str]]:
    """The values of every --space, and the other words."""
    spaces, rest, words = [], [], iter(argv)
    for word in words:
        flag, equals, value = word.partition("=")
        if flag == "--space":
            spaces.append(value if equals else next(words, ""))
        else:
            rest.append(word)
    return spaces, rest


def _method(name: str) -> Any:
    from typing import get_args

    from jaxdl.training.search import Method
    from jaxdl.validation import require_name

    require_name("--method", "method", name, get_args(Method))
    return name


def _shown(value: Any) -> str:
    return f"{value:.4g}" if isinstance(value, float) else str(value)
